//! How long something is kept.

use super::quantity::split_number;
use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// An age: a whole number and one of `d`, `y` (365 days). From 1 day to 100 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Age {
    days: u64,
}

const DAY_SECONDS: u64 = 86_400;
const YEAR: u64 = 365;
const DAYS_MAX: u64 = 100 * YEAR;
const UNITS: [(&str, u64); 2] = [("y", YEAR), ("d", 1)];

impl Age {
    /// This many days, at least one.
    #[must_use]
    pub const fn of_days(number: u16) -> Self {
        Self { days: if number == 0 { 1 } else { number as u64 } }
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::from_secs(self.days * DAY_SECONDS)
    }
}

impl FromStr for Age {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            let hint = "write a whole number and a unit (d, y), as in `400d` or `7y`";
            Refused::new(format!("{} {what}", quoted(text)), hint)
        };
        let (digits, unit) = split_number(text);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let (Ok(number), Some(factor)) = (digits.parse::<u64>(), factor) else {
            return Err(refused("is not an age in days or years"));
        };
        match number.checked_mul(factor) {
            Some(0) => Err(refused("keeps nothing")),
            Some(days) if days <= DAYS_MAX => Ok(Self { days }),
            _ => Err(refused("is more than 100 years")),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS.iter().find(|(_, factor)| self.days.is_multiple_of(*factor)).unwrap_or(&("d", 1));
        write!(f, "{}{unit}", self.days / factor)
    }
}

written_as_text!(Age, "age", "Age", "An age: a whole number and one of d, y (365 days).", ["400d", "7y"]);
