//! What a word says of coarse and abusive speech, from a published model that was taught by many people's judgements.

use std::sync::OnceLock;

const BYTES: &[u8] = include_bytes!("../../weights/coarse.bin");
/// Magic, how many.
const HEAD: usize = 12;
const SLOTS: usize = 1 << 15;

/// The number of the word with this fingerprint: above nought where it is commoner in abuse; nought where nothing is known.
pub fn of(print: u32) -> i8 {
    static TABLE: OnceLock<Vec<(u32, i8)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| read(BYTES));
    let mut at = place(print);
    loop {
        match table.get(at) {
            Some((there, number)) if *number != 0 => {
                if *there == print {
                    return *number;
                }
                at = (at + 1) % SLOTS;
            }
            _ => return 0,
        }
    }
}

/// The fingerprints of all words of which something is known.
pub(super) fn prints() -> impl Iterator<Item = u32> {
    let count = BYTES.get(8..HEAD).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let prints = BYTES.get(HEAD..HEAD + count * 4).unwrap_or_default().as_chunks::<4>().0;
    prints.iter().map(|print| u32::from_le_bytes(*print))
}

fn read(bytes: &[u8]) -> Vec<(u32, i8)> {
    let count = bytes.get(8..HEAD).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let prints = bytes.get(HEAD..HEAD + count * 4).unwrap_or_default().as_chunks::<4>().0;
    let numbers = bytes.get(HEAD + count * 4..).unwrap_or_default();
    let mut table = vec![(0, 0); SLOTS];
    for (print, number) in prints.iter().zip(numbers) {
        let print = u32::from_le_bytes(*print);
        let mut at = place(print);
        while table.get(at).is_some_and(|(_, taken)| *taken != 0) {
            at = (at + 1) % SLOTS;
        }
        if let Some(slot) = table.get_mut(at) {
            *slot = (print, number.cast_signed());
        }
    }
    table
}

fn place(print: u32) -> usize {
    (print >> 17) as usize
}

#[cfg(test)]
mod tests {
    use super::super::stream::WordHash;
    use super::*;

    #[test]
    fn the_embedded_table_is_whole_and_knows_abuse() {
        let taken = read(BYTES).iter().filter(|(_, number)| *number != 0).count();
        assert!((8000..SLOTS / 2).contains(&taken), "{taken} words");
        assert!(of(WordHash::of("idiot")) > 24);
        assert!(of(WordHash::of("appreciate")) < 0);
        assert_eq!(of(WordHash::of("qwxzzy")), 0);
    }
}
