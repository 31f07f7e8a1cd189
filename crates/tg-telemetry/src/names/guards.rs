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
    /// The service outside that is asked.
    pub const GUARD: &str = "guard";
    /// Why it gave no opinion.
    pub const REASON: &str = "reason";
    /// What the checks on a call came to.
    pub const VERDICT: &str = "verdict";
}

/// Calls that were checked.
pub const GUARDED_CALLS: Metric = own(
    "tallygate_guarded_calls",
    Kind::Counter,
    "calls",
    "Calls on which content checks ran, by what came of it (`passed`, `changed`, `rerouted`, `blocked`)",
    &[label::VERDICT],
);
/// What rules found.
pub const GUARD_HITS: Metric = own(
    "tallygate_guard_hits",
    Kind::Counter,
    "",
    "What rules of content checks found, by what became of it (`blocked`, `redacted`, `restored`, `rerouted`, `annotated`, `observed`, \
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
/// Questions to services outside.
pub const GUARD_QUESTIONS: Metric = own(
    "tallygate_guard_service_questions",
    Kind::Counter,
    "questions",
    "Questions to a service that guardrails ask, answered or not, since the configuration was loaded",
    &[label::GUARD],
);
/// Questions that were not asked again.
pub const GUARD_REMEMBERED: Metric = own(
    "tallygate_guard_service_remembered",
    Kind::Counter,
    "texts",
    "Texts, or parts of them, about which a service was not asked, as it had been before",
    &[label::GUARD],
);
/// How long they took.
pub const GUARD_SECONDS: Metric = own(
    "tallygate_guard_service_seconds",
    Kind::Counter,
    "seconds",
    "How long questions to a service took together, with the waiting for their turn",
    &[label::GUARD],
);
/// Questions without an answer.
pub const GUARD_FAILURES: Metric = own(
    "tallygate_guard_service_failures",
    Kind::Counter,
    "questions",
    "Questions to a service that brought no opinion (`unreachable`, `timed_out`, `unable`, `refused`, `unreadable`, \
     `resting`, `crowded`, `too_long`, `no_credentials`)",
    &[label::GUARD, label::REASON],
);
/// Calls that no guardrail let go.
pub const UNGUARDED_CALLS: Metric = own(
    "tallygate_unguarded_calls",
    Kind::Counter,
    "calls",
    "Calls that left for a provider and that no guardrail let go: none applies to them (`no_set`), there are none at all \
     (`no_guardrails`), or some do and they were not checked, which is a defect (`not_checked`). It must read 0",
    &[label::REASON],
);

/// From a word to a long document.
const TIME_BUCKETS: &[f64] =
    &[10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 50_000.0, 100_000.0, 1_000_000.0];
