//! Numbers of Asia, Africa and the Pacific.

use super::form::{Form, digit, dmy, like, part, sum, ymd};
use crate::pii::check::{luhn, verhoeff};
use crate::pii::cluster::Candidate;
use crate::pii::cue::{ANY_ID, ANY_TAX};
use crate::pii::entity::Entity;

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    Form { entity: Entity::InAadhaar, length: 12, check: aadhaar, free: &[(&[4, 4, 4], b"  "), (&[4, 4, 4], b"--")], cues: ANY_ID },
    Form { entity: Entity::InPan, length: 10, check: pan, free: &[(&[10], b"")], cues: 0 },
    Form { entity: Entity::CnId, length: 18, check: chinese, free: &[(&[18], b"")], cues: 0 },
    Form { entity: Entity::TwId, length: 10, check: taiwanese, free: &[(&[10], b"")], cues: 0 },
    Form { entity: Entity::HkId, length: 8, check: hong_kong, free: &[(&[7, 1], b"(")], cues: ANY_ID },
    Form { entity: Entity::HkId, length: 9, check: hong_kong, free: &[(&[8, 1], b"(")], cues: ANY_ID },
    Form { entity: Entity::JpMyNumber, length: 12, check: my_number, free: &[], cues: 0 },
    Form { entity: Entity::KrRrn, length: 13, check: korean, free: &[(&[6, 7], b"-")], cues: 0 },
    Form { entity: Entity::SgNric, length: 9, check: singaporean, free: &[(&[9], b"")], cues: 0 },
    Form { entity: Entity::MyNric, length: 12, check: malaysian, free: &[(&[6, 2, 4], b"--")], cues: ANY_ID },
    Form { entity: Entity::IdNik, length: 16, check: nik, free: &[], cues: 0 },
    Form { entity: Entity::ThId, length: 13, check: thai, free: &[(&[1, 4, 5, 2, 1], b"----"), (&[1, 4, 5, 2, 1], b"    ")], cues: ANY_ID },
    Form { entity: Entity::AuTfn, length: 9, check: tfn, free: &[], cues: 0 },
    Form { entity: Entity::AuMedicare, length: 10, check: au_medicare, free: &[], cues: 0 },
    Form { entity: Entity::AuMedicare, length: 11, check: au_medicare, free: &[], cues: 0 },
    Form { entity: Entity::AuAbn, length: 11, check: abn, free: &[(&[2, 3, 3, 3], b"   ")], cues: 0 },
    Form { entity: Entity::NzIrd, length: 8, check: ird, free: &[], cues: ANY_TAX },
    Form { entity: Entity::NzIrd, length: 9, check: ird, free: &[], cues: ANY_TAX },
    Form { entity: Entity::ZaId, length: 13, check: south_african, free: &[(&[6, 4, 2, 1], b"   ")], cues: ANY_ID },
    Form { entity: Entity::IlId, length: 9, check: israeli, free: &[], cues: 0 },
];

fn aadhaar(c: &Candidate) -> bool {
    let years = [0, 4, 8].iter().all(|at| matches!(part(c.values(), *at, at + 4), Some(1900..=2099)));
    c.all_digits() && digit(c.values(), 0) > 1 && !years && !c.is_monotone() && verhoeff(c.values())
}

/// The fourth letter is the kind of holder.
fn pan(c: &Candidate) -> bool {
    like(c.chars(), b"AAAAA9999A") && c.chars().get(3).is_some_and(|kind| b"PCHFATBLJGK".contains(kind))
}

