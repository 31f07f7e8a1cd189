//! The ledger against Bedrock's model invocation logs, call by call: who goes round the gateway, what was logged for
//! nobody, and where the counts differ.

mod entry;
mod matching;

pub use entry::{Heard, read};
pub use matching::{Around, Differing, Matching, Outcome, Overlooked, SLACK, TokenSums};

/// Most calls of one comparison: each is kept in memory, about a hundred bytes.
pub const ENTRIES_MAX: usize = 5_000_000;
