//! All that is known of a word by its fingerprint, in one table: most words ask for all of it.

use super::classes::{self, Class};
use super::words::{self, DIM};
use super::{coarse, stream::WordHash};
use std::sync::OnceLock;

/// Places of the table; a power of two, a few times as many as words.
const SLOTS: usize = 1 << 16;

/// What is known of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    print: u32,
    /// The row of its vector plus one; nought: it has none.
    row: u16,
    /// What it says of coarse speech.
    pub coarse: i8,
    /// Its class.
    pub class: Class,
}

impl Known {
    fn is_something(self) -> bool {
        self.row != 0 || self.coarse != 0 || self.class != 0
    }

    /// The vector of the word, as bytes of signed numbers.
    pub(super) fn vector(self) -> Option<&'static [u8; DIM]> {
        words::table().at(usize::from(self.row).checked_sub(1)?)
    }
}

/// What is known of the word with this fingerprint.
#[inline]
pub(super) fn of(print: u32) -> Known {
    let mut at = place(print);
    loop {
        match table().get(at) {
            Some(known) if known.is_something() => {
                if known.print == print {
                    return *known;
                }
                at = (at + 1) % SLOTS;
            }
            _ => return Known::default(),
        }
    }
}

fn place(print: u32) -> usize {
    (print >> 16) as usize
}

fn table() -> &'static [Known] {
    static TABLE: OnceLock<Vec<Known>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = vec![Known::default(); SLOTS];
        let vectors = words::table();
        let names = classes::all().flat_map(|(_, words)| words.split_whitespace().map(WordHash::of));
        for print in vectors.prints().iter().copied().chain(coarse::prints()).chain(names) {
            let row = vectors.place(print).and_then(|row| u16::try_from(row + 1).ok()).unwrap_or(0);
            let known = Known { print, row, coarse: coarse::of(print), class: classes::of(print) };
            let mut at = place(print);
            while let Some(slot) = table.get_mut(at) {
                if !slot.is_something() || slot.print == print {
                    *slot = known;
                    break;
                }
                at = (at + 1) % SLOTS;
            }
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_here_what_it_has_in_each_table() {
        let taken = table().iter().filter(|known| known.is_something()).count();
        assert!((20_000..SLOTS / 2).contains(&taken), "{taken} words");
        let prints = words::table().prints().iter().copied().chain(coarse::prints());
        let names = classes::all().flat_map(|(_, words)| words.split_whitespace().map(WordHash::of));
        let others = (0..50_000_u32).map(|n| n.wrapping_mul(0x9e37_79b1));
        for print in prints.chain(names).chain(others) {
            let known = of(print);
            assert_eq!(known.coarse, coarse::of(print));
            assert_eq!(known.class, classes::of(print));
            assert_eq!(known.vector(), words::table().row(print));
        }
    }
}
