//! Escapes in texts that are JSON: what was found neither begins nor ends within one, and is put in its place as JSON wants it.

use super::found::Found;
use super::scalars::{Laid, is_number};
use std::borrow::Cow;
use std::ops::Range;
use tg_kernel::passage::Channel;
use tg_text::span::Span;

/// Bytes of the longest escape, that of a pair of surrogates.
const ESCAPE_BYTES_MAX: usize = 12;

/// How backslashes of a text are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// It is JSON, and what is put into it has to be.
    Json,
    /// It may have strings of a program in it: lines that end in them (`\n`, `\r`, `\t`) are no letters.
    Lines,
    /// As they stand.
    None,
}

impl Escapes {
    /// Those of a text that begins so. `is_structured`: the caller asked for answers that are JSON.
    pub(super) fn of(channel: Channel, text: &str, is_structured: bool) -> Self {
        match channel {
            Channel::Assistant if is_structured && is_json(text) => Self::Json,
            Channel::ToolArguments | Channel::ToolResult if is_json(text) => Self::Json,
            Channel::ToolArguments => Self::None,
            Channel::ToolResult | Channel::Document => Self::Lines,
            _ if is_json(text) => Self::Lines,
            _ => Self::None,
        }
    }

    /// Sets what was found right in its text: without the letters of an escape before it, and with all of one that is part of
    /// it. Of what reaches over several strings of JSON each is found by itself, so that they stay apart, and so is each value
    /// between them; of a number that stands in no string all is found. `laid` says where strings are, if that is known.
    pub(super) fn settle(self, text: &str, laid: Option<Laid<'_>>, found: &mut Vec<Found>) {
        if self == Self::None {
            return;
        }
        for index in 0..found.len() {
            let Some(one) = found.get_mut(index) else { return };
            let span = self.apart(text, one.finding.span);
            one.finding.span = span;
            let mut parts = self.parts(text, span, laid).into_iter();
            let Some(first) = parts.next() else { continue };
            (one.finding.span, one.is_bare) = first;
            let rest = one.clone();
            found.extend(parts.map(|(span, is_bare)| {
                let mut one = rest.clone();
                (one.finding.span, one.is_bare) = (span, is_bare);
                one
            }));
        }
    }

    /// The value outside of strings that a stretch is, or the number that it is a part of.
    pub(super) fn bare(self, text: &str, span: Span, laid: Option<Laid<'_>>) -> Option<Span> {
        laid.filter(|_| self == Self::Json)?.value(text, span)
    }

    /// What is found of a stretch: the strings that it reaches over, and the values between them.
    fn parts(self, text: &str, span: Span, laid: Option<Laid<'_>>) -> Vec<(Span, bool)> {
        let strings: Vec<Span> = self.strings(text, span).collect();
        if strings == [span] {
            let whole =
                Some(core(text, span)).filter(|core| !core.is_empty()).and_then(|core| self.bare(text, core, laid));
            return vec![whole.map_or((span, false), |whole| (whole, true))];
        }
        let mut all = Vec::with_capacity(strings.len());
        for part in strings {
            match laid.filter(|laid| self == Self::Json && !laid.holds(part.start)) {
                Some(laid) => all.extend(laid.values(text, part)),
                None => all.push((part, false)),
            }
        }
        all
    }

    /// A stretch whose ends do not lie within an escape.
    fn apart(self, text: &str, span: Span) -> Span {
        if span.is_empty() {
            return span;
        }
        let (bytes, Span { mut start, mut end }) = (text.as_bytes(), span);
        let is_line = |at: usize| {
            matches!(bytes.get(at), Some(b'n' | b'r' | b't'))
                && at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\')
        };
        if is_line(start) {
            start += 1; // also where the string stands in another, and its backslashes are escaped
        } else if self == Self::Json
            && let Some(escape) = around(bytes, start)
        {
            start = if is_letter(bytes, &escape) { escape.start } else { escape.end };
        }
        if self == Self::Json
            && let Some(escape) = around(bytes, end)
        {
            end = if is_letter(bytes, &escape) || escape.start <= start { escape.end } else { escape.start };
        }
        if start < end {
            return Span::new(start, end);
        }
        // Nothing but a part of an escape: all of it.
        let escape = around(bytes, span.start).filter(|_| self == Self::Json);
        escape.map_or(span, |escape| Span::new(escape.start, escape.end.max(span.end)))
    }

    /// What of a stretch lies between quotation marks, and is more than what separates strings.
    fn strings(self, text: &str, span: Span) -> impl Iterator<Item = Span> {
        let bytes = text.as_bytes();
        let mut at = span.start;
        std::iter::from_fn(move || {
            while at < span.end {
                let start = at;
                while at < span.end && (self != Self::Json || bytes.get(at) != Some(&b'"')) {
                    at += if bytes.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                let end = at.min(span.end);
                at += 1;
                let says = text.get(start..end).is_some_and(|part| part.contains(char::is_alphanumeric));
                if says || (start, end) == (span.start, span.end) {
                    return Some(Span::new(start, end));
                }
            }
            None
        })
    }

    /// The last place up to this one that does not lie within an escape.
    pub(super) fn cut(self, text: &str, at: usize) -> usize {
        let escape = around(text.as_bytes(), at).filter(|_| self == Self::Json);
        escape.map_or(at, |escape| escape.start)
    }

    /// What a stretch of such a text means.
    pub(super) fn meant(self, value: &str) -> Cow<'_, str> {
        if self != Self::Json || !value.contains('\\') {
            return Cow::Borrowed(value);
        }
        // Where escapes of control characters are resolved already.
        let json = value.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        serde_json::from_str(&format!("\"{json}\"")).map_or(Cow::Borrowed(value), Cow::Owned)
    }

