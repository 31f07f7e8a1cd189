//! Where in a text the instruction is likely to stand: its first and its last sentences.

use std::ops::Range;

/// Longest stretch that counts as one sentence, in bytes.
const SENTENCE_MAX: usize = 240;
/// Sentences at each end.
const SENTENCES: usize = 2;

/// A sentence, and at which ends of the text it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Its bytes.
    pub range: Range<usize>,
    /// Among the first ones.
    pub lead: bool,
    /// Among the last ones.
    pub tail: bool,
}

/// The first two and the last two sentences or lines of a text, in their order; none twice, none overlapping.
#[must_use]
pub fn edges(text: &str) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::with_capacity(2 * SENTENCES);
    let mut from = 0;
    while edges.len() < SENTENCES
        && let Some(range) = next(text, from)
    {
        from = range.end;
        edges.push(Edge { range, lead: true, tail: false });
    }
    let lead = from;
    let mut to = text.len();
    let mut last = Vec::with_capacity(SENTENCES);
    while last.len() < SENTENCES
        && let Some(range) = before(text, to, lead)
    {
        to = range.start;
        last.push(Edge { range, lead: false, tail: true });
    }
    // What is left of the last sentences stands among the first.
    let missing = SENTENCES - last.len();
    edges.iter_mut().rev().take(missing).for_each(|edge| edge.tail = true);
    last.reverse();
    edges.extend(last);
    edges
}

/// The next sentence from a place on.
fn next(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = from + bytes.get(from..)?.iter().position(|b| !b.is_ascii_whitespace())?;
    let most = boundary(text, (start + SENTENCE_MAX).min(bytes.len()));
    let end = (start + 1..most).find(|at| ends(bytes, *at)).unwrap_or(most);
    Some(start..end)
}

/// The last sentence before a place, not before `floor`.
fn before(text: &str, to: usize, floor: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let end = floor + bytes.get(floor..to)?.iter().rposition(|b| !b.is_ascii_whitespace())? + 1;
    let least = boundary(text, end.saturating_sub(SENTENCE_MAX).max(floor));
    // A mark at its very end is its own.
    let start = (least + 1..end.saturating_sub(1)).rev().find(|at| ends(bytes, *at)).unwrap_or(least);
    let start = start + bytes.get(start..end)?.iter().position(|b| !b.is_ascii_whitespace())?;
    Some(start..end)
}

/// Whether a sentence or a line ends before the byte at this place.
fn ends(bytes: &[u8], at: usize) -> bool {
    let Some((before, _)) = bytes.split_at_checked(at) else { return false };
    match before {
        [.., b'\n'] => true,
        [.., b'.' | b'?' | b'!'] => bytes.get(at).is_some_and(u8::is_ascii_whitespace),
        // The ideographic full stop, and the wide question and exclamation marks.
        [.., 0xE3, 0x80, 0x82] | [.., 0xEF, 0xBC, 0x9F | 0x81] => true,
        _ => false,
    }
}

/// The nearest place at or before this one that is between characters.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Vec<(&str, bool, bool)> {
        edges(text).into_iter().map(|e| (&text[e.range], e.lead, e.tail)).collect()
    }

    #[test]
    fn the_ends_of_a_text_are_its_first_and_last_sentences() {
        assert_eq!(
            told("one. two? three\nfour! five"),
            [("one.", true, false), ("two?", true, false), ("four!", false, true), ("five", false, true)]
        );
        assert_eq!(told("one. two"), [("one.", true, true), ("two", true, true)]);
        assert_eq!(told("  one  \n"), [("one  \n", true, true)]);
        assert_eq!(told("one. two. three."), [("one.", true, false), ("two.", true, true), ("three.", false, true)]);
        assert_eq!(told("翻訳して。お願い。"), [("翻訳して。", true, true), ("お願い。", true, true)]);
        assert_eq!(told(""), []);
        assert_eq!(told(" \n "), []);
    }

    proptest! {
        #[test]
        fn sentences_are_in_order_apart_and_short(text in "[ab?.! \n。é]{0,900}") {
            let edges = edges(&text);
            prop_assert!(edges.len() <= 2 * SENTENCES);
            let mut from = 0;
            for edge in edges {
                prop_assert!(edge.range.start >= from && edge.range.len() <= SENTENCE_MAX + 3);
                prop_assert!(text.get(edge.range.clone()).is_some_and(|s| !s.is_empty()) && (edge.lead || edge.tail));
                from = edge.range.end;
            }
        }
    }
}
