//! Metrics of answers that are kept, to be given again.

use super::label::TEAM;
use super::{Kind, Metric, own};

/// Label keys of their own.
pub mod label {
    /// What became of a call at the cache.
    pub const OUTCOME: &str = "outcome";
}

/// Calls for which a rule of the cache is.
pub const CACHE_CALLS: Metric = own(
    "tallygate_cache_calls",
    Kind::Counter,
    "calls",
    "Calls for which a rule of the cache is, by what became of them (`hit`, `miss`, `refresh`, `off`, `unfit`, `away`)",
    &[label::OUTCOME],
);
/// What hits saved.
pub const CACHE_SAVED: Metric = own(
    "tallygate_cache_saved_usd",
    Kind::Counter,
    "US dollars",
    "What calls would have cost that were given an answer that had been kept, at the price of then; no part of the spend",
    &[TEAM],
);
/// Answers that were kept.
pub const CACHE_KEPT: Metric =
    own("tallygate_cache_kept", Kind::Counter, "answers", "Answers that this gateway has kept since start", &[]);
/// Answers that had to make room.
pub const CACHE_CROWDED_OUT: Metric = own(
    "tallygate_cache_crowded_out",
    Kind::Counter,
    "answers",
    "Answers in this gateway's memory that made room for others, or for a lower bound, before their time was over",
    &[],
);
/// Answers in memory.
pub const CACHE_ANSWERS: Metric =
    own("tallygate_cache_answers", Kind::Gauge, "answers", "Answers in this gateway's memory", &[]);
/// What they take.
pub const CACHE_BYTES: Metric =
    own("tallygate_cache_bytes", Kind::Gauge, "bytes", "What the answers in this gateway's memory take", &[]);
