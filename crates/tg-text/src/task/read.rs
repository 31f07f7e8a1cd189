//! One pass over what a call asks: n-grams, sorts and meanings of words at its ends and between them, and its form.

use super::edges::{boundary, edges};
use super::form::{FORM, Form};
use super::lists::{self, SORTS};
use crate::score::chars::{Sort, read_as};
use crate::score::stream::WordHash;
use crate::score::words::{self, DIM};
use std::ops::Range;

/// How many buckets the n-grams share, as a power of two.
pub const BUCKET_BITS: u32 = 16;
/// How many buckets the n-grams share.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Bytes that are read at the beginning of what a call asks, and as many at its end.
pub const READ_MAX: usize = 4096;
/// Parts of a text that are told apart: its beginning, its end, what lies between.
const ZONES: usize = 3;
const BODY: usize = 2;
/// Numbers that the model is given: meanings and sorts of words by zone, then the form.
pub const INPUTS: usize = ZONES * (DIM + SORTS) + FORM;
/// Where the numbers of what lies between the ends begin and end.
pub const BODY_INPUTS: (usize, usize) = (BODY * (DIM + SORTS), FORM_FROM);
/// Where the numbers of the form begin.
pub const FORM_FROM: usize = ZONES * (DIM + SORTS);
/// The largest input.
const FAR: f32 = 4.0;

/// Multipliers of the hashes, one for each kind of n-gram: one to three words at the ends, how a sentence begins, the first
/// letters of a word, words between.
const KEYS: [u64; 3] = [0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB];
const START_KEY: u64 = 0x8EBC_6AF0_9C88_C6E3;
const FRONT_KEY: u64 = 0x5899_65CC_7537_4CC3;
const BODY_KEY: u64 = 0x1D8E_4E27_C47D_124F;
/// Letters of a word that count as its front.
const FRONT: usize = 5;

/// What was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Buckets of the n-grams at the ends.
    pub ends: Vec<u16>,
    /// Buckets of the words between.
    pub body: Vec<u16>,
    /// All else.
    pub inputs: [f32; INPUTS],
}

/// Counts over the words of one zone.
#[derive(Clone, Copy, Debug)]
struct Zone {
    meaning: [i32; DIM],
    known: u32,
    words: u32,
    sorts: [u32; SORTS],
}

impl Default for Zone {
    fn default() -> Self {
        Self { meaning: [0; DIM], known: 0, words: 0, sorts: [0; SORTS] }
    }
}

impl Zone {
    fn word(&mut self, print: u32) {
        self.words += 1;
        if let Some(row) = words::table().row(print) {
            self.known += 1;
            let sums = self.meaning.iter_mut().zip(row);
            sums.for_each(|(sum, value)| *sum += i32::from(value.cast_signed()));
        }
        let mut sorts = lists::of(print);
        while sorts != 0 {
            if let Some(count) = self.sorts.get_mut(sorts.trailing_zeros() as usize) {
                *count += 1;
            }
            sorts &= sorts - 1;
        }
    }

    fn add(&mut self, more: &Self) {
        self.meaning.iter_mut().zip(more.meaning).for_each(|(a, b)| *a += b);
        self.sorts.iter_mut().zip(more.sorts).for_each(|(a, b)| *a += b);
        self.known += more.known;
        self.words += more.words;
    }

    /// Mean meaning and sorts, each in a range of a few units.
    fn inputs(&self) -> impl Iterator<Item = f32> {
        // A vector's number is an i8: a mean of 16 is much.
        let known = self.known.max(1) as f32 * 16.0;
        let words = self.words.max(4) as f32;
        let meaning = self.meaning.map(|sum| sum as f32 / known);
        let sorts = self.sorts.map(|count| count as f32 * 3.0 / words.sqrt());
        meaning.into_iter().chain(sorts)
    }
}

/// Reads the parts of what a call asks, folded, in their order: the application's instructions, then the last turn.
#[must_use]
pub fn read(parts: &[&str]) -> Reading {
    let mut reader = Reader::default();
    let stretches: Vec<&str> = bounded(parts);
    for part in &stretches {
        reader.part(part);
    }
    let mut inputs = [0.0; INPUTS];
    let zones = reader.zones;
    let words: [u32; ZONES] = zones.map(|zone| zone.words);
    let form = Form::of(&stretches, words, reader.unique, reader.letters);
    let all = zones.iter().flat_map(Zone::inputs).chain(form.inputs());
    inputs.iter_mut().zip(all).for_each(|(slot, value)| *slot = value.clamp(-FAR, FAR));
    Reading { ends: reader.ends, body: reader.grams, inputs }
}

/// The first and the last bytes of all parts together: what lies between is not read.
fn bounded<'a>(parts: &[&'a str]) -> Vec<&'a str> {
    let whole: usize = parts.iter().map(|part| part.len()).sum();
    if whole <= 2 * READ_MAX {
        return parts.to_vec();
    }
    let mut stretches = Vec::with_capacity(parts.len() + 1);
    let mut at = 0;
    for part in parts {
        let begin = at;
        at += part.len();
        let front = READ_MAX.saturating_sub(begin).min(part.len());
        let back = (whole - READ_MAX).saturating_sub(begin).min(part.len());
        let front = boundary(part, front);
        if back <= front {
            stretches.push(*part);
            continue;
        }
        stretches.extend(part.get(..front).filter(|s| !s.is_empty()));
        stretches.extend(part.get(boundary(part, back)..).filter(|s| !s.is_empty()));
    }
    stretches
}

