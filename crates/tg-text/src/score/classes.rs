//! Sorts of words: what attacks, and what harms, are about, whatever the wording.

use super::stream::WordHash;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A class of words; 0: none, else one more than its index.
pub type Class = u8;

/// How many classes there are at most.
pub const CLASSES: usize = 40;

const TEXT: &str = include_str!("../../weights/classes.txt");

/// The class of the word with this fingerprint. Who asks for many words asks [`super::lexicon`].
pub(super) fn of(print: u32) -> Class {
    static TABLE: OnceLock<HashMap<u32, Class>> = OnceLock::new();
    TABLE.get_or_init(build).get(&print).copied().unwrap_or(0)
}

/// The classes, in their order: name and words.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": ")).take(CLASSES)
}

fn build() -> HashMap<u32, Class> {
    let mut table = HashMap::new();
    for (class, (_, words)) in (1..).zip(all()) {
        // A word has the first class that names it.
        words.split_whitespace().for_each(|word| _ = table.entry(WordHash::of(word)).or_insert(class));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_finds_its_words() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().count(), lines, "a line is not `name: words`, or there are more than CLASSES");
        assert_eq!(of(WordHash::of("disregard")), 1);
        assert_ne!(of(WordHash::of("forgery")), 0);
        assert_eq!(of(WordHash::of("wombat")), 0);
    }
}
