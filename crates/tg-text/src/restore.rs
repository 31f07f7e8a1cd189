//! Puts values back where their placeholders stand in an answer, as it comes in.

use crate::redact::Placeholders;
use crate::span::Span;

/// How much longer than a tag its brackets, spaces and escapes may make it.
const SLACK: usize = 12;

/// Where a value is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into a text.
    Text,
    /// Between the quotation marks of a JSON string, as in the arguments of a tool.
    JsonString,
}

/// Restores a text that comes in pieces. What it gives does not depend on how the text was cut.
#[derive(Debug)]
pub struct Restorer<'p> {
    placeholders: &'p Placeholders,
    place: Place,
    held: String,
    /// The character before what is held.
    before: Option<char>,
}

/// What stands at a place.
enum Found<'v> {
    /// A placeholder of so many bytes.
    Placeholder(usize, &'v str),
    /// What may become one.
    Begun,
    Nothing,
}

impl<'p> Restorer<'p> {
    /// Begins an answer.
    #[must_use]
    pub const fn new(placeholders: &'p Placeholders, place: Place) -> Self {
        Self { placeholders, place, held: String::new(), before: None }
    }

    /// Takes a piece; gives what may leave. Held back is at most what may be the beginning of a placeholder.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.go_on(false)
    }

    /// Ends the answer; gives the rest.
    pub fn finish(&mut self) -> String {
        self.go_on(true)
    }

    fn go_on(&mut self, is_end: bool) -> String {
        let mut held = String::from_iter(self.before);
        let mut at = held.len();
        held.push_str(&std::mem::take(&mut self.held));
        let mut out = String::with_capacity(held.len());
        while let Some(rest) = held.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.bytes().position(|b| self.placeholders.begins(b)).unwrap_or(rest.len());
            out.push_str(rest.get(..plain).unwrap_or_default());
            at += plain;
            let Some(rest) = held.get(at..).filter(|rest| !rest.is_empty()) else { break };
            match found_at(self.placeholders, &held, at, is_end) {
                Found::Placeholder(length, value) => {
                    self.put(value, &mut out);
                    at += length;
                }
                Found::Begun => {
                    self.held = rest.to_owned();
                    break;
                }
                Found::Nothing => {
                    let first = rest.chars().next().map_or(1, char::len_utf8);
                    out.push_str(rest.get(..first).unwrap_or_default());
                    at += first;
                }
            }
        }
        self.before = held.get(..at).and_then(|gone| gone.chars().next_back());
        out
    }

    fn put(&self, value: &str, out: &mut String) {
        out.push_str(&written(value, self.place));
    }
}

/// What stands at a place of a text. A token stands between others than letters and digits.
fn found_at<'p>(placeholders: &'p Placeholders, text: &str, at: usize, is_end: bool) -> Found<'p> {
    let (before, rest) = text.split_at_checked(at).unwrap_or_default();
    let is_within = before.chars().next_back().is_some_and(char::is_alphanumeric)
        && rest.chars().next().is_some_and(char::is_alphanumeric);
    if !is_end && !is_within && placeholders.begins_token(rest) {
        return Found::Begun;
    }
    match placeholders.token_at(text, at) {
        // What comes next may make it a part of a word.
        Some((length, _)) if length == rest.len() && !is_end => Found::Begun,
        Some((length, value)) => Found::Placeholder(length, value),
        None => tag(placeholders, rest, is_end),
    }
}

/// A tag in brackets, whatever a model made of its case, its spaces and its escapes.
fn tag<'p>(placeholders: &'p Placeholders, rest: &str, is_end: bool) -> Found<'p> {
    let longest = match placeholders.longest_tag() {
        0 => return Found::Nothing,
        longest => longest + SLACK,
    };
    let escapes = rest.bytes().take_while(|b| *b == b'\\').take(2).count();
    let body = match rest.as_bytes().get(escapes) {
        Some(b'[') => rest.get(escapes + 1..).unwrap_or_default(),
        None if !is_end => return Found::Begun,
        _ => return Found::Nothing,
    };
    for (at, c) in body.char_indices() {
        if at > longest {
            return Found::Nothing;
        }
        match c {
            ']' => {
                let length = escapes + 1 + at + 1;
                let tag = placeholders.tagged(body.get(..at).unwrap_or_default());
                return tag.map_or(Found::Nothing, |value| Found::Placeholder(length, value));
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '\\') => {}
            _ => return Found::Nothing,
        }
    }
    if is_end || body.len() > longest { Found::Nothing } else { Found::Begun }
}

/// A value as it is written in its place.
#[must_use]
pub fn written(value: &str, place: Place) -> String {
    match place {
        Place::Text => value.to_owned(),
        Place::JsonString => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
        }
    }
}

