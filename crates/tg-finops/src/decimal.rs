//! Exact decimals of bills and exports: twelve places, integers beneath, text at both ends.

use serde::{Serialize, Serializer};
use std::fmt;
use std::iter::Sum;
use std::ops::{AddAssign, Sub};
use tg_kernel::units::Money;

/// Decimal places that are kept. A dollar is then 10^12 pico-dollars, the unit in which the catalogue prices a token.
pub const PLACES: u32 = 12;
const ONE: i128 = 10_i128.pow(PLACES);
/// Largest amount, in units of the last place: sums over a million of them, times a percentage, still fit.
const LARGEST: i128 = 10_i128.pow(27);

/// A number with twelve decimal places. Sums saturate far beyond any bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// This many units of the last place.
    #[must_use]
    pub const fn from_picos(picos: i128) -> Self {
        Self(picos)
    }

    /// A whole number.
    #[must_use]
    pub fn whole(number: u64) -> Self {
        Self(i128::from(number) * ONE)
    }

    /// Units of the last place.
    #[must_use]
    pub const fn picos(self) -> i128 {
        self.0
    }

    /// Reads `12`, `-0.0000042`, `4.2E-7`. Places beyond the twelfth are rounded, halves away from zero. `None` for
    /// what is no number, or larger than a thousand million million.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (digits, exponent) = match rest.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && part.is_empty() || digits.len() > 40 || exponent.abs() > 40 {
            return None;
        }
        let mut mantissa: i128 = 0;
        for byte in whole.bytes().chain(part.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        }
        let shift = i32::try_from(PLACES).ok()? + exponent - i32::try_from(part.len()).ok()?;
        let picos = shifted(mantissa, shift)?;
        (picos <= LARGEST).then_some(Self(if negative { -picos } else { picos }))
    }

    /// This many times the number.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor as i128))
    }

    /// Without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The nearest whole number, halves up.
    #[must_use]
    pub const fn rounded(self) -> i128 {
        (self.0 + ONE / 2).div_euclid(ONE)
    }

    /// As money, to the nearest nano-dollar.
    #[must_use]
    pub fn money(self) -> Money {
        Money::from_picos(self.0)
    }
}

/// The mantissa times ten to this power, rounded.
fn shifted(mantissa: i128, shift: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return mantissa.checked_mul(power?);
    }
    // A power that large leaves nothing of any mantissa.
    Some(power.map_or(0, |power| mantissa / power + i128::from(mantissa % power >= power - power / 2)))
}

impl From<Money> for Decimal {
    fn from(money: Money) -> Self {
        Self(i128::from(money.nanos()) * 1000)
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Sub for Decimal {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, |mut sum, next| {
            sum += next;
            sum
        })
    }
}

impl fmt::Display for Decimal {
    /// As short as it is exact: `0`, `1.5`, `-0.000000000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, part) = (self.0.unsigned_abs() / ONE.unsigned_abs(), self.0.unsigned_abs() % ONE.unsigned_abs());
        let part = format!("{part:012}");
        match part.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            part => write!(f, "{sign}{whole}.{part}"),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_bills_are_read_exactly() {
        for (text, picos) in [
            ("0", 0),
            ("12", 12_000_000_000_000),
            ("-0.0000042", -4_200_000),
            ("4.2E-7", 420_000),
            ("1e3", 1_000_000_000_000_000),
            (".5", 500_000_000_000),
            ("5.", 5_000_000_000_000),
            ("0.30000000000000004", 300_000_000_000),
            ("0.0000000000005", 1),
            ("-0.0000000000005", -1),
            ("0.0000000000004", 0),
            ("1e-40", 0),
        ] {
            assert_eq!(Decimal::parse(text).map(Decimal::picos), Some(picos), "{text}");
        }
        for text in ["", ".", "-", "1,5", "1 000", "NaN", "inf", "0x1", "1e99", "1e", "--1", "1e16", "9999999999999999"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(picos in -10_i128.pow(27)..10_i128.pow(27)) {
            let decimal = Decimal::from_picos(picos);
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Some(decimal));
        }
    }
}
