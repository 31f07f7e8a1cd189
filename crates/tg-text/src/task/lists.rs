//! Sorts of words that tell a task, in about a dozen languages.

use super::read::words;
use crate::score::stream::WordHash;
use std::sync::OnceLock;

/// How many sorts there are at most; a word's are the bits of a number.
pub const SORTS: usize = 28;

const TEXT: &str = include_str!("../../weights/tasks.txt");
/// Places of the table; a power of two, a few times as many as words.
const SLOTS: usize = 8192;

/// The sorts of the word with this fingerprint, one bit each.
pub fn of(fingerprint: u32) -> u32 {
    let table = table();
    let mut at = fingerprint as usize % SLOTS;
    loop {
        match table.get(at) {
            Some((print, sorts)) if *sorts != 0 => {
                if *print == fingerprint {
                    return *sorts;
                }
                at = (at + 1) % SLOTS;
            }
            _ => return 0,
        }
    }
}

/// The sorts in their order: name and words.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": ")).take(SORTS)
}

fn table() -> &'static [(u32, u32)] {
    static TABLE: OnceLock<Vec<(u32, u32)>> = OnceLock::new();
    TABLE.get_or_init(build)
}

fn build() -> Vec<(u32, u32)> {
    let mut table = vec![(0, 0); SLOTS];
    for (bit, (_, words)) in all().enumerate() {
        for word in words.split_whitespace() {
            let Some(print) = print(word) else { continue };
            let mut at = print as usize % SLOTS;
            while let Some((there, sorts)) = table.get_mut(at) {
                if *sorts == 0 || *there == print {
                    *there = print;
                    *sorts |= 1 << bit;
                    break;
                }
                at = (at + 1) % SLOTS;
            }
        }
    }
    table
}

/// The fingerprint of a word as it is read in a text.
fn print(word: &str) -> Option<u32> {
    let mut print = None;
    words(&crate::view::folded(word), |_, hash| print = Some(WordHash::fingerprint(hash)));
    print
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_finds_its_words_and_the_table_stays_sparse() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().count(), lines, "a line is not `name: words`, or there are more than SORTS");
        let taken = table().iter().filter(|(_, sorts)| *sorts != 0).count();
        assert!(taken < SLOTS / 2, "{taken} words");
        for (bit, (name, words)) in all().enumerate() {
            for word in words.split_whitespace() {
                assert_ne!(of(print(word).unwrap()) & (1 << bit), 0, "{name}: {word}");
            }
        }
        assert_eq!(of(WordHash::of("wombat")), 0);
    }
}
