//! The store's size as it travels.

use super::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_store::ledger::LedgerSize;

/// How much the store holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreSize {
    /// Rows of the ledger: one for each call.
    pub rows: u64,
    /// When the call of the oldest row arrived; null where there is none.
    pub oldest_row: Option<Time>,
    /// Sums by the hour and by the day.
    pub rollups: u64,
    /// Combinations of team, key, model and the rest for which there are sums.
    pub series: u64,
    /// The oldest hour that has sums; null where there is none.
    pub oldest_rollup: Option<Time>,
    /// Rows from there on are in the sums, earlier ones are being added; null where all are.
    pub rolled_up_since: Option<Time>,
    /// The size in bytes, teams and keys included.
    pub bytes: u64,
    /// The part of it that deletions left free, to be used again.
    pub free_bytes: u64,
}

impl From<LedgerSize> for StoreSize {
    fn from(size: LedgerSize) -> Self {
        Self {
            rows: size.rows,
            oldest_row: size.oldest_row.map(Time),
            rollups: size.rollups,
            series: size.series,
            oldest_rollup: size.oldest_rollup.map(Time),
            rolled_up_since: size.rolled_up_since.map(Time),
            bytes: size.bytes,
            free_bytes: size.free_bytes,
        }
    }
}
