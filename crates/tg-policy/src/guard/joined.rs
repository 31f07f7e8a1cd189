//! Texts of one turn and channel, read as one, with the way back to each.

use super::{IN_A_ROW, Said};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use tg_kernel::passage::Channel;
use tg_text::span::Span;

/// Most texts of a run that is read by itself.
const RUN: usize = 4;

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
    /// seen as what it is. Of long texts only the ends. `most` of them, and whether these are all.
    pub(super) fn runs(&self, most: usize) -> (Vec<Span>, bool) {
        let joins = |c: char| c.is_alphanumeric() || SIGNS.contains(c);
        let touch = |at: usize| {
            let before = self.text.get(..at).and_then(|text| text.chars().next_back());
            let behind = self.text.get(at..).and_then(|text| text.chars().next());
            before.zip(behind).is_some_and(|(before, behind)| joins(before) && joins(behind))
        };
        let mut runs = Vec::new();
        for (first, (start, length, _)) in self.pieces.iter().enumerate() {
            let from = self.text.floor_char_boundary((start + length).saturating_sub(END)).max(*start);
            let mut within = 0;
            for (next, next_length, _) in self.pieces.iter().skip(first + 1).take(RUN - 1) {
                let to = self.text.floor_char_boundary(next + (*next_length).min(END));
                let is_touched = from == *start && touch(from) || to == next + next_length && touch(to);
                if is_touched && runs.len() == most {
                    return (runs, false);
                }
                if is_touched {
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

    /// Where a stretch of this text lies in another of the same texts.
    pub(super) fn in_other(&self, span: Span, other: &Self) -> Option<Span> {
        let place = |at: usize| {
            let (piece, within) = self.piece(at)?;
            Some(other.pieces.get(piece)?.0 + within)
        };
        let last = span.end.checked_sub(1)?.max(span.start);
        Some(Span::new(place(span.start)?, place(last)? + 1))
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
