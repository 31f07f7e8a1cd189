//! What is told of the ledger in passing.

use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// What is seen of a store at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Size of the store in bytes.
    pub bytes: u64,
    /// When the call of the oldest row arrived.
    pub oldest_row: Option<Timestamp>,
    /// Corrections that were ever made, by whatever process.
    pub corrections: u64,
}

/// Calls that were found too late to be appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// How many.
    pub calls: u64,
    /// What they cost.
    pub cost: Money,
}
