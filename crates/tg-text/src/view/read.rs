//! One pass over a text that writes both readings: the plain one and the folded one.

use super::chars::{self, Class, Folded, Likeness};
use crate::layer::{Layer, LayerWriter};
use unicode_normalization::UnicodeNormalization as _;

/// Most letters of a word of look-alikes that wait for what the word turns out to be.
const WORD_LETTERS_MAX: usize = 48;

/// Most characters that are normalised together: a letter and its marks. More marks than any language uses are another.
const CLUSTER_CHARS_MAX: usize = 32;

/// Reads a text: plain, folded.
pub(super) fn both(text: &str) -> (Layer<'_>, Layer<'_>) {
    if is_plain_ascii(text.as_bytes()) {
        return (Layer::same(text), Layer::lower_ascii(text));
    }
    let mut reader = Reader::new(text);
    reader.read();
    (reader.plain.finish(), reader.folded.finish())
}

/// Whether a text is ASCII without invisible controls: then the plain reading is the text.
fn is_plain_ascii(bytes: &[u8]) -> bool {
    bytes.chunks(64).all(is_plain_block)
}

/// The same of few bytes, without a branch inside, so that the compiler makes wide instructions of it.
fn is_plain_block(block: &[u8]) -> bool {
    block.iter().fold(0, |odd, b| odd | u8::from(!is_plain(*b))) == 0
}

fn is_plain(b: u8) -> bool {
    let control = (b < 0x20) & !(0x09..=0x0d).contains(&b);
    !(control | (b > 0x7e))
}

/// How many bytes at the front are ASCII without invisible controls.
fn plain_ascii(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let blocks = bytes.chunks_exact(BLOCK).take_while(|block| is_plain_block(block)).count() * BLOCK;
    let rest = bytes.get(blocks..).unwrap_or_default();
    blocks + rest.iter().take_while(|b| is_plain(**b)).count()
}

