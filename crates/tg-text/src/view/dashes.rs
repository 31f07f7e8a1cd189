//! Dashes that part sentences, without blanks: `the card—4111 1111 1111 1111—is hers`. The plain reading has a hyphen there, as it
//! stands within values of which a program has made the hyphens dashes; what stands beside one is read without it as well.

use crate::layer::Layer;
use crate::span::Span;

/// How much of a word beside a dash is looked at, in bytes.
const BESIDE: usize = 64;

/// Dashes that are no hyphens.
const fn is_dash(c: char) -> bool {
    matches!(c as u32, 0x2012..=0x2015 | 0x2043 | 0x2e3a | 0x2e3b | 0xfe31 | 0xfe32 | 0xfe58)
}

/// The plain reading with blanks in place of such dashes between letters, or letters and digits, where one of the words beside has
/// a digit or an `@`; each byte stands where it stood. `None` where there is no such dash.
pub(super) fn without(original: &str, plain: &Layer<'_>) -> Option<String> {
    if plain.is_in_step() {
        return None;
    }
    let text = plain.text();
    let mut out: Option<Vec<u8>> = None;
    for at in memchr::memchr_iter(b'-', text.as_bytes()) {
        let from = plain.origin(Span::new(at, at + 1)).range();
        let is_one = original.get(from).and_then(|sign| sign.chars().next()).is_some_and(is_dash);
        if is_one && parts(text, at) {
            let out = out.get_or_insert_with(|| text.as_bytes().to_vec());
            if let Some(byte) = out.get_mut(at) {
                *byte = b' ';
            }
        }
    }
    out.and_then(|out| String::from_utf8(out).ok())
}

/// Whether a dash at a place stands between two words one of which may be a value.
fn parts(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(at.saturating_sub(BESIDE)..at).unwrap_or_default();
    let behind = text.as_bytes().get(at + 1..).unwrap_or_default();
    let behind = behind.get(..BESIDE).unwrap_or(behind);
    let (last, next) = (before.last().copied().unwrap_or(b' '), behind.first().copied().unwrap_or(b' '));
    if last.is_ascii_whitespace() || next.is_ascii_whitespace() || last.is_ascii_digit() && next.is_ascii_digit() {
        return false;
    }
    let is_of_word = |byte: &&u8| !byte.is_ascii_whitespace();
    let says = |byte: &u8| byte.is_ascii_digit() || *byte == b'@';
    before.iter().rev().take_while(is_of_word).any(says) || behind.iter().take_while(is_of_word).any(says)
}

#[cfg(test)]
mod tests {
    use crate::view::View;

    #[test]
    fn a_dash_beside_what_may_be_a_value_parts_words() {
        for (text, reads) in [
            ("see it—4111 1111—there", Some("see it 4111 1111 there")),
            ("ann@example.com–or", Some("ann@example.com or")),
            ("it—which is—well", None),
            ("4111—1111—2222", None),
            ("4111 — 1111", None),
            ("it-4111", None),
            ("é-4111", None),
            ("“it”-4111", None),
            ("a—1—b-2", Some("a 1 b-2")),
        ] {
            let view = View::of(text);
            assert_eq!(view.without_dashes(), reads, "{text}");
            assert!(reads.is_none_or(|reads| reads.len() == view.plain().text().len()), "{text}");
        }
    }
}
