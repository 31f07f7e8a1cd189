//! What a character is to the scores: which word or mark it belongs to, and as what it is counted.

use crate::pii::names::letters;

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

/// What a character is read as: digits as nought, accented letters as their base, spaces and controls as one space.
#[inline]
pub(crate) fn read_as(c: char) -> (u32, Sort) {
    match ASCII.get(c as usize) {
        Some(known) => (u32::from(known.code), known.sort),
        None => foreign(c),
    }
}

/// What an ASCII character is.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// What it is read as.
    pub code: u8,
    /// What it counts as.
    pub sort: Sort,
    symbol: u8,
    mark: u8,
}

impl Known {
    /// What it is to the character model.
    #[inline]
    pub(super) fn symbol(self) -> usize {
        usize::from(self.symbol)
    }

    /// Which kind of mark it is.
    #[inline]
    pub(super) fn mark(self) -> usize {
        usize::from(self.mark)
    }
}

/// What an ASCII character is.
#[inline]
pub(super) fn ascii(b: u8) -> Known {
    ASCII.get(usize::from(b & 0x7f)).copied().unwrap_or(ASCII[0])
}

static ASCII: [Known; 128] = table();

const fn table() -> [Known; 128] {
    let mut table = [Known { code: 32, sort: Sort::Space, symbol: 0, mark: 0 }; 128];
    let mut at: u8 = 0;
    while at < 128 {
        let (code, sort) = match at {
            b'a'..=b'z' => (at, Sort::Letter),
            b'A'..=b'Z' => (at + 32, Sort::Letter),
            b'0'..=b'9' => (b'0', Sort::Letter),
            b'\'' => (b'\'', Sort::Apostrophe),
            b'!'..=b'~' => (at, Sort::Mark),
            _ => (32, Sort::Space),
        };
        table[at as usize] = Known { code, sort, symbol: symbol_of(at), mark: mark_of(at as char) };
        at += 1;
    }
    table
}

fn foreign(c: char) -> (u32, Sort) {
    match c {
        '\u{2019}' => (u32::from('\''), Sort::Apostrophe),
        '\u{80}'..='\u{a0}' => (32, Sort::Space),
        '\u{c0}'..='\u{17f}' => (base(c), Sort::Letter),
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{2e80}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => {
            (c as u32, if is_alphanumeric(c) { Sort::Glyph } else { Sort::Mark })
        }
        _ if is_alphanumeric(c) || ('\u{900}'..='\u{dff}').contains(&c) => (c as u32, Sort::Letter),
        _ if c.is_whitespace() => (32, Sort::Space),
        _ => (c as u32, Sort::Mark),
    }
}

/// Whether a character is a letter or a digit, by a table where there is one.
fn is_alphanumeric(c: char) -> bool {
    letters::kinds(c) & letters::ALPHANUMERIC != 0
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
#[inline]
pub(super) fn symbol(code: u32) -> usize {
    ASCII.get(code as usize).map_or(31, |known| usize::from(known.symbol))
}

const fn symbol_of(code: u8) -> u8 {
    match code {
        b'a'..=b'z' => code - 96,
        b' ' => 0,
        b'0' => 27,
        b',' | b'.' | b'?' | b'!' | b'\'' => 28,
        b'"' | b'(' | b')' | b'-' | b':' | b';' => 29,
        _ => 30,
    }
}

/// Which kind of mark a character is.
#[inline]
pub(super) fn mark(c: char) -> usize {
    usize::from(ASCII.get(c as usize).map_or_else(|| mark_of(c), |known| known.mark))
}

const fn mark_of(c: char) -> u8 {
    match c {
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
    }
}
