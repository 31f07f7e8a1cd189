//! The seam to what somebody was told of budgets: each notice once, also over restarts.

use crate::backends::NoticeTable;
use crate::error::StoreError;
use std::time::Duration;
use tg_kernel::clock::Timestamp;

/// How long it is remembered that somebody was told. Longer than any window of a calendar.
const KEPT: Duration = Duration::from_secs(3 * 366 * 86_400);

/// Most notices that are answered as owed.
const OWED_MAX: usize = 1_000;

/// A notice that somebody is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The purse that it is of; has its window in it.
    pub purse: String,
    /// Of what it tells.
    pub kind: String,
    /// What is told, as JSON.
    pub notice: String,
}

/// Keeps notices. One per process, owned by the thread that delivers them.
#[derive(Debug)]
pub struct Notices {
    table: NoticeTable,
}

impl Notices {
    pub(crate) const fn new(table: NoticeTable) -> Self {
        Self { table }
    }

    /// Notes a notice, and answers whether it is new: of two processes that note the same, one hears so.
    ///
    /// # Errors
    /// When the store fails.
    pub fn add(&mut self, owed: &Owed, at: Timestamp) -> Result<bool, StoreError> {
        self.table.add(owed, at)
    }

    /// Notes that everybody was told who is to be, or that it was given up.
    ///
    /// # Errors
    /// When the store fails.
    pub fn delivered(&mut self, owed: &Owed, at: Timestamp) -> Result<(), StoreError> {
        self.table.delivered(&owed.purse, &owed.kind, at)
    }

    /// Notices since then that were not delivered, the oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn owed(&mut self, since: Timestamp) -> Result<Vec<Owed>, StoreError> {
        self.table.owed(since, OWED_MAX)
    }

    /// Forgets what is old.
    ///
    /// # Errors
    /// When the store fails.
    pub fn forget_old(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let kept = i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX);
        self.table.forget(Timestamp::from_micros(now.micros().saturating_sub(kept)))
    }
}
