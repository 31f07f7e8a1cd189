//! Whether an answer repeats the system text: so many of its words in a row.

use crate::span::Span;
use crate::view::View;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Words in a row that are no chance.
pub const LEAK_WORDS_DEFAULT: usize = 12;

/// Fewest words of a system text that is looked for; a shorter one is what anyone would say.
const WORDS_MIN: usize = 6;

/// Most words of a system text that are looked for.
const WORDS_MAX: usize = 64 << 10;

/// Factor of the rolling sum.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Rows of words of a system text, as sums.
#[derive(Clone, Debug)]
pub struct Leak {
    rows: HashSet<u64, BuildHasherDefault<Sum>>,
    words: usize,
    /// Factor of the word that leaves a row.
    leaving: u64,
}

/// The sums are spread already.
#[derive(Clone, Copy, Debug, Default)]
struct Sum(u64);

impl Hasher for Sum {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(FACTOR);
        }
    }

    fn write_u64(&mut self, sum: u64) {
        self.0 = sum;
    }
}

impl Leak {
    /// Reads a system text of which an answer must not repeat `words` words in a row (of a shorter text: all of them).
    /// `None` where it is too short to tell from chance.
    #[must_use]
    pub fn of(system: &View<'_>, words: usize) -> Option<Self> {
        let all: Vec<u64> = each_word(system.folded().text()).map(|(_, sum)| sum).take(WORDS_MAX).collect();
        let words = words.max(WORDS_MIN).min(all.len());
        if words < WORDS_MIN {
            return None;
        }
        let leaving = (1..words).fold(1_u64, |power, _| power.wrapping_mul(FACTOR));
        let mut leak = Self { rows: HashSet::default(), words, leaving };
        let mut rows = HashSet::default();
        leak.roll(all.into_iter(), &mut |_, sum| {
            rows.insert(spread(sum));
        });
        leak.rows = rows;
        Some(leak)
    }

    /// Sum of each row of words, with the index of its last.
    fn roll(&self, words: impl Iterator<Item = u64>, tell: &mut dyn FnMut(usize, u64)) {
        let mut row = std::collections::VecDeque::with_capacity(self.words);
        let mut sum = 0_u64;
        for (index, word) in words.enumerate() {
            if row.len() == self.words
                && let Some(first) = row.pop_front()
            {
                sum = sum.wrapping_sub(self.leaving.wrapping_mul(first));
            }
            row.push_back(word);
            sum = sum.wrapping_mul(FACTOR).wrapping_add(word);
            if row.len() == self.words {
                tell(index, sum);
            }
        }
    }

    /// Tells each stretch of a text that repeats the system text.
    pub fn find(&self, view: &View<'_>, tell: &mut dyn FnMut(Span)) {
        super::in_folded(view, &mut |text, back| {
            let words: Vec<(Span, u64)> = each_word(text).collect();
            let mut open: Option<(usize, usize)> = None;
            let mut told = |(first, last): (usize, usize)| {
                if let (Some((from, _)), Some((to, _))) = (words.get(first), words.get(last)) {
                    tell(back(Span::new(from.start, to.end)));
                }
            };
            self.roll(words.iter().map(|(_, sum)| *sum), &mut |last, sum| {
                if !self.rows.contains(&spread(sum)) {
                    return;
                }
                let first = last + 1 - self.words;
                open = match open {
                    Some((begun, end)) if first <= end + 1 => Some((begun, last)),
                    Some(before) => {
                        told(before);
                        Some((first, last))
                    }
                    None => Some((first, last)),
                };
            });
            if let Some(last) = open {
                told(last);
            }
        });
    }
}

/// Spreads a sum over all bits, for the table.
fn spread(sum: u64) -> u64 {
    (sum ^ (sum >> 29)).wrapping_mul(FACTOR)
}

/// Words of a folded text: where, and a sum of each.
fn each_word(text: &str) -> impl Iterator<Item = (Span, u64)> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || !b.is_ascii();
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(is_word)?;
        let word = bytes.get(start..)?;
        let length = word.iter().position(|b| !is_word(b)).unwrap_or(word.len());
        at = start + length;
        let sum = word.iter().take(length).fold(FACTOR, |sum, b| (sum ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
        Some((Span::new(start, at), sum))
    })
}
