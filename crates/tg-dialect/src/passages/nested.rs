//! JSON within a string: arguments of a tool as a model writes them, in which escapes hide what is said.

use crate::scan::{string_end, unescape};
use crate::tape::Tape;

/// JSON of an object or an array as it reads once it is decoded: all escapes are resolved but those of quotes and backslashes.
/// `None` where that is how it is written, and for what cannot be decoded.
pub(super) fn plain(json: &str) -> Option<String> {
    if !json.contains('\\') || !json.trim_start().starts_with(['{', '[']) {
        return None;
    }
    Tape::read(json.as_bytes())?;
    let mut out = String::with_capacity(json.len());
    let mut at = 0;
    while let Some(quote) = json.get(at..)?.find('"') {
        let start = at + quote;
        let end = string_end(json.as_bytes(), start);
        out.push_str(json.get(at..=start)?);
        for c in unescape(json.as_bytes().get(start + 1..end.checked_sub(1)?)?).chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
        at = end;
    }
    out.push_str(json.get(at..)?);
    (out != json).then_some(out)
}

/// The JSON that such a text stands for.
pub(super) fn written(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut is_within, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_within,
            '"' => is_within = !is_within,
            _ => {}
        }
        match c {
            '\n' if is_within => out.push_str("\\n"),
            '\r' if is_within => out.push_str("\\r"),
            '\t' if is_within => out.push_str("\\t"),
            c if is_within && c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