/// Where placeholders stand in a text, with the value that each stands for; and where the beginning of one stands that the
/// end of the text cuts off, unless it is the end of all. What stands before `from` is only looked back at.
#[must_use]
pub fn placed<'p>(
    text: &str,
    from: usize,
    placeholders: &'p Placeholders,
    is_end: bool,
) -> (Vec<(Span, &'p str)>, Option<usize>) {
    let mut all = Vec::new();
    let mut at = from;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(plain) = rest.bytes().position(|b| placeholders.begins(b)) else { break };
        at += plain;
        let rest = text.get(at..).unwrap_or_default();
        match found_at(placeholders, text, at, is_end) {
            Found::Placeholder(length, value) => {
                all.push((Span::new(at, at + length), value));
                at += length;
            }
            Found::Begun => return (all, Some(at)),
            Found::Nothing => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    (all, None)
}

/// Restores a text at once.
#[must_use]
pub fn restore(text: &str, placeholders: &Placeholders, place: Place) -> String {
    let mut restorer = Restorer::new(placeholders, place);
    let mut out = restorer.push(text);
    out.push_str(&restorer.finish());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{Key, Style};
    use proptest::prelude::*;

    fn placeholders() -> Placeholders {
        let mut placeholders = Placeholders::default();
        placeholders.place("EMAIL", "ann@example.com", Style::Tag, None);
        placeholders.place("EMAIL", "bob@example.com", Style::Tag, None);
        placeholders.place("NOTE", "a \"quoted\"\nline", Style::Tag, None);
        placeholders
    }

    #[test]
    fn placeholders_become_values_whatever_a_model_made_of_them() {
        for text in
            ["[EMAIL_1]", "[email_1]", "[ EMAIL_1 ]", "[EMAIL 1]", "[Email-1]", "\\[EMAIL\\_1\\]", "[EMAIL\\_1]"]
        {
            assert_eq!(restore(&format!("to {text}."), &placeholders(), Place::Text), "to ann@example.com.", "{text}");
        }
        for text in ["[EMAIL_3]", "EMAIL_1", "[EMAIL_1", "[EMAIL_12]", "[[x]", "\\n [a](b)", "\\\\", "["] {
            assert_eq!(restore(text, &placeholders(), Place::Text), text);
        }
        assert_eq!(restore("[[EMAIL_2]]", &placeholders(), Place::Text), "[bob@example.com]");
    }

    #[test]
    fn values_are_escaped_in_json() {
        let json = restore(r#"{"a": "[NOTE_1]"}"#, &placeholders(), Place::JsonString);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["a"], "a \"quoted\"\nline");
    }

    #[test]
    fn tokens_become_values() {
        let mut placeholders = Placeholders::default();
        let token = placeholders.place("CARD", "4111 1111 1111 1111", Style::Token, Some(&Key::new(b"k")));
        assert_eq!(restore(&format!("no. {token}!"), &placeholders, Place::Text), "no. 4111 1111 1111 1111!");
        // Within a longer number it is another one.
        for text in [format!("no. 7{token}"), format!("no. {token}7")] {
            assert_eq!(restore(&text, &placeholders, Place::Text), text);
        }
    }

    #[test]
    fn a_stream_is_held_back_no_longer_than_a_placeholder() {
        let placeholders = placeholders();
        let mut restorer = Restorer::new(&placeholders, Place::Text);
        assert_eq!(restorer.push("see [EMA"), "see ");
        assert_eq!(restorer.push("IL_2] and ["), "bob@example.com and ");
        assert_eq!(restorer.push("this is no placeholder at all"), "[this is no placeholder at all");
        assert_eq!(restorer.finish(), "");
    }

    const TOKEN: &str = "a token";

    proptest! {
        #[test]
        fn any_cut_gives_the_same(
            parts in prop::collection::vec(prop::sample::select(vec![
                "[EMAIL_1]", "[email 2]", "[", "]", "\\[", "\\", "EMAIL", "_1", " ", "x", "ä", "[NOTE_1]", "[EMAIL_", TOKEN,
            ]), 0..12),
            cuts in prop::collection::vec(0_usize..64, 0..6),
        ) {
            let mut placeholders = placeholders();
            let token = placeholders.place("CARD", "4111 1111 1111 1111", Style::Token, Some(&Key::new(b"k")));
            let text = parts.concat().replace(TOKEN, &token);
            let mut restorer = Restorer::new(&placeholders, Place::Text);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|at| text.is_char_boundary(*at)).collect();
            cuts.sort_unstable();
            let mut out = String::new();
            let mut last = 0;
            for cut in cuts {
                out.push_str(&restorer.push(&text[last..cut]));
                last = cut;
            }
            out.push_str(&restorer.push(&text[last..]));
            out.push_str(&restorer.finish());
            prop_assert_eq!(out, restore(&text, &placeholders, Place::Text));
        }
    }
}
