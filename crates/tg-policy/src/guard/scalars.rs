//! Where the strings of JSON are in a text that comes in pieces, and what stands beside them: numbers, which become strings
//! when something else takes their place.

use std::collections::VecDeque;
use tg_text::span::Span;

/// Where strings begin and end, from the latest place on that was not forgotten.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// Bytes that came.
    came: usize,
    /// Whether a string was open before the first border.
    begins_within: bool,
    /// The quotation marks that open and close strings.
    borders: VecDeque<usize>,
    /// How it stands behind the last byte.
    is_within: bool,
    is_escaped: bool,
}

impl Quotes {
    /// Those of a whole text.
    pub(super) fn of(text: &str) -> Self {
        let mut quotes = Self::default();
        quotes.push(text);
        quotes
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &str) {
        for (at, byte) in piece.bytes().enumerate() {
            if std::mem::take(&mut self.is_escaped) {
                continue;
            }
            self.is_escaped = self.is_within && byte == b'\\';
            if byte == b'"' {
                self.is_within = !self.is_within;
                self.borders.push_back(self.came + at);
            }
        }
        self.came += piece.len();
    }

    /// Nobody will ask what is before this place.
    pub(super) fn forget(&mut self, before: usize) {
        while self.borders.front().is_some_and(|border| *border < before) {
            self.borders.pop_front();
            self.begins_within = !self.begins_within;
        }
    }

    /// Whether a place lies within a string.
    pub(super) fn holds(&self, at: usize) -> bool {
        self.begins_within != (self.borders.partition_point(|border| *border < at) % 2 == 1)
    }
}

/// The value that a stretch outside of strings is a part of, where one may stand: a number with its sign and its point.
pub(super) fn scalar(text: &str, span: Span) -> Option<Span> {
    let bytes = text.as_bytes();
    let before = bytes.get(..span.start)?.iter().rev().take_while(|byte| is_of_number(**byte)).count();
    let behind = bytes.get(span.end..)?.iter().take_while(|byte| is_of_number(**byte)).count();
    let whole = Span::new(span.start - before, span.end + behind);
    let mut earlier = bytes.get(..whole.start)?.iter().rev().filter(|byte| !byte.is_ascii_whitespace());
    matches!(earlier.next(), Some(b':' | b',' | b'[')).then_some(whole)
}

/// Whether a text is a number as JSON has them.
pub(super) fn is_number(text: &str) -> bool {
    text.bytes().all(is_of_number) && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

const fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_known_wherever_the_text_is_cut_and_whatever_is_forgotten() {
        let text = r#"{"a\"":1,"b":["c\\",2]}"#;
        let whole = Quotes::of(text);
        let within: String = (0..text.len()).map(|at| if whole.holds(at) { 's' } else { '-' }).collect();
        assert_eq!(within, "--sssss---ss---sssss----".get(..text.len()).unwrap_or_default(), "{within}");
        for cut in 0..text.len() {
            let mut quotes = Quotes::default();
            quotes.push(&text[..cut]);
            quotes.forget(cut / 2);
            quotes.push(&text[cut..]);
            for at in cut / 2..text.len() {
                assert_eq!(quotes.holds(at), whole.holds(at), "{cut} {at}");
            }
        }
    }

    #[test]
    fn a_number_is_taken_with_its_sign_and_its_point_where_a_value_may_stand() {
        for (text, found, whole) in [
            ("{\"a\": -4111.50}", "4111", Some("-4111.50")),
            ("[4111,2]", "4111", Some("4111")),
            ("[1,4111]", "4111", Some("4111")),
            ("[note] call 4111", "4111", None),
            ("4111", "4111", None),
        ] {
            let start = text.find(found).unwrap();
            let span = scalar(text, Span::new(start, start + found.len()));
            assert_eq!(span.map(|span| &text[span.range()]), whole, "{text}");
        }
        assert!(is_number("-12.5e3") && !is_number("0123") && !is_number("12 ") && !is_number("-"));
    }
}
