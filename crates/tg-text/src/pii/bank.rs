//! Numbers of banks: cards, IBAN, BIC, US routing numbers.

use super::check::{luhn, mod97, weighted};
use super::cluster::{BLANKS, Candidate};

/// How long the IBAN of each country is (SWIFT's registry).
#[rustfmt::skip]
const IBAN_LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22), (b"BH", 22),
    (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24), (b"DE", 22), (b"DJ", 27),
    (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18), (b"FK", 18), (b"FO", 18), (b"FR", 27),
    (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27), (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28),
    (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26), (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28),
    (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22),
    (b"MK", 19), (b"MN", 20), (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23),
    (b"PK", 24), (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24),
    (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25), (b"SV", 28),
    (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20), (b"YE", 30),
];

/// Whether it is an IBAN: length of its country and remainder one.
pub(super) fn iban(c: &Candidate) -> bool {
    let chars = c.chars();
    let [first, second, a, b, ..] = chars else { return false };
    let country = [*first, *second];
    let known = IBAN_LENGTHS.iter().any(|(name, length)| **name == country && *length == chars.len());
    known
        && a.is_ascii_digit()
        && b.is_ascii_digit()
        && c.gaps().iter().all(|gap| matches!(*gap, b' ' | b'-' | b'.' | BLANKS))
        && !is_of_uuid(c)
        && mod97(chars.iter().skip(4).chain(chars.iter().take(4)).copied()) == Some(1)
}

/// Whether it is written as the first or the last groups of a UUID are: one in some hundreds begins as an IBAN does.
fn is_of_uuid(c: &Candidate) -> bool {
    let groups = matches!(c.groups(), [8, 4, 4] | [8, 4, 4, 4] | [8, 4, 4, 4, 12] | [4, 4, 12] | [4, 4, 4, 12]);
    groups && c.gaps().iter().all(|gap| *gap == b'-') && c.chars().iter().all(u8::is_ascii_hexdigit)
}

/// The last two letters before an IBAN's number are those of a country: cheap, before anything is counted.
pub(super) fn iban_begins(chars: &[u8]) -> bool {
    matches!(chars, [a, b, c, d, ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit())
}

/// Whether a number is in the range of a card issuer and has one of its lengths.
fn issued(prefix: u64, length: usize) -> bool {
    // The first six digits.
    match prefix {
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        510_000..=559_999 | 222_100..=272_099 => length == 16,
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => (14..=19).contains(&length),
        601_100..=601_199 | 622_126..=622_925 | 644_000..=659_999 => (16..=19).contains(&length),
        352_800..=358_999 => (16..=19).contains(&length),
        620_000..=629_999 | 810_000..=817_199 => (16..=19).contains(&length),
        500_000..=509_999 | 560_000..=589_999 | 639_000..=639_999 | 670_000..=679_999 => (12..=19).contains(&length),
        606_282 | 637_095..=637_612 => length == 16,
        220_000..=220_499 => (16..=19).contains(&length),
        979_200..=979_299 => length == 16,
        _ => false,
    }
}

/// How a number that passes Luhn's formula is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    /// As an issuer writes it, and in an issuer's range: no word has to name it.
    Alone,
    /// In a way that a word beside it has to explain.
    Named,
}

/// The groups in which [`card`] needs no word.
pub(super) const CARD_GROUPS: &[&[u8]] =
    &[&[14], &[15], &[16], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]];

/// Whether groups are those of a card, and then whether they are the usual ones: cheap, before anything is counted.
pub(super) fn card_groups(c: &Candidate) -> Option<bool> {
    match c.groups() {
        [one] => Some(matches!(one, 14..=16)),
        [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3] => {
            Some(matches!(c.gaps().first(), Some(b' ' | b'-' | b'.')))
        }
        [4, 4, 5] | [4, 4, 4, 1] | [8, 8] | [4, 12] => Some(false),
        _ => None,
    }
}

/// Whether a number can be that of a card. Milliseconds since 1970 cannot: thirteen digits are an old number of Visa.
pub(super) fn card(c: &Candidate) -> Option<Usual> {
    let usual = card_groups(c)?;
    let length = c.chars().len();
    let is_time = length == 13 && matches!(c.chars(), [b'1', b'5'..=b'9', ..]);
    if is_time || !(12..=19).contains(&length) || !c.all_digits() || !c.even() || !luhn(c.values()) || c.is_monotone() {
        return None;
    }
    let prefix = c.values().iter().take(6).fold(0, |sum, v| sum * 10 + u64::from(*v));
    Some(if usual && issued(prefix, length) { Usual::Alone } else { Usual::Named })
}

/// Whether it is a routing number: weights 3, 7, 1 and a first pair that the Federal Reserve gave out.
pub(super) fn routing(c: &Candidate) -> bool {
    let district = c.values().iter().take(2).fold(0, |sum, v| sum * 10 + u32::from(*v));
    c.all_digits()
        && c.groups().len() == 1
        && matches!(district, 1..=12 | 21..=32 | 61..=72 | 80)
        && weighted(c.values(), &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// Whether letters and digits have the form of a BIC: bank, country, place, branch. All capitals.
pub(super) fn bic(word: &[u8]) -> bool {
    let (Some(bank), Some(country), Some(rest)) = (word.get(..4), word.get(4..6), word.get(6..)) else { return false };
    let there_is = IBAN_LENGTHS.iter().any(|(name, _)| name.as_slice() == country)
        || matches!(
            country,
            b"US"
                | b"CA"
                | b"AU"
                | b"JP"
                | b"CN"
                | b"IN"
                | b"SG"
                | b"HK"
                | b"NZ"
                | b"MX"
                | b"ZA"
                | b"KR"
                | b"TH"
                | b"ID"
                | b"MY"
                | b"PH"
                | b"AR"
                | b"CL"
                | b"CO"
                | b"PE"
                | b"KE"
                | b"NG"
                | b"MA"
                | b"VN"
                | b"TW"
        );
    matches!(word.len(), 8 | 11)
        && bank.iter().all(u8::is_ascii_uppercase)
        && there_is
        && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether it is a vehicle's number: no I, O and Q, and the check digit that North America requires in place nine.
pub(super) fn vin(c: &Candidate) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let value = |b: u8| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        b'A'..=b'H' => Some(u32::from(b - b'A') + 1),
        b'J'..=b'N' => Some(u32::from(b - b'J') + 1),
        b'P' => Some(7),
        b'R' => Some(9),
        b'S'..=b'Z' => Some(u32::from(b - b'S') + 2),
        _ => None,
    };
    let sum: Option<u32> = c.chars().iter().zip(WEIGHTS).map(|(b, w)| Some(value(*b)? * w)).sum();
    let Some(rest) = sum.map(|sum| sum % 11) else { return false };
    let check = c.chars().get(8).copied().unwrap_or(0);
    c.digits >= 4 && c.digits < 17 && check == if rest == 10 { b'X' } else { b'0' + u8::try_from(rest).unwrap_or(0) }
}
