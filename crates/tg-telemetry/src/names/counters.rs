//! Metrics of counters that gateways share.

use super::{Kind, Metric, own};

/// 1 while the counters that gateways share do not answer.
pub const COUNTERS_AWAY: Metric =
    own("tallygate_counters_away", Kind::Gauge, "", "1 while the counters that gateways share do not answer", &[]);
/// For how long the shared counters did not answer though they were asked, since start.
pub const COUNTERS_AWAY_SECONDS: Metric = own(
    "tallygate_counters_away_seconds",
    Kind::Counter,
    "seconds",
    "For how long the shared counters did not answer though they were asked, since start",
    &[],
);
/// Questions that the shared counters have answered.
pub const COUNTERS_ROUND_TRIPS: Metric =
    own("tallygate_counters_round_trips", Kind::Counter, "", "Questions that the shared counters have answered", &[]);
/// Questions that the shared counters did not answer in time.
pub const COUNTERS_LATE: Metric =
    own("tallygate_counters_late", Kind::Counter, "", "Questions that the shared counters did not answer in time", &[]);
/// Questions to the shared counters that failed otherwise than by time.
pub const COUNTERS_FAILED: Metric = own(
    "tallygate_counters_failed",
    Kind::Counter,
    "",
    "Questions to the shared counters that failed otherwise than by time",
    &[],
);
/// Questions that were not asked, as several in a row had failed.
pub const COUNTERS_RESTING: Metric = own(
    "tallygate_counters_resting",
    Kind::Counter,
    "",
    "Questions that were not asked, as several in a row had failed (the breaker was open)",
    &[],
);
/// Calls and tries that were decided by this gateway's own share while the shared counters were away.
pub const COUNTERS_LOCAL: Metric = own(
    "tallygate_counters_local",
    Kind::Counter,
    "",
    "Calls and tries that were decided by this gateway's own share while the shared counters were away",
    &[],
);
/// Calls and tries that passed uncounted while the shared counters were away.
pub const COUNTERS_SHADOW: Metric = own(
    "tallygate_counters_shadow",
    Kind::Counter,
    "",
    "Calls and tries that passed uncounted while the shared counters were away",
    &[],
);
/// Calls and tries that were refused as the shared counters were away.
pub const COUNTERS_REFUSED: Metric = own(
    "tallygate_counters_refused",
    Kind::Counter,
    "",
    "Calls and tries that were refused as the shared counters were away (`counters_away`)",
    &[],
);
/// Calls that were refused as what is spent of a budget could not be summed in time.
pub const COUNTERS_UNKNOWN: Metric = own(
    "tallygate_counters_unknown",
    Kind::Counter,
    "",
    "Calls that were refused as what is spent of a budget could not be summed in time (`budget_unknown`)",
    &[],
);
/// Settlements and bookings that wait for the shared counters to hear them.
pub const COUNTERS_WAITING: Metric = own(
    "tallygate_counters_waiting",
    Kind::Gauge,
    "",
    "Settlements and bookings that wait for the shared counters to hear them",
    &[],
);
/// Settlements and bookings that were given up, as too many waited; their purses are summed anew.
pub const COUNTERS_LOST: Metric = own(
    "tallygate_counters_lost",
    Kind::Counter,
    "",
    "Settlements and bookings that were given up, as too many waited; their purses are summed anew",
    &[],
);
/// How far the clocks are apart.
pub const COUNTERS_CLOCK_SKEW: Metric = own(
    "tallygate_counters_clock_skew_seconds",
    Kind::Gauge,
    "seconds",
    "How far this gateway's clock and that of the shared counters are apart, in whole seconds, whichever is ahead",
    &[],
);
/// Gateways that count together, this one included.
pub const COUNTERS_REPLICAS: Metric =
    own("tallygate_counters_replicas", Kind::Gauge, "", "Gateways that count together, this one included", &[]);
