//! Decimal text to integers, exactly or not at all.

/// The integer `text × 10^shift`. `None` when `text` is no plain JSON number at or above zero, when the product is no
/// integer, or when it does not fit.
pub fn shifted(text: &str, shift: i32) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let places = exponent.checked_add(shift)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = places.checked_add(i32::try_from(digits.len() - significant.len()).ok()?)?;
    let zeros = u32::try_from(zeros).ok().filter(|zeros| *zeros < 20)?;
    significant.parse::<u64>().ok()?.checked_mul(10_u64.checked_pow(zeros)?)
}

/// A factor as a reduced fraction.
pub fn fraction(text: &str) -> Option<(u32, u32)> {
    const PLACES: i32 = 6;
    let mut numerator = u32::try_from(shifted(text, PLACES)?).ok()?;
    let mut denominator = 10_u32.pow(PLACES.unsigned_abs());
    for prime in [2_u32, 5] {
        while numerator > 0 && numerator.is_multiple_of(prime) && denominator.is_multiple_of(prime) {
            numerator /= prime;
            denominator /= prime;
        }
    }
    Some((numerator, denominator))
}

#[cfg(test)]
mod tests {
    use super::{fraction, shifted};

    #[test]
    fn only_exact_integers_come_out() {
        for (text, expected) in [
            ("3e-06", Some(3_000_000)),
            ("1.3125e-07", Some(131_250)),
            ("0.0000011", Some(1_100_000)),
            ("0.00", Some(0)),
            ("0", Some(0)),
            ("1", Some(1_000_000_000_000)),
            ("1E-12", Some(1)),
            ("10e-13", Some(1)),
            ("1e-13", None),
            ("1.00000000000001e-06", None),
            ("-1e-6", None),
            ("1e99", None),
            ("0e99", Some(0)),
            ("", None),
            (".", None),
            ("\"1\"", None),
            ("null", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(shifted(text, 12), expected, "{text}");
        }
    }

    #[test]
    fn fractions_are_reduced() {
        for (text, expected) in [("1.1", Some((11, 10))), ("2.0", Some((2, 1))), ("1.05", Some((21, 20))), ("x", None)]
        {
            assert_eq!(fraction(text), expected, "{text}");
        }
    }
}
