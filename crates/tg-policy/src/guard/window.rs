//! A text that comes in pieces, looked at in stretches whose ends lie at fixed distances from its beginning: what is found,
//! and what may go on, depend on the text alone, not on its pieces.

use super::found::Cluster;
use super::hold::Hold;
use std::ops::Range;
use tg_text::span::Span;

/// Most characters that are taken in at once.
const PORTION: usize = 4096;

/// Something that stands in a stretch.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug)]
pub(super) enum What {
    /// Rules found it.
    Found(Cluster),
    /// A placeholder, and what it stands for.
    Kept(String),
}

/// Who looks at the stretches.
pub(super) trait Sight {
    /// What stands in a stretch, in order and apart; and where something begins that is not complete at its end.
    fn look(&mut self, stretch: &str, is_end: bool) -> (Vec<Piece>, Option<usize>);

    /// The last place up to this one where a text may be cut.
    fn cut(&self, stretch: &str, at: usize) -> usize;

    /// Acts on it, once for each. `range` is in the whole text. Whether the text goes on.
    fn act(&mut self, piece: &Piece, range: Range<usize>, value: &str) -> bool;
}

/// A text on its way.
#[derive(Debug)]
pub(super) struct Window {
    hold: Hold,
    /// From the context on to what came last.
    text: String,
    /// Where it begins in the whole text.
    base: usize,
    /// Up to where all is decided.
    left: usize,
    /// Up to where it was looked at.
    seen: usize,
    is_over: bool,
}

impl Window {
    pub(super) const fn new(hold: Hold) -> Self {
        Self { hold, text: String::new(), base: 0, left: 0, seen: 0, is_over: false }
    }

    /// Bytes of the whole text about which all is decided.
    pub(super) const fn decided(&self) -> usize {
        self.base + self.left
    }

    pub(super) fn push(&mut self, piece: &str, sight: &mut dyn Sight) {
        let mut rest = piece;
        // A long piece in portions: what is decided is cut off the front of what is kept, which must be little.
        while !rest.is_empty() && !self.is_over {
            let portion = forward(rest, 0, PORTION).unwrap_or(rest.len());
            let (next, later) = rest.split_at_checked(portion).unwrap_or((rest, ""));
            self.text.push_str(next);
            rest = later;
            while let Some(frontier) = self.frontier() {
                self.go_on(frontier, false, sight);
            }
        }
    }

    pub(super) fn finish(&mut self, sight: &mut dyn Sight) {
        if !self.is_over {
            self.go_on(self.text.len(), true, sight);
            self.is_over = true;
        }
    }

    /// Up to where is looked next, if enough has come.
    fn frontier(&self) -> Option<usize> {
        match self.hold.step {
            _ if self.is_over => None,
            0 => Some(self.text.len()).filter(|end| *end > self.seen),
            step => forward(&self.text, self.seen, step),
        }
    }

    fn go_on(&mut self, frontier: usize, is_end: bool, sight: &mut dyn Sight) {
        self.seen = frontier;
        let limit = if is_end { frontier } else { backward(&self.text, frontier, self.hold.back) };
        if limit <= self.left && !is_end {
            return;
        }
        let stretch = self.text.get(..frontier).unwrap_or_default();
        let (pieces, open) = sight.look(stretch, is_end);
        let limit = if is_end { limit } else { sight.cut(stretch, self.settled(stretch, &pieces, open, limit)) };
        for piece in pieces.iter().filter(|piece| piece.span.start < limit) {
            if piece.span.end <= self.left {
                continue;
            }
            let start = piece.span.start.max(self.left);
            let value = self.text.get(start..piece.span.end).unwrap_or_default();
            let goes_on = sight.act(piece, self.base + start..self.base + piece.span.end, value);
            if !goes_on {
                self.left = start;
                self.is_over = true;
                return;
            }
            self.left = piece.span.end;
        }
        self.left = self.left.max(limit);
        self.forget();
    }

    /// How far all is decided: not into what is open at the end of what has come, unless it is too long.
    fn settled(&self, stretch: &str, pieces: &[Piece], open: Option<usize>, limit: usize) -> usize {
        let earliest = backward(stretch, stretch.len(), self.hold.longest);
        let is_open = |piece: &&Piece| piece.span.end >= stretch.len() && matches!(piece.what, What::Found(_));
        let at_end = pieces.iter().filter(is_open).map(|piece| piece.span.start);
        // The word in which the limit lies, if it reaches the end.
        let word = (self.hold.back > 0).then(|| stretch.rfind(char::is_whitespace).map_or(0, |at| at + 1));
        at_end.chain(open).chain(word).filter(|at| *at >= earliest).fold(limit, usize::min)
    }

    /// Lets go of what is no context any more.
    fn forget(&mut self) {
        let from = backward(&self.text, self.left, self.hold.context);
        // From a whole word on, so that no part of one is taken for one.
        let context = self.text.get(from..self.left);
        let from = context.and_then(|context| context.find(char::is_whitespace)).map_or(from, |at| from + at);
        self.text.drain(..from);
        self.base += from;
        self.left -= from;
        self.seen -= from;
    }
}

/// Offset so many characters further on; `None` where there are not so many.
pub(super) fn forward(text: &str, from: usize, characters: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let last = rest.char_indices().nth(characters.checked_sub(1)?).map(|(at, c)| at + c.len_utf8())?;
    Some(from + last)
}

/// Offset so many characters back, or the beginning.
pub(super) fn backward(text: &str, from: usize, characters: usize) -> usize {
    let before = text.get(..from).unwrap_or_default();
    match characters.checked_sub(1) {
        Some(skip) => before.char_indices().rev().nth(skip).map_or(0, |(at, _)| at),
        None => from,
    }
}
