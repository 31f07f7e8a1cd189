//! Words that are written as something else: letter by letter, with digits for letters, turned, moved by thirteen.

use super::apart::{self, Rows};
use super::around::PLAIN_WORDS_MAX;
use super::exact;
use super::hidden::{Hiding, Piece};
use super::leet;
use super::numbers;
use super::vocabulary;
use crate::span::Span;

/// Fewest single letters in a row that may spell something.
const SPELLED_MIN: usize = 4;

/// Fewest letters of a part of a row whose signs differ: no value is shorter, and what is written so otherwise are lists.
const PARTED_MIN: usize = 12;

/// Widest gap between letters that are spelled: six spaces, or a dash with spaces around it.
pub(super) const GAP_MAX: usize = 6;

/// How much likelier the letters of a stretch must be when moved by thirteen before its words are looked up; in tenths
/// of a natural logarithm. English gains seven a letter.
const MOVED_MIN: i32 = 50;

/// Most letters of a piece: what is longer is read in several, which overlap by half where it stands apart.
pub(super) const PIECE_MAX: usize = 2048;

const LETTER: u8 = 1;
const HEX: u8 = 2;
const DIGIT: u8 = 4;
/// Signs that stand for letters.
const SIGN: u8 = 8;
/// Letters that are no hexadecimal digits.
const BEYOND: u8 = 16;

/// What a byte of folded text is.
#[derive(Clone, Copy)]
struct Byte {
    /// What it can be part of.
    kind: u8,
    /// What it gains when it is moved by thirteen: logarithm of the frequency in English of the one over the other's.
    gain: i8,
}

static BYTES: [Byte; 256] = bytes();

const fn bytes() -> [Byte; 256] {
    let half = [-2, 16, -4, -25, -8, 10, 15, -8, -20, 25, -16, -7, -25]; // a to m; n to z are their opposites
    let mut table = [Byte { kind: 0, gain: 0 }; 256];
    let mut b = 0;
    while b < 256 {
        table[b].kind = match b as u8 {
            b'a'..=b'f' => HEX | LETTER,
            b'g'..=b'z' => LETTER | BEYOND,
            b'0'..=b'9' => DIGIT,
            b'@' | b'$' | b'!' | b'|' => SIGN,
            _ => 0,
        };
        table[b].gain = match b as u8 {
            b'a'..=b'm' => half[b - b'a' as usize],
            b'n'..=b'z' => -half[b - b'n' as usize],
            _ => 0,
        };
        b += 1;
    }
    table
}

fn byte(b: u8) -> Byte {
    BYTES.get(usize::from(b)).copied().unwrap_or(Byte { kind: 0, gain: 0 })
}

/// How a piece reads: in the way of what was hidden, or as it is with all its signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    As(Hiding),
    Exactly,
}

