//! The table of word vectors: what a word means, in 64 numbers.

use super::stream::WordHash;
use std::sync::OnceLock;

/// Numbers of a word's vector.
pub const DIM: usize = 64;

const BYTES: &[u8] = include_bytes!("../../weights/words.bin");
/// Magic, how many, dimension, scale.
const HEAD: usize = 20;
const SLOTS: usize = 1 << 16;

/// The vectors, found by the fingerprints of their words.
#[derive(Debug)]
pub struct Table {
    /// Row of a word plus one, by the upper bits of its fingerprint; taken places push on to the next.
    slots: Vec<u16>,
    prints: Vec<u32>,
    rows: &'static [[u8; DIM]],
}

/// The embedded table.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::read(BYTES))
}

impl Table {
    fn read(bytes: &'static [u8]) -> Self {
        let count = bytes.get(8..12).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
        let prints = bytes.get(HEAD..HEAD + count * 4).unwrap_or_default();
        let prints: Vec<u32> = prints.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        let rows = bytes.get(HEAD + count * 4..).unwrap_or_default().as_chunks::<DIM>().0;
        let mut slots = vec![0_u16; SLOTS];
        for (row, print) in (1_u16..).zip(&prints) {
            let mut at = place(*print);
            while slots.get(at).is_some_and(|taken| *taken != 0) {
                at = (at + 1) % SLOTS;
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = row;
            }
        }
        Self { slots, prints, rows }
    }

    /// The vector of the word with this fingerprint, as bytes of signed numbers.
    #[must_use]
    pub fn row(&self, print: u32) -> Option<&[u8; DIM]> {
        self.rows.get(self.place(print)?)
    }

    /// Which row is that of the word with this fingerprint.
    pub(super) fn place(&self, print: u32) -> Option<usize> {
        let mut at = place(print);
        loop {
            let row = usize::from(*self.slots.get(at)?).checked_sub(1)?;
            if self.prints.get(row) == Some(&print) {
                return Some(row);
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// The vector in a row.
    pub(super) fn at(&self, row: usize) -> Option<&'static [u8; DIM]> {
        self.rows.get(row)
    }

    /// The fingerprints of all words that have a vector.
    pub(super) fn prints(&self) -> &[u32] {
        &self.prints
    }

    /// The vector of a word as it stands in a folded text.
    #[must_use]
    pub fn word(&self, word: &str) -> Option<&[u8; DIM]> {
        self.row(WordHash::of(word))
    }
}

fn place(print: u32) -> usize {
    (print >> 16) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let row = |word| table().word(word).unwrap().map(|b| f32::from(b.cast_signed()));
        let (a, b) = (row(a), row(b));
        let dot = |a: &[f32; DIM], b: &[f32; DIM]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    }

    #[test]
    fn the_embedded_table_is_whole_and_near_words_are_near() {
        let table = table();
        assert!(table.prints.len() > 20_000);
        assert_eq!(table.rows.len(), table.prints.len());
        assert!(table.word("qwxzzy").is_none());
        assert!(cosine("doctor", "physician") > 0.5, "{}", cosine("doctor", "physician"));
        assert!(cosine("doctor", "physician") > cosine("doctor", "engine") + 0.3);
    }
}
