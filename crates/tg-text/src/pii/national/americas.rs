//! Numbers of Canada and Latin America.

use super::form::{Form, digit, like, part, sum};
use crate::pii::check::{day_of, luhn};
use crate::pii::cluster::Candidate;
use crate::pii::cue::{ANY_ID, ANY_INSURANCE, ANY_TAX};
use crate::pii::entity::Entity;

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    Form { entity: Entity::CaSin, length: 9, check: sin, free: &[(&[3, 3, 3], b"--")], cues: ANY_INSURANCE },
    Form { entity: Entity::BrCpf, length: 11, check: cpf, free: &[(&[3, 3, 3, 2], b"..-")], cues: ANY_TAX },
    Form { entity: Entity::BrCnpj, length: 14, check: cnpj, free: &[(&[2, 3, 3, 4, 2], b"../-")], cues: ANY_TAX },
    Form { entity: Entity::ArCuit, length: 11, check: cuit, free: &[(&[2, 8, 1], b"--")], cues: ANY_TAX },
    Form { entity: Entity::ClRut, length: 9, check: rut, free: &[(&[2, 3, 3, 1], b"..-"), (&[8, 1], b"-")], cues: ANY_ID | ANY_TAX },
    Form { entity: Entity::ClRut, length: 8, check: rut, free: &[(&[1, 3, 3, 1], b"..-")], cues: ANY_ID | ANY_TAX },
    Form { entity: Entity::CoNit, length: 10, check: nit, free: &[], cues: 0 },
    Form { entity: Entity::MxCurp, length: 18, check: curp, free: &[(&[18], b"")], cues: 0 },
    Form { entity: Entity::MxRfc, length: 13, check: rfc, free: &[(&[13], b""), (&[4, 6, 3], b"--")], cues: 0 },
    Form { entity: Entity::MxRfc, length: 12, check: rfc, free: &[], cues: ANY_TAX },
];

/// The first digit is the province; 0 and 8 are not given to people.
fn sin(c: &Candidate) -> bool {
    let shaped = c.groups().len() == 1 || c.groups() == [3, 3, 3];
    shaped && c.all_digits() && !matches!(digit(c.values(), 0), 0 | 8) && luhn(c.values())
}

/// Two check digits: weights 2, 3, 4 … from the right.
fn brazilian(values: &[u8], cycle: u32) -> bool {
    let Some((body, checks)) = values.split_last_chunk::<2>().map(|(body, checks)| (body.len(), *checks)) else {
        return false;
    };
    checks.iter().enumerate().all(|(more, check)| {
        let counted = values.get(..body + more).unwrap_or_default();
        let sum: u32 = counted.iter().rev().zip((0..cycle).cycle()).map(|(v, w)| u32::from(*v) * (w + 2)).sum();
        let rest = sum % 11;
        u32::from(*check) == if rest < 2 { 0 } else { 11 - rest }
    })
}

fn cpf(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && brazilian(c.values(), 10)
}

fn cnpj(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && brazilian(c.values(), 8)
}

fn cuit(c: &Candidate) -> bool {
    let kind = part(c.values(), 0, 2);
    let rest = sum(c.values(), &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11;
    c.all_digits() && matches!(kind, Some(20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34)) && rest == 0
}

/// Weights 2 to 7 from the right, over and over; ten is written K.
fn rut(c: &Candidate) -> bool {
    let Some((check, body)) = c.chars().split_last() else { return false };
    if !body.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = body.iter().rev().zip([2, 3, 4, 5, 6, 7].iter().cycle()).map(|(b, w)| u32::from(b - b'0') * w).sum();
    let wanted = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        value => b'0' + u8::try_from(value).unwrap_or(0),
    };
    *check == wanted && !c.is_monotone()
}

fn nit(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11;
    let wanted = if rest < 2 { rest } else { 11 - rest };
    c.all_digits() && digit(c.values(), 9) == wanted
}

/// The characters of CURP and RFC in the order in which they count.
fn place_in(order: &[u8], c: u8) -> Option<u32> {
    order.iter().position(|o| *o == c).and_then(|place| u32::try_from(place).ok())
}

const STATES: &[&[u8; 2]] = &[
    b"AS", b"BC", b"BS", b"CC", b"CS", b"CH", b"CL", b"CM", b"DF", b"DG", b"GT", b"GR", b"HG", b"JC", b"MC", b"MN",
    b"MS", b"NT", b"NL", b"OC", b"PL", b"QT", b"QR", b"SP", b"SL", b"SR", b"TC", b"TS", b"TL", b"VZ", b"YN", b"ZS",
    b"NE",
];

fn curp(c: &Candidate) -> bool {
    let chars = c.chars();
    let date =
        matches!((part(c.values(), 6, 8), part(c.values(), 8, 10)), (Some(m), Some(d)) if day_of(small(m), small(d)));
    let state = chars.get(11..13).is_some_and(|state| STATES.iter().any(|s| s.as_slice() == state));
    // The letter Ñ has a place of its own that ASCII does not reach.
    let order = b"0123456789ABCDEFGHIJKLMN\0OPQRSTUVWXYZ";
    let sum: Option<u32> = chars.iter().take(17).zip(0..).map(|(b, i)| Some(place_in(order, *b)? * (18 - i))).sum();
    like(chars, b"AAAA999999AAAAAA*9")
        && matches!(chars.get(10), Some(b'H' | b'M' | b'X'))
        && date
        && state
        && sum.is_some_and(|sum| (10 - sum % 10) % 10 == digit(c.values(), 17))
}

fn rfc(c: &Candidate) -> bool {
    let chars = c.chars();
    let letters = chars.len().saturating_sub(9);
    let Some((check, body)) = chars.split_last() else { return false };
    let shaped = chars.iter().take(letters).all(u8::is_ascii_uppercase);
    let (month, day) = (part(c.values(), letters + 2, letters + 4), part(c.values(), letters + 4, letters + 6));
    let date = part(c.values(), letters, letters + 2).is_some()
        && matches!((month, day), (Some(m), Some(d)) if day_of(small(m), small(d)));
    let order = b"0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ \0";
    // Firms have three letters: a blank counts for the first.
    let blank = if letters == 3 { 37 * 13 } else { 0 };
    let heaviest = u32::try_from(body.len() + 1).unwrap_or(0);
    let sum: Option<u32> = body.iter().zip(0..).map(|(b, i)| Some(place_in(order, *b)? * (heaviest - i))).sum();
    let wanted = sum.map(|sum| match 11 - (sum + blank) % 11 {
        11 => b'0',
        10 => b'A',
        value => b'0' + u8::try_from(value).unwrap_or(0),
    });
    shaped && date && wanted == Some(*check)
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
