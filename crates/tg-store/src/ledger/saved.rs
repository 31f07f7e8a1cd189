//! What caches saved, as the ledger has it: that of answers, and points that were put for those of providers.

use super::Ledger;
use crate::error::StoreError;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// What they saved one team.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The team.
    pub team: String,
    /// Calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost, each at the price of its time.
    pub amount: Money,
    /// Calls that points were put into for their provider's prompt cache.
    pub pointed: u64,
    /// What those points saved, which is below zero while they cost more than they saved.
    pub by_points: Money,
}

impl Ledger {
    /// What caches saved each team that had hits or points, the most first, of calls that arrived from `since`
    /// on (inclusive) until `until` (exclusive). Reads the rows of that time one by one: what retention has deleted is not in
    /// it. Blocks for as long as the store computes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn saved(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<Vec<Saved>, StoreError> {
        let micros = |at: Option<Timestamp>, open: i64| at.map_or(open, Timestamp::micros);
        self.reader().saved(micros(since, i64::MIN), micros(until, i64::MAX))
    }
}
