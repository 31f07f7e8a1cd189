//! Lists of names, places and common words as Bloom filters: a word that is in a list is always found, one that is not
//! is taken for one of it at most about once in a hundred times.

/// How many bits each list has, as a power of two.
const BITS: [u32; 4] = [18, 20, 20, 19];
/// How many bits stand for one word.
const HASHES: u32 = 4;
/// How many lists there are.
pub const LISTS: usize = 4;
/// Which lists, in their order.
pub const LIST_NAMES: [&str; LISTS] = ["given", "family", "common", "place"];

/// All lists, one behind the other; made by `training/names`.
static FILTERS: &[u8] = include_bytes!("lists.bin");

/// The number that stands for a word in the lists: its hash without case.
#[must_use]
pub fn key(word: &str) -> u32 {
    super::words::hash_of(word)
}

fn places(hash: u32, list: usize) -> impl Iterator<Item = usize> {
    let bits = BITS.get(list).copied().unwrap_or(18);
    let step = (hash.wrapping_mul(0x9e37_79b1) >> 7) | 1;
    let mixed = (hash ^ hash >> 15).wrapping_mul(0x85eb_ca6b);
    (0..HASHES).map(move |turn| ((mixed.wrapping_add(step.wrapping_mul(turn))) >> (32 - bits)) as usize)
}

fn begin(list: usize) -> usize {
    BITS.iter().take(list).map(|bits| (1usize << bits) / 8).sum()
}

/// The lists that a word is in, one bit each. What is `lower` is looked for in all lists only where it is in the first:
/// most words of a text are in lower case and no names.
pub(super) fn of(hash: u32, lower: bool) -> u8 {
    let mut all = 0;
    for list in 0..LISTS {
        let from = begin(list);
        let has =
            places(hash, list).all(|bit| FILTERS.get(from + bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1));
        all |= u8::from(has) << list;
        if lower && all == 0 {
            break;
        }
    }
    all
}

/// Writes the filters of the lists: for the program that makes them.
#[must_use]
pub fn set(lists: [&[u32]; LISTS]) -> Vec<u8> {
    let mut filters = vec![0u8; begin(LISTS)];
    for (list, words) in lists.iter().enumerate() {
        for hash in *words {
            for bit in places(*hash, list) {
                if let Some(byte) = filters.get_mut(begin(list) + bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
    }
    filters
}
