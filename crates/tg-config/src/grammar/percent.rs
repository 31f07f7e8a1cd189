//! Percentages that money is computed with: exact, never a float.

use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;

/// A percentage above zero, at most 100, with at most four decimals: `12.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent(u32);

/// One percent, in millionths of the whole.
const ONE: u32 = 10_000;

impl Percent {
    /// The whole, in millionths.
    pub const WHOLE: u32 = 100 * ONE;

    /// This many hundredths of the whole, at least one and at most all of it.
    #[must_use]
    pub const fn of_hundred(hundredths: u8) -> Self {
        let hundredths = hundredths as u32;
        Self(if hundredths == 0 {
            ONE
        } else if hundredths > 100 {
            Self::WHOLE
        } else {
            hundredths * ONE
        })
    }

    /// Millionths of the whole: `12.5%` is 125 000.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str| {
            Refused::new(
                format!("{} {what}", quoted(text)),
                "write a percentage above 0 and at most 100, as in `12.5%`",
            )
        };
        let number = text.strip_suffix('%').ok_or_else(|| refused("is not a percentage"))?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) || part.len() > 4 {
            return Err(refused("is not a percentage with at most four decimals"));
        }
        let part = format!("{part:0<4}").parse::<u32>().unwrap_or(u32::MAX);
        let millionths = whole.parse::<u32>().ok().and_then(|whole| whole.checked_mul(ONE)?.checked_add(part));
        match millionths {
            Some(0) => Err(refused("is nothing")),
            Some(millionths) if millionths <= Self::WHOLE => Ok(Self(millionths)),
            _ => Err(refused("is more than all of it")),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:04}", self.0 % ONE);
        match part.trim_end_matches('0') {
            "" => write!(f, "{}%", self.0 / ONE),
            part => write!(f, "{}.{part}%", self.0 / ONE),
        }
    }
}

written_as_text!(Percent, "percent", "Percent", "A percentage above 0 and at most 100.", ["12.5%", "8%"]);
