//! One pass over a text: its n-grams, words and cues, in blocks of 256 bytes.
//!
//! Training and judging both read through here, so that what was learnt is what is seen.

use super::block::{BLOCK, Block, RUDE};
use super::chars::{Sort, mark, read_as, symbol};
use super::classes::{self, Class};
use super::coarse;
use super::words::{self, DIM};
use crate::span::Span;

/// How many buckets the n-grams share, as a power of two.
pub const BUCKET_BITS: u32 = 18;
/// How many buckets the n-grams share.
pub const BUCKETS: usize = 1 << BUCKET_BITS;

/// Who takes what was read.
pub trait Sink {
    /// Some n-grams of a block, in any order, each as its bucket, less than [`BUCKETS`].
    fn grams(&mut self, buckets: &[u32]);
    /// A block has ended; its n-grams were all told before.
    fn block(&mut self, block: &Block);
}

/// Multipliers of the hashes: odd, without pattern; each kind of n-gram has its own.
pub(super) const CHAR_KEYS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9];
pub(super) const WORD_KEYS: [u64; 3] = [0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];
pub(super) const CLASS_KEYS: [u64; 3] = [0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3, 0x1D8E_4E27_C47D_124F];
pub(super) const SPREAD: u64 = 0xBF58_476D_1CE4_E5B9;

/// The bucket of a hash.
pub(super) fn bucket(hash: u64, key: u64) -> u32 {
    // The top bits of a product are the well mixed ones; 18 of them always fit.
    (hash.wrapping_mul(key) >> (64 - BUCKET_BITS)) as u32
}

/// The running hash of one word; the same as in `training/distill.py`.
#[derive(Clone, Copy, Debug)]
pub struct WordHash(u64);

impl WordHash {
    /// No character yet.
    pub const NEW: Self = Self(0xCBF2_9CE4_8422_2325);

    /// One more character.
    pub fn push(&mut self, c: u32) {
        self.0 = (self.0 ^ u64::from(c)).wrapping_mul(0x0100_0000_01B3);
    }

    /// The whole hash, well mixed.
    #[must_use]
    pub fn finish(self) -> u64 {
        (self.0 ^ (self.0 >> 29)).wrapping_mul(SPREAD)
    }

    /// The 32 bits that stand for the word in tables.
    #[must_use]
    pub fn fingerprint(hash: u64) -> u32 {
        u32::try_from(hash >> 32).unwrap_or(0)
    }

    /// The fingerprint of a word.
    #[must_use]
    pub fn of(word: &str) -> u32 {
        let mut hash = Self::NEW;
        word.chars().for_each(|c| hash.push(c as u32));
        Self::fingerprint(hash.finish())
    }
}

/// Reads a folded text whole.
pub fn read(text: &str, surprise: &[i8], sink: &mut impl Sink) {
    let mut reader = Reader {
        surprise,
        sink,
        block: Block::default(),
        chars: Chars::default(),
        word: Word::default(),
        words: Words::default(),
        meaning: [0; DIM],
        grams: [[0; 3]; BLOCK],
        more: Vec::with_capacity(BLOCK),
    };
    let mut codes = [0; BLOCK];
    let mut start = 0;
    while start < text.len() {
        let mut end = (start + BLOCK).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        reader.stretch(text.get(start..end).unwrap_or_default(), &mut codes);
        if end == text.len() {
            reader.last_word();
        }
        reader.cut(end);
        start = end;
    }
}

/// Tells the places in the character model of all characters of a text, to train it.
pub fn symbols(text: &str, mut seen: impl FnMut(usize)) {
    let mut at = 0;
    let mut space = false;
    for (code, sort) in text.chars().map(read_as) {
        if !(std::mem::replace(&mut space, sort == Sort::Space) && space) {
            at = ((at << 5) | symbol(code)) & 0x7FFF;
            seen(at);
        }
    }
}

/// What was read of characters, over blocks.
#[derive(Default)]
struct Chars {
    /// Running hashes of the last 1 to 4 characters.
    runs: [u64; 4],
    /// How many characters were read, up to four.
    read: usize,
    /// The last two symbols of the character model.
    symbols: usize,
}

