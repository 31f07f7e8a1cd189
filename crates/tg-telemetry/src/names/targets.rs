//! Metrics of how targets fare.

use super::{Kind, Metric, label, own};

/// Targets, and providers as a whole, that are passed over now.
pub const TARGETS_BENCHED: Metric = own(
    "tallygate_targets_benched",
    Kind::Gauge,
    "",
    "Targets, and providers as a whole, that are passed over at the moment",
    &[],
);
/// How often a target was passed over from then on.
pub const TARGET_BENCHES: Metric = own(
    "tallygate_target_benches",
    Kind::Counter,
    "",
    "How often a target, or a provider as a whole, was passed over from then on, by whose fault it was",
    &[label::CULPRIT],
);
/// Whether a provider is not passed over by its probes.
pub const PROBE_UP: Metric = own(
    "tallygate_probe_up",
    Kind::Gauge,
    "",
    "1 while a provider answers its probe (`providers[].probe`), 0 while it is passed over for failing it",
    &[label::PROVIDER],
);
/// Probes of providers.
pub const PROBES: Metric = own(
    "tallygate_probes",
    Kind::Counter,
    "",
    "Probes of a provider, by outcome: ok, failed",
    &[label::PROVIDER, label::OUTCOME],
);
/// Calls whose targets were all tried once more.
pub const RETRIES: Metric =
    own("tallygate_retries", Kind::Counter, "", "How often all targets of a call were tried once more", &[]);
/// Calls whose targets were not tried once more, as too many were.
pub const RETRIES_DENIED: Metric = own(
    "tallygate_retries_denied",
    Kind::Counter,
    "",
    "How often they were not, as that would have been more than `resilience.retry_share` of all calls",
    &[],
);
/// Second tries beside slow first ones.
pub const HEDGES: Metric = own(
    "tallygate_hedges",
    Kind::Counter,
    "",
    "Second tries that left beside a slow first one, by outcome: won (heard first), lost, failed",
    &[label::OUTCOME],
);
/// Slow calls without a second try.
pub const HEDGES_DENIED: Metric = own(
    "tallygate_hedges_denied",
    Kind::Counter,
    "",
    "Slow first tries that had no second one beside them, by why",
    &[label::REASON],
);
