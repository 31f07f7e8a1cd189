//! Points in time: a day, which begins at midnight in UTC, or an instant.

use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;
use tg_kernel::clock::Timestamp;

/// A date (`2026-12-01`: its first moment in UTC) or RFC 3339 (`2026-12-01T00:00:00+01:00`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(Timestamp);

/// No time in RFC 3339 is longer.
const LENGTH_MAX: usize = 64;

impl Moment {
    /// The point in time.
    #[must_use]
    pub const fn get(self) -> Timestamp {
        self.0
    }
}

impl FromStr for Moment {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let read = || match text.len() {
            10 => Timestamp::parse(&format!("{text}T00:00:00Z")),
            11..=LENGTH_MAX => Timestamp::parse(text),
            _ => None,
        };
        read().map(Self).ok_or_else(|| {
            Refused::new(
                format!("{} is not a point in time", quoted(text)),
                "write a date, which begins at midnight in UTC, as in `2026-12-01`, or RFC 3339 with its offset, as in \
                 `2026-12-01T00:00:00+01:00`",
            )
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    Moment,
    "moment",
    "Moment",
    "A date, which begins at midnight in UTC, or RFC 3339.",
    ["2026-12-01", "2026-12-01T00:00:00+01:00"]
);
