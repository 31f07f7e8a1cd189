//! Texts of one turn and channel, read as one, with the way back to each.

use super::{IN_A_ROW, Said};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use tg_kernel::passage::Channel;
use tg_text::span::Span;

/// Most texts of a run that is read by itself, whatever it says.
const RUN: usize = 4;

/// Most texts of one that says what may be a value, and most bytes of it: what is longer is no value in so small pieces.
const LONG_RUN: usize = 32;
const LONG_RUN_BYTES: usize = 160;

/// Most runs that are read by themselves, in all turns of a call: eight milliseconds, where all that they read is cards, and as much
/// again for the longer ones, which say less. Ordinary texts end with a full stop or a line, and have none.
const RUNS_MAX: usize = 1024;
const LONG_RUNS_MAX: usize = 2048;

/// Most of those that full stops touch: of sentences with years and sums in them, a thousand and more.
const STOPPED_RUNS_MAX: usize = 4096;

/// A value has so many digits, or capitals, or an address.
const DIGITS_MIN: usize = 2;
const CAPITALS_MIN: usize = 8;
const WHOLE_DIGITS_MIN: usize = 7;

/// How much of a word beside a full stop is looked at, in bytes.
const WORD_BYTES: usize = 64;

/// How much of a text at either end of a run is read, in bytes, and at most of those between.
const END: usize = 256;

/// Signs that make what stands beside them a part of a path, a name or a sum.
const SIGNS: &str = "_-/+\\%&~^$@=";

/// Texts that are read as one.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) channel: Channel,
    /// Indices of what was said.
    pub(super) members: Vec<usize>,
}

/// How two texts touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    /// What ends one and begins the other are no parts of one word.
    None,
    /// They are where a full stop is one, as in a name of a file.
    Stopped,
    /// They are.
    Joined,
}

/// How many runs may be read yet: short ones, longer ones, and those that full stops touch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    short: usize,
    long: usize,
    stopped: usize,
}

impl Default for Runs {
    fn default() -> Self {
        Self { short: RUNS_MAX, long: LONG_RUNS_MAX, stopped: STOPPED_RUNS_MAX }
    }
}

impl Runs {
    /// Takes one of them, if there is one.
    const fn take(&mut self, touch: Touch, is_short: bool) -> bool {
        let left = match (touch, is_short) {
            (Touch::Stopped, _) => &mut self.stopped,
            (_, true) => &mut self.short,
            (_, false) => &mut self.long,
        };
        let has_one = *left > 0;
        *left = left.saturating_sub(1);
        has_one
    }
}

/// What a run has in it so far.
#[derive(Debug, Default)]
struct Signs {
    digits: usize,
    capitals: usize,
    is_address: bool,
}

impl Signs {
    fn see(&mut self, text: &str) {
        for c in text.chars() {
            self.digits += usize::from(c.is_numeric());
            self.capitals += usize::from(c.is_uppercase());
            self.is_address |= c == '@';
        }
    }

    /// Whether a credential or personal data may be in it: hardly any has neither two digits nor an address nor many capitals.
    const fn may_be_a_value(&self) -> bool {
        self.digits >= DIGITS_MIN || self.capitals >= CAPITALS_MIN || self.is_address
    }

    /// Whether a whole one may be: in sentences stand years and counts.
    const fn may_fill_a_value(&self) -> bool {
        self.digits >= WHOLE_DIGITS_MIN || self.capitals >= CAPITALS_MIN || self.is_address
    }
}

fn may_be_a_value(word: &str) -> bool {
    let mut signs = Signs::default();
    signs.see(word);
    signs.may_be_a_value()
}

