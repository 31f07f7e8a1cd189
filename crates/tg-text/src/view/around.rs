//! The words around a stretch, so that a phrase is read whole of which one word was hidden.

use crate::span::Span;

/// Most plain words between two hidden ones that are read as one text with them; and before and after them.
pub(super) const PLAIN_WORDS_MAX: usize = 4;

/// How far a piece goes beyond its first and last word for the words around it.
const AROUND_BYTES_MAX: usize = 48;

/// A stretch with some words before and after it, whole ones.
pub(super) fn around(text: &str, span: Span) -> Span {
    let bytes = text.as_bytes();
    let before = bytes.get(..span.start).unwrap_or_default();
    let reach = before.iter().rev().take(AROUND_BYTES_MAX);
    let back = reach.enumerate().filter(|(_, b)| **b == b' ').map(|(i, _)| i).nth(PLAIN_WORDS_MAX);
    let start = span.start - back.unwrap_or_else(|| whole_words(before.iter().rev()));
    let after = bytes.get(span.end..).unwrap_or_default();
    let reach = after.iter().take(AROUND_BYTES_MAX);
    let on = reach.enumerate().filter(|(_, b)| **b == b' ').map(|(i, _)| i).nth(PLAIN_WORDS_MAX);
    let end = span.end + on.unwrap_or_else(|| whole_words(after.iter()));
    Span::new(start, end)
}

/// How many bytes of whole words lie within reach: all to the end of the text, or to the last space.
fn whole_words<'b>(bytes: impl ExactSizeIterator<Item = &'b u8>) -> usize {
    if bytes.len() <= AROUND_BYTES_MAX {
        return bytes.len();
    }
    bytes.take(AROUND_BYTES_MAX).enumerate().filter(|(_, b)| **b == b' ').map(|(i, _)| i).last().unwrap_or(0)
}
