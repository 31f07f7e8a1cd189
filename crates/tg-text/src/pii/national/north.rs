//! Numbers of northern and eastern Europe.

use super::form::{Form, digit, dmy, part, sum};
use crate::pii::check::{day_of, luhn};
use crate::pii::cluster::Candidate;
use crate::pii::cue::{ANY_ID, ANY_TAX};
use crate::pii::entity::Entity;

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    Form { entity: Entity::SePnr, length: 10, check: swedish, free: &[(&[6, 4], b"-")], cues: ANY_ID },
    Form { entity: Entity::SePnr, length: 12, check: swedish_long, free: &[(&[8, 4], b"-")], cues: ANY_ID },
    Form { entity: Entity::NoFnr, length: 11, check: norwegian, free: &[(&[6, 5], b" ")], cues: ANY_ID },
    Form { entity: Entity::DkCpr, length: 10, check: danish, free: &[(&[6, 4], b"-")], cues: ANY_ID },
    Form { entity: Entity::FiHetu, length: 10, check: finnish, free: &[(&[6, 4], b"-")], cues: 0 },
    Form { entity: Entity::FiHetu, length: 11, check: finnish_joined, free: &[(&[11], b"")], cues: 0 },
    Form { entity: Entity::IsKt, length: 10, check: icelandic, free: &[(&[6, 4], b"-")], cues: ANY_ID },
    Form { entity: Entity::EeLtCode, length: 11, check: baltic, free: &[], cues: ANY_ID },
    Form { entity: Entity::PlPesel, length: 11, check: pesel, free: &[], cues: ANY_ID },
    Form { entity: Entity::PlNip, length: 10, check: nip, free: &[], cues: ANY_TAX },
    Form { entity: Entity::CzRc, length: 10, check: czech, free: &[(&[6, 4], b"/")], cues: ANY_ID },
    Form { entity: Entity::RoCnp, length: 13, check: romanian, free: &[], cues: ANY_ID },
    Form { entity: Entity::BgEgn, length: 10, check: bulgarian, free: &[], cues: ANY_ID },
    Form { entity: Entity::HuTaj, length: 9, check: taj, free: &[], cues: 0 },
];

/// Month and day in digits from a place on, with what is added to the month for other centuries or for women.
fn month_day(values: &[u8], from: usize, added: &[u64]) -> bool {
    let (Some(month), Some(day)) = (part(values, from, from + 2), part(values, from + 2, from + 4)) else {
        return false;
    };
    let small = |value: u64| u32::try_from(value).unwrap_or(0);
    added.iter().any(|more| month.checked_sub(*more).is_some_and(|month| day_of(small(month), small(day))))
}

/// The date may have 60 added to the day (coordination numbers).
fn swedish_number(values: &[u8]) -> bool {
    let (Some(month), Some(day)) = (part(values, 2, 4), part(values, 4, 6)) else { return false };
    let day = if day > 60 { day - 60 } else { day };
    (1..=12).contains(&month) && (1..=31).contains(&day) && luhn(values)
}

fn swedish(c: &Candidate) -> bool {
    c.all_digits() && swedish_number(c.values())
}

fn swedish_long(c: &Candidate) -> bool {
    c.all_digits()
        && matches!(part(c.values(), 0, 2), Some(18..=20))
        && swedish_number(c.values().get(2..).unwrap_or_default())
}

fn norwegian(c: &Candidate) -> bool {
    let values = c.values();
    let day = part(values, 0, 2).map(|day| if day > 40 { day - 40 } else { day });
    let month = part(values, 2, 4).map(|month| if month > 40 { month - 40 } else { month });
    c.all_digits()
        && matches!(day, Some(1..=31))
        && matches!(month, Some(1..=12))
        && sum(values, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && sum(values, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn danish(c: &Candidate) -> bool {
    c.all_digits() && dmy(c.values()) && part(c.values(), 6, 10).is_some_and(|serial| serial != 0)
}

const FINNISH: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";

fn finnish_number(date: &[u8], serial: &[u8], check: Option<&u8>) -> bool {
    let (Some(born), Some(order)) = (part(date, 0, 6), part(serial, 0, 3)) else { return false };
    let wanted = usize::try_from((born * 1000 + order) % 31).ok().and_then(|place| FINNISH.get(place));
    dmy(date) && order >= 2 && check == wanted
}

fn finnish(c: &Candidate) -> bool {
    let values = c.values();
    finnish_number(values, values.get(6..).unwrap_or_default(), c.chars().get(9))
}

fn finnish_joined(c: &Candidate) -> bool {
    let values = c.values();
    let century = c.chars().get(6).is_some_and(|b| b"ABCDEFUVWXY".contains(b));
    century && finnish_number(values, values.get(7..).unwrap_or_default(), c.chars().get(10))
}

fn icelandic(c: &Candidate) -> bool {
    let values = c.values();
    let rest = 11 - sum(values, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    c.all_digits()
        && dmy(values)
        && rest != 10
        && rest % 11 == digit(values, 8)
        && matches!(digit(values, 9), 0 | 8 | 9)
}

/// Estonia and Lithuania count alike: a second set of weights where the first leaves ten.
fn baltic(c: &Candidate) -> bool {
    let values = c.values();
    let mut rest = sum(values, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    if rest == 10 {
        rest = sum(values, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    }
    c.all_digits() && matches!(digit(values, 0), 1..=8) && month_day(values, 3, &[0]) && rest == digit(values, 10)
}

fn pesel(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10;
    c.all_digits() && month_day(c.values(), 2, &[0, 20, 40, 60, 80]) && (10 - rest) % 10 == digit(c.values(), 10)
}

fn nip(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && sum(c.values(), &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digit(c.values(), 9)
}

fn czech(c: &Candidate) -> bool {
    let Some(number) = part(c.values(), 0, 10) else { return false };
    month_day(c.values(), 2, &[0, 20, 50, 70]) && number % 11 == 0
}

fn romanian(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let wanted = if rest == 10 { 1 } else { rest };
    let county = part(c.values(), 7, 9);
    c.all_digits()
        && digit(c.values(), 0) != 0
        && month_day(c.values(), 3, &[0])
        && matches!(county, Some(1..=52 | 70 | 80..=83))
        && wanted == digit(c.values(), 12)
}

fn bulgarian(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    c.all_digits() && month_day(c.values(), 2, &[0, 20, 40]) && rest == digit(c.values(), 9)
}

fn taj(c: &Candidate) -> bool {
    c.all_digits() && !c.is_monotone() && sum(c.values(), &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == digit(c.values(), 8)
}
