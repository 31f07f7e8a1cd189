//! One pass over a text: its n-grams, words and cues, in blocks of 256 bytes.
//!
//! Training and judging both read through here, so that what was learnt is what is seen.

use super::block::{BLOCK, Block, RUDE};
use super::classes::{self, Class};
use super::{coarse, words};
use crate::span::Span;

/// How many buckets the n-grams share, as a power of two.
pub const BUCKET_BITS: u32 = 18;
/// How many buckets the n-grams share.
pub const BUCKETS: usize = 1 << BUCKET_BITS;

/// Who takes what was read.
pub trait Sink {
    /// One n-gram, as its bucket, less than [`BUCKETS`].
    fn gram(&mut self, bucket: usize);
    /// A block has ended; its n-grams were all told before.
    fn block(&mut self, block: &Block);
}

/// Multipliers of the hashes: odd, without pattern; each kind of n-gram has its own.
const CHAR_KEYS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9];
const WORD_KEYS: [u64; 3] = [0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];
const CLASS_KEYS: [u64; 3] = [0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3, 0x1D8E_4E27_C47D_124F];
const SPREAD: u64 = 0xBF58_476D_1CE4_E5B9;

/// The bucket of a hash.
fn bucket(hash: u64, key: u64) -> usize {
    // The top bits of a product are the well mixed ones; 18 of them always fit.
    usize::try_from(hash.wrapping_mul(key) >> (64 - BUCKET_BITS)).unwrap_or(0)
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

/// What a character counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Of a word.
    Letter,
    /// A letter of a script that writes no spaces: a word of its own.
    Glyph,
    /// Of a word, but as if it were not there.
    Apostrophe,
    /// Between words.
    Space,
    /// All else.
    Mark,
}

/// Reads a folded text whole.
pub fn read(text: &str, surprise: &[i8], sink: &mut impl Sink) {
    let mut reader =
        Reader { surprise, sink, block: Block::default(), chars: Chars::default(), words: Words::default() };
    for (at, c) in text.char_indices() {
        if at >= reader.block.span.start + BLOCK {
            reader.cut(at);
        }
        reader.char(c);
    }
    reader.word_end();
    reader.cut(text.len());
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

#[derive(Default)]
struct Chars {
    /// Running hashes of the last 1 to 5 characters.
    runs: [u64; 5],
    /// How many characters were read, up to five.
    read: usize,
    /// The last two symbols of the character model.
    symbols: usize,
    space: bool,
    /// The character before, as it stood.
    last: char,
    /// How often it has stood there in a row.
    repeated: u32,
}

struct Words {
    hash: WordHash,
    open: bool,
    /// Hashes of the two words before.
    before: [u64; 2],
    /// The classes of the last words that had one, and how many words ago they stood.
    classes: [Class; 2],
    since: u32,
    digits: bool,
}

impl Default for Words {
    fn default() -> Self {
        Self { hash: WordHash::NEW, open: false, before: [0; 2], classes: [0; 2], since: 0, digits: false }
    }
}

struct Reader<'a, S> {
    surprise: &'a [i8],
    sink: &'a mut S,
    block: Block,
    chars: Chars,
    words: Words,
}

