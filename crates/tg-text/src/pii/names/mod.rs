//! Names of people and postal addresses, best effort: a small trained tagger over words, their case and lists of names.

mod features;
pub(crate) mod letters;
mod lists;
mod words;

use super::entity::Entity;
use crate::span::Span;
use features::{BUCKETS, LABELS, Label, State};
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
    // With as many rows as there are buckets no place has to be checked.
    let Some(weights) = weights.as_chunks().0.first_chunk() else { return Vec::new() };
    let state = State::of(text);
    let labels = tag(&state, weights);
    spans(text, state.words(), &labels)
}

/// The likeliest label of each word, from left to right. Words that nothing can make a name of are passed over.
fn tag(state: &State, weights: &[[u8; LABELS]; BUCKETS]) -> Vec<Label> {
    let mut before = Label::Outside;
    let label = |at: usize| {
        before = match state.around(at).filter(|around| state.is_possible(around, before)) {
            Some(around) => {
                let mut sums = Sums::default();
                for bucket in state.features(around, before) {
                    sums.add(weights.get(usize::from(bucket)).copied().unwrap_or_default());
                }
                Label::best(&sums.finish(), before)
            }
            None => Label::Outside,
        };
        before
    };
    (0..state.words().len()).map(label).collect()
}

/// Sums of the weights of all labels: each in 16 bits of two numbers, those at even places and those at odd ones, as much
/// above nought as each weight can be below. What is seen of a word is so little that none of them runs over.
#[derive(Clone, Copy, Default)]
struct Sums {
    even: u64,
    odd: u64,
    count: u16,
}

impl Sums {
    fn add(&mut self, [a, b, c, d, e]: [u8; LABELS]) {
        let row = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]) ^ 0x80_8080_8080;
        self.even += row & 0xff_00ff_00ff;
        self.odd += row >> 8 & 0xff_00ff;
        self.count += 1;
    }

    fn finish(self) -> [i32; LABELS] {
        let nought = i32::from(self.count) * 128;
        std::array::from_fn(|label| {
            let all = if label % 2 == 0 { self.even } else { self.odd };
            i32::from((all >> (label / 2 * 16)) as u16) - nought
        })
    }
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
                    let next = words.get(at + 1).map_or(word.end(), Word::start);
                    found.push((entity, Span::new(next, next), 0));
                } else {
                    span.end = word.end().max(span.end);
                    *count += 1;
                }
            }
            _ => {
                let first = if entity == Entity::Address { number_before(text, words, labels, at) } else { at };
                let start = words.get(first).map_or(word.start(), Word::start);
                found.push((entity, Span::new(start, word.end()), 1));
            }
        }
    }
    found.into_iter().filter_map(|(entity, span, _)| trimmed(text, entity, span)).collect()
}

fn is_and(text: &str, words: &[Word], at: usize) -> bool {
    let word = words.get(at).and_then(|word| text.get(word.start()..word.end()));
    word == Some("and") && words.get(at + 1).is_some_and(|next| next.shape.is_number())
}

/// The first of the numbers, or of flat and number, that stand right before an address and belong to it.
fn number_before(text: &str, words: &[Word], labels: &[Label], at: usize) -> usize {
    let free = |index: usize| labels.get(index) == Some(&Label::Outside);
    let number =
        |index: usize| free(index) && words.get(index).is_some_and(|w| matches!(w.shape, Shape::Short | Shape::Four));
    let close = |index: usize| {
        let gap = words.get(index).zip(words.get(index + 1)).and_then(|(a, b)| text.get(a.end()..b.start()));
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
        let name = words.get(before).and_then(|word| text.get(word.start()..word.end())).unwrap_or_default();
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
    let is_mark = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | ')');
    let begun = value.trim_start_matches(is_mark);
    let start = span.start + value.len() - begun.len();
    let inner = begun.trim_end_matches(is_mark);
    let inner = if entity == Entity::Address { inner.trim_end_matches('.') } else { inner };
    let letters = inner.chars().filter(|c| c.is_alphabetic()).count();
    (letters >= 2).then(|| (entity, Span::new(start, start + inner.len())))
}

/// For the program that trains the weights: what the tagger sees, so that both see the same.
pub mod training {
    use super::features::State;
    pub use super::features::{BUCKETS, LABELS, Label};
    pub use super::lists::{LIST_NAMES, LISTS, key, set};

    /// What weights that are not embedded find: whether it is an address, and where.
    #[must_use]
    pub fn find_with(text: &str, weights: &[u8]) -> Vec<(bool, usize, usize)> {
        let found = super::find_with(text, weights).into_iter();
        found.map(|(entity, span)| (entity == super::Entity::Address, span.start, span.end)).collect()
    }

    /// A text as words.
    #[derive(Debug)]
    pub struct Tokens(State);

    impl Tokens {
        /// Splits a text.
        #[must_use]
        pub fn of(text: &str) -> Self {
            Self(State::of(text))
        }

        /// Where each word stands, in bytes.
        pub fn spans(&self) -> impl Iterator<Item = (usize, usize)> {
            self.0.words().iter().map(|word| (word.start(), word.end()))
        }

        /// Walks over the words: `choose` is given the buckets of a word and the label before it and gives its label;
        /// it is not asked where no name can be, and `None` stands in the buckets' place there.
        pub fn walk(&self, mut choose: impl FnMut(usize, Option<&[usize]>, Label) -> Label) {
            let mut before = Label::Outside;
            let mut buckets = Vec::new();
            for at in 0..self.0.words().len() {
                buckets.clear();
                let around = self.0.around(at).filter(|around| self.0.is_possible(around, before));
                if let Some(around) = around {
                    buckets.extend(self.0.features(around, before).map(usize::from));
                }
                before = choose(at, around.map(|_| buckets.as_slice()), before);
            }
        }
    }
}
