//! Numbers of south-eastern Europe and of Turkey.

use super::form::{Form, digit, part, sum};
use crate::pii::check::mod11_10;
use crate::pii::cluster::Candidate;
use crate::pii::cue::{ANY_ID, ANY_TAX};
use crate::pii::entity::Entity;

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    Form { entity: Entity::GrAfm, length: 9, check: afm, free: &[], cues: ANY_TAX },
    Form { entity: Entity::HrOib, length: 11, check: oib, free: &[], cues: 0 },
    Form { entity: Entity::SiEmso, length: 13, check: jmbg, free: &[], cues: ANY_ID },
    Form { entity: Entity::TrTckn, length: 11, check: turkish, free: &[], cues: ANY_ID },
];

fn afm(c: &Candidate) -> bool {
    let rest = sum(c.values(), &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10;
    c.all_digits() && !c.is_monotone() && rest == digit(c.values(), 8)
}

fn oib(c: &Candidate) -> bool {
    c.all_digits() && mod11_10(c.values())
}

/// Day, month and three digits of the year; region and serial; check digit.
fn jmbg(c: &Candidate) -> bool {
    let values = c.values();
    let rest = 11 - sum(values, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let wanted = if rest > 9 { 0 } else { rest };
    let date = matches!(part(values, 0, 2), Some(1..=31)) && matches!(part(values, 2, 4), Some(1..=12));
    c.all_digits() && date && matches!(digit(values, 4), 0 | 8 | 9) && wanted == digit(values, 12)
}

fn turkish(c: &Candidate) -> bool {
    let values = c.values();
    let odd = sum(values, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = sum(values, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let all: u32 = values.iter().take(10).map(|v| u32::from(*v)).sum();
    // 40 is a multiple of ten that keeps the difference above zero.
    let tenth = (odd * 7 + 40 - even) % 10;
    c.all_digits() && digit(values, 0) != 0 && tenth == digit(values, 9) && all % 10 == digit(values, 10)
}