impl<S: Sink> Reader<'_, S> {
    fn char(&mut self, c: char) {
        let (code, sort) = read_as(c);
        self.repeats(c);
        match sort {
            Sort::Letter => {
                self.words.hash.push(code);
                self.words.open = true;
                self.words.digits = code == u32::from('0');
            }
            Sort::Apostrophe => {}
            Sort::Glyph => {
                self.word_end();
                self.words.hash.push(code);
                self.words.open = true;
                self.word_end();
            }
            Sort::Space => {
                self.word_end();
                self.block.lines += u32::from(c == '\n');
                if std::mem::replace(&mut self.chars.space, true) {
                    return;
                }
            }
            Sort::Mark => {
                self.word_end();
                self.mark(c);
            }
        }
        self.chars.space = sort == Sort::Space;
        self.block.chars += 1;
        self.block.foreign += u32::from(code >= 128);
        self.grams(code);
        self.symbol(code);
    }

    fn grams(&mut self, code: u32) {
        let x = u64::from(code).wrapping_mul(SPREAD);
        let x = x ^ (x >> 31);
        let runs = &mut self.chars.runs;
        for n in (1..5).rev() {
            runs[n] = runs[n - 1].rotate_left(11).wrapping_add(x);
        }
        runs[0] = x;
        self.chars.read = (self.chars.read + 1).min(5);
        for (n, key) in CHAR_KEYS.iter().enumerate() {
            if self.chars.read >= n + 3 {
                self.block.grams += 1;
                self.sink.gram(bucket(self.chars.runs[n + 2], *key));
            }
        }
    }

    /// How much a character surprises after the two before it.
    fn symbol(&mut self, code: u32) {
        let at = ((self.chars.symbols << 5) | symbol(code)) & 0x7FFF;
        let surprise = self.surprise.get(at).copied().unwrap_or(0);
        self.block.surprise += i32::from(surprise);
        // Leaky sum: high where about thirty characters in a row are unlike language.
        self.block.leak += (i32::from(surprise) * 16 - self.block.leak) >> 5;
        self.block.strangest = self.block.strangest.max(self.block.leak);
        self.chars.symbols = at & 0x3FF;
    }

    fn repeats(&mut self, c: char) {
        self.chars.repeated = if c == self.chars.last { self.chars.repeated + 1 } else { 0 };
        self.chars.last = c;
        self.block.repeats = self.block.repeats.max(self.chars.repeated);
    }

    fn mark(&mut self, c: char) {
        let index = match c {
            '?' => 0,
            '!' => 1,
            ':' => 2,
            '"' | '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' | '`' => 3,
            '<' | '>' => 4,
            '[' | ']' => 5,
            '{' | '}' => 6,
            '(' | ')' => 7,
            '=' | '+' | '*' | '/' | '\\' | '^' | '%' | '$' => 8,
            '#' | '|' | '~' | '_' | '-' => 9,
            '.' | ',' | ';' => 10,
            _ => 11,
        };
        self.block.marks[index] += 1;
    }

    fn word_end(&mut self) {
        if !self.words.open {
            return;
        }
        let hash = std::mem::replace(&mut self.words.hash, WordHash::NEW).finish();
        self.words.open = false;
        self.block.words += 1;
        self.block.numbers += u32::from(self.words.digits);
        let [one, two] = self.words.before;
        let pair = one.rotate_left(23).wrapping_add(hash);
        let triple = two.rotate_left(41).wrapping_add(pair);
        for (gram, key) in [hash, pair, triple].into_iter().zip(WORD_KEYS) {
            self.block.grams += 1;
            self.sink.gram(bucket(gram, key));
        }
        self.words.before = [hash, one];
        let print = WordHash::fingerprint(hash);
        if let Some(row) = words::table().row(print) {
            self.block.known += 1;
            for (sum, value) in self.block.meaning.iter_mut().zip(row) {
                *sum += i32::from(i8::from_ne_bytes([*value]));
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
                self.block.grams += 1;
                self.sink.gram(bucket(chain.wrapping_mul(SPREAD) ^ chain, key));
            }
        }
        self.words.classes = [class, self.words.classes[0]];
    }

    fn cut(&mut self, at: usize) {
        if at == self.block.span.start {
            return;
        }
        self.block.span.end = at;
        let leak = self.block.leak;
        let block = std::mem::take(&mut self.block);
        self.block.span = Span::new(at, at);
        self.block.leak = leak;
        self.block.strangest = leak;
        self.sink.block(&block);
    }
}

/// What a character is read as: digits as nought, accented letters as their base, spaces and controls as one space.
pub(crate) fn read_as(c: char) -> (u32, Sort) {
    match c {
        'a'..='z' => (c as u32, Sort::Letter),
        'A'..='Z' => (c as u32 + 32, Sort::Letter),
        '0'..='9' => (u32::from('0'), Sort::Letter),
        '\'' | '\u{2019}' => (u32::from('\''), Sort::Apostrophe),
        '\0'..=' ' | '\u{7f}'..='\u{a0}' => (32, Sort::Space),
        '!'..='~' => (c as u32, Sort::Mark),
        '\u{c0}'..='\u{17f}' => (base(c), Sort::Letter),
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{2e80}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => {
            (c as u32, if c.is_alphanumeric() { Sort::Glyph } else { Sort::Mark })
        }
        _ if c.is_alphanumeric() || ('\u{900}'..='\u{dff}').contains(&c) => (c as u32, Sort::Letter),
        _ if c.is_whitespace() => (32, Sort::Space),
        _ => (c as u32, Sort::Mark),
    }
}

/// Base letters of U+00C0 to U+017F; `?` where there is none.
const BASES: &[u8; 192] = b"aaaaaaaceeeeiiiidnooooo?ouuuuytsaaaaaaaceeeeiiiidnooooo?ouuuuyty\
aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll\
lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

fn base(c: char) -> u32 {
    let at = (c as usize).wrapping_sub(0xC0);
    match BASES.get(at) {
        Some(b'?') | None => c as u32,
        Some(letter) => u32::from(*letter),
    }
}

/// One of 32 symbols for the character model.
fn symbol(code: u32) -> usize {
    match code {
        97..=122 => usize::try_from(code - 96).unwrap_or(0),
        32 => 0,
        48 => 27,
        44 | 46 | 63 | 33 | 39 => 28,
        34 | 40 | 41 | 45 | 58 | 59 => 29,
        0..=127 => 30,
        _ => 31,
    }
}
