//! A text as words: letters, digits, marks and line ends, each with its place and its case.

use super::letters::{ALPHANUMERIC, CHANGES, LOWER, NUMERIC, UPPER, kinds};

/// One word. A text can have as many as it has bytes: each takes little room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    start: u32,
    end: u32,
    /// The hash of its lower-case form.
    pub hash: u32,
    /// The hash of its last three letters.
    pub tail: u32,
    /// Cue words that it is one of.
    pub classes: u16,
    pub shape: Shape,
    /// The lists that it is in.
    pub lists: u8,
    /// What its shape and its lists are, and whether it begins a sentence or a line, as one number.
    pub kind: u16,
    /// No plain word of a sentence: it can stand in an address.
    pub odd: bool,
    /// Can be part of something, whatever stands around it.
    pub able: bool,
}

impl Word {
    /// What stands before the first word and behind the last.
    pub(super) const NONE: Self = Self {
        start: 0,
        end: 0,
        hash: 1,
        tail: 0,
        classes: 0,
        shape: Shape::Other,
        lists: 0,
        kind: Shape::Other as u16,
        odd: false,
        able: false,
    };

    pub(super) fn start(&self) -> usize {
        self.start as usize
    }

    pub(super) fn end(&self) -> usize {
        self.end as usize
    }

    fn new(start: usize, end: usize, shape: Shape, hash: u32, tail: u32) -> Self {
        // Beyond 4 GiB, of which no view is made, all words stand at the end.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: place(start), end: place(end), shape, hash, tail, ..Self::NONE }
    }
}

/// What a word looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Shape {
    /// `name`
    Lower,
    /// `Name`
    Capital,
    /// `NAME`
    Upper,
    /// `N`
    Initial,
    /// `McName`, `aName`
    Mixed,
    /// Up to three digits.
    Short,
    /// Four digits.
    Four,
    /// Five and more.
    Long,
    /// Letters with digits.
    Code,
    Comma,
    Dot,
    Line,
    Mark,
    Other,
}

impl Shape {
    pub(super) fn is_word(self) -> bool {
        matches!(self, Self::Lower | Self::Capital | Self::Upper | Self::Initial | Self::Mixed)
    }

    pub(super) fn is_capital(self) -> bool {
        matches!(self, Self::Capital | Self::Upper | Self::Initial | Self::Mixed)
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Short | Self::Four | Self::Long | Self::Code)
    }
}

const BASIS: u32 = 0x811c_9dc5;

fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The hash of a word without its case.
pub(super) fn hash_of(word: &str) -> u32 {
    word.chars().fold(BASIS, mix_lower)
}

/// A character's bytes in lower case.
fn mix_lower(hash: u32, c: char) -> u32 {
    if c.is_ascii() {
        return mix(hash, c.to_ascii_lowercase() as u8);
    }
    let mut buffer = [0; 4];
    let mut with = |hash, c: char| c.encode_utf8(&mut buffer).bytes().fold(hash, mix);
    if kinds(c) & CHANGES == 0 { with(hash, c) } else { c.to_lowercase().fold(hash, with) }
}

/// Splits a text, and adds its words to others; blanks are left out.
pub(super) fn split(text: &str, words: &mut Vec<Word>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let word = match byte {
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            _ if byte.is_ascii_alphanumeric() => plain(text, at).unwrap_or_else(|| any(text, at)),
            _ if byte.is_ascii() => {
                let hash = mix(BASIS, byte);
                Word::new(at, at + 1, mark(char::from(byte)), hash, hash)
            }
            _ => any(text, at),
        };
        at = word.end().max(at + 1);
        words.push(word);
    }
}

/// What a byte is to a word of ASCII: a small letter, a capital, a digit.
const SMALL: u8 = 1;
const CAPITAL: u8 = 2;
const DIGIT: u8 = 4;
/// What may join its parts.
const JOINT: u8 = 8;
/// What is no part of it; of another script.
const END: u8 = 16;
const FOREIGN: u8 = 32;

static BYTES: [u8; 256] = bytes();

const fn bytes() -> [u8; 256] {
    let mut table = [END; 256];
    let mut b = 0;
    while b < 256 {
        match b as u8 {
            b'a'..=b'z' => table[b] = SMALL,
            b'A'..=b'Z' => table[b] = CAPITAL,
            b'0'..=b'9' => table[b] = DIGIT,
            b'\'' | b'-' => table[b] = JOINT,
            0x80.. => table[b] = FOREIGN,
            _ => {}
        }
        b += 1;
    }
    table
}

