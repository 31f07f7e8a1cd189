//! One pass over a text: its n-grams, words and cues, in blocks of 256 bytes.
//!
//! Training and judging both read through here, so that what was learnt is what is seen.

use super::block::{BLOCK, Block, RUDE};
use super::chars::{Sort, ascii, mark, read_as, symbol};
use super::classes::Class;
use super::code::Code;
use super::lexicon;
use super::model::SURPRISES;
use super::words::DIM;
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
        grams: [[0; 3]; BLOCK],
        more: Vec::with_capacity(BLOCK),
        prints: Vec::with_capacity(BLOCK),
        known: Vec::with_capacity(BLOCK),
    };
    let mut start = 0;
    while start < text.len() {
        let mut end = (start + BLOCK).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        reader.stretch(text.get(start..end).unwrap_or_default());
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
    /// The last symbols of the character model, of which two and the next one make a place.
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
    /// The n-grams that end with each character of a block.
    grams: [[u32; 3]; BLOCK],
    /// Those of words and classes.
    more: Vec<u32>,
    /// The fingerprints of a block's words, and room for what is known of them.
    prints: Vec<u32>,
    known: Vec<lexicon::Known>,
}

impl<S: Sink> Reader<'_, S> {
    /// Reads a block: first its words, then its characters, each in a loop that has little to remember.
    fn stretch(&mut self, text: &str) {
        if text.is_ascii() {
            let mut codes = [0_u8; BLOCK];
            let count = self.ascii(text.as_bytes(), &mut codes);
            self.characters(codes.get(..count).unwrap_or_default());
        } else {
            let mut codes = [0_u32; BLOCK];
            let count = self.letters(text, &mut codes);
            self.characters(codes.get(..count).unwrap_or_default());
        }
    }

    fn characters(&mut self, codes: &[impl Code]) {
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
            self.block.foreign += u32::from(code >= 128);
            if let Some(slot) = codes.get_mut(count) {
                *slot = code;
            }
            count += 1;
        }
        self.word = word;
        self.block.repeats = longest;
        count
    }

    /// The same of a block of nothing but ASCII, a word at a time.
    fn ascii(&mut self, bytes: &[u8], codes: &mut [u8; BLOCK]) -> usize {
        self.repeats(bytes);
        let mut word = self.word;
        let (mut count, mut rest) = (0, bytes.iter());
        let mut put = |code: u8| {
            if let Some(slot) = codes.get_mut(count) {
                *slot = code;
            }
            count += 1;
        };
        while let Some(first) = rest.next() {
            let mut b = *first;
            let mut known = ascii(b);
            if known.sort == Sort::Letter {
                let mut hash = word.hash;
                let (ended, last) = loop {
                    let code = known.code;
                    hash.push(u32::from(code));
                    put(code);
                    let Some(next) = rest.next() else { break (true, code) };
                    b = *next;
                    known = ascii(b);
                    if known.sort != Sort::Letter {
                        break (false, code);
                    }
                };
                (word.hash, word.open, word.space, word.digits) = (hash, true, false, last == b'0');
                if ended {
                    break;
                }
            }
            if known.sort != Sort::Apostrophe && std::mem::take(&mut word.open) {
                self.word(std::mem::replace(&mut word.hash, WordHash::NEW), word.digits);
            }
            if known.sort == Sort::Space {
                self.block.lines += u32::from(b == b'\n');
                if std::mem::replace(&mut word.space, true) {
                    continue;
                }
            } else {
                word.space = false;
                if known.sort == Sort::Mark
                    && let Some(seen) = self.block.marks.get_mut(known.mark())
                {
                    *seen += 1;
                }
            }
            put(known.code);
        }
        (word.last, word.repeated) = (self.word.last, self.word.repeated);
        self.word = word;
        count
    }

    /// The longest run of one character in a block of ASCII, and where it ends the one that goes on.
    fn repeats(&mut self, bytes: &[u8]) {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return };
        let goes_on = self.word.last == char::from(*first);
        // Hardly a block has three alike in a row: whether one has is told without a branch for each.
        let second = bytes.get(1..).unwrap_or_default();
        let third = bytes.get(2..).unwrap_or_default();
        let pairs = bytes.iter().zip(second).fold(false, |any, (a, b)| any | (a == b));
        let threes = bytes.iter().zip(second).zip(third).fold(false, |any, ((a, b), c)| any | ((a == b) & (b == c)));
        if threes || goes_on {
            for b in bytes {
                let c = char::from(*b);
                self.word.repeated = if c == self.word.last { self.word.repeated + 1 } else { 0 };
                self.word.last = c;
                self.block.repeats = self.block.repeats.max(self.word.repeated);
            }
            return;
        }
        self.word.last = char::from(*last);
        self.word.repeated = u32::from(bytes.iter().rev().nth(1) == Some(last));
        self.block.repeats = self.block.repeats.max(u32::from(pairs));
    }

    /// The n-grams that end with each character.
    fn char_grams(&mut self, codes: &[impl Code]) {
        let [mut one, mut two, mut three, mut four] = self.chars.runs;
        for (code, slots) in codes.iter().zip(&mut self.grams) {
            let x = code.spread();
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
    fn symbols(&mut self, codes: &[impl Code]) {
        // As many as there are places: none has to be checked.
        let Some(known) = self.surprise.first_chunk::<SURPRISES>() else { return };
        let (mut symbols, mut sum) = (self.chars.symbols, 0);
        let (mut leak, mut strangest) = (self.block.leak, self.block.strangest);
        for code in codes {
            symbols = (symbols << 5 | code.symbol()) % SURPRISES;
            let surprise = i32::from(known.get(symbols).copied().unwrap_or(0));
            sum += surprise;
            // Leaky sum: high where about thirty characters in a row are unlike language.
            leak += (surprise * 16 - leak) >> 5;
            strangest = strangest.max(leak);
        }
        self.chars.symbols = symbols;
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
        self.prints.push(WordHash::fingerprint(hash));
    }

    /// What is known of the words of a block: looked up together, so that none waits for what another has to wait for.
    fn look_up(&mut self) {
        let mut known = std::mem::take(&mut self.known);
        known.clear();
        known.extend(self.prints.drain(..).map(lexicon::of));
        let mut meaning = [0_i16; DIM];
        for vector in known.iter().filter_map(|known| known.vector()) {
            self.block.known += 1;
            // A block has no room for so many words that a sum is too large.
            meaning
                .iter_mut()
                .zip(vector)
                .for_each(|(sum, value)| *sum = sum.wrapping_add(i16::from(value.cast_signed())));
        }
        self.block.meaning = meaning.map(i32::from);
        for word in &known {
            self.coarse(i32::from(word.coarse));
            self.class(word.class);
        }
        self.known = known;
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
        self.look_up();
        self.block.grams += self.more.len() as u32;
        self.sink.grams(&self.more);
        self.more.clear();
        let leak = self.block.leak;
        let block = std::mem::take(&mut self.block);
        self.block.span = Span::new(at, at);
        self.block.leak = leak;
        self.block.strangest = leak;
        self.sink.block(&block);
    }
}