    /// How something is written in such a text: within a string, or as a value by itself, which is a number if it reads as
    /// one, and else a string.
    pub(super) fn written(self, text: String, is_bare: bool) -> String {
        match self {
            Self::Json if is_bare && is_number(&text) => text,
            Self::Json if is_bare => serde_json::Value::from(text).to_string(),
            Self::Json => tg_text::restore::written(&text, tg_text::restore::Place::JsonString),
            _ => text,
        }
    }
}

/// A stretch without the signs and blanks of JSON at its ends, which a pattern may take in.
fn core(text: &str, span: Span) -> Span {
    let is_between = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ':' | '[' | ']' | '{' | '}');
    let all = text.get(span.range()).unwrap_or_default();
    let begun = all.trim_start_matches(is_between);
    let start = span.end - begun.len();
    Span::new(start, start + begun.trim_end_matches(is_between).len())
}

/// Whether a text is JSON, in which values are escaped.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// The escape in which a place lies, behind its backslash.
fn around(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let from = at.saturating_sub(ESCAPE_BYTES_MAX - 1);
    (from..at).filter(|begin| bytes.get(*begin) == Some(&b'\\')).find_map(|begin| {
        let before = bytes.get(..begin)?.iter().rev().take_while(|b| **b == b'\\').count();
        let end = bytes.len().min(begin + length(bytes.get(begin..)?));
        (before.is_multiple_of(2) && at < end).then_some(begin..end)
    })
}

/// Bytes of the escape that begins here.
fn length(bytes: &[u8]) -> usize {
    match unit(bytes) {
        Some(0xd800..=0xdbff) if matches!(bytes.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
        Some(_) => 6,
        None => 2,
    }
}

/// The number that `\u` and four digits stand for.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, b| Some(unit << 4 | char::from(*b).to_digit(16)?))
}

/// Whether an escape is one that may be part of a value: a letter or a digit, or what has to be escaped.
fn is_letter(bytes: &[u8], escape: &Range<usize>) -> bool {
    let escape = bytes.get(escape.clone()).unwrap_or_default();
    match unit(escape) {
        Some(unit) => char::from_u32(unit).is_some_and(char::is_alphanumeric),
        None => matches!(escape.get(1), Some(b'"' | b'\\' | b'/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(escapes: Escapes, text: &str, found: &str) -> String {
        let start = text.find(found).unwrap();
        text[escapes.apart(text, Span::new(start, start + found.len())).range()].to_owned()
    }

    #[test]
    fn what_is_found_does_not_begin_or_end_within_an_escape() {
        for (text, found, is) in [
            (r"Hi\nann@x", "nann@x", "ann@x"),
            (r"Hi\\nann@x", "nann@x", "ann@x"),
            (r"Hi\\\\ann@x", "ann@x", "ann@x"),
            (r"Hi\u000aann@x", "u000aann@x", "ann@x"),
            (r"Hi\u00e9ann@x", "u00e9ann@x", r"\u00e9ann@x"),
            (r"Hi\u002042", "002042", "42"),
            (r"Hi\ud83d\ude00ann@x", "ude00ann@x", "ann@x"),
            (r#"Hi\"ann@x\" now"#, r"ann@x\", r#"ann@x\""#),
            (r"ann@x\n", r"ann@x\", "ann@x"),
            (r"ann\u00e9z", r"ann\u00", r"ann\u00e9"),
            (r"\u0041", "00", r"\u0041"),
            (r"\u000a", "00", r"\u000a"),
            (r"\fann@x", "fann@x", "ann@x"),
            (r"a\", r"\", r"\"),
            ("no escape", "escape", "escape"),
        ] {
            assert_eq!(apart(Escapes::Json, text, found), is, "{text}");
        }
        assert_eq!(apart(Escapes::Lines, r"Hi\nann@x", "nann@x"), "ann@x");
        assert_eq!(apart(Escapes::Lines, r"Hi\u000aann@x", "u000aann@x"), "u000aann@x");
    }

    #[test]
    fn strings_stay_apart() {
        let text = r#"{"a":"one \"two\"","b":["x"]}"#;
        let strings =
            |escapes: Escapes, span: Span| escapes.strings(text, span).map(|s| &text[s.range()]).collect::<Vec<_>>();
        assert_eq!(strings(Escapes::Json, Span::new(6, text.len())), [r#"one \"two\""#, "b", "x"]);
        assert_eq!(strings(Escapes::Json, Span::new(6, 9)), ["one"]);
        assert_eq!(strings(Escapes::Lines, Span::new(6, text.len())), [&text[6..]]);
    }
}