/// Tells the words of a folded text: where each ends, and its hash. Words are what the scores take for words.
pub(super) fn words(text: &str, mut seen: impl FnMut(usize, u64)) {
    let mut hash = WordHash::NEW;
    let mut open = false;
    for (at, c) in text.char_indices() {
        let (code, sort) = read_as(c);
        if !matches!(sort, Sort::Letter | Sort::Apostrophe) && std::mem::take(&mut open) {
            seen(at, std::mem::replace(&mut hash, WordHash::NEW).finish());
        }
        match sort {
            Sort::Letter => {
                hash.push(code);
                open = true;
            }
            Sort::Glyph => {
                let mut alone = WordHash::NEW;
                alone.push(code);
                seen(at + c.len_utf8(), alone.finish());
            }
            Sort::Apostrophe | Sort::Space | Sort::Mark => {}
        }
    }
    if open {
        seen(text.len(), hash.finish());
    }
}

struct Reader {
    ends: Vec<u16>,
    grams: Vec<u16>,
    zones: [Zone; ZONES],
    /// One bit for each word that was there, by its hash: how many different ones there are, nearly.
    seen: [u64; 32],
    unique: u32,
    letters: u32,
}

impl Default for Reader {
    fn default() -> Self {
        let zones = [Zone::default(); ZONES];
        Self { ends: Vec::with_capacity(256), grams: Vec::new(), zones, seen: [0; 32], unique: 0, letters: 0 }
    }
}

impl Reader {
    fn part(&mut self, text: &str) {
        let mut from = 0;
        for edge in edges(text) {
            self.body(text.get(from..edge.range.start).unwrap_or_default());
            let zone = self.edge(text.get(edge.range.clone()).unwrap_or_default());
            let [lead, tail, _] = &mut self.zones;
            if edge.lead {
                lead.add(&zone);
            }
            if edge.tail {
                tail.add(&zone);
            }
            from = edge.range.end;
        }
        self.body(text.get(from..).unwrap_or_default());
    }

    fn edge(&mut self, text: &str) -> Zone {
        let mut zone = Zone::default();
        let (mut one, mut two) = (0_u64, 0_u64);
        let mut from = 0;
        words(text, |end, hash| {
            let pair = one.rotate_left(23).wrapping_add(hash);
            let triple = two.rotate_left(41).wrapping_add(pair);
            let wanted = [true, zone.words > 0, zone.words > 1];
            for ((gram, key), wanted) in [hash, pair, triple].into_iter().zip(KEYS).zip(wanted) {
                if wanted {
                    self.ends.push(bucket(gram, key));
                }
            }
            if zone.words < 2 {
                self.ends.push(bucket(pair, START_KEY));
            }
            if let Some(front) = front(text, from..end) {
                self.ends.push(bucket(front, FRONT_KEY));
            }
            (two, one) = (one, hash);
            zone.word(WordHash::fingerprint(hash));
            self.letters += u32::try_from(end - from).unwrap_or(0);
            self.unique += u32::from(first(&mut self.seen, hash));
            from = end;
        });
        zone
    }

    fn body(&mut self, text: &str) {
        let mut from = 0;
        words(text, |end, hash| {
            self.grams.push(bucket(hash, BODY_KEY));
            if let Some(zone) = self.zones.get_mut(BODY) {
                zone.word(WordHash::fingerprint(hash));
            }
            self.letters += u32::try_from(end - from).unwrap_or(0);
            self.unique += u32::from(first(&mut self.seen, hash));
            from = end;
        });
    }
}

/// Whether a word's bit is set for the first time.
fn first(seen: &mut [u64; 32], hash: u64) -> bool {
    let [.., bit, place] = hash.to_be_bytes();
    let Some(word) = seen.get_mut(usize::from(place) % 32) else { return false };
    let before = *word;
    *word |= 1 << (bit % 64);
    *word != before
}

/// The first letters of the word that ends here, where it is longer.
fn front(text: &str, range: Range<usize>) -> Option<u64> {
    let word = text.get(range)?.trim_start_matches(|c: char| !c.is_alphanumeric());
    let mut hash = WordHash::NEW;
    let mut letters = 0;
    for c in word.chars() {
        if letters == FRONT {
            return Some(hash.finish());
        }
        let (code, sort) = read_as(c);
        if sort == Sort::Letter {
            hash.push(code);
            letters += 1;
        }
    }
    None
}

/// The bucket of a hash.
fn bucket(hash: u64, key: u64) -> u16 {
    // The top bits of a product are the well mixed ones; 16 of them always fit.
    u16::try_from(hash.wrapping_mul(key) >> (64 - BUCKET_BITS)).unwrap_or(0)
}
