//! What one national number looks like, and parts that many have in common.

use crate::pii::check;
use crate::pii::cluster::Candidate;
use crate::pii::cue::Cues;
use crate::pii::entity::Entity;

/// How many letters and digits stand in each group, and what stands between the groups.
pub(in crate::pii) type Shape = (&'static [u8], &'static [u8]);

/// One number of one issuer.
#[derive(Debug)]
pub(in crate::pii) struct Form {
    pub entity: Entity,
    /// How many letters and digits it has.
    pub length: usize,
    /// Whether the issuer could have given it out.
    pub check: fn(&Candidate) -> bool,
    /// How it is written where no word has to name it.
    pub free: &'static [Shape],
    /// Words that name it beside its own.
    pub cues: Cues,
}

/// Day, month and year in six digits with the two-digit year first.
pub(super) fn ymd(values: &[u8]) -> bool {
    matches!(pairs(values), Some([_, month, day]) if check::day_of(month, day))
}

/// The same with the day first.
pub(super) fn dmy(values: &[u8]) -> bool {
    matches!(pairs(values), Some([day, month, _]) if check::day_of(month, day))
}

/// The first three numbers of two digits.
pub(super) fn pairs(values: &[u8]) -> Option<[u32; 3]> {
    let [a, b, c, d, e, f, ..] = values else { return None };
    let pair = |tens: u8, ones: u8| u32::from(tens) * 10 + u32::from(ones);
    let all = [pair(*a, *b), pair(*c, *d), pair(*e, *f)];
    values.iter().take(6).all(|v| *v < 10).then_some(all)
}

/// The digit at a place; ten where there is none.
pub(super) fn digit(values: &[u8], place: usize) -> u32 {
    values.get(place).copied().map_or(10, u32::from)
}

/// The number in a stretch of digits; `None` where it has letters.
pub(super) fn part(values: &[u8], from: usize, to: usize) -> Option<u64> {
    let digits = values.get(from..to)?;
    digits.iter().all(|v| *v < 10).then(|| check::number(digits))
}

/// The sum of the first digits by their weights.
pub(super) fn sum(values: &[u8], weights: &[u32]) -> u32 {
    check::weighted(values, weights)
}

/// Whether each character is of its class: `A` letter, `9` digit, `*` either, anything else itself.
pub(super) fn like(chars: &[u8], classes: &[u8]) -> bool {
    chars.len() == classes.len()
        && chars.iter().zip(classes).all(|(c, class)| match class {
            b'A' => c.is_ascii_uppercase(),
            b'9' => c.is_ascii_digit(),
            b'*' => c.is_ascii_alphanumeric(),
            same => c == same,
        })
}
