//! What the cache of answers saved, as the ledger has it.

use super::Ledger;
use crate::error::StoreError;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// What it saved one team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The team.
    pub team: String,
    /// Calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost, each at the price of its time.
    pub amount: Money,
}

impl Ledger {
    /// What the cache of answers saved each team that it saved something, the most first, of calls that arrived from `since`
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