/// A word of ASCII, which most are; `None`: it goes on with something else.
fn plain(text: &str, start: usize) -> Option<Word> {
    let rest = text.as_bytes().get(start..)?;
    let kind = |byte: u8| BYTES.get(usize::from(byte)).copied().unwrap_or(END);
    // Capitals become small letters.
    let lower = |byte: u8| byte | (kind(byte) & CAPITAL) << 4;
    let (first, others) = rest.split_first()?;
    let (mut length, mut hash) = (1, mix(BASIS, lower(*first)));
    // Which kinds of bytes are behind the first one.
    let mut behind = 0;
    for byte in others {
        let kind = kind(*byte);
        if kind >= JOINT {
            match kind {
                JOINT if text.get(start + length + 1..).is_some_and(joins) => {}
                FOREIGN => return None,
                _ => break,
            }
        }
        hash = mix(hash, lower(*byte));
        behind |= kind;
        length += 1;
    }
    let last = rest.get(length.saturating_sub(3)..length)?;
    let tail = last.iter().fold(BASIS, |hash, b| mix(hash, lower(*b)));
    Some(Word::new(start, start + length, shape(kind(*first), behind, length), hash, tail))
}

/// The shape of a word of ASCII that begins with a byte of one kind, with others behind it. From a table: what words look like is
/// as good as chance, and each branch of it would be guessed wrong.
fn shape(first: u8, behind: u8, length: usize) -> Shape {
    static SHAPES: [Shape; 128] = shapes();
    let capitals = usize::from(behind & CAPITAL != 0);
    let at = usize::from((first | behind) & (SMALL | CAPITAL | DIGIT)) << 4 | capitals << 3 | length.min(LENGTHS - 1);
    SHAPES.get(at).copied().unwrap_or(Shape::Other)
}

/// Lengths that are told apart, the last of them with all that are longer.
const LENGTHS: usize = 6;

const fn shapes() -> [Shape; 128] {
    let mut table = [Shape::Other; 128];
    let mut at = 0;
    while at < 128 {
        let (seen, capitals, length) = ((at >> 4) as u8, at >> 3 & 1 == 1, at & 7);
        table[at] = match seen {
            DIGIT if length <= 3 => Shape::Short,
            DIGIT if length == 4 => Shape::Four,
            DIGIT => Shape::Long,
            _ if seen & DIGIT != 0 => Shape::Code,
            _ if seen & CAPITAL == 0 => Shape::Lower,
            _ if length == 1 => Shape::Initial,
            _ if seen & SMALL == 0 => Shape::Upper,
            _ if capitals => Shape::Mixed,
            _ => Shape::Capital,
        };
        at += 1;
    }
    table
}

/// A word or mark of any script.
fn any(text: &str, start: usize) -> Word {
    let rest = text.get(start..).unwrap_or_default();
    let mut chars = rest.char_indices().peekable();
    let Some((_, first)) = chars.next() else { return Word::new(start, start, Shape::Mark, BASIS, BASIS) };
    let mut hash = mix_lower(BASIS, first);
    let mut end = first.len_utf8();
    if kinds(first) & ALPHANUMERIC == 0 {
        return Word::new(start, start + end, mark(first), hash, hash);
    }
    let mut seen = Seen::default();
    seen.see(first);
    // An apostrophe, a dash or a dot within: O'Neil, Jean-Luc. The `'s` of a possession stands for itself.
    while let Some((at, next)) = chars.peek().copied() {
        let inner = matches!(next, '\'' | '’' | '-') && rest.get(at + next.len_utf8()..).is_some_and(joins);
        if !(kinds(next) & ALPHANUMERIC != 0 || inner) {
            break;
        }
        seen.see(next);
        hash = mix_lower(hash, next);
        end = at + next.len_utf8();
        chars.next();
    }
    let word = rest.get(..end).unwrap_or_default();
    let tail = word.char_indices().rev().nth(2).map_or(hash, |(at, _)| word.get(at..).map_or(0, hash_of));
    Word::new(start, start + end, seen.shape(kinds(first) & UPPER != 0), hash, tail)
}

