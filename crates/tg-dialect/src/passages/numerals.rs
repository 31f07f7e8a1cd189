//! Numbers of JSON as they are read.

use crate::tape::{Kind, Node};
use std::borrow::Cow;

/// Fewest and most digits of a whole number that is written out where it has an exponent: what identifies somebody has them.
const DIGITS_MIN: usize = 12;
const DIGITS_MAX: usize = 34;

/// What a value says; of a whole number with an exponent (`4.111111111111111e15`) all of its digits.
pub(super) fn text<'a>(node: Node<'_, 'a>) -> Cow<'a, str> {
    let raw = node.text();
    match written_out(&raw).filter(|_| node.kind() == Kind::Number) {
        Some(digits) => Cow::Owned(digits),
        None => raw,
    }
}

/// The digits of a whole number with an exponent; `None` for any other.
fn written_out(raw: &str) -> Option<String> {
    let (mantissa, exponent) = raw.split_once(['e', 'E'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: usize = exponent.parse().ok().filter(|exponent| *exponent <= DIGITS_MAX)?;
    let (moved, rest) = fraction.split_at_checked(exponent).unwrap_or((fraction, ""));
    let zeros = "0".repeat(exponent - moved.len());
    let digits = format!("{}{moved}{zeros}", whole.trim_start_matches('-'));
    let digits = digits.trim_start_matches('0');
    let is_whole = rest.bytes().all(|byte| byte == b'0');
    (is_whole && (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())).then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_with_an_exponent_are_written_out() {
        for (raw, digits) in [
            ("4.111111111111111e15", "4111111111111111"),
            ("-4.111111111111111E+15", "4111111111111111"),
            ("0.4111111111111111e16", "4111111111111111"),
            ("41111111111111.11e2", "4111111111111111"),
            ("4.1111111111111110e15", "4111111111111111"),
            ("5e15", "5000000000000000"),
        ] {
            assert_eq!(written_out(raw).as_deref(), Some(digits), "{raw}");
        }
        for raw in ["4111111111111111", "4.1111111111111115e15", "4.111e5", "4.1e-15", "1e40", "0e15", "1.5"] {
            assert_eq!(written_out(raw), None, "{raw}");
        }
    }
}
