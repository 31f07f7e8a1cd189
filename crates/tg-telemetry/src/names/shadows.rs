//! Metrics of calls that no caller made, and of how good cheaper answers are.

use super::{Kind, Metric, own};

/// Label keys of their own.
pub mod label {
    /// What a call is for that no caller made.
    pub const PURPOSE: &str = "purpose";
    /// What became of it.
    pub const FATE: &str = "fate";
    /// The route, by the name in the configuration.
    pub const ROUTE: &str = "route";
    /// What a call asks for.
    pub const TASK: &str = "task";
}

/// Copies, judges, and questions for vectors.
pub const SHADOW_CALLS: Metric = own(
    "tallygate_shadow_calls",
    Kind::Counter,
    "calls",
    "Calls that no caller made (`mirror`, `sample`, `judge`, `likeness`), by what became of them: `sent`; `crowded` (too many at a time), \
     `no_room` (limits, budgets, or it could not leave), `blocked` (a guardrail) and `away` (its call must stay elsewhere) were not sent",
    &[label::PURPOSE, label::FATE],
);
/// What comparisons came to.
pub const COMPARISONS: Metric = own(
    "tallygate_comparisons",
    Kind::Counter,
    "",
    "Comparisons of a cheaper answer with that of the route's own targets: `kept` (as good), `lost` (worse), `unknown` (no \
     verdict, not counted)",
    &[super::guards::label::VERDICT],
);
/// How good cheaper answers are.
pub const QUALITY_KEPT: Metric = own(
    "tallygate_quality_kept",
    Kind::Gauge,
    "ratio",
    "In which part of the latest comparisons the cheaper answer was as good",
    &[label::ROUTE, label::TASK],
);
/// How much is known of that.
pub const QUALITY_SAMPLES: Metric = own(
    "tallygate_quality_samples",
    Kind::Gauge,
    "",
    "Of how many comparisons that is, at most 1000",
    &[label::ROUTE, label::TASK],
);
/// Rules that have switched themselves off.
pub const TASK_ROUTING_OFF: Metric = own(
    "tallygate_task_routing_off",
    Kind::Gauge,
    "",
    "1 where a route's rule by tasks has switched itself off, as cheaper answers were not good enough",
    &[label::ROUTE],
);
