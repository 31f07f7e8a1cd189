//! Numbers of the United States.

use super::form::{Form, digit, like, part, sum};
use crate::pii::check::luhn;
use crate::pii::cluster::Candidate;
use crate::pii::cue::{ANY_INSURANCE, ANY_TAX};
use crate::pii::entity::Entity;

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    Form { entity: Entity::UsSsn, length: 9, check: ssn, free: &[(&[3, 2, 4], b"--"), (&[3, 2, 4], b"  "), (&[3, 2, 4], b"..")], cues: ANY_INSURANCE },
    Form { entity: Entity::UsItin, length: 9, check: itin, free: &[(&[3, 2, 4], b"--"), (&[3, 2, 4], b"  ")], cues: ANY_TAX },
    Form { entity: Entity::UsEin, length: 9, check: ein, free: &[], cues: 0 },
    Form { entity: Entity::UsMbi, length: 11, check: mbi, free: &[(&[4, 3, 4], b"--")], cues: 0 },
    Form { entity: Entity::UsNpi, length: 10, check: npi, free: &[], cues: 0 },
    Form { entity: Entity::UsDea, length: 9, check: dea, free: &[], cues: 0 },
];

/// Area not 000, 666 or 9xx, group not 00, serial not 0000; not the numbers that were printed in advertisements.
fn ssn(c: &Candidate) -> bool {
    let (Some(area), Some(group), Some(serial)) =
        (part(c.values(), 0, 3), part(c.values(), 3, 5), part(c.values(), 5, 9))
    else {
        return false;
    };
    let shaped = c.groups().len() == 1 || c.groups() == [3, 2, 4];
    let printed =
        matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999) | (123, 45, 6789) | (987, 65, 4320..=4329));
    shaped && area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && !printed && !c.is_monotone()
}

/// 9xx with group 50-65, 70-88, 90-92 or 94-99.
fn itin(c: &Candidate) -> bool {
    let (Some(area), Some(group)) = (part(c.values(), 0, 3), part(c.values(), 3, 5)) else { return false };
    let shaped = c.groups().len() == 1 || c.groups() == [3, 2, 4];
    shaped && (900..1000).contains(&area) && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// The prefixes of the IRS's campuses; those that are left out were never given out.
fn ein(c: &Candidate) -> bool {
    let Some(prefix) = part(c.values(), 0, 2) else { return false };
    let shaped = c.groups().len() == 1 || c.is_shape(&[2, 7], b"-");
    shaped && c.all_digits() && !matches!(prefix, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97)
}

/// Letters without S, L, O, I, B and Z; each place of its class.
fn mbi(c: &Candidate) -> bool {
    let letters = c.chars().iter().all(|b| !b"SLOIBZ".contains(b));
    letters && digit(c.values(), 0) != 0 && like(c.chars(), b"9A*9A*9AA99")
}

fn npi(c: &Candidate) -> bool {
    let mut whole = vec![8, 0, 8, 4, 0];
    whole.extend_from_slice(c.values());
    c.all_digits() && matches!(digit(c.values(), 0), 1 | 2) && luhn(&whole)
}

/// The sum of places 1, 3, 5 and twice that of 2, 4, 6; its last digit is the check.
fn dea(c: &Candidate) -> bool {
    let digits = c.values().get(2..).unwrap_or_default();
    let kinds = b"ABCDEFGHJKLMPRSTUX";
    like(c.chars(), b"A*9999999")
        && c.chars().first().is_some_and(|kind| kinds.contains(kind))
        && sum(digits, &[1, 2, 1, 2, 1, 2]) % 10 == digit(digits, 6)
}
