//! Numbers of western Europe.

use super::form::{Form, digit, dmy, like, part, sum};
use crate::pii::check::{luhn, mod11_10, weighted};
use crate::pii::cluster::Candidate;
use crate::pii::cue::{ANY_ID, ANY_INSURANCE, ANY_TAX};
use crate::pii::entity::Entity;

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    Form { entity: Entity::UkNhs, length: 10, check: nhs, free: &[], cues: 0 },
    Form { entity: Entity::UkNino, length: 9, check: nino, free: &[(&[9], b""), (&[2, 2, 2, 2, 1], b"    "), (&[2, 6, 1], b"  ")], cues: 0 },
    Form { entity: Entity::UkUtr, length: 10, check: utr, free: &[], cues: 0 },
    Form { entity: Entity::DeTaxId, length: 11, check: de_tax, free: &[], cues: ANY_TAX },
    Form { entity: Entity::DeIdCard, length: 10, check: de_card, free: &[], cues: ANY_ID | Entity::Passport.bit() },
    Form { entity: Entity::DeSvnr, length: 12, check: de_pension, free: &[(&[12], b""), (&[2, 6, 1, 3], b"   ")], cues: 0 },
    Form { entity: Entity::FrNir, length: 15, check: nir, free: &[(&[15], b""), (&[13, 2], b" "), (&[1, 2, 2, 2, 3, 3, 2], b"      ")], cues: ANY_INSURANCE },
    Form { entity: Entity::ItFiscal, length: 16, check: fiscal, free: &[(&[16], b""), (&[3, 3, 5, 5], b"   ")], cues: ANY_TAX },
    Form { entity: Entity::ItVat, length: 11, check: it_vat, free: &[], cues: ANY_TAX },
    Form { entity: Entity::EsNif, length: 9, check: dni, free: &[(&[9], b""), (&[8, 1], b"-"), (&[2, 3, 3, 1], b"..-")], cues: 0 },
    Form { entity: Entity::EsNie, length: 9, check: nie, free: &[(&[9], b""), (&[1, 7, 1], b"--")], cues: 0 },
    Form { entity: Entity::PtNif, length: 9, check: pt_nif, free: &[], cues: ANY_TAX },
    Form { entity: Entity::NlBsn, length: 9, check: bsn, free: &[], cues: 0 },
    Form { entity: Entity::BeNn, length: 11, check: belgian, free: &[(&[2, 2, 2, 3, 2], b"..-.")], cues: ANY_ID },
    Form { entity: Entity::AtSvnr, length: 10, check: austrian, free: &[], cues: ANY_INSURANCE },
    Form { entity: Entity::ChAhv, length: 13, check: ahv, free: &[(&[3, 4, 4, 2], b"..."), (&[13], b"")], cues: ANY_INSURANCE },
    Form { entity: Entity::IePps, length: 8, check: pps, free: &[], cues: ANY_TAX },
    Form { entity: Entity::IePps, length: 9, check: pps, free: &[], cues: ANY_TAX },
];

