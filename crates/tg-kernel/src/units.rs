//! Quantities with a unit: money. Integers only; arithmetic is checked or saturating, never wrapping.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount of US dollars, counted in nano-dollars (1 USD = 1 000 000 000).
///
/// `i64` nano-dollars reach about 9.2 billion dollars; sums saturate there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// This many nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount nearest to this many pico-dollars (1 USD = 10^12), halves rounded up.
    #[must_use]
    pub fn from_picos(picos: i128) -> Self {
        let nanos = (picos + 500).div_euclid(1000);
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The difference, saturating at the ends of the range.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum, saturating at the ends of the range.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Money {
    /// Dollars with nine decimals, trailing zeros cut down to two decimals: `0.000012`, `1.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / 1_000_000_000;
        let part = format!("{:09}", self.0.unsigned_abs() % 1_000_000_000);
        let kept = part.trim_end_matches('0').len().max(2);
        write!(f, "{sign}{whole}.{}", &part[..kept])
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn money_reads_as_dollars() {
        for (nanos, text) in [(0, "0.00"), (1, "0.000000001"), (1_500_000_000, "1.50"), (-12_000, "-0.000012")] {
            assert_eq!(Money::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn picos_round_half_up() {
        for (picos, nanos) in [(499, 0), (500, 1), (1_499, 1), (1_500, 2), (-500, 0), (-501, -1)] {
            assert_eq!(Money::from_picos(picos).nanos(), nanos, "{picos}");
        }
    }
}