/// The word that is being read, and the character before, over blocks.
#[derive(Clone, Copy)]
struct Word {
    hash: WordHash,
    open: bool,
    /// Whether the last letter was a digit.
    digits: bool,
    /// Whether a space stood before.
    space: bool,
    /// The character before, as it stood.
    last: char,
    /// How often it has stood there in a row.
    repeated: u32,
}

impl Default for Word {
    fn default() -> Self {
        Self { hash: WordHash::NEW, open: false, digits: false, space: false, last: '\0', repeated: 0 }
    }
}

#[derive(Default)]
struct Words {
    /// Hashes of the two words before.
    before: [u64; 2],
    /// The classes of the last words that had one, and how many words ago they stood.
    classes: [Class; 2],
    since: u32,
}

struct Reader<'a, S> {
    surprise: &'a [i8],
    sink: &'a mut S,
    block: Block,
    chars: Chars,
    word: Word,
    words: Words,
    /// Sums of the known words' vectors in a block, of which none has room for so many words that one is too large.
    meaning: [i16; DIM],
    /// The n-grams that end with each character of a block.
    grams: [[u32; 3]; BLOCK],
    /// Those of words and classes.
    more: Vec<u32>,
}

impl<S: Sink> Reader<'_, S> {
    /// Reads a block: first its words, then its characters, each in a loop that has little to remember.
    fn stretch(&mut self, text: &str, codes: &mut [u32; BLOCK]) {
        let count = self.letters(text, codes);
        let codes = codes.get(..count).unwrap_or_default();
        self.block.chars += codes.len() as u32;
        self.char_grams(codes);
        self.symbols(codes);
    }

    /// Words, marks and lines; characters are written down as they are read, runs of spaces as one. How many they are.
    fn letters(&mut self, text: &str, codes: &mut [u32; BLOCK]) -> usize {
        let mut word = self.word;
        let (mut count, mut longest) = (0, self.block.repeats);
        for c in text.chars() {
            let (code, sort) = read_as(c);
            word.repeated = if c == word.last { word.repeated + 1 } else { 0 };
            word.last = c;
            longest = longest.max(word.repeated);
            match sort {
                Sort::Letter => {
                    word.hash.push(code);
                    word.open = true;
                    word.digits = code == u32::from('0');
                }
                Sort::Apostrophe => {}
                _ => {
                    if std::mem::take(&mut word.open) {
                        self.word(std::mem::replace(&mut word.hash, WordHash::NEW), word.digits);
                    }
                    match sort {
                        Sort::Glyph => {
                            let mut alone = WordHash::NEW;
                            alone.push(code);
                            self.word(alone, word.digits);
                        }
                        Sort::Space => {
                            self.block.lines += u32::from(c == '\n');
                            if std::mem::replace(&mut word.space, true) {
                                continue;
                            }
                        }
                        _ => {
                            if let Some(seen) = self.block.marks.get_mut(mark(c)) {
                                *seen += 1;
                            }
                        }
                    }
                }
            }
            word.space = sort == Sort::Space;
            if let Some(slot) = codes.get_mut(count) {
                *slot = code;
            }
            count += 1;
        }
        self.word = word;
        self.block.repeats = longest;
        count
    }

    /// The n-grams that end with each character.
    fn char_grams(&mut self, codes: &[u32]) {
        let [mut one, mut two, mut three, mut four] = self.chars.runs;
        for (code, slots) in codes.iter().zip(&mut self.grams) {
            let x = u64::from(*code).wrapping_mul(SPREAD);
            let x = x ^ (x >> 31);
            let five = four.rotate_left(11).wrapping_add(x);
            four = three.rotate_left(11).wrapping_add(x);
            three = two.rotate_left(11).wrapping_add(x);
            two = one.rotate_left(11).wrapping_add(x);
            one = x;
            let [key, longer, longest] = CHAR_KEYS;
            *slots = [bucket(three, key), bucket(four, longer), bucket(five, longest)];
        }
        self.chars.runs = [one, two, three, four];
        // At the beginning of a text there are no two, three or four characters before.
        let early = codes.len().min(4 - self.chars.read);
        let (begun, all) = self.grams.get(..codes.len()).unwrap_or_default().split_at(early);
        for slots in begun {
            let whole = slots.get(..self.chars.read.saturating_sub(1)).unwrap_or_default();
            self.block.grams += whole.len() as u32;
            self.sink.grams(whole);
            self.chars.read += 1;
        }
        self.block.grams += 3 * all.len() as u32;
        self.sink.grams(all.as_flattened());
    }

    /// How much each character surprises after the two before it.
    fn symbols(&mut self, codes: &[u32]) {
        let (mut symbols, mut foreign, mut sum) = (self.chars.symbols, 0, 0);
        let (mut leak, mut strangest) = (self.block.leak, self.block.strangest);
        for code in codes {
            let at = ((symbols << 5) | symbol(*code)) & 0x7FFF;
            let surprise = i32::from(self.surprise.get(at).copied().unwrap_or(0));
            sum += surprise;
            // Leaky sum: high where about thirty characters in a row are unlike language.
            leak += (surprise * 16 - leak) >> 5;
            strangest = strangest.max(leak);
            symbols = at & 0x3FF;
            foreign += u32::from(*code >= 128);
        }
        self.chars.symbols = symbols;
        self.block.foreign += foreign;
        self.block.surprise += sum;
        (self.block.leak, self.block.strangest) = (leak, strangest);
    }

    /// The word that the text ends with.
    fn last_word(&mut self) {
        if std::mem::take(&mut self.word.open) {
            let Word { hash, digits, .. } = self.word;
            self.word(hash, digits);
        }
    }

    fn word(&mut self, hash: WordHash, digits: bool) {
        let hash = hash.finish();
        self.block.words += 1;
        self.block.numbers += u32::from(digits);
        let [one, two] = self.words.before;
        let pair = one.rotate_left(23).wrapping_add(hash);
        let triple = two.rotate_left(41).wrapping_add(pair);
        let [key, longer, longest] = WORD_KEYS;
        self.more.extend_from_slice(&[bucket(hash, key), bucket(pair, longer), bucket(triple, longest)]);
        self.words.before = [hash, one];
        let print = WordHash::fingerprint(hash);
        if let Some(row) = words::table().row(print) {
            self.block.known += 1;
            for (sum, value) in self.meaning.iter_mut().zip(row) {
                *sum = sum.wrapping_add(i16::from(value.cast_signed()));
            }
        }
        self.coarse(i32::from(coarse::of(print)));
        self.class(classes::of(print));
    }

    fn coarse(&mut self, number: i32) {
        self.block.coarse += number;
        self.block.coarsest = self.block.coarsest.max(number);
        self.block.rude += u32::from(number >= RUDE);
    }

    /// A word's class: counted, and chained with the classes before it as an n-gram over classes, so that a wording
    /// that was never seen is known by the sorts of its words.
    fn class(&mut self, class: Class) {
        self.words.since += 1;
        if class == 0 {
            return;
        }
        if self.words.since > 8 {
            self.words.classes = [0; 2];
        }
        self.words.since = 0;
        if let Some(count) = self.block.classes.get_mut(usize::from(class) - 1) {
            *count += 1;
        }
        let [one, two] = self.words.classes.map(u64::from);
        let this = u64::from(class);
        let chains = [(this << 8) | one, (this << 16) | (one << 8) | two, (this << 8) | two | (1 << 40)];
        let wanted = [one != 0, two != 0, two != 0];
        for ((chain, key), wanted) in chains.into_iter().zip(CLASS_KEYS).zip(wanted) {
            if wanted {
                self.more.push(bucket(chain.wrapping_mul(SPREAD) ^ chain, key));
            }
        }
        self.words.classes = [class, self.words.classes[0]];
    }

    fn cut(&mut self, at: usize) {
        self.block.span.end = at;
        self.block.grams += self.more.len() as u32;
        self.sink.grams(&self.more);
        self.more.clear();
        let meaning = std::mem::replace(&mut self.meaning, [0; DIM]);
        self.block.meaning = meaning.map(i32::from);
        let leak = self.block.leak;
        let block = std::mem::take(&mut self.block);
        self.block.span = Span::new(at, at);
        self.block.leak = leak;
        self.block.strangest = leak;
        self.sink.block(&block);
    }
}
