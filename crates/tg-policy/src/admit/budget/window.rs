//! Windows of budgets: how long an amount lasts, and from when on it is another.

use super::hour_of;
use tg_kernel::calendar::{Unit, Zone};
use tg_kernel::clock::Timestamp;

/// How long one amount lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// A unit of the zone's calendar.
    Calendar(Unit),
    /// So many whole hours before now, and what has passed of this one.
    Rolling(u32),
    /// From the budget's start on, once.
    Prepaid,
}

impl Window {
    /// The window in which `at` lies: its start, where windows follow each other, and its end, where it has one.
    pub(super) fn around(
        self,
        zone: &Zone,
        starts: Option<Timestamp>,
        at: Timestamp,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        match self {
            Self::Calendar(unit) => {
                let span = zone.unit(unit, at);
                (Some(span.start), Some(span.end))
            }
            Self::Rolling(_) => (None, None),
            Self::Prepaid => (starts, None),
        }
    }

    /// The first moment that counts at `at`, leaving aside where the budget starts.
    pub(super) fn since(self, zone: &Zone, starts: Option<Timestamp>, at: Timestamp) -> Timestamp {
        match self {
            Self::Calendar(unit) => zone.unit(unit, at).start,
            Self::Rolling(hours) => start_of_hour(hour_of(at).saturating_sub(i64::from(hours))),
            Self::Prepaid => starts.unwrap_or_default(),
        }
    }

    /// How many hours before this one count, where it is rolling.
    pub(super) const fn hours(self) -> Option<u32> {
        match self {
            Self::Rolling(hours) => Some(hours),
            Self::Calendar(_) | Self::Prepaid => None,
        }
    }

    /// In words, after an amount: `a month`.
    pub(super) fn words(self) -> String {
        match self {
            Self::Calendar(Unit::Day) => "a day".to_owned(),
            Self::Calendar(Unit::Week) => "a week".to_owned(),
            Self::Calendar(Unit::Month) => "a month".to_owned(),
            Self::Calendar(Unit::Quarter) => "a quarter".to_owned(),
            Self::Calendar(Unit::Year) => "a year".to_owned(),
            Self::Rolling(hours) if hours > 24 && hours.is_multiple_of(24) => format!("in {} days", hours / 24),
            Self::Rolling(hours) => format!("in {hours} hours"),
            Self::Prepaid => "prepaid".to_owned(),
        }
    }
}

/// The first moment of an hour since 1970.
pub(super) fn start_of_hour(hour: i64) -> Timestamp {
    Timestamp::from_seconds(hour.saturating_mul(3600))
}
