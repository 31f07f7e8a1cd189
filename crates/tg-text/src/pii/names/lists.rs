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

/// Where the bits of a word stand in a list: a step from one to the next, and where the first is.
fn steps(hash: u32) -> (u32, u32) {
    ((hash.wrapping_mul(0x9e37_79b1) >> 7) | 1, (hash ^ hash >> 15).wrapping_mul(0x85eb_ca6b))
}

fn places(hash: u32, list: usize) -> impl Iterator<Item = usize> {
    let bits = BITS.get(list).copied().unwrap_or(18);
    let (step, first) = steps(hash);
    (0..HASHES).map(move |turn| ((first.wrapping_add(step.wrapping_mul(turn))) >> (32 - bits)) as usize)
}

/// Where each list begins, and where the last one ends.
const BEGIN: [usize; LISTS + 1] = {
    let mut begin = [0; LISTS + 1];
    let mut list = 0;
    while list < LISTS {
        begin[list + 1] = begin[list] + (1 << BITS[list]) / 8;
        list += 1;
    }
    begin
};

/// Whether a word is in a list.
#[inline]
fn has<const LIST: usize>(step: u32, first: u32) -> bool {
    let Some(list) = FILTERS.get(const { BEGIN[LIST] }..const { BEGIN[LIST + 1] }) else { return false };
    // All of them are looked at: whether one is set is as good as chance.
    (0..HASHES).fold(true, |all, turn| {
        let bit = (first.wrapping_add(step.wrapping_mul(turn)) >> const { 32 - BITS[LIST] }) as usize;
        all & list.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    })
}

/// The lists that a word is in, one bit each. What is `lower` is looked for in all lists only where it is in the first:
/// most words of a text are in lower case and no names.
pub(super) fn of(hash: u32, lower: bool) -> u8 {
    let (step, first) = steps(hash);
    let given = has::<0>(step, first);
    if lower && !given {
        return 0;
    }
    let [family, common, place] = [has::<1>(step, first), has::<2>(step, first), has::<3>(step, first)];
    u8::from(given) | u8::from(family) << 1 | u8::from(common) << 2 | u8::from(place) << 3
}

/// Writes the filters of the lists: for the program that makes them.
#[must_use]
pub fn set(lists: [&[u32]; LISTS]) -> Vec<u8> {
    let mut filters = vec![0u8; BEGIN[LISTS]];
    for (list, words) in lists.iter().enumerate() {
        for hash in *words {
            for bit in places(*hash, list) {
                if let Some(byte) = filters.get_mut(BEGIN[list] + bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
    }
    filters
}