struct Reader<'a> {
    text: &'a str,
    plain: LayerWriter<'a>,
    folded: LayerWriter<'a>,
    /// Letters that look Latin, of a word of which it is not known yet whether it is: each with its length in the original.
    waiting: Vec<(char, usize)>,
    /// Whether the word has Latin letters.
    latin: bool,
    /// Whether all that wait look exactly like Latin letters.
    twins: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            plain: LayerWriter::new(text),
            folded: LayerWriter::new(text),
            waiting: Vec::new(),
            latin: false,
            twins: true,
        }
    }

    fn read(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let ascii = plain_ascii(rest);
            let run = if self.waits(at, ascii) { ascii.saturating_sub(1) } else { ascii };
            if run > 0 {
                self.ascii(at, run);
                at += run;
            } else {
                at += self.foreign(at).unwrap_or_else(|| self.cluster(at));
            }
        }
        self.end_word();
    }

    /// Whether the last of some ASCII characters is read by itself: marks that follow belong to it, and a digit leaves it
    /// open whether its word is a Latin one.
    fn waits(&self, at: usize, ascii: usize) -> bool {
        let end = at + ascii;
        let next = self.text.get(end..).and_then(|rest| rest.chars().next());
        ascii > 0
            && next.is_some_and(|next| {
                let last = end.checked_sub(1).and_then(|last| self.text.as_bytes().get(last));
                last.is_some_and(u8::is_ascii_digit) || (!next.is_ascii() && chars::class(next) == Class::Mark)
            })
    }

    /// Letters in a row that both readings keep, and that are no part of a Latin word. How many bytes they have.
    fn foreign(&mut self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let (mut length, mut last) = (0, 0);
        let mut next = None;
        for c in rest.chars() {
            if !chars::is_foreign(c) {
                next = Some(c);
                break;
            }
            last = c.len_utf8();
            length += last;
        }
        // The last one waits: it may have marks.
        if next.is_some_and(|c| !c.is_ascii()) {
            length -= last;
        }
        if length == 0 {
            return None;
        }
        self.twins = false;
        self.end_word();
        self.plain.keep(length);
        self.folded.keep(length);
        Some(length)
    }

    /// Letters, digits and signs that stay.
    fn ascii(&mut self, at: usize, run: usize) {
        let Some(run_text) = self.text.get(at..at + run) else { return };
        let bytes = run_text.as_bytes();
        if bytes.first().is_some_and(u8::is_ascii_alphabetic) && !self.waiting.is_empty() {
            self.latin = true;
        }
        self.end_waiting();
        self.plain.keep(run);
        self.folded.lower_ascii(run);
        let word = bytes.iter().rev().take(WORD_LETTERS_MAX).take_while(|b| b.is_ascii_alphanumeric());
        let (mut length, mut letters) = (0, false);
        for b in word {
            length += 1;
            letters |= b.is_ascii_alphabetic();
        }
        self.latin = letters || (length == run && self.latin);
    }

    /// A character with the marks that follow it, in compatibility form. Its length.
    fn cluster(&mut self, at: usize) -> usize {
        let Some(rest) = self.text.get(at..) else { return 1 };
        let mut chars = rest.chars();
        let Some(first) = chars.next() else { return 1 };
        let mut length = first.len_utf8();
        let class = chars::class(first);
        let mut marks = 0;
        while marks < CLUSTER_CHARS_MAX
            && let Some(mark) = chars.next().filter(|c| !c.is_ascii() && chars::class(*c) == Class::Mark)
        {
            length += mark.len_utf8();
            marks += 1;
        }
        match class {
            // What is drawn belongs to the character before it, from which a selector may part it, as in a keycap.
            Class::Invisible | Class::Mark if class == Class::Invisible || chars::is_drawn(first) => {
                self.plain.replace(first.len_utf8(), "");
                self.fold_away(first.len_utf8());
                return first.len_utf8();
            }
            Class::Becomes(one) if marks == 0 => {
                self.plain.write(length, one.encode_utf8(&mut [0; 4]));
                self.letter(one, length);
            }
            Class::Keep if marks == 0 => {
                self.plain.keep(length);
                self.letter(first, length);
            }
            _ => self.normalised(at, length),
        }
        length
    }

    fn normalised(&mut self, at: usize, length: usize) {
        let Some(cluster) = self.text.get(at..at + length) else { return };
        let mut form: String = cluster
            .nfkc()
            .filter(|c| chars::class(*c) != Class::Invisible && !chars::is_drawn(*c))
            .map(|c| if let Class::Becomes(one) = chars::class(c) { one } else { c })
            .collect();
        // No language has digits with accents.
        if form.starts_with(|c: char| c.is_ascii_digit()) {
            form.retain(|c| !chars::is_accent(c));
        }
        self.plain.write(length, &form);
        let mut letters = form.chars().filter(|c| !chars::is_accent(*c));
        if let (Some(only), None) = (letters.next(), letters.next()) {
            return self.letter(only, length);
        }
        self.end_word();
        let mut folded = String::new();
        for c in form.chars() {
            push_folded(&mut folded, c);
        }
        self.latin = form.ends_with(|c: char| c.is_ascii_alphabetic());
        self.folded.write(length, &folded);
    }

    /// One character of the folded reading, for so many bytes of the original.
    fn letter(&mut self, c: char, length: usize) {
        if let Some(likeness) = chars::likeness(c) {
            if self.latin && self.waiting.is_empty() {
                return self.write(looks_like(c, likeness), length);
            }
            self.twins &= matches!(likeness, Likeness::Twin(_));
            self.waiting.push((c, length));
            if self.waiting.len() >= WORD_LETTERS_MAX {
                self.end_waiting();
            }
            return;
        }
        if chars::is_latin(c) {
            self.latin = true;
            self.end_waiting();
        } else if c.is_alphabetic() {
            self.twins = false;
            self.end_waiting();
            self.latin = false;
        } else if c.is_ascii_digit() {
            self.end_waiting();
        } else {
            self.end_word();
        }
        self.write(c, length);
    }

    fn write(&mut self, c: char, length: usize) {
        let mut buffer = [0; 4];
        let folded = match chars::fold(c) {
            Folded::Same if c.is_ascii() => c.to_ascii_lowercase().encode_utf8(&mut buffer),
            Folded::Same => c.encode_utf8(&mut buffer),
            Folded::Letter(letter) => letter.encode_utf8(&mut buffer),
            Folded::As(text) => text,
        };
        self.folded.write(length, folded);
    }

    /// Leaves bytes out of the folded reading, in their order.
    fn fold_away(&mut self, length: usize) {
        if let Some(last) = self.waiting.last_mut() {
            last.1 += length;
        } else {
            self.folded.replace(length, "");
        }
    }

    fn end_word(&mut self) {
        self.end_waiting();
        self.latin = false;
    }

    /// What the letters that wait are: Latin where the word has Latin letters, or has nothing but their twins.
    fn end_waiting(&mut self) {
        if !self.waiting.is_empty() {
            let as_latin = self.latin || (self.twins && self.waiting.len() > 2);
            let mut waiting = std::mem::take(&mut self.waiting);
            for (c, length) in waiting.drain(..) {
                let shown = chars::likeness(c).filter(|_| as_latin).map_or(c, |likeness| looks_like(c, likeness));
                self.write(shown, length);
            }
            self.waiting = waiting; // with the room that it has
        }
        self.twins = true;
    }
}

fn looks_like(c: char, likeness: Likeness) -> char {
    match likeness {
        Likeness::Twin(latin) | Likeness::Like(latin) => latin,
    }
    .to_lowercase()
    .next()
    .unwrap_or(c)
}

/// Adds a character to a folded text.
fn push_folded(folded: &mut String, c: char) {
    match chars::fold(c) {
        Folded::Same => folded.push(c.to_ascii_lowercase()),
        Folded::Letter(letter) => folded.push(letter),
        Folded::As(text) => folded.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Both readings, with each character beyond ASCII and the one before it by itself.
    fn slowly(text: &str) -> (Layer<'_>, Layer<'_>) {
        let mut reader = Reader::new(text);
        let mut at = 0;
        while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
            let ascii = rest.iter().take_while(|b| (0x20..0x7f).contains(*b) || (0x09..=0x0d).contains(*b)).count();
            let run = if ascii < rest.len() { ascii.saturating_sub(1) } else { ascii };
            if run > 0 {
                reader.ascii(at, run);
                at += run;
            } else {
                at += reader.cluster(at);
            }
        }
        reader.end_word();
        (reader.plain.finish(), reader.folded.finish())
    }

    proptest! {
        #[test]
        fn runs_are_read_as_characters(
            text in "([a-zA-Z0-9 .]{0,3}|[0-9]{40,60}|[аеорсяж]{1,4}|[ᎠᎡꓐⲀ]|忽略|모든|가\u{301}|[\u{301}\u{200b}\u{7f}\u{1}]|é|ﬁ|①|\\PC){1,30}"
        ) {
            if !is_plain_ascii(text.as_bytes()) {
                prop_assert_eq!(format!("{:?}", both(&text)), format!("{:?}", slowly(&text)));
            }
        }
    }
}
