//! Check digits: whether a number is one that its issuer could have given out.

/// Luhn's formula over digits (values 0 to 9), the check digit last (ISO/IEC 7812-1).
#[must_use]
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| {
            let doubled = u32::from(digit) * if place % 2 == 1 { 2 } else { 1 };
            doubled / 10 + doubled % 10
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// ISO/IEC 7064 MOD 97-10 over letters (upper case, A = 10) and digits (ASCII), already in the order in which they are
/// counted: the remainder of a valid one is 1.
#[must_use]
pub fn mod97(chars: impl IntoIterator<Item = u8>) -> Option<u32> {
    let mut rest: u32 = 0;
    for c in chars {
        rest = match c {
            b'0'..=b'9' => (rest * 10 + u32::from(c - b'0')) % 97,
            b'A'..=b'Z' => (rest * 100 + u32::from(c - b'A') + 10) % 97,
            _ => return None,
        };
    }
    Some(rest)
}

/// Verhoeff's formula, the check digit last: the group of the ten symmetries of a pentagon.
#[must_use]
pub fn verhoeff(digits: &[u8]) -> bool {
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let mut sum = 0;
    for (place, &digit) in digits.iter().rev().enumerate() {
        let turned = (0..place % 8).fold(digit, |d, _| TURN.get(usize::from(d)).copied().unwrap_or(0));
        sum = pentagon(sum, turned);
    }
    !digits.is_empty() && sum == 0
}

/// The product of two symmetries: 0 to 4 turns, 5 to 9 reflections.
fn pentagon(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// The sum of digits by their weights; what has no weight does not count.
#[must_use]
pub fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, weight)| u32::from(digit) * weight).sum()
}

/// ISO/IEC 7064 MOD 11,10, the check digit last.
#[must_use]
pub fn mod11_10(digits: &[u8]) -> bool {
    let Some((&check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, &digit| {
        let sum = (u32::from(digit) + product) % 10;
        (if sum == 0 { 10 } else { sum } * 2) % 11
    });
    (11 - product) % 10 == u32::from(check)
}

/// Whether day and month are ones that there are; the length of February is not looked at.
#[must_use]
pub fn day_of(month: u32, day: u32) -> bool {
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// The number that digits spell.
#[must_use]
pub fn number(digits: &[u8]) -> u64 {
    digits.iter().take(19).fold(0, |sum, &digit| sum * 10 + u64::from(digit))
}

/// Whether all digits are the same.
#[must_use]
pub fn monotone(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|b| b - b'0').collect()
    }

    #[test]
    fn the_formulas_know_published_examples() {
        assert!(luhn(&digits("4111111111111111")) && !luhn(&digits("4111111111111112")));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
        assert!(mod11_10(&digits("86095742719")));
        assert_eq!(mod97(*b"WEST12345698765432GB82"), Some(1));
        assert!(day_of(2, 29) && !day_of(4, 31) && !day_of(13, 1));
    }

    #[test]
    fn a_formula_sees_each_single_slip() {
        for number in ["4111111111111111"] {
            let right = digits(number);
            for place in 0..right.len() {
                for digit in 0..10 {
                    let mut slipped = right.clone();
                    slipped[place] = digit;
                    assert_eq!(luhn(&slipped), digit == right[place], "{place} {digit}");
                }
            }
        }
        let right = digits("236372183643");
        let check = (0..10).find(|&c| verhoeff(&[&right[..], &[c]].concat())).unwrap();
        let right = [&right[..], &[check]].concat();
        for place in 0..right.len() {
            for digit in 0..10 {
                let mut slipped = right.clone();
                slipped[place] = digit;
                assert_eq!(verhoeff(&slipped), digit == right[place], "{place} {digit}");
            }
        }
    }
}
