//! Names of people and postal addresses, best effort: a small trained tagger over words, their case and lists of names.

mod features;
mod lists;
mod words;

use super::entity::Entity;
use crate::span::Span;
use features::{LABELS, Label, State};
use words::Word;

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
    for (word, label) in words.iter().zip(labels) {
        let Some(entity) = label.entity() else { continue };
        match found.last_mut() {
            Some((last, span, count)) if label.goes_on() && *last == entity && *count < WORDS_MAX => {
                span.end = word.end;
                *count += 1;
            }
            _ => found.push((entity, Span::new(word.start, word.end), 1)),
        }
    }
    found.into_iter().filter_map(|(entity, span, _)| trimmed(text, entity, span)).collect()
}

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
