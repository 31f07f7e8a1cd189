//! One text, read once for all detectors: plain, folded, and what was hidden in it.

mod apart;
mod around;
mod chars;
mod codes;
mod dashes;
mod escapes;
mod exact;
mod hidden;
mod leet;
mod numbers;
mod read;
#[cfg(test)]
pub(crate) mod tests;
mod unseen;
mod vocabulary;
mod words;

pub use chars::{is_left_out, warm};
pub use hidden::{DEPTH_MAX, HIDDEN_BYTES_MAX, Hidden, Hiding, PIECES_MAX};

use crate::layer::Layer;
use crate::span::Span;

/// A text and its readings.
#[derive(Clone, Debug)]
pub struct View<'a> {
    original: &'a str,
    plain: Layer<'a>,
    folded: Layer<'a>,
    without_dashes: Option<String>,
    found: hidden::Collected,
}

impl<'a> View<'a> {
    /// Reads a text. Linear in its length.
    #[must_use]
    pub fn of(original: &'a str) -> Self {
        let (plain, folded) = read::both(original);
        let found = hidden::find(original, &plain, &folded);
        let without_dashes = dashes::without(original, &plain);
        Self { original, plain, folded, without_dashes, found }
    }

    /// Reads a text without looking for what is hidden in it: to tell what is found only because it was looked for.
    #[must_use]
    pub fn open_only(original: &'a str) -> Self {
        let (plain, folded) = read::both(original);
        let without_dashes = dashes::without(original, &plain);
        Self { original, plain, folded, without_dashes, found: hidden::Collected::default() }
    }

    /// The text as it came.
    #[must_use]
    pub fn original(&self) -> &'a str {
        self.original
    }

    /// The text with its case, in compatibility form (NFKC; digits of all scripts as ASCII, spaces, dashes and quotation
    /// marks as one kind each), without invisible characters and what is drawn over others. For structured forms.
    #[must_use]
    pub fn plain(&self) -> &Layer<'a> {
        &self.plain
    }

    /// The plain reading with blanks in place of dashes that part sentences and touch what may be a value, byte for byte; `None`
    /// where there are none.
    #[must_use]
    pub fn without_dashes(&self) -> Option<&str> {
        self.without_dashes.as_deref()
    }

    /// The plain reading in lower case, without accents, look-alikes as the Latin letters that they look like. For words.
    #[must_use]
    pub fn folded(&self) -> &Layer<'a> {
        &self.folded
    }

    /// What was hidden in it, in order of its place. Bounded in number and size; decoded at most twice over.
    #[must_use]
    pub fn hidden(&self) -> &[Hidden] {
        &self.found.pieces
    }

    /// Single characters that stand apart, put together as they are, with their signs: for forms that have a check digit or
    /// are told by signs. What they spell in words is among [`Self::hidden`].
    #[must_use]
    pub fn exact(&self) -> &[Hidden] {
        &self.found.exact
    }

    /// Where something begins that goes up to the end of the text, and may say something with what comes next: letters or
    /// bytes that stand apart, and what is encoded, over lines, too. No longer than it is read as one.
    #[must_use]
    pub fn unfinished(&self) -> Option<usize> {
        self.found.unfinished
    }

    /// Pieces that go up to the end of the text, or nearly, and may go on in what comes next, and of which parts are complete.
    #[must_use]
    pub fn going_on(&self) -> &[Hidden] {
        &self.found.going_on
    }

    /// The stretches in which what stands apart is read, in order. In a text that begins where one of them does, those behind
    /// it are the same.
    #[must_use]
    pub fn rows(&self) -> &[Span] {
        &self.found.rows
    }

    /// Whether all that is hidden was read; false where there was more than [`PIECES_MAX`] or [`HIDDEN_BYTES_MAX`] allow.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.found.left_out
    }
}

/// Folds a text in the way of [`View::folded`], for words that are to be found there.
#[must_use]
pub fn folded(text: &str) -> String {
    read::both(text).1.text().to_owned()
}
