//! How full the journal is, and whether it can be written: what the process watches of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How full this run's part of the journal is, and whether entries can be written. Costs a few additions for each entry.
#[derive(Debug)]
pub struct Figures {
    pub(super) open: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Size of the segments that are not written any more and wait for the ledger.
    pub(super) waiting: AtomicU64,
    pub(super) waiting_max: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) unwritten: AtomicU64,
    pub(super) failing: AtomicBool,
    /// True from a failure of the disk until it was found to take things again.
    pub(super) unsynced: AtomicBool,
    /// True when the folder is not there any more: what is written does not survive the process.
    pub(super) gone: AtomicBool,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            open: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waiting_max: AtomicU64::new(u64::MAX),
            late: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            unsynced: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }
    }
}

impl Figures {
    /// Calls that are not in the ledger, those included whose ticket was dropped.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Size of the segments on the disk, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Finished calls that are in the journal alone, and wait to be brought into the ledger from there.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Calls that were sent although the journal could not be written.
    #[must_use]
    pub fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// True from an entry that could not be written until one can be written again.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Notes whether an entry could be written. True when that is news.
    pub fn note_failing(&self, failing: bool) -> bool {
        self.is_failing() != failing && self.failing.swap(failing, Ordering::AcqRel) != failing
    }

    /// True when the segments that wait take all the room that they may have.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.waiting_max.load(Ordering::Relaxed)
    }
}