/// Finds them, and the rows of what stands apart. `take` says whether it wants more.
pub(super) fn find(text: &str, take: &mut dyn FnMut(Read, Piece) -> bool) -> Rows {
    let mut pass = Pass {
        text,
        take,
        more: true,
        rows: Rows::default(),
        spelled: Spelled::default(),
        torn: 0,
        moved: Moved::default(),
        leet: None,
        turned: 0,
        room: String::new(),
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && pass.more {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(skip) = rest.iter().position(|b| kind(*b) != 0) else { break };
        let start = at + skip;
        let (mut end, mut seen, mut gain) = (start, 0, 0_i32);
        for b in bytes.get(start..).unwrap_or_default() {
            let byte = byte(*b);
            if byte.kind == 0 {
                break;
            }
            seen |= byte.kind;
            gain += i32::from(byte.gain);
            end += 1;
        }
        pass.word(Word { span: Span::new(start, end), seen, gain });
        at = end;
    }
    pass.end();
    pass.rows
}

/// What a byte of folded text can be part of; nought for what stands between words.
pub(super) fn kind(b: u8) -> u8 {
    byte(b).kind
}

/// Letters, digits and signs without anything between.
#[derive(Clone, Copy)]
struct Word {
    span: Span,
    /// Which kinds are in it.
    seen: u8,
    gain: i32,
}

/// Words in a row that spell something: single letters, or bytes as numbers.
#[derive(Clone, Copy, Default)]
pub(super) struct Spelled {
    /// Digits of each number; one: letters.
    pub width: usize,
    count: usize,
    pub span: Span,
    /// Where the next piece begins, if there is to be one, and how many words stand before it.
    pub half: Option<(usize, usize)>,
}

/// The stretch that gains most by being moved.
#[derive(Clone, Copy, Default)]
struct Moved {
    sum: i32,
    best: i32,
    start: usize,
    end: usize,
}

struct Pass<'t, 'f> {
    text: &'t str,
    take: &'f mut dyn FnMut(Read, Piece) -> bool,
    more: bool,
    rows: Rows,
    spelled: Spelled,
    /// Digits of a number of the last row that is torn at the end.
    torn: usize,
    moved: Moved,
    /// The words with digits for letters that are gathered, and how many plain ones came since.
    leet: Option<(Span, usize)>,
    /// How many words are read from their ends.
    turned: usize,
    /// What a word is read into.
    room: String,
}

impl Pass<'_, '_> {
    fn word(&mut self, word: Word) {
        self.spell(word);
        self.movable(word);
        self.turn(word);
        if word.seen & (LETTER | HEX) != 0 && word.seen & (DIGIT | SIGN) != 0 && self.is_leet(word.span) {
            let span = self.leet.map_or(word.span, |(open, _)| Span::new(open.start, word.span.end));
            self.leet = Some((span, 0));
        } else if let Some((span, plain)) = self.leet {
            self.leet = Some((span, plain + 1));
            if plain >= PLAIN_WORDS_MAX {
                self.end_leet();
            }
        }
    }

    /// Words that are read from their ends; signs stand between them.
    fn turn(&mut self, word: Word) {
        if word.seen & SIGN == 0 {
            self.turned += usize::from(vocabulary::is_turned(self.text, word.span.start, word.span.end));
            return;
        }
        let Some(text) = self.text.get(word.span.range()) else { return };
        let mut start = word.span.start;
        for part in text.split(|c: char| u8::try_from(c).is_ok_and(|b| kind(b) & SIGN != 0)) {
            self.turned += usize::from(vocabulary::is_turned(self.text, start, start + part.len()));
            start += part.len() + 1;
        }
    }

    fn is_leet(&mut self, span: Span) -> bool {
        self.text.get(span.range()).is_some_and(|word| leet::is_leet(word, &mut self.room))
    }

    fn is_long_code(&self, span: Span) -> bool {
        self.text.as_bytes().get(span.range()).is_some_and(numbers::is_long_code)
    }

    /// Single letters, pairs of hexadecimal digits and decimal codes, groups of eight bits.
    fn spell(&mut self, word: Word) {
        let open = self.spelled;
        // Of most words nothing begins, and none is open.
        if open.width == 0 && word.span.len() > 1 && word.seen & DIGIT == 0 {
            return;
        }
        let is_near = open.width != 0 && word.span.start - open.span.end <= GAP_MAX;
        let width = match word.span.len() {
            1 => 1,
            // No byte of text that begins a row has two letters; a word of two has.
            2 if word.seen & (SIGN | BEYOND) == 0 && (word.seen & DIGIT != 0 || is_near && open.width == 2) => 2,
            3 if word.seen == DIGIT && self.is_long_code(word.span) => 2,
            8 if word.seen == DIGIT => 8,
            _ => 0,
        };
        if is_near && word.span.len() < open.width && word.span.end == self.text.len() {
            // Torn from a number of which the rest is to come.
            self.torn = word.span.len();
            return;
        }
        if is_near && width == open.width {
            if let Some((start, before)) = open.half.filter(|_| word.span.start - open.span.start >= PIECE_MAX) {
                self.end_spelled();
                let span = Span::new(start, open.span.end);
                self.spelled = Spelled { width, count: open.count - before, span, half: None };
            }
            let open = &mut self.spelled;
            if open.half.is_none() && word.span.start - open.span.start >= PIECE_MAX / 2 {
                open.half = Some((word.span.start, open.count));
            }
            open.count += 1;
            open.span.end = word.span.end;
            return;
        }
        if open.width != 0 && open.count >= SPELLED_MIN {
            self.end_spelled();
        }
        self.spelled = Spelled { width, count: 1, span: word.span, half: None };
    }

    fn end_spelled(&mut self) {
        let Spelled { width, count, span, .. } = std::mem::take(&mut self.spelled);
        let Some(text) = self.text.get(span.range()).filter(|_| count >= SPELLED_MIN) else { return };
        self.rows.pieces.push(span);
        match width {
            1 => self.end_letters(text, span),
            2 | 8 if count >= numbers::NUMBERS_MIN => {
                let mut said = Vec::new();
                numbers::read(text, span, width, &mut |how, piece| said.push((how, piece)));
                said.into_iter().for_each(|said| self.say(Some(said)));
            }
            _ => {}
        }
    }

    fn end_letters(&mut self, text: &str, span: Span) {
        // With fewer letters no part of it spells anything: numbers are not parted for nothing.
        let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
        let parts = if has_letters_enough(letters, SPELLED_MIN) { apart::stretches(text) } else { Vec::new() };
        let is_parted = parts.len() > 1;
        for part in parts {
            let part = Span::new(span.start + part.start, span.start + part.end);
            if let Some(text) = self.text.get(part.range()) {
                self.say(spelled(text, part, if is_parted { PARTED_MIN } else { SPELLED_MIN }));
            }
        }
        if self.more
            && let Some(piece) = exact::read(self.text, span)
        {
            self.more &= (self.take)(Read::Exactly, piece);
        }
    }

    fn say(&mut self, said: Option<(Hiding, Piece)>) {
        if let Some((how, piece)) = said.filter(|_| self.more) {
            self.more &= (self.take)(Read::As(how), piece);
        }
    }

    /// The stretch of words whose letters gain most (a sum that begins anew where it falls below nought).
    fn movable(&mut self, word: Word) {
        let open = &mut self.moved;
        if open.sum + word.gain <= 0 || open.end.saturating_sub(open.start) > PIECE_MAX {
            if open.best >= MOVED_MIN {
                self.end_moved();
            }
            self.moved = Moved::default();
            if word.gain <= 0 {
                return;
            }
            self.moved = Moved { sum: 0, best: 0, start: word.span.start, end: word.span.end };
        } else if open.sum == 0 {
            open.start = word.span.start;
        }
        let open = &mut self.moved;
        open.sum += word.gain;
        if open.sum > open.best {
            (open.best, open.end) = (open.sum, word.span.end);
        }
    }

    fn end_moved(&mut self) {
        let Moved { best, start, end, .. } = std::mem::take(&mut self.moved);
        let span = Span::new(start, end);
        let Some(text) = self.text.get(span.range()).filter(|_| best >= MOVED_MIN) else { return };
        let moved: String = text.chars().map(thirteen).collect();
        let (before, after) = (vocabulary::known(text), vocabulary::known(&moved));
        if after.0 >= 2 && after.0 > before.0 && after.0 * 3 >= after.1 {
            let places = in_step(text, span.start);
            self.say(Some((Hiding::Rot13, Piece { text: moved, span, places })));
        }
    }

    fn end_leet(&mut self) {
        if let Some((span, _)) = self.leet.take()
            && let Some(piece) = leet::read(self.text, span)
        {
            self.say(Some((Hiding::Leet, piece)));
        }
    }

    fn end(&mut self) {
        let last = self.spelled;
        if last.width != 0 && self.text.len() - self.torn - last.span.end <= GAP_MAX {
            self.rows.open = apart::begun(self.text, &last);
        }
        self.end_spelled();
        self.end_moved();
        self.end_leet();
        if self.more && self.turned >= 2 {
            turned(self.text, self.take);
        }
    }
}

fn thirteen(c: char) -> char {
    match c {
        'a'..='m' => char::from(c as u8 + 13),
        'n'..='z' => char::from(c as u8 - 13),
        _ => c,
    }
}

/// Places of a text each character of which stands for one as long.
fn in_step(text: &str, start: usize) -> Vec<(u32, u32)> {
    text.char_indices().map(|(at, _)| (place(at), place(start + at))).collect()
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Whether of so many letters, digits and signs that stand apart enough are letters to spell something.
pub(super) const fn has_letters_enough(letters: usize, all: usize) -> bool {
    letters * 5 >= all * 3
}

/// What single letters spell, with one kind of sign between. A gap that is wider, or of another kind, than the narrowest ends a
/// word.
fn spelled(text: &str, span: Span, fewest: usize) -> Option<(Hiding, Piece)> {
    // Counted before anything is written down: most rows are numbers.
    let parts = || text.bytes().filter(|b| kind(*b) != 0);
    let (all, count) = (parts().count(), parts().filter(u8::is_ascii_alphabetic).count());
    if all < fewest || !has_letters_enough(count, all) {
        return None;
    }
    let is_part = |c: char| u8::try_from(c).is_ok_and(|b| kind(b) != 0);
    let letters: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| is_part(*c)).collect();
    let gaps = letters.iter().zip(letters.iter().skip(1)).map(|((at, _), (next, _))| next - at - 1);
    let narrow = gaps.clone().min()?;
    let first_gap = text.get(letters.first()?.0 + 1..letters.get(1)?.0)?;
    let has_words = gaps.clone().any(|gap| gap > narrow) || text.matches(' ').count() > 0 && first_gap != " ";
    let mut said = String::with_capacity(letters.len() * 2);
    let mut places = Vec::with_capacity(letters.len());
    let mut last: Option<usize> = None;
    for (at, c) in &letters {
        if let Some(gap) = last.and_then(|last| text.get(last + 1..*at))
            && (gap.len() > narrow || (gap == " " && first_gap != " "))
        {
            places.push((place(said.len()), place(span.start + at - gap.len())));
            said.push(' ');
        }
        places.push((place(said.len()), place(span.start + at)));
        said.push(leet::letter(*c).filter(|_| !c.is_ascii_digit()).unwrap_or(*c));
        last = Some(*at);
    }
    if !has_words && let Some((words, back)) = vocabulary::spaced(&said) {
        let at = |index: usize| places.get(index).map_or(span.end, |(_, there)| *there as usize);
        places = back.iter().enumerate().map(|(here, old)| (place(here), place(at(*old)))).collect();
        said = words;
    }
    Some((Hiding::Spacing, Piece { text: said, span, places }))
}

/// Lines with words that are read from their ends, turned round.
fn turned(text: &str, take: &mut dyn FnMut(Read, Piece) -> bool) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (start, words) = (at, line.trim_end());
        at += line.len();
        if !vocabulary::has_turned_words(words, 2) {
            continue;
        }
        let mut from = 0;
        while let Some(rest) = words.get(from..).filter(|rest| !rest.is_empty()) {
            let mut length = rest.len().min(PIECE_MAX);
            while !rest.is_char_boundary(length) {
                length -= 1;
            }
            let part = rest.get(..length).unwrap_or_default();
            let piece = Piece {
                text: part.chars().rev().collect(),
                span: Span::new(start + from, start + from + length),
                places: Vec::new(),
            };
            from += length;
            if !take(Read::As(Hiding::Reversed), piece) {
                return;
            }
        }
    }
}
