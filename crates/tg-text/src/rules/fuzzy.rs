//! Words with wrong letters: within one or two edits of a word that is looked for.

use super::Flaw;
use crate::span::Span;
use crate::view::{self, View};

/// Shortest word that is looked for with one wrong letter; with fewer, half of the language is near.
pub const FUZZY_LETTERS_MIN: usize = 6;

/// Shortest word that is looked for with two.
const TWO_EDITS_MIN: usize = 9;

/// Longest word that is looked for with wrong letters.
const LETTERS_MAX: usize = 24;

/// Most words of one set that are looked for with wrong letters: each word of a text is held against those as long.
pub const FUZZY_WORDS_MAX: usize = 512;

/// Words by their length.
#[derive(Clone, Debug, Default)]
pub(super) struct Fuzzy {
    by_length: Vec<Vec<Word>>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Word {
    letters: Vec<u8>,
    /// One bit for each letter that it has.
    mask: u32,
    edits: usize,
    rule: usize,
}

impl Fuzzy {
    /// Adds those of a rule's words that are long enough; a rule that has none asks for what cannot be had.
    pub(super) fn add(&mut self, rule: usize, words: &[String], edits: usize) -> Vec<Flaw> {
        let known = self.count;
        for word in words {
            let letters = view::folded(word.trim()).into_bytes();
            if !(FUZZY_LETTERS_MIN..=LETTERS_MAX).contains(&letters.len())
                || !letters.iter().all(u8::is_ascii_lowercase)
            {
                continue;
            }
            let edits = if letters.len() >= TWO_EDITS_MIN { edits } else { 1 };
            self.by_length.resize(LETTERS_MAX + 1, Vec::new());
            if let Some(bucket) = self.by_length.get_mut(letters.len()) {
                bucket.push(Word { mask: mask(&letters), letters, edits, rule });
                self.count += 1;
            }
        }
        if self.count == known && !words.is_empty() {
            let what = format!(
                "fuzzy finds nothing more here: it is for single words of {FUZZY_LETTERS_MIN} to {LETTERS_MAX} letters (a to z), and none of these is one"
            );
            return vec![(what, "leave fuzzy out: phrases and shorter words are found as they are written".to_owned())];
        }
        if self.count <= FUZZY_WORDS_MAX {
            return Vec::new();
        }
        *self = Self::default();
        let what = format!("with it more than {FUZZY_WORDS_MAX} words are looked for with wrong letters");
        vec![(what, "set fuzzy only for the words that need it".to_owned())]
    }

    /// Tells each word that is near one: whose, where, how near (1 less a tenth for each edit).
    pub(super) fn find(&self, view: &View<'_>, tell: &mut dyn FnMut(usize, Span, f32)) {
        if self.count == 0 {
            return;
        }
        super::in_folded(view, &mut |text, back| {
            let bytes = text.as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                let rest = bytes.get(at..).unwrap_or_default();
                let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
                let joined = at.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(|b| !b.is_ascii())
                    || rest.get(length).is_some_and(|b| !b.is_ascii());
                if !joined && length + 2 >= FUZZY_LETTERS_MIN && length <= LETTERS_MAX + 2 {
                    let word = rest.get(..length).unwrap_or_default();
                    self.near(word, &mut |rule, score| tell(rule, back(Span::new(at, at + length)), score));
                }
                at += length.max(1);
            }
        });
    }

    fn near(&self, word: &[u8], tell: &mut dyn FnMut(usize, f32)) {
        let seen = mask(word);
        let lengths = word.len().saturating_sub(2)..=word.len() + 2;
        for candidate in lengths.filter_map(|length| self.by_length.get(length)).flatten() {
            let bound = candidate.edits;
            // Each edit changes at most two letters of the sets.
            if (candidate.mask ^ seen).count_ones() as usize > 2 * bound
                || candidate.letters.len().abs_diff(word.len()) > bound
            {
                continue;
            }
            match distance(&candidate.letters, word, bound) {
                Some(1) => tell(candidate.rule, 0.9),
                Some(2) => tell(candidate.rule, 0.8),
                _ => {} // none: that is an exact word, and found as one
            }
        }
    }
}

fn mask(letters: &[u8]) -> u32 {
    letters.iter().fold(0, |mask, b| mask | 1 << if b.is_ascii_lowercase() { b - b'a' } else { 26 })
}

/// Letters wrong, left out, too many or swapped with their neighbour, up to a bound; `None` beyond it.
fn distance(a: &[u8], b: &[u8], bound: usize) -> Option<usize> {
    const WIDTH: usize = LETTERS_MAX + 4;
    let get = |row: &[usize; WIDTH], j: usize| row.get(j).copied().unwrap_or(WIDTH);
    let mut older = [0; WIDTH];
    let mut last = [0; WIDTH];
    for (j, cell) in last.iter_mut().enumerate() {
        *cell = j;
    }
    for (i, x) in a.iter().enumerate() {
        let mut row = [i + 1; WIDTH];
        for (j, y) in b.iter().enumerate() {
            let mut best = (get(&last, j) + usize::from(x != y)).min(get(&last, j + 1) + 1).min(get(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(get(&older, j - 1) + 1);
            }
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = best;
            }
        }
        (older, last) = (last, row);
    }
    Some(get(&last, b.len())).filter(|distance| *distance <= bound)
}
