//! One text, read once for all detectors: plain, folded, and what was hidden in it.

use crate::layer::Layer;
use crate::span::Span;

/// A text and its readings.
#[derive(Clone, Debug)]
pub struct View<'a> {
    original: &'a str,
    plain: Layer<'a>,
    folded: Layer<'a>,
    hidden: Vec<Hidden>,
}

/// A text that was hidden in another: encoded, spaced out, written with look-alike digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What it says, folded.
    pub text: String,
    /// The stretch of the original that said it.
    pub origin: Span,
    /// How it was hidden.
    pub how: Hiding,
}

/// A way to hide a text from a reader who looks at bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hiding {
    /// Base64 in either alphabet.
    Base64,
    /// Pairs of hexadecimal digits.
    Hex,
    /// Letters moved by thirteen.
    Rot13,
    /// `%41`.
    Url,
    /// `&#65;` and `&amp;`.
    Entities,
    /// `i g n o r e`, `i.g.n.o.r.e`.
    Spacing,
    /// `1gn0r3`.
    Leet,
}

impl<'a> View<'a> {
    /// Reads a text.
    #[must_use]
    pub fn of(original: &'a str) -> Self {
        Self { original, plain: Layer::same(original), folded: fold(original), hidden: Vec::new() }
    }

    /// The text as it came.
    #[must_use]
    pub fn original(&self) -> &'a str {
        self.original
    }

    /// The text with its case, in compatibility form (NFKC; digits of all scripts as ASCII, spaces and dashes as one
    /// kind each), without invisible characters. For structured forms.
    #[must_use]
    pub fn plain(&self) -> &Layer<'a> {
        &self.plain
    }

    /// The plain reading in lower case, without accents, look-alikes as the Latin letters that they look like. For words.
    #[must_use]
    pub fn folded(&self) -> &Layer<'a> {
        &self.folded
    }

    /// What was hidden in it, in order of its place. Bounded in number and size; decoded at most twice over.
    #[must_use]
    pub fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }
}

fn fold(text: &str) -> Layer<'_> {
    let mut writer = crate::layer::LayerWriter::new(text);
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            writer.replace(1, c.to_ascii_lowercase().encode_utf8(&mut [0; 4]));
        } else {
            writer.keep(c.len_utf8());
        }
    }
    writer.finish()
}