fn nhs(c: &Candidate) -> bool {
    let rest = 11 - sum(c.values(), &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    c.all_digits() && !c.is_monotone() && rest % 11 == digit(c.values(), 9) && rest != 10
}

fn nino(c: &Candidate) -> bool {
    let chars = c.chars();
    let [first, second, .., last] = chars else { return false };
    like(chars, b"AA999999A")
        && !b"DFIQUV".contains(first)
        && !b"DFIOQUV".contains(second)
        && !matches!([*first, *second].as_slice(), b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ")
        && (b'A'..=b'D').contains(last)
}

fn utr(c: &Candidate) -> bool {
    let body = c.values().get(1..).unwrap_or_default();
    let rest = sum(body, &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
    c.all_digits()
        && b"21987654321".get(rest as usize).is_some_and(|check| u32::from(check - b'0') == digit(c.values(), 0))
}

/// Of the first ten digits one stands twice or three times, all others at most once.
fn de_tax(c: &Candidate) -> bool {
    let body = c.values().get(..10).unwrap_or_default();
    let mut times = [0; 10];
    for value in body {
        if let Some(count) = times.get_mut(usize::from(*value)) {
            *count += 1;
        }
    }
    let repeated = times.iter().filter(|count| **count > 1).count();
    let most = times.iter().max().copied().unwrap_or(0);
    c.all_digits() && digit(c.values(), 0) != 0 && repeated == 1 && most <= 3 && mod11_10(c.values())
}

/// Serial of nine places without vowels and look-alikes, then its check digit with the weights 7, 3, 1.
fn de_card(c: &Candidate) -> bool {
    let Some((check, serial)) = c.chars().split_last() else { return false };
    let known = serial.iter().all(|b| b"0123456789CFGHJKLMNPRTVWXYZ".contains(b));
    let value = |b: &u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
    let sum: u32 = serial.iter().zip([7, 3, 1].iter().cycle()).map(|(b, w)| value(b) * w).sum();
    known
        && serial.first().is_some_and(u8::is_ascii_uppercase)
        && check.is_ascii_digit()
        && sum % 10 == u32::from(check - b'0')
}

fn de_pension(c: &Candidate) -> bool {
    let values = c.values();
    let Some(letter) = c.chars().get(8).filter(|_| like(c.chars(), b"99999999A999")) else { return false };
    let place = letter - b'A' + 1;
    let mut spelt: Vec<u8> = values.get(..8).unwrap_or_default().to_vec();
    spelt.extend([place / 10, place % 10]);
    spelt.extend(values.get(9..11).unwrap_or_default());
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = spelt.iter().zip(weights).map(|(v, w)| u32::from(*v) * w).map(|p| p / 10 + p % 10).sum();
    // Numbers that were given out late have 25 or 40 added to the day.
    let date = dmy(values.get(2..).unwrap_or_default());
    date && sum % 10 == digit(values, 11)
}

/// Sex, year, month, department, commune, order, key: 97 less the rest of the number by 97.
fn nir(c: &Candidate) -> bool {
    let corsica = match c.chars().get(5..7) {
        Some(b"2A") => Some(b'9'),
        Some(b"2B") => Some(b'8'),
        _ => None,
    };
    let letters = c.chars().len() - c.digits;
    if letters != usize::from(corsica.is_some()) {
        return false;
    }
    let spelt = c.chars().iter().take(13).enumerate().map(|(i, b)| match corsica {
        Some(_) if i == 5 => b'1',
        Some(with) if i == 6 => with,
        _ => *b,
    });
    let number = spelt.fold(0u64, |sum, b| sum * 10 + u64::from(b - b'0'));
    let month = part(c.values(), 3, 5);
    matches!(digit(c.values(), 0), 1..=4 | 7 | 8)
        && matches!(month, Some(1..=12 | 20..=42 | 50..=99))
        && part(c.values(), 13, 15) == Some(97 - number % 97)
}

/// Whether it is that of most people, who are told apart from chance without a word: a man or woman, born in a month that there is.
pub(in crate::pii) fn is_usual_nir(c: &Candidate) -> bool {
    matches!(digit(c.values(), 0), 1 | 2) && matches!(part(c.values(), 3, 5), Some(1..=12))
}

/// What a character at an odd place counts in the Italian check; those at even places count as they are.
const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

fn fiscal(c: &Candidate) -> bool {
    let chars = c.chars();
    let classes = b"AAAAAANNANNANNNA";
    let shaped = chars.len() == 16
        && chars.iter().zip(classes).all(|(b, class)| match class {
            b'A' => b.is_ascii_uppercase(),
            // Two people alike: a digit is written as a letter.
            _ => b.is_ascii_digit() || b"LMNPQRSTUV".contains(b),
        });
    let month = chars.get(8).is_some_and(|b| b"ABCDEHLMPRST".contains(b));
    let sum: u32 = chars
        .iter()
        .take(15)
        .enumerate()
        .map(|(i, b)| {
            let value = if b.is_ascii_digit() { b - b'0' } else { b.wrapping_sub(b'A') };
            if i % 2 == 0 { ODD.get(usize::from(value)).copied().unwrap_or(0) } else { u32::from(value) }
        })
        .sum();
    shaped && month && chars.get(15).is_some_and(|b| u32::from(b.wrapping_sub(b'A')) == sum % 26)
}

fn it_vat(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && luhn(c.values())
}

fn dni_letter(number: u64) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(usize::try_from(number % 23).ok()?).copied()
}

fn dni(c: &Candidate) -> bool {
    let letter = part(c.values(), 0, 8).and_then(dni_letter);
    like(c.chars(), b"99999999A") && c.chars().last().copied() == letter
}

fn nie(c: &Candidate) -> bool {
    let chars = c.chars();
    let Some(kind) = chars.first().and_then(|b| b"XYZ".iter().position(|k| k == b)) else { return false };
    let number = part(c.values(), 1, 8).map(|rest| rest + kind as u64 * 10_000_000);
    like(chars, b"A9999999A") && chars.last().copied() == number.and_then(dni_letter)
}

fn pt_nif(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let wanted = if rest < 2 { 0 } else { 11 - rest };
    c.all_digits() && matches!(digit(c.values(), 0), 1..=3 | 5 | 6 | 8 | 9) && digit(c.values(), 8) == wanted
}

fn bsn(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    c.all_digits() && !c.is_monotone() && rest == digit(c.values(), 8)
}

/// Those who were born from 2000 on have a two before the number when it is divided.
fn belgian(c: &Candidate) -> bool {
    let (Some(body), Some(key)) = (part(c.values(), 0, 9), part(c.values(), 9, 11)) else { return false };
    let (month, day) = (part(c.values(), 2, 4).unwrap_or(99), part(c.values(), 4, 6).unwrap_or(99));
    let possible = month % 20 <= 12 && month < 60 && day <= 31;
    possible && (97 - body % 97 == key || 97 - (2_000_000_000 + body) % 97 == key)
}

fn austrian(c: &Candidate) -> bool {
    let rest = weighted(c.values(), &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    let (day, month) = (part(c.values(), 4, 6), part(c.values(), 6, 8));
    let date = matches!(day, Some(1..=31)) && matches!(month, Some(1..=15));
    c.all_digits() && date && digit(c.values(), 0) != 0 && rest == digit(c.values(), 3)
}

fn ahv(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10;
    c.all_digits() && c.chars().starts_with(b"756") && (10 - rest) % 10 == digit(c.values(), 12)
}

fn pps(c: &Candidate) -> bool {
    let chars = c.chars();
    let second = match chars.get(8) {
        None => 0,
        Some(b'W') => 0,
        Some(letter @ b'A'..=b'I') => u32::from(letter - b'A') + 1,
        Some(_) => return false,
    };
    let rest = (sum(c.values(), &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
    let wanted = if rest == 0 { b'W' } else { b'A' + u8::try_from(rest - 1).unwrap_or(0) };
    part(c.values(), 0, 7).is_some() && chars.get(7) == Some(&wanted)
}
