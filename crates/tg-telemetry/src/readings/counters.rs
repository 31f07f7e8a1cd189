//! Figures of counters that gateways share.

use crate::names::{self, Metric};

/// What can be read of shared counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CountersReading {
    /// They do not answer: 1, else 0.
    Away,
    /// For how long they did not answer.
    AwaySeconds,
    /// Questions that were answered.
    RoundTrips,
    /// Questions that were not answered in time.
    Late,
    /// Questions that failed otherwise.
    Failed,
    /// Questions that were not asked, as several in a row had failed.
    Resting,
    /// Decided by this process's share.
    Local,
    /// Passed uncounted.
    Shadow,
    /// Refused as the counters were away.
    Refused,
    /// Refused as nobody could say in time what is spent.
    Unknown,
    /// Settlements and bookings that wait to be heard.
    Waiting,
    /// Settlements and bookings that were given up.
    Lost,
    /// Gateways that count together.
    Replicas,
    /// How far the clocks are apart, in seconds.
    ClockSkew,
}

impl CountersReading {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Away,
        Self::AwaySeconds,
        Self::RoundTrips,
        Self::Late,
        Self::Failed,
        Self::Resting,
        Self::Local,
        Self::Shadow,
        Self::Refused,
        Self::Unknown,
        Self::Waiting,
        Self::Lost,
        Self::Replicas,
        Self::ClockSkew,
    ];

    pub(super) const fn metric(self) -> Metric {
        match self {
            Self::Away => names::COUNTERS_AWAY,
            Self::AwaySeconds => names::COUNTERS_AWAY_SECONDS,
            Self::RoundTrips => names::COUNTERS_ROUND_TRIPS,
            Self::Late => names::COUNTERS_LATE,
            Self::Failed => names::COUNTERS_FAILED,
            Self::Resting => names::COUNTERS_RESTING,
            Self::Local => names::COUNTERS_LOCAL,
            Self::Shadow => names::COUNTERS_SHADOW,
            Self::Refused => names::COUNTERS_REFUSED,
            Self::Unknown => names::COUNTERS_UNKNOWN,
            Self::Waiting => names::COUNTERS_WAITING,
            Self::Lost => names::COUNTERS_LOST,
            Self::Replicas => names::COUNTERS_REPLICAS,
            Self::ClockSkew => names::COUNTERS_CLOCK_SKEW,
        }
    }
}