/// The texts of each turn and channel, in the order in which their first stands.
pub(super) fn groups(said: &[Said<'_>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<(u32, Channel), usize> = HashMap::new();
    for (index, one) in said.iter().enumerate() {
        let place = *places.entry((one.turn, one.channel)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.members.push(index),
            None => groups.push(Group { channel: one.channel, members: vec![index] }),
        }
    }
    groups
}

/// The texts of an answer: what is one text in several blocks together, and every other by itself.
pub(super) fn rows(said: &[Said<'_>]) -> Vec<Group> {
    let mut rows: Vec<Group> = Vec::new();
    let mut places: HashMap<(u32, Channel), usize> = HashMap::new();
    for (index, one) in said.iter().enumerate() {
        let is_in_a_row = one.turn & IN_A_ROW != 0;
        let place = is_in_a_row.then(|| *places.entry((one.turn, one.channel)).or_insert(rows.len()));
        match place.and_then(|place| rows.get_mut(place)) {
            Some(row) => row.members.push(index),
            None => rows.push(Group { channel: one.channel, members: vec![index] }),
        }
    }
    rows
}

/// The texts of a group as one.
#[derive(Debug)]
pub(super) struct Joined<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where each begins, how long it is, and which it is.
    pieces: Vec<(usize, usize, usize)>,
}

impl<'a> Joined<'a> {
    /// Joins texts, with something between them.
    pub(super) fn of(said: &'a [Said<'_>], members: &[usize], between: &str) -> Self {
        let texts = || members.iter().filter_map(|index| Some((*index, said.get(*index)?)));
        if let [only] = members {
            let text = said.get(*only).map_or("", |one| &*one.text);
            return Self { text: Cow::Borrowed(text), pieces: vec![(0, text.len(), *only)] };
        }
        let mut text = String::new();
        let mut pieces = Vec::with_capacity(members.len());
        for (index, one) in texts() {
            if !pieces.is_empty() {
                text.push_str(between);
            }
            pieces.push((text.len(), one.text.len(), index));
            text.push_str(&one.text);
        }
        Self { text: Cow::Owned(text), pieces }
    }

    /// Whether any two of the texts meet within a line, so that something may be split over them.
    pub(super) fn meet_in_a_line(&self) -> bool {
        self.pieces.windows(2).any(|pair| match pair {
            [(start, length, _), (next, _, _)] => {
                let before = self.text.get(*start..start + length).and_then(|text| text.chars().next_back());
                let behind = self.text.get(*next..).and_then(|text| text.chars().next());
                let goes_on = |c: Option<char>| c.is_some_and(|c| c != '\n');
                goes_on(before) && goes_on(behind)
            }
            _ => false,
        })
    }

    /// Stretches of a few texts in a row that letters, digits or [`SIGNS`] of others touch: in the whole, nothing that fills one of them is
    /// seen as what it is. Of long texts only the ends. `budget` is how many there may be, and what is left of it is left there; whether
    /// these are all.
    pub(super) fn runs(&self, budget: &mut Runs) -> (Vec<Span>, bool) {
        let mut runs = Vec::new();
        for (first, (start, length, _)) in self.pieces.iter().enumerate() {
            let from = self.text.floor_char_boundary((start + length).saturating_sub(END)).max(*start);
            let before = if from == *start { self.touch(from) } else { Touch::None };
            let (mut within, mut signs) = (0, Signs::default());
            signs.see(self.text.get(from..start + length).unwrap_or_default());
            let others = self.pieces.iter().skip(first + 1).take(LONG_RUN - 1);
            for (count, (next, next_length, _)) in (2..).zip(others) {
                let to = self.text.floor_char_boundary(next + (*next_length).min(END));
                let is_short = count <= RUN;
                if !is_short && to - from > LONG_RUN_BYTES {
                    break;
                }
                let behind = if to == next + next_length { self.touch(to) } else { Touch::None };
                signs.see(self.text.get(*next..to).unwrap_or_default());
                let touch = before.max(behind);
                let is_read = match touch {
                    Touch::None => false,
                    Touch::Joined => is_short || signs.may_be_a_value(),
                    Touch::Stopped => {
                        signs.may_fill_a_value()
                            && (before == Touch::Stopped && self.begins_value(from)
                                || behind == Touch::Stopped && self.ends_value(to))
                    }
                };
                if is_read && !budget.take(touch, is_short) {
                    return (runs, false);
                }
                if is_read {
                    runs.push(Span::new(from, to));
                }
                within += next_length;
                if within > END {
                    break;
                }
            }
        }
        (runs, true)
    }

    /// Whether the word that begins at a byte may belong to a value.
    fn begins_value(&self, at: usize) -> bool {
        let to = self.text.floor_char_boundary(at + WORD_BYTES);
        let word = self.text.get(at..to).and_then(|text| text.split(char::is_whitespace).next());
        word.is_some_and(may_be_a_value)
    }

    /// The same of the word that ends there.
    fn ends_value(&self, at: usize) -> bool {
        let from = self.text.ceil_char_boundary(at.saturating_sub(WORD_BYTES));
        let word = self.text.get(from..at).and_then(|text| text.rsplit(char::is_whitespace).next());
        word.is_some_and(may_be_a_value)
    }

    /// How the texts touch that meet at a byte.
    fn touch(&self, at: usize) -> Touch {
        let joins = |c: char| c.is_alphanumeric() || SIGNS.contains(c);
        let mut before = self.text.get(..at).unwrap_or_default().chars().rev();
        let mut behind = self.text.get(at..).unwrap_or_default().chars();
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match (before.next(), behind.next()) {
            (Some(last), Some(first)) if joins(last) && joins(first) => Touch::Joined,
            (Some('.'), Some(first)) if first.is_alphanumeric() && is_letter(before.next()) => Touch::Stopped,
            (Some(last), Some('.')) if last.is_alphanumeric() && is_letter(behind.next()) => Touch::Stopped,
            _ => Touch::None,
        }
    }

    /// Which piece a byte is in, and where in it.
    fn piece(&self, at: usize) -> Option<(usize, usize)> {
        let piece = self.pieces.partition_point(|(start, _, _)| *start <= at).checked_sub(1)?;
        let (start, length, _) = self.pieces.get(piece)?;
        Some((piece, (at - start).min(*length)))
    }

    /// Whether a stretch lies in more than one text.
    pub(super) fn crosses(&self, span: Span) -> bool {
        let last = span.end.saturating_sub(1).max(span.start);
        self.piece(span.start).map(|(piece, _)| piece) != self.piece(last).map(|(piece, _)| piece)
    }

    /// Where a stretch of this text lies in another of the same texts and more: in several places, where others stand between.
    pub(super) fn in_other(&self, span: Span, other: &Self) -> Vec<Span> {
        let mut places: Vec<(usize, Span)> = Vec::new();
        for (index, range) in self.parts(span) {
            let Ok(piece) = other.pieces.binary_search_by_key(&index, |(_, _, index)| *index) else { continue };
            let Some((start, ..)) = other.pieces.get(piece) else { continue };
            let place = Span::new(start + range.start, start + range.end);
            match places.last_mut().filter(|(last, _)| last + 1 == piece) {
                Some((last, whole)) => {
                    *last = piece;
                    whole.end = place.end;
                }
                None => places.push((piece, place)),
            }
        }
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// Where the first of the texts begins that a stretch has something of: behind what is between two, if it begins there.
    pub(super) fn begins(&self, span: Span) -> Option<usize> {
        let first = self.pieces.partition_point(|(start, length, _)| start + length <= span.start);
        let mut own = self.pieces.get(first..)?.iter();
        own.find(|(_, length, _)| *length > 0).map(|(start, _, _)| *start)
    }

    /// The stretches of the texts that a stretch consists of.
    pub(super) fn parts(&self, span: Span) -> impl Iterator<Item = (usize, Range<usize>)> {
        let first = self.pieces.partition_point(|(start, length, _)| start + length <= span.start);
        let own = self.pieces.get(first..).unwrap_or_default().iter().take_while(move |piece| piece.0 < span.end);
        own.filter_map(move |(start, length, index)| {
            let from = span.start.saturating_sub(*start);
            let to = (span.end - start).min(*length);
            (from < to).then_some((*index, from..to))
        })
    }
}
