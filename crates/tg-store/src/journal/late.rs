//! Finished calls that found no room in memory: where their ends stand in this run's own segments, and how they are read
//! back once the ledger can be written again.

use super::entry::{self, Kind};
use super::figures::Figures;
use super::segment::{FORMAT, Segment};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::record::Record;

/// Calls whose ends stand in one segment, and which only the journal has. Costs four bytes of memory a call.
#[derive(Debug)]
pub struct Late {
    segment: Arc<Segment>,
    /// Where the ends stand, in the order in which they were written.
    offsets: Vec<u32>,
    /// The segments of the calls' openings, and of how many calls.
    opened: Vec<(Arc<Segment>, u64)>,
    figures: Arc<Figures>,
    /// How many the ledger has.
    done: usize,
    unreadable: u64,
}

/// What was read of a segment's late calls.
#[derive(Debug, Default)]
pub struct Part {
    /// Calls for the ledger.
    pub records: Vec<Record>,
    /// Entries that are there no more, or not as they were written: a failing disk, or someone else's hand.
    pub unreadable: u64,
    looked_at: usize,
}

impl Late {
    /// The next calls, at most this many, in the order in which they ended. The same ones until [`Late::advance`].
    #[must_use]
    pub fn read(&self, calls_max: usize) -> Part {
        let mut part = Part::default();
        for offset in self.offsets.iter().skip(self.done).take(calls_max) {
            part.looked_at += 1;
            let read = self.segment.read(u64::from(*offset));
            let record = read.as_ref().and_then(|(kind, payload)| {
                (*kind == Kind::End as u8).then(|| entry::decode_record(payload, FORMAT)).flatten()
            });
            match record {
                Some(record) => part.records.push(record),
                None => part.unreadable += 1,
            }
        }
        part
    }

    /// The ledger has this part.
    pub fn advance(&mut self, part: &Part) {
        self.done += part.looked_at;
        self.unreadable += part.unreadable;
        let known = part.records.len() as u64;
        self.figures.open.fetch_sub(known, Ordering::Relaxed);
        self.figures.late.fetch_sub(part.looked_at as u64, Ordering::Relaxed);
    }

    /// True when all calls were read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done >= self.offsets.len()
    }

    /// The ledger has all of them: their entries are not needed any more. Where one could not be read, all stay for the
    /// next start, which knows at least that the call left.
    pub fn confirm(self) {
        if self.unreadable > 0 || !self.is_done() {
            return;
        }
        for (segment, calls) in self.opened {
            (0..calls).for_each(|_| segment.release());
        }
        self.offsets.iter().for_each(|_| self.segment.release());
    }

    fn add(&mut self, opened: Option<Arc<Segment>>, offset: u32) {
        self.offsets.push(offset);
        let Some(opened) = opened else { return };
        match self.opened.iter_mut().rev().find(|(known, _)| Arc::ptr_eq(known, &opened)) {
            Some((_, calls)) => *calls += 1,
            None => self.opened.push((opened, 1)),
        }
    }
}

/// Late calls by segment, those first whose segment had one first.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<VecDeque<Late>>);

impl Shelf {
    fn all(&self) -> MutexGuard<'_, VecDeque<Late>> {
        // Every state of a list of handles is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call there.
    pub(super) fn put(&self, opened: Option<Arc<Segment>>, (segment, offset): (Arc<Segment>, u32), of: &Arc<Figures>) {
        of.late.fetch_add(1, Ordering::Relaxed);
        let mut all = self.all();
        // The last ones are those that workers write now.
        if let Some(late) = all.iter_mut().rev().find(|late| Arc::ptr_eq(&late.segment, &segment)) {
            late.add(opened, offset);
            return;
        }
        let (offsets, figures) = (Vec::new(), Arc::clone(of));
        let mut late = Late { segment, offsets, opened: Vec::new(), figures, done: 0, unreadable: 0 };
        late.add(opened, offset);
        all.push_back(late);
    }

    /// Takes the calls of the segment that had one first.
    pub(super) fn take(&self) -> Option<Late> {
        self.all().pop_front()
    }
}
