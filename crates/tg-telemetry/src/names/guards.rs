//! Metrics of content checks.

use super::{Kind, Metric, own};

/// Label keys of their own.
pub mod label {
    /// The guardrail set.
    pub const SET: &str = "set";
    /// The rule in it.
    pub const RULE: &str = "rule";
    /// Which way the text went: `input` to a model, `output` to the caller.
    pub const WAY: &str = "way";
    /// What became of what was found.
    pub const ACTION: &str = "action";
    /// What the checks on a call came to.
    pub const VERDICT: &str = "verdict";
}

/// Calls that were checked.
pub const GUARDED_CALLS: Metric = own(
    "tallygate_guarded_calls",
    Kind::Counter,
    "calls",
    "Calls on which content checks ran, by what came of it (`passed`, `changed`, `blocked`)",
    &[label::VERDICT],
);
/// What rules found.
pub const GUARD_HITS: Metric = own(
    "tallygate_guard_hits",
    Kind::Counter,
    "",
    "What rules of content checks found, by what became of it (`blocked`, `redacted`, `restored`, `annotated`, `observed`, \
     `unanswered`)",
    &[label::SET, label::RULE, label::WAY, label::ACTION],
);
/// What checks cost.
pub const GUARD_TIME: Metric = Metric {
    buckets: TIME_BUCKETS,
    ..own(
        "tallygate_guard_microseconds",
        Kind::Histogram,
        "microseconds",
        "Time that content checks took of a call, request and answer together",
        &[],
    )
};
/// Calls that got around the checks.
pub const UNGUARDED_CALLS: Metric = own(
    "tallygate_unguarded_calls",
    Kind::Counter,
    "calls",
    "Calls that left for a provider unchecked, though guardrails apply to them: anything but 0 is a defect",
    &[],
);

/// From a word to a long document.
const TIME_BUCKETS: &[f64] =
    &[10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0, 1_000_000.0];
