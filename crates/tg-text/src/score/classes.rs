//! Sorts of words: what attacks, and what harms, are about, whatever the wording.

use super::stream::WordHash;
use std::sync::OnceLock;

/// A class of words; 0: none, else one more than its index.
pub type Class = u8;

/// How many classes there are at most.
pub const CLASSES: usize = 40;

const TEXT: &str = include_str!("../../weights/classes.txt");
/// Places of the table; a power of two, a few times as many as words.
const SLOTS: usize = 8192;

/// The class of the word with this fingerprint.
pub fn of(fingerprint: u32) -> Class {
    static TABLE: OnceLock<Vec<(u32, Class)>> = OnceLock::new();
    let table = TABLE.get_or_init(build);
    let mut at = fingerprint as usize % SLOTS;
    loop {
        match table.get(at) {
            Some((print, class)) if *class != 0 => {
                if *print == fingerprint {
                    return *class;
                }
                at = (at + 1) % SLOTS;
            }
            _ => return 0,
        }
    }
}

/// The classes, in their order: name and words.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": ")).take(CLASSES)
}

fn build() -> Vec<(u32, Class)> {
    let mut table = vec![(0, 0); SLOTS];
    for (class, (_, words)) in (1..).zip(all()) {
        for word in words.split_whitespace() {
            let print = WordHash::of(word);
            let mut at = print as usize % SLOTS;
            while let Some((there, taken)) = table.get_mut(at) {
                if *taken == 0 {
                    (*there, *taken) = (print, class);
                    break;
                }
                if *there == print {
                    break;
                }
                at = (at + 1) % SLOTS;
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_finds_its_words_and_the_table_stays_sparse() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().count(), lines, "a line is not `name: words`, or there are more than CLASSES");
        let words: usize = all().map(|(_, words)| words.split_whitespace().count()).sum();
        assert!(words < SLOTS / 3, "{words} words");
        assert_eq!(of(WordHash::of("disregard")), 1);
        assert_ne!(of(WordHash::of("forgery")), 0);
        assert_eq!(of(WordHash::of("wombat")), 0);
    }
}
