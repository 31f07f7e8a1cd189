//! Words of a list that begin at a place of a text, found by their first three bytes: what most places have begins no word,
//! and costs one look at a small table.

/// Bits of a place in the table.
const BITS: u32 = 14;
/// Places of the table.
const SLOTS: usize = 1 << BITS;

/// Words, in either case of ASCII letters.
#[derive(Debug)]
pub(crate) struct Lookup {
    words: Vec<Box<[u8]>>,
    /// Whether a place has an entry, a bit each.
    taken: [u32; SLOTS / 32],
    /// For each place the first of its entries; nought: it has none.
    heads: Box<[u16; SLOTS]>,
    /// The same for words of one byte, by that.
    single: [u16; 256],
    /// Which word, and the next entry; nought: there is none. The first of all stands for none.
    entries: Vec<(u16, u16)>,
}

/// The place of three bytes, of which the last are the first of a text. Letters of either case have the same one, and so has
/// much that is told apart later.
fn place(three: u32) -> usize {
    ((three | 0x0020_2020).wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

/// The bytes at a place, noughts behind the end.
#[inline]
fn three(text: &[u8], at: usize) -> u32 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<4>() {
        // The lowest three of them, fetched at once.
        Some(four) => u32::from_le_bytes(*four) & 0x00ff_ffff,
        None => rest.iter().take(3).rev().fold(0, |three, b| three << 8 | u32::from(*b)),
    }
}

impl Lookup {
    /// Compiles a list. It has room for some thousands of words; those beyond are not found.
    pub(crate) fn new(words: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut all = Self {
            words: words.into_iter().map(|word| word.as_ref().as_bytes().into()).collect(),
            taken: [0; SLOTS / 32],
            heads: Box::new([0; SLOTS]),
            single: [0; 256],
            entries: vec![(0, 0)],
        };
        for (index, word) in (0_u16..).zip(all.words.clone()) {
            match *word {
                [] => {}
                [one] if one.is_ascii_alphabetic() => {
                    all.entry(one.to_ascii_lowercase(), index);
                    all.entry(one.to_ascii_uppercase(), index);
                }
                [one] => all.entry(one, index),
                // Whatever stands behind it.
                [one, two] => (0..=0xff).for_each(|any| all.add([one, two, any], index)),
                [one, two, three, ..] => all.add([one, two, three], index),
            }
        }
        all
    }

    fn entry(&mut self, byte: u8, index: u16) {
        if let (Some(head), Ok(new)) = (self.single.get_mut(usize::from(byte)), u16::try_from(self.entries.len())) {
            self.entries.push((index, *head));
            *head = new;
        }
    }

    fn add(&mut self, [one, two, three]: [u8; 3], index: u16) {
        let place = place(u32::from_le_bytes([one, two, three, 0]));
        let known = self.chain(self.heads.get(place).copied().unwrap_or(0)).any(|known| known == index);
        let Ok(new) = u16::try_from(self.entries.len()) else { return };
        if let (false, Some(head), Some(taken)) = (known, self.heads.get_mut(place), self.taken.get_mut(place / 32)) {
            self.entries.push((index, *head));
            *head = new;
            *taken |= 1 << (place % 32);
        }
    }

    fn chain(&self, head: u16) -> impl Iterator<Item = u16> {
        let entry = |at: u16| self.entries.get(usize::from(at)).filter(|_| at != 0);
        std::iter::successors(entry(head), move |(_, next)| entry(*next)).map(|(index, _)| *index)
    }

    /// Whether a word may begin with these bytes.
    #[inline]
    fn may(&self, three: u32) -> bool {
        let place = place(three);
        self.taken.get(place / 32).is_some_and(|taken| taken >> (place % 32) & 1 == 1)
    }

    /// Tells the words that begin at a place: where each ends, and its number in the list.
    #[inline]
    pub(crate) fn at(&self, text: &[u8], at: usize, mut tell: impl FnMut(usize, usize)) {
        let three = three(text, at);
        let single = text.get(at).and_then(|b| self.single.get(usize::from(*b))).copied().unwrap_or(0);
        if single != 0 {
            self.chain(single).for_each(|index| tell(at + 1, usize::from(index)));
        }
        if self.may(three) {
            self.begun(text, at, place(three), &mut tell);
        }
    }

    fn begun(&self, text: &[u8], at: usize, place: usize, tell: &mut impl FnMut(usize, usize)) {
        for index in self.chain(self.heads.get(place).copied().unwrap_or(0)).map(usize::from) {
            let Some(word) = self.words.get(index) else { continue };
            let end = at + word.len();
            if text.get(at..end).is_some_and(|stretch| stretch.eq_ignore_ascii_case(word)) {
                tell(end, index);
            }
        }
    }

    /// Tells all words of a text, those that begin before others first: where each begins and ends, and its number in the list.
    pub(crate) fn all(&self, text: &[u8], mut tell: impl FnMut(usize, usize, usize)) {
        for (at, window) in text.windows(4).enumerate() {
            let Some(four) = window.first_chunk() else { continue };
            // The lowest three of the bytes.
            let three = u32::from_le_bytes(*four) & 0x00ff_ffff;
            if self.may(three) || self.single.get((three & 0xff) as usize).is_some_and(|head| *head != 0) {
                self.at(text, at, |end, index| tell(at, end, index));
            }
        }
        for at in text.len().saturating_sub(3)..text.len() {
            self.at(text, at, |end, index| tell(at, end, index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_found_where_they_begin() {
        let words = Lookup::new(["|", "v", "ip", "Key", "keyboard", "ключ", "key"]);
        let found = |text: &str| {
            let mut found = Vec::new();
            words.all(text.as_bytes(), |at, end, index| found.push((at, end, index)));
            found.sort_unstable();
            found
        };
        assert_eq!(found("a KEYBOARD"), [(2, 5, 3), (2, 5, 6), (2, 10, 4)]);
        assert_eq!(found("ip|V"), [(0, 2, 2), (2, 3, 0), (3, 4, 1)]);
        assert_eq!(found("IP"), [(0, 2, 2)]);
        assert_eq!(found("ключ КЛЮЧ"), [(0, 8, 5)]);
        assert_eq!(found("ke"), []);
    }

    proptest! {
        #[test]
        fn all_words_are_found(
            words in proptest::collection::vec("[a-cA|_ é]{1,4}", 1..20),
            text in "[a-cA-C|_ é]{0,40}"
        ) {
            let mut found = Vec::new();
            Lookup::new(&words).all(text.as_bytes(), |at, end, index| found.push((at, end, index)));
            found.sort_unstable();
            let bytes = text.as_bytes();
            let mut slowly = Vec::new();
            for at in 0..bytes.len() {
                for (index, word) in words.iter().enumerate() {
                    let end = at + word.len();
                    if bytes.get(at..end).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes())) {
                        slowly.push((at, end, index));
                    }
                }
            }
            slowly.sort_unstable();
            prop_assert_eq!(found, slowly);
        }
    }
}