/// The same length with a check over the first seventeen: MOD 11-2, ten is X.
fn chinese(c: &Candidate) -> bool {
    let values = c.values();
    let rest = sum(values, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11;
    let province = part(values, 0, 2);
    let date = matches!(part(values, 6, 10), Some(1900..=2099)) && ymd(values.get(8..).unwrap_or_default());
    part(values, 0, 17).is_some()
        && matches!(province, Some(11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83))
        && date
        && b"10X98765432".get(rest as usize) == c.chars().last()
}

/// What a letter counts in Taiwan: not in the order of the alphabet.
const TAIWAN: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";

fn taiwanese(c: &Candidate) -> bool {
    let Some(letter) = c.chars().first().and_then(|b| TAIWAN.iter().position(|l| l == b)) else { return false };
    let letter = u32::try_from(letter + 10).unwrap_or(0);
    let digits = c.values().get(1..).unwrap_or_default();
    let total = letter / 10 + letter % 10 * 9 + sum(digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    like(c.chars(), b"A999999999") && matches!(digit(digits, 0), 1 | 2 | 8 | 9) && total.is_multiple_of(10)
}

/// One letter counts as if a blank (36) stood before it.
fn hong_kong(c: &Candidate) -> bool {
    let Some((check, body)) = c.chars().split_last() else { return false };
    let letters = body.len().saturating_sub(6);
    let value = |b: &u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
    let blank = if letters == 1 { 36 * 9 } else { 0 };
    let heaviest = if letters == 1 { 8 } else { 9 };
    let shaped =
        body.iter().take(letters).all(u8::is_ascii_uppercase) && body.iter().skip(letters).all(u8::is_ascii_digit);
    let sum: u32 = body.iter().zip(0..).map(|(b, i)| value(b) * (heaviest - i)).sum::<u32>() + blank;
    let wanted = match (11 - sum % 11) % 11 {
        10 => b'A',
        rest => b'0' + u8::try_from(rest).unwrap_or(0),
    };
    shaped && (1..=2).contains(&letters) && *check == wanted
}

fn my_number(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let wanted = if rest <= 1 { 0 } else { 11 - rest };
    c.all_digits() && !c.is_monotone() && digit(c.values(), 11) == wanted
}

/// Since 2020 the last digits are drawn by lot: there is no check digit to rely on.
fn korean(c: &Candidate) -> bool {
    let shaped = c.groups().len() == 1 || c.groups() == [6, 7];
    c.all_digits() && shaped && ymd(c.values()) && matches!(digit(c.values(), 6), 1..=8)
}

fn singaporean(c: &Candidate) -> bool {
    let chars = c.chars();
    let digits = c.values().get(1..8).unwrap_or_default();
    let (more, letters) = match chars.first() {
        Some(b'S') => (0, b"JZIHGFEDCBA"),
        Some(b'T') => (4, b"JZIHGFEDCBA"),
        Some(b'F') => (0, b"XWUTRQPNMLK"),
        Some(b'G') => (4, b"XWUTRQPNMLK"),
        Some(b'M') => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let rest = (sum(digits, &[2, 7, 6, 5, 4, 3, 2]) + more) % 11;
    like(chars, b"A9999999A") && letters.get(rest as usize) == chars.get(8)
}

fn malaysian(c: &Candidate) -> bool {
    let place = part(c.values(), 6, 8);
    c.all_digits()
        && ymd(c.values())
        && matches!(place, Some(1..=16 | 21..=59 | 60..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99))
}

/// Women have 40 added to the day.
fn nik(c: &Candidate) -> bool {
    let mut date = c.values().get(6..12).unwrap_or_default().to_vec();
    if let Some(tens) = date.first_mut()
        && *tens >= 4
    {
        *tens -= 4;
    }
    c.all_digits() && matches!(part(c.values(), 0, 2), Some(11..=94)) && dmy(&date)
}

fn thai(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    c.all_digits() && digit(c.values(), 0) != 0 && (11 - rest) % 10 == digit(c.values(), 12)
}

fn tfn(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && sum(c.values(), &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

fn au_medicare(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    c.all_digits() && matches!(digit(c.values(), 0), 2..=6) && rest == digit(c.values(), 8)
}

/// The first digit counts one less.
fn abn(c: &Candidate) -> bool {
    let all = sum(c.values(), &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    c.all_digits() && digit(c.values(), 0) != 0 && all.checked_sub(10).is_some_and(|all| all % 89 == 0)
}

/// A second set of weights where the first leaves ten.
fn ird(c: &Candidate) -> bool {
    let mut padded = vec![0; 9usize.saturating_sub(c.values().len())];
    padded.extend_from_slice(c.values());
    let check = |weights: &[u32]| (11 - sum(&padded, weights) % 11) % 11;
    let mut wanted = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    if wanted == 10 {
        wanted = check(&[7, 4, 3, 2, 5, 2, 7, 6]);
    }
    let known = part(&padded, 0, 9).is_some_and(|number| (10_000_000..150_000_000).contains(&number));
    c.all_digits() && known && wanted == digit(&padded, 8)
}

fn south_african(c: &Candidate) -> bool {
    c.all_digits() && ymd(c.values()) && matches!(digit(c.values(), 10), 0..=2) && luhn(c.values())
}

fn israeli(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && luhn(c.values())
}
