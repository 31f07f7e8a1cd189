//! How far two figures may be apart and still agree.

use crate::decimal::Decimal;

/// A tolerance: figures agree that are apart by no more than a part of the reference, or by no more than an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    percent: Decimal,
    pub(crate) ignored: Decimal,
}

/// A cent.
const CENT: Decimal = Decimal::from_picos(10_000_000_000);

impl Tolerance {
    /// Reads `1%`, `0.5%`, `0%`.
    ///
    /// # Errors
    /// When it is no percentage from 0 to 100.
    pub fn parse(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').map(str::trim).and_then(Decimal::parse);
        match percent {
            Some(percent) if (0..=Decimal::whole(100).picos()).contains(&percent.picos()) => {
                Ok(Self { percent, ignored: CENT })
            }
            _ => Err("write a percentage from 0% to 100%, as in 1%".to_owned()),
        }
    }

    /// The same, but for dollars that do not matter however large a part they are: bills round each of their lines.
    #[must_use]
    pub const fn ignoring(self, dollars: Decimal) -> Self {
        Self { ignored: dollars, ..self }
    }

    /// Whether two costs agree. The reference is the provider's.
    #[must_use]
    pub fn costs_agree(&self, ours: Decimal, reference: Decimal) -> bool {
        (ours - reference).abs() <= self.ignored || self.within(ours, reference)
    }

    /// Whether two counts agree. The reference is the provider's.
    #[must_use]
    pub fn counts_agree(&self, ours: Decimal, reference: Decimal) -> bool {
        // A bill counts thousands to three places, so each of its lines may be off by one.
        (ours - reference).abs() <= Decimal::whole(1) || self.within(ours, reference)
    }

    fn within(&self, ours: Decimal, reference: Decimal) -> bool {
        // Percent and reference both carry twelve places; half of those of each keep the product in range.
        const HALF: i128 = 1_000_000;
        let allowed = (self.percent.picos() / HALF).saturating_mul(reference.abs().picos() / 100);
        (ours - reference).abs().picos() <= allowed / HALF
    }
}

impl Default for Tolerance {
    /// One percent, and a cent.
    fn default() -> Self {
        Self { percent: Decimal::whole(1), ignored: CENT }
    }
}

/// How far `ours` is from the reference, in hundredths of a percent of the reference; `None` where that is zero.
#[must_use]
pub fn basis_points(ours: Decimal, reference: Decimal) -> Option<i128> {
    let reference = reference.abs().picos();
    let scaled = (ours.picos() - if reference == 0 { return None } else { reference }).checked_mul(20_000)?;
    Some((scaled + reference.signum() * reference).div_euclid(2 * reference))
}

#[cfg(test)]
mod tests {
    use super::{Tolerance, basis_points};
    use crate::decimal::Decimal;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn one_percent_is_one_percent() {
        let one = Tolerance { ignored: Decimal::ZERO, ..Tolerance::parse("1%").unwrap() };
        for (ours, reference, agree) in [
            ("1.01", "1", true),
            ("1.010000000001", "1", false),
            ("0.99", "1", true),
            ("0.989999999999", "1", false),
            ("0", "0", true),
            ("0.000000000001", "0", false),
            ("1000000000", "999999999", true),
        ] {
            assert_eq!(one.costs_agree(decimal(ours), decimal(reference)), agree, "{ours} {reference}");
        }
        let none = Tolerance { ignored: Decimal::ZERO, ..Tolerance::parse("0%").unwrap() };
        assert!(none.costs_agree(decimal("1.5"), decimal("1.5")));
        assert!(!none.costs_agree(decimal("1.500000000001"), decimal("1.5")));
        assert!(Tolerance::parse("0%").unwrap().costs_agree(decimal("1.51"), decimal("1.5")), "a cent does not matter");
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for text in ["1", "", "%", "-1%", "101%", "1%%", "x%"] {
            assert!(Tolerance::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn variances_are_parts_of_the_reference() {
        for (ours, reference, points) in [
            ("1.01", "1", Some(100)),
            ("0.5", "1", Some(-5000)),
            ("3", "2", Some(5000)),
            ("1", "0", None),
            ("1.00004", "1", Some(0)),
        ] {
            assert_eq!(basis_points(decimal(ours), decimal(reference)), points, "{ours} {reference}");
        }
    }
}