/// Whether what follows an apostrophe or dash goes on with the word.
fn joins(rest: &str) -> bool {
    let mut chars = rest.chars();
    let (first, second) = (chars.next(), chars.next());
    let possession = matches!(first, Some('s' | 'S')) && second.is_none_or(|c| !c.is_alphanumeric());
    first.is_some_and(char::is_alphabetic) && !possession
}

fn mark(c: char) -> Shape {
    match c {
        ',' => Shape::Comma,
        '.' => Shape::Dot,
        '\n' => Shape::Line,
        _ => Shape::Mark,
    }
}

/// How many characters of a word are of which kind.
#[derive(Clone, Copy, Default)]
struct Seen {
    upper: usize,
    lower: usize,
    digits: usize,
    all: usize,
}

impl Seen {
    fn see(&mut self, c: char) {
        let kinds = kinds(c);
        self.all += 1;
        self.upper += usize::from(kinds & UPPER != 0);
        self.lower += usize::from(kinds & LOWER != 0);
        self.digits += usize::from(kinds & NUMERIC != 0);
    }

    /// What a word of letters and digits looks like; `first`: it begins with a capital.
    fn shape(self, first: bool) -> Shape {
        let Self { upper, lower, digits, all } = self;
        match () {
            () if digits == all && all <= 3 => Shape::Short,
            () if digits == all && all == 4 => Shape::Four,
            () if digits == all => Shape::Long,
            () if digits > 0 => Shape::Code,
            () if upper == 0 && lower > 0 => Shape::Lower,
            () if upper == 0 => Shape::Other,
            () if all == 1 => Shape::Initial,
            () if lower == 0 => Shape::Upper,
            () if upper == 1 && first => Shape::Capital,
            () => Shape::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::letters::{ALPHANUMERIC, CHANGES, LOWER, NUMERIC, UPPER, kinds};
    use super::*;
    use proptest::prelude::*;

    /// Place, shape, hash and tail of a word.
    type Read = (usize, usize, Shape, u32, u32);

    /// Splits a text character by character.
    fn slowly(text: &str) -> Vec<Read> {
        let mut words = Vec::new();
        let mut at = 0;
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let word = super::any(text, at);
            if !matches!(c, ' ' | '\t' | '\r') {
                words.push((word.start(), word.end(), word.shape, word.hash, word.tail));
            }
            at = word.end();
        }
        words
    }

    #[test]
    fn characters_are_what_unicode_says() {
        for c in '\0'..=char::MAX {
            let has = |kind: u8| kinds(c) & kind != 0;
            assert_eq!(has(ALPHANUMERIC), c.is_alphanumeric(), "{c:?}");
            assert_eq!(has(UPPER), c.is_uppercase(), "{c:?}");
            assert_eq!(has(LOWER), c.is_lowercase(), "{c:?}");
            assert_eq!(has(NUMERIC), c.is_numeric(), "{c:?}");
            assert_eq!(has(CHANGES), !c.to_lowercase().eq([c]), "{c:?}");
        }
    }

    #[test]
    fn words_have_their_shapes_and_their_case_does_not_count() {
        let mut words = Vec::new();
        split("Jean-Luc's name,\nÉMILE 12 1234 A1 Ö McX", &mut words);
        let shapes: Vec<Shape> = words.iter().map(|word| word.shape).collect();
        use Shape::{Code, Comma, Four, Initial, Line, Lower, Mark, Mixed, Short, Upper};
        assert_eq!(shapes, [Mixed, Mark, Lower, Lower, Comma, Line, Upper, Short, Four, Code, Initial, Mixed]);
        assert_eq!(hash_of("ÉMILE"), hash_of("émile"));
        assert_eq!(words[6].hash, hash_of("émile"));
        assert_eq!(words[6].tail, hash_of("ile"));
    }

    proptest! {
        #[test]
        fn words_of_ascii_are_those_of_any_script(text in "([a-zA-Z]{0,4}|[0-9]{1,5}|['’-]|'s|[ ,.\n\t!]|\\PC){0,40}") {
            let mut words = Vec::new();
            split(&text, &mut words);
            let words: Vec<Read> = words.iter().map(|w| (w.start(), w.end(), w.shape, w.hash, w.tail)).collect();
            prop_assert_eq!(words, slowly(&text));
        }
    }
}
