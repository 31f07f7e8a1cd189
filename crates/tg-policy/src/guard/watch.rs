//! An answer that comes in pieces, watched: what of it may go on, and what is to stand in place of what may not.

use super::judge::Guard;
use super::strand::Strand;
use super::{Block, Inquiry, Medium};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;
use tg_kernel::passage::{Change, Channel};

/// The texts of one answer that grow side by side, told apart by `P`.
#[derive(Debug)]
pub struct Watch<P> {
    guard: Arc<Guard>,
    strands: HashMap<P, Strand>,
    /// The first rule that took something out of what may be spoken as well.
    taken: Option<Block>,
    has_sound: bool,
    block: Option<Block>,
}

impl<P: Copy + Eq + Hash> Watch<P> {
    /// Begins to watch an answer to a call that was judged with this guard.
    #[must_use]
    pub fn new(guard: Arc<Guard>) -> Self {
        Self { guard, strands: HashMap::new(), taken: None, has_sound: false, block: None }
    }

    /// A part of the answer goes on with this text. Once the answer is blocked, nothing of it is looked at any more, and no
    /// more of it is cleared.
    pub fn grows(&mut self, part: P, channel: Channel, text: &str, inquiry: &mut Inquiry) {
        if self.block.is_some() {
            return;
        }
        let began = Instant::now();
        let guard = &self.guard;
        inquiry.begin(guard);
        let strand = self.strands.entry(part).or_insert_with(|| Strand::new(guard, channel, inquiry));
        strand.grows(guard, text, inquiry);
        (self.block, self.taken) = come_of(strand, self.taken.take());
        self.hush(inquiry);
        inquiry.spend(began.elapsed());
    }

    /// A part is whole. Told again, it changes nothing.
    pub fn ends(&mut self, part: P, inquiry: &mut Inquiry) {
        self.go_on(part, Strand::ends, inquiry);
    }

    /// Something else comes before a part may go on: what is held back of it is decided as it stands. What is found of it
    /// later on is taken out, or blocked, from there.
    pub fn pauses(&mut self, part: P, inquiry: &mut Inquiry) {
        self.go_on(part, Strand::pauses, inquiry);
    }

    /// What comes of a part that takes a step without a text.
    fn go_on(&mut self, part: P, step: impl FnOnce(&mut Strand, &Guard, &mut Inquiry), inquiry: &mut Inquiry) {
        if self.block.is_some() {
            return;
        }
        let began = Instant::now();
        let Some(strand) = self.strands.get_mut(&part) else { return };
        step(strand, &self.guard, inquiry);
        (self.block, self.taken) = come_of(strand, self.taken.take());
        self.hush(inquiry);
        inquiry.spend(began.elapsed());
    }

    /// What came of a part is one block of several, and what comes now is another: each is also read by itself.
    pub fn parts(&mut self, part: P) {
        if let Some(strand) = self.strands.get_mut(&part) {
            strand.parts();
        }
    }

    /// Something is in the answer of which no text can be read. Whether it is to wait until all of the answer is there: what is
    /// spoken is known by its transcript alone.
    pub fn unread(&mut self, medium: Medium, inquiry: &mut Inquiry) -> bool {
        if self.block.is_some() {
            return false;
        }
        inquiry.begin(&self.guard);
        self.block = self.guard.withheld(&[medium], inquiry);
        let waits = medium == Medium::Audio && self.guard.looks_at_answers().is_some();
        self.has_sound |= waits;
        self.hush(inquiry);
        waits
    }

    /// What has sound beside it is not changed, but stopped.
    fn hush(&mut self, inquiry: &mut Inquiry) {
        if let Some(taken) = self.taken.as_ref().filter(|_| self.has_sound && self.block.is_none()) {
            self.block = Some(self.guard.silenced(taken, inquiry));
        }
    }

    /// How much of a part may go on: bytes from its beginning, on a character boundary, and not within a change.
    #[must_use]
    pub fn cleared(&self, part: P) -> usize {
        self.strands.get(&part).map_or(0, Strand::cleared)
    }

    /// What is to stand in place of stretches of a part: in order and apart.
    #[must_use]
    pub fn changes(&self, part: P) -> &[Change] {
        self.strands.get(&part).map_or(&[], |strand| strand.changes())
    }

    /// All of a part up to this byte has gone on for good: nobody asks any more what stands in its place.
    pub fn leaves(&mut self, part: P, upto: usize) {
        if let Some(strand) = self.strands.get_mut(&part) {
            strand.forget(upto);
        }
    }

    /// What is to stand in place of a text that stands by itself; `None` for the text as it is.
    pub fn whole(&mut self, channel: Channel, text: &str, inquiry: &mut Inquiry) -> Option<String> {
        if self.block.is_some() {
            return None;
        }
        let began = Instant::now();
        inquiry.begin(&self.guard);
        let mut strand = Strand::new(&self.guard, channel, inquiry);
        strand.grows(&self.guard, text, inquiry);
        strand.ends(&self.guard, inquiry);
        (self.block, self.taken) = come_of(&strand, self.taken.take());
        self.hush(inquiry);
        inquiry.spend(began.elapsed());
        (!strand.changes().is_empty()).then(|| super::edits::apply(text, strand.changes()))
    }

    /// Why nothing more of the answer may go on, if so.
    #[must_use]
    pub const fn is_blocked(&self) -> Option<&Block> {
        self.block.as_ref()
    }
}

/// What has come of a text: why nothing more may go on, and the first rule that took something out of what may be spoken.
fn come_of(strand: &Strand, taken: Option<Block>) -> (Option<Block>, Option<Block>) {
    (strand.block().cloned(), taken.or_else(|| strand.taken_out_of_speech().cloned()))
}
