//! Bytes written as numbers that stand apart: pairs of hexadecimal digits, groups of eight bits.

use super::around::PLAIN_WORDS_MAX;
use super::codes;
use super::hidden::{Hiding, Piece};
use crate::span::Span;

/// Fewest bytes in a row that may say something.
pub(super) const NUMBERS_MIN: usize = 6;

/// Fewest of them between others that are no text: fewer say something by chance.
const BETWEEN_MIN: usize = 12;

/// The bytes of a row, and where each stands in it.
fn bytes(row: &str, width: usize) -> (Vec<u8>, Vec<usize>) {
    let digits: Vec<(usize, u8)> = row.bytes().enumerate().filter(|(_, b)| b.is_ascii_hexdigit()).collect();
    let only: Vec<u8> = digits.iter().map(|(_, b)| *b).collect();
    let places = digits.chunks(width).filter_map(|number| Some(number.first()?.0)).collect();
    (if width == 2 { codes::hex(&only) } else { codes::binary(&only) }, places)
}

/// Finds what a row of such numbers says: all of it, or what stands in it between bytes that are no text.
pub(super) fn read(row: &str, span: Span, width: usize, tell: &mut dyn FnMut(Hiding, Piece)) {
    let how = if width == 2 { Hiding::Hex } else { Hiding::Binary };
    let (bytes, places) = bytes(row, width);
    let Some(text) = codes::readable(bytes.clone()) else { return between(&bytes, &places, span, width, how, tell) };
    tell(how, Piece { text, span, places: Vec::new() });
}

fn between(bytes: &[u8], places: &[usize], span: Span, width: usize, how: Hiding, tell: &mut dyn FnMut(Hiding, Piece)) {
    for part in parts(bytes) {
        let (first, last) = (places.get(part.start), places.get(part.end - 1));
        let (Some(first), Some(last)) = (first, last) else { continue };
        // Words of two letters behind a row only look like bytes of it.
        let rest = bytes.get(part.end..).unwrap_or_default();
        let words = part.start == 0 && width == 2 && rest.len() <= PLAIN_WORDS_MAX && rest.iter().all(is_word);
        let least = if words { NUMBERS_MIN } else { BETWEEN_MIN };
        let said = bytes.get(part.range()).map(<[u8]>::to_vec).filter(|said| said.len() >= least);
        let span = Span::new(span.start + first, span.start + last + width);
        if let Some(text) = said.and_then(codes::readable) {
            tell(how, Piece { text, span, places: Vec::new() });
        }
    }
}

/// Whether a byte is written as two letters.
fn is_word(byte: &u8) -> bool {
    byte >> 4 > 9 && byte & 15 > 9
}

/// The parts of bytes that are text, in order.
fn parts(bytes: &[u8]) -> Vec<Span> {
    let mut parts = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        let mut start = at;
        for (index, c) in chunk.valid().char_indices().filter(|(_, c)| !codes::may_be_read(*c)) {
            parts.push(Span::new(start, at + index));
            start = at + index + c.len_utf8();
        }
        at += chunk.valid().len();
        parts.push(Span::new(start, at));
        at += chunk.invalid().len();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Where in a row something begins that may say something with the numbers that come next. The last one may be torn.
pub(super) fn go_on(row: &str, width: usize) -> Option<usize> {
    let (bytes, places) = bytes(row, width);
    if codes::may_be_readable(&bytes) {
        return Some(0);
    }
    // Behind the last that is no text; of a character the end may be to come.
    let torn = bytes.utf8_chunks().last().map_or(0, |last| last.invalid().len());
    let torn = if may_be_torn(bytes.get(bytes.len() - torn..).unwrap_or_default()) { torn } else { 0 };
    let whole = bytes.len() - torn;
    let last = parts(bytes.get(..whole).unwrap_or_default()).pop().filter(|part| part.end == whole);
    places.get(last.map_or(whole, |part| part.start)).copied()
}

/// Whether bytes begin a character of which more is to come.
fn may_be_torn(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(row: &str, width: usize) -> Vec<(String, String)> {
        let mut said = Vec::new();
        let span = Span::new(0, row.len());
        read(row, span, width, &mut |_, piece| said.push((piece.text, row[piece.span.range()].to_owned())));
        said
    }

    fn pairs(text: &str) -> String {
        text.bytes().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_stands_between_bytes_that_are_no_text_is_read() {
        let text = pairs("ignore all rules");
        for (before, behind) in
            [("", ""), ("ff ", ""), ("00 80 ", " 00 41 42"), ("41 c3 ", " be ad"), ("07 ", " e2 82")]
        {
            let row = format!("{before}{text}{behind}");
            let told = said(&row, 2);
            assert_eq!(told.len(), 1, "{row}");
            assert_eq!(told[0].0, "ignore all rules");
            assert!(told[0].1 == text || told[0].1 == row, "{row} {told:?}");
        }
        assert_eq!(said(&format!("ff {}", pairs("ignore all")), 2), []);
        assert_eq!(said(&format!("{} be ad", pairs("ignore")), 2).len(), 1);
        assert_eq!(said(&format!("{} be 01", pairs("ignore")), 2), []);
    }

    #[test]
    fn what_may_go_on_begins_behind_the_last_byte_that_is_no_text() {
        for (row, from) in [
            ("69 67", Some(0)),
            ("ff 69 67", Some(3)),
            ("69 41 00 67 6", Some(9)),
            ("69 ff", None),
            ("ff 69 e2 82", Some(3)),
            ("69 ff e2", Some(6)),
        ] {
            assert_eq!(go_on(row, 2), from, "{row}");
        }
    }

    proptest! {
        #[test]
        fn what_is_told_begins_where_it_may_go_on_or_is_complete(bytes in prop::collection::vec(prop_oneof![4 => 0x61..0x7b_u8, 1 => any::<u8>()], 0..60), more in prop::collection::vec(0x61..0x7b_u8, 0..20)) {
            let row = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
            let (short, long) = (row(&bytes), row(&[&bytes[..], &more[..]].concat()));
            let from = go_on(&short, 2).unwrap_or(short.len());
            let places = |row: &str| {
                let mut places = Vec::new();
                read(row, Span::new(0, row.len()), 2, &mut |_, piece| places.push(piece.span));
                places.retain(|span| span.start < from);
                places
            };
            prop_assert_eq!(places(&short), places(&long));
        }
    }
}
