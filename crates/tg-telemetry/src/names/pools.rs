//! Metrics of pools.

use super::{Kind, Labels, Metric, label, own};

const OF_POOL: Labels = &[label::POOL, label::TARGET];

/// How many may be under way.
pub const POOL_LIMIT: Metric = own(
    "tallygate_pool_limit",
    Kind::Gauge,
    "calls",
    "Calls that may be under way at a time: as configured, or as found by `adaptive`",
    OF_POOL,
);
/// How many are.
pub const POOL_IN_FLIGHT: Metric =
    own("tallygate_pool_in_flight", Kind::Gauge, "calls", "Calls that have a place in a pool", OF_POOL);
/// How many wait.
pub const POOL_WAITING: Metric =
    own("tallygate_pool_waiting", Kind::Gauge, "calls", "Calls that wait for a place in a pool", OF_POOL);
/// How many had a place.
pub const POOL_ENTRIES: Metric = own(
    "tallygate_pool_entries",
    Kind::Counter,
    "calls",
    "Tries that had a place in a pool, at once or later",
    OF_POOL,
);
/// How many had none.
pub const POOL_REFUSALS: Metric = own(
    "tallygate_pool_refusals",
    Kind::Counter,
    "calls",
    "Tries that had no place in a pool: they would have waited too long, and were told so at once (`too_long`); no more \
     might wait (`full`); they waited in vain (`in_vain`)",
    &[label::POOL, label::TARGET, label::REASON],
);
/// How long they waited.
pub const POOL_WAIT: Metric = Metric {
    buckets: &[0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
    ..own(
        "tallygate_pool_wait_seconds",
        Kind::Histogram,
        "seconds",
        "How long tries waited for a place in a pool, in vain or not; those that did not wait are not among them",
        OF_POOL,
    )
};
