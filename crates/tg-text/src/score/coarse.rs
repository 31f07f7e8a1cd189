//! What a word says of coarse and abusive speech, from a published model that was taught by many people's judgements.

use std::collections::HashMap;
use std::sync::OnceLock;

const BYTES: &[u8] = include_bytes!("../../weights/coarse.bin");
/// Magic, how many.
const HEAD: usize = 12;

/// The number of the word with this fingerprint: above nought where it is commoner in abuse; nought where nothing is known.
/// Who asks for many words asks [`super::lexicon`].
pub(super) fn of(print: u32) -> i8 {
    static TABLE: OnceLock<HashMap<u32, i8>> = OnceLock::new();
    TABLE.get_or_init(|| read(BYTES)).get(&print).copied().unwrap_or(0)
}

/// The fingerprints of all words of which something is known.
pub(super) fn prints() -> impl Iterator<Item = u32> {
    rows(BYTES).map(|(print, _)| print)
}

fn read(bytes: &[u8]) -> HashMap<u32, i8> {
    rows(bytes).collect()
}

/// Fingerprints and numbers.
fn rows(bytes: &[u8]) -> impl Iterator<Item = (u32, i8)> {
    let count = bytes.get(8..HEAD).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let prints = bytes.get(HEAD..HEAD + count * 4).unwrap_or_default().as_chunks::<4>().0;
    let numbers = bytes.get(HEAD + count * 4..).unwrap_or_default();
    prints.iter().map(|print| u32::from_le_bytes(*print)).zip(numbers.iter().map(|number| number.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::super::stream::WordHash;
    use super::*;

    #[test]
    fn the_embedded_table_is_whole_and_knows_abuse() {
        let taken = read(BYTES).values().filter(|number| **number != 0).count();
        assert!((8000..1 << 14).contains(&taken), "{taken} words");
        assert!(of(WordHash::of("idiot")) > 24);
        assert!(of(WordHash::of("appreciate")) < 0);
        assert_eq!(of(WordHash::of("qwxzzy")), 0);
    }
}
