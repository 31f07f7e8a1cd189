//! What the server must hear and no call waits for: settlements and bookings, in order, until it has heard them.

use super::script::Invocation;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Most that waits at a time (some 30 MB). What comes beyond is given up: see [`Outbox::push`].
pub(super) const OUTBOX_MAX: usize = 1 << 16;

/// Most purses of which it is known that they missed a booking.
const SPOILED_MAX: usize = 1 << 16;

/// What is sent in one round trip at most.
const BATCH_MAX: usize = 64;

/// One thing to say.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) invocation: Invocation,
    /// Of a booking: when the row was appended, of which the server is told how long ago that was.
    pub(super) appended: Option<Duration>,
    /// Of a booking: its purses, to be filled anew from the ledger if it is given up.
    pub(super) purses: Vec<String>,
    /// Of a booking: the name by which the call holds, which is alive as long as this waits.
    pub(super) _name: Option<Arc<str>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Entry>,
    spoiled: BTreeSet<String>,
    /// Entries that were given up, as there were too many.
    lost: u64,
    /// Entries that the server answered with an error of its own.
    refused: u64,
    /// Whether settlements were given up since the last look.
    overflowed: bool,
}

impl Outbox {
    /// Adds an entry. If there is no room, it is lost: what calls of this process hold is then said under another name, so
    /// that nothing stays held of those that are over, and the purses of lost bookings are filled from the ledger again,
    /// which has the rows.
    pub(super) fn push(&mut self, entry: Entry) {
        if self.waiting.len() < OUTBOX_MAX {
            self.waiting.push_back(entry);
            return;
        }
        self.lost = self.lost.saturating_add(1);
        self.overflowed = true;
        for purse in entry.purses {
            if self.spoiled.len() < SPOILED_MAX {
                self.spoiled.insert(purse);
            }
        }
    }

    /// The oldest entries, as they are said now; times are of one clock.
    pub(super) fn first(&self, now: Duration) -> Vec<Invocation> {
        let said = |entry: &Entry| {
            let mut invocation = entry.invocation.clone();
            if let Some(appended) = entry.appended {
                invocation.arguments.push(now.saturating_sub(appended).as_micros().to_string());
            }
            invocation
        };
        self.waiting.iter().take(BATCH_MAX).map(said).collect()
    }

    /// So many of the oldest were heard, and so many of them refused.
    pub(super) fn heard(&mut self, count: usize, refused: usize) {
        self.refused = self.refused.saturating_add(u64::try_from(refused).unwrap_or(u64::MAX));
        self.waiting.drain(..count.min(self.waiting.len()));
    }

    /// So many of the oldest may have been heard or not. What must not be said twice is dropped.
    pub(super) fn may_be_heard(&mut self, count: usize) {
        let mut place = 0;
        self.waiting.retain(|entry| {
            let stays = place >= count || entry.invocation.is_repeatable();
            place += 1;
            stays
        });
    }

    /// Whether entries were lost since the last call.
    pub(super) fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }

    /// Purses that may lack bookings, of which the server is yet to be told: as many as are said at a time.
    pub(super) fn spoiled(&self) -> Vec<String> {
        self.spoiled.iter().take(BATCH_MAX).cloned().collect()
    }

    /// The server was told of these.
    pub(super) fn mended(&mut self, purses: &[String]) {
        self.spoiled.retain(|purse| !purses.contains(purse));
    }

    /// These may lack bookings.
    pub(super) fn put_spoiled(&mut self, purses: impl IntoIterator<Item = String>) {
        self.spoiled.extend(purses);
    }

    /// Whether the server has heard all that there was to say.
    pub(super) fn is_said(&self) -> bool {
        self.waiting.is_empty() && self.spoiled.is_empty() && !self.overflowed
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_MAX, Entry, OUTBOX_MAX, Outbox};
    use crate::backends::redis::script::{Invocation, Script};
    use std::time::Duration;

    fn entry(script: Script, number: usize) -> Entry {
        let invocation = Invocation { script, keys: vec![number.to_string()], arguments: Vec::new() };
        Entry { invocation, appended: None, purses: vec![number.to_string()], _name: None }
    }

    #[test]
    fn entries_are_said_in_order_and_once_they_are_heard_no_more() {
        let mut outbox = Outbox::default();
        (0..100).for_each(|number| outbox.push(entry(Script::Settle, number)));
        assert_eq!(outbox.first(Duration::ZERO).len(), BATCH_MAX);
        outbox.may_be_heard(BATCH_MAX);
        assert_eq!(outbox.len(), 100);
        outbox.heard(3, 1);
        assert_eq!(outbox.refused(), 1);
        assert_eq!(outbox.first(Duration::ZERO)[0].keys, ["3"]);
        let mut once = Outbox::default();
        (0..4).for_each(|number| once.push(entry([Script::Give, Script::Book][number % 2], number)));
        once.may_be_heard(2);
        let left: Vec<_> = once.first(Duration::ZERO).into_iter().flat_map(|said| said.keys).collect();
        assert_eq!(left, ["1", "2", "3"]);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_its_purses_remembered() {
        let mut outbox = Outbox::default();
        (0..OUTBOX_MAX + 2).for_each(|number| outbox.push(entry(Script::Book, number)));
        assert_eq!((outbox.len(), outbox.lost()), (OUTBOX_MAX, 2));
        assert!(outbox.take_overflow() && !outbox.take_overflow());
        assert_eq!((outbox.spoiled().len(), outbox.spoiled().len()), (2, 2), "until the server was told");
        let purses = outbox.spoiled();
        outbox.mended(&purses);
        assert!(outbox.spoiled().is_empty());
        outbox.put_spoiled((0..BATCH_MAX + 1).map(|number| number.to_string()));
        for left in [BATCH_MAX, 1, 0] {
            let purses = outbox.spoiled();
            assert_eq!(purses.len(), left, "no more at a time");
            outbox.mended(&purses);
        }
    }
}
