//! Maps from codes to letters, as fonts have them for readers.

use super::font::UNKNOWN;
use super::lexer::{Lexer, Operand};
use super::page::SHOWN_BYTES_MAX;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Most codes of a map: all of two bytes.
const CODES_MAX: usize = 1 << 16;

/// Most that all codes of a map stand for, in bytes.
const LETTERS_BYTES_MAX: usize = 1 << 20;

/// Most that one code stands for, in bytes as they are written: more, the format does not allow.
const UNITS_BYTES_MAX: usize = 512;

/// Most rows of codes that a map is for.
const LENGTHS_MAX: usize = 256;

/// What a letter takes beside its own bytes.
pub(super) const LETTER_ROOM: usize = 64;

/// Bytes of the longest code.
const CODE_BYTES_MAX: usize = 4;

/// What codes stand for.
pub(super) enum Letters {
    /// Each for what the map says; of how many bytes they are, and from where to where, `lengths` say.
    Map { letters: HashMap<u32, String>, lengths: Vec<(usize, u32, u32)> },
    /// For themselves, in UTF-16.
    Unicode,
}

impl Letters {
    /// Reads a map; `None` where there is none, or a larger one than fonts have. Codes of which it says two things stand for
    /// nothing. `is_in_pairs`: all codes have two bytes, whatever it says.
    pub(super) fn read(content: &[u8], is_in_pairs: bool) -> Option<Self> {
        let mut all = Reading::default();
        let mut lexer = Lexer::new(content);
        while let Some(operation) = lexer.next() {
            let operands = operation.operands.as_slice();
            match operation.name {
                b"endcodespacerange" => {
                    let ranges = operands.as_chunks::<2>().0.iter();
                    all.lengths
                        .extend(ranges.filter_map(|[low, high]| Some((low.bytes()?.len(), code(low)?, code(high)?))));
                    if all.lengths.len() > LENGTHS_MAX {
                        return None;
                    }
                }
                b"endbfchar" => {
                    for [code_of, letters] in operands.as_chunks::<2>().0 {
                        all.add(code(code_of)?, &units(letters)?)?;
                    }
                }
                b"endbfrange" => {
                    for [low, high, letters] in operands.as_chunks::<3>().0 {
                        all.add_range(code(low)?, code(high)?, letters)?;
                    }
                }
                _ => {}
            }
        }
        let Reading { letters, mut lengths, .. } = all;
        if is_in_pairs || lengths.is_empty() {
            lengths = vec![(2, 0, u32::MAX)];
        }
        let letters: HashMap<u32, String> = letters.into_iter().filter_map(|(code, own)| Some((code, own?))).collect();
        (!letters.is_empty()).then_some(Self::Map { letters, lengths })
    }

    /// What a code stands for.
    pub(super) fn of(&self, code: u32) -> Option<&str> {
        match self {
            Self::Map { letters, .. } => letters.get(&code).map(String::as_str),
            Self::Unicode => None,
        }
    }

    /// How much room it takes, in bytes.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Map { letters, .. } => letters.values().map(|own| LETTER_ROOM + own.len()).sum(),
            Self::Unicode => 0,
        }
    }

    /// What codes say; no more of it than pages may show.
    pub(super) fn spell(&self, codes: &[u8]) -> String {
        let Self::Map { lengths, .. } = self else {
            let units: Vec<u16> = codes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            return String::from_utf16_lossy(&units);
        };
        let (mut out, mut rest) = (String::with_capacity(codes.len()), codes);
        while !rest.is_empty() && out.len() <= SHOWN_BYTES_MAX {
            let fits = |length: &usize| {
                let own = rest.get(..*length).map(value);
                own.is_some_and(|own| {
                    lengths.iter().any(|(of, low, high)| of == length && (*low..=*high).contains(&own))
                })
            };
            let length = (1..=CODE_BYTES_MAX).find(fits).unwrap_or(1).min(rest.len());
            let (own, further) = rest.split_at(length);
            match self.of(value(own)) {
                Some(letters) => out.push_str(letters),
                None => out.push(UNKNOWN),
            }
            rest = further;
        }
        out
    }
}

/// A map that is being read. What stands for nothing is `None`.
#[derive(Default)]
struct Reading {
    letters: HashMap<u32, Option<String>>,
    lengths: Vec<(usize, u32, u32)>,
    bytes: usize,
}

impl Reading {
    fn add(&mut self, code: u32, units: &[u16]) -> Option<()> {
        let letters = String::from_utf16_lossy(units);
        self.bytes += letters.len();
        match self.letters.entry(code) {
            Entry::Vacant(own) => {
                own.insert(Some(letters));
            }
            Entry::Occupied(mut own) => {
                own.get_mut().take_if(|own| *own != letters);
            }
        }
        (self.letters.len() <= CODES_MAX && self.bytes <= LETTERS_BYTES_MAX).then_some(())
    }

    /// Codes in a row: for letters in a row, or each for its own.
    fn add_range(&mut self, low: u32, high: u32, letters: &Operand) -> Option<()> {
        let count = usize::try_from(high.checked_sub(low)?).ok().filter(|count| *count < CODES_MAX)?;
        if let Operand::List(each) = letters {
            return (low..=high).zip(each).try_for_each(|(code, letters)| self.add(code, &units(letters)?));
        }
        let mut units = units(letters)?;
        for (code, _) in (low..=high).zip(0..=count) {
            self.add(code, &units)?;
            if let Some(last) = units.last_mut() {
                *last = last.wrapping_add(1);
            }
        }
        Some(())
    }
}

fn value(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn code(operand: &Operand) -> Option<u32> {
    operand.bytes().filter(|bytes| (1..=CODE_BYTES_MAX).contains(&bytes.len())).map(value)
}

/// Letters as they are written, in UTF-16; a single byte is one of them.
fn units(operand: &Operand) -> Option<Vec<u16>> {
    let bytes = operand.bytes().filter(|bytes| bytes.len() <= UNITS_BYTES_MAX)?;
    Some(match bytes {
        [one] => vec![u16::from(*one)],
        _ => bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect(),
    })
}
