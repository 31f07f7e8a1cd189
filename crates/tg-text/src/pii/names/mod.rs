//! Names of people and postal addresses, best effort: a small trained tagger over words, their case and lists of names.

mod features;
mod lists;
mod words;

use super::entity::Entity;
use crate::span::Span;
use features::{LABELS, Label, State};
use words::{Shape, Word};

/// Weights, one row of [`LABELS`] for each bucket, made by `training/names`.
static WEIGHTS: &[u8] = include_bytes!("names.bin");

/// The most words that one name or address has; what is longer is cut there.
const WORDS_MAX: usize = 40;

/// Names and addresses in a text.
pub(super) fn find(text: &str) -> Vec<(Entity, Span)> {
    find_with(text, WEIGHTS)
}

/// The same with other weights.
fn find_with(text: &str, weights: &[u8]) -> Vec<(Entity, Span)> {
    let words = words::split(text);
    let weigh = |bucket: usize, sums: &mut [i32; LABELS]| {
        let row = weights.get(bucket * LABELS..(bucket + 1) * LABELS).unwrap_or_default();
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += i32::from(i8::from_le_bytes([*weight]));
        }
    };
    spans(text, &words, &tag(text, &words, weigh))
}

/// The likeliest label of each word, from left to right. Words that nothing can make a name of are passed over.
fn tag(text: &str, words: &[Word], mut weigh: impl FnMut(usize, &mut [i32; LABELS])) -> Vec<Label> {
    let state = State::new(text, words);
    let mut labels = Vec::with_capacity(words.len());
    for at in 0..words.len() {
        let before = labels.last().copied().unwrap_or(Label::Outside);
        let label = if state.is_possible(at, before) {
            let mut sums = [0; LABELS];
            state.features(at, before, |bucket| weigh(bucket, &mut sums));
            Label::best(&sums, before)
        } else {
            Label::Outside
        };
        labels.push(label);
    }
    labels
}

/// Labels as stretches of the text.
fn spans(text: &str, words: &[Word], labels: &[Label]) -> Vec<(Entity, Span)> {
    let mut found: Vec<(Entity, Span, usize)> = Vec::new();
    for (at, (word, label)) in words.iter().zip(labels).enumerate() {
        let Some(entity) = label.entity() else { continue };
        match found.last_mut() {
            Some((last, span, count)) if label.goes_on() && *last == entity && *count < WORDS_MAX => {
                // `…, and 12 High Street`: another address.
                let another = entity == Entity::Address && is_and(text, words, at);
                if another {
                    let next = words.get(at + 1).map_or(word.end, |next| next.start);
                    found.push((entity, Span::new(next, next), 0));
                } else {
                    span.end = word.end.max(span.end);
                    *count += 1;
                }
            }
            _ => {
                let first = if entity == Entity::Address { number_before(text, words, labels, at) } else { at };
                let start = words.get(first).map_or(word.start, |word| word.start);
                found.push((entity, Span::new(start, word.end), 1));
            }
        }
    }
    found.into_iter().filter_map(|(entity, span, _)| trimmed(text, entity, span)).collect()
}

fn is_and(text: &str, words: &[Word], at: usize) -> bool {
    let word = words.get(at).and_then(|word| text.get(word.start..word.end));
    word == Some("and") && words.get(at + 1).is_some_and(|next| next.shape.is_number())
}

/// The first of the numbers, or of flat and number, that stand right before an address and belong to it.
fn number_before(text: &str, words: &[Word], labels: &[Label], at: usize) -> usize {
    let free = |index: usize| labels.get(index) == Some(&Label::Outside);
    let number =
        |index: usize| free(index) && words.get(index).is_some_and(|w| matches!(w.shape, Shape::Short | Shape::Four));
    let close = |index: usize| {
        let gap = words.get(index).zip(words.get(index + 1)).and_then(|(a, b)| text.get(a.end..b.start));
        gap.is_some_and(|gap| gap == " " || gap.is_empty())
    };
    let mut first = at;
    while at - first < 3 && first.checked_sub(1).is_some_and(|before| number(before) && close(before)) {
        first -= 1;
    }
    let mut flat = first;
    for _ in 0..2 {
        let Some(before) = flat.checked_sub(1).filter(|before| free(*before) && close(*before)) else { break };
        flat = before;
        let name = words.get(before).and_then(|word| text.get(word.start..word.end)).unwrap_or_default();
        if FLATS.iter().any(|flat| flat.eq_ignore_ascii_case(name)) {
            return before;
        }
    }
    first
}

/// Words before the number of a part of a house.
const FLATS: &[&str] = &["apt", "apartment", "suite", "unit", "flat"];

/// Without the punctuation and blanks at its ends; `None` where too little is left.
fn trimmed(text: &str, entity: Entity, span: Span) -> Option<(Entity, Span)> {
    let value = text.get(span.range())?;
    let inner = value.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | ')'));
    let inner = if entity == Entity::Address { inner.trim_end_matches('.') } else { inner };
    let start = span.start + value.find(inner)?;
    let letters = inner.chars().filter(|c| c.is_alphabetic()).count();
    (letters >= 2).then(|| (entity, Span::new(start, start + inner.len())))
}

/// For the program that trains the weights: what the tagger sees, so that both see the same.
pub mod training {
    use super::features::State;
    pub use super::features::{BUCKETS, LABELS, Label};
    pub use super::lists::{LIST_NAMES, LISTS, key, set};
    use super::words::{self, Word};

    /// What weights that are not embedded find: whether it is an address, and where.
    #[must_use]
    pub fn find_with(text: &str, weights: &[u8]) -> Vec<(bool, usize, usize)> {
        let found = super::find_with(text, weights).into_iter();
        found.map(|(entity, span)| (entity == super::Entity::Address, span.start, span.end)).collect()
    }

    /// A text as words.
    #[derive(Debug)]
    pub struct Tokens<'t> {
        text: &'t str,
        words: Vec<Word>,
    }

    impl<'t> Tokens<'t> {
        /// Splits a text.
        #[must_use]
        pub fn of(text: &'t str) -> Self {
            Self { text, words: words::split(text) }
        }

        /// Where each word stands, in bytes.
        pub fn spans(&self) -> impl Iterator<Item = (usize, usize)> {
            self.words.iter().map(|word| (word.start, word.end))
        }

        /// Walks over the words: `choose` is given the buckets of a word and the label before it and gives its label;
        /// it is not asked where no name can be, and `None` stands in the buckets' place there.
        pub fn walk(&self, mut choose: impl FnMut(usize, Option<&[usize]>, Label) -> Label) {
            let state = State::new(self.text, &self.words);
            let mut before = Label::Outside;
            let mut buckets = Vec::new();
            for at in 0..self.words.len() {
                buckets.clear();
                let possible = state.is_possible(at, before);
                if possible {
                    state.features(at, before, |bucket| buckets.push(bucket));
                }
                before = choose(at, possible.then_some(buckets.as_slice()), before);
            }
        }
    }
}
