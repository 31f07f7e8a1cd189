//! Where the strings of JSON are in a text that comes in pieces, and what stands beside them: numbers, which become strings
//! when something else takes their place.

use std::collections::VecDeque;
use tg_text::span::Span;

/// Where strings begin and end, and where other values may begin, from the latest place on that was not forgotten.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// Bytes that came.
    came: usize,
    /// Whether a string was open before the first border.
    begins_within: bool,
    /// The quotation marks that open and close strings.
    borders: VecDeque<usize>,
    /// What stands first behind a colon, a comma or a bracket, outside of strings.
    values: VecDeque<usize>,
    /// How it stands behind the last byte.
    is_within: bool,
    is_escaped: bool,
    awaits_value: bool,
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
            let at = self.came + at;
            if std::mem::take(&mut self.is_escaped) {
                continue;
            }
            if byte == b'"' {
                self.is_within = !self.is_within;
                self.borders.push_back(at);
                self.awaits_value = false;
            } else if self.is_within {
                self.is_escaped = byte == b'\\';
            } else if !byte.is_ascii_whitespace() {
                if self.awaits_value {
                    self.values.push_back(at);
                }
                self.awaits_value = matches!(byte, b':' | b',' | b'[');
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
        while self.values.front().is_some_and(|value| *value < before) {
            self.values.pop_front();
        }
    }

    /// Whether a place lies within a string.
    fn holds(&self, at: usize) -> bool {
        self.begins_within != (self.borders.partition_point(|border| *border < at) % 2 == 1)
    }
}

/// Them, over a stretch of the text.
#[derive(Clone, Copy)]
pub(super) struct Laid<'q> {
    pub(super) quotes: &'q Quotes,
    /// A place of the text, and the same in the stretch.
    pub(super) place: (usize, usize),
}

impl Laid<'_> {
    fn place(self, at: usize) -> usize {
        (at + self.place.0).saturating_sub(self.place.1)
    }

    /// Whether a place of the stretch lies within a string.
    pub(super) fn holds(self, at: usize) -> bool {
        self.quotes.holds(self.place(at))
    }

    /// The value outside of strings that a part of the stretch is all of, or a number of which it is a part, with its sign and
    /// its point.
    pub(super) fn value(self, stretch: &str, span: Span) -> Option<Span> {
        let bytes = stretch.as_bytes();
        let before = bytes.get(..span.start)?.iter().rev().take_while(|byte| is_of_number(**byte)).count();
        let behind = bytes.get(span.end..)?.iter().take_while(|byte| is_of_number(**byte)).count();
        let whole = Span::new(span.start - before, span.end + behind);
        let is_one = !self.holds(whole.start) && self.quotes.values.binary_search(&self.place(whole.start)).is_ok();
        is_one.then_some(whole)
    }

    /// What a part of the stretch that lies between strings consists of, without the signs between values.
    pub(super) fn values(self, stretch: &str, span: Span) -> Vec<(Span, bool)> {
        let mut all = Vec::new();
        let mut start = span.start;
        let text = stretch.get(span.range()).unwrap_or_default();
        for part in text.split([',', ':', '[', ']', '{', '}', '"']) {
            let trimmed = part.trim();
            let begins = start + part.len() - part.trim_start().len();
            if trimmed.contains(char::is_alphanumeric) {
                let own = Span::new(begins, begins + trimmed.len());
                all.push(self.value(stretch, own).map_or((own, false), |whole| (whole, true)));
            }
            start += part.len() + 1;
        }
        all
    }
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
        assert_eq!(within, "--ssss----ss---ssss----");
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
            ("[1, 4111]", "4111", Some("4111")),
            ("[true]", "true", Some("true")),
            ("[note] call 4111", "4111", None),
            ("{\"a\": \"x,4111\"}", "4111", None),
            ("4111", "4111", None),
        ] {
            let start = text.find(found).unwrap();
            let quotes = Quotes::of(text);
            let span = Laid { quotes: &quotes, place: (0, 0) }.value(text, Span::new(start, start + found.len()));
            assert_eq!(span.map(|span| &text[span.range()]), whole, "{text}");
        }
        assert!(is_number("-12.5e3") && !is_number("0123") && !is_number("12 ") && !is_number("-"));
    }

    #[test]
    fn what_lies_between_strings_is_its_values() {
        let text = r#"{"a":[12, true],"b":3}"#;
        let quotes = Quotes::of(text);
        let laid = Laid { quotes: &quotes, place: (0, 0) };
        let values = laid.values(text, Span::new(4, 16));
        let values: Vec<_> = values.into_iter().map(|(span, is_bare)| (&text[span.range()], is_bare)).collect();
        assert_eq!(values, [("12", true), ("true", true)]);
    }
}
