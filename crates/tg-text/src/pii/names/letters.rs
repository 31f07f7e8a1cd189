//! What Unicode says of a character, for those of the basic plane from a table.

use std::sync::OnceLock;

/// A letter or a digit.
pub(crate) const ALPHANUMERIC: u8 = 1;
/// A capital.
pub(super) const UPPER: u8 = 2;
/// A small letter.
pub(super) const LOWER: u8 = 4;
/// A digit or another number.
pub(super) const NUMERIC: u8 = 8;
/// Its lower case is another character, or several.
pub(super) const CHANGES: u8 = 16;

/// The kinds that a character is of.
#[inline]
pub(crate) fn kinds(c: char) -> u8 {
    table().get(c as usize).copied().unwrap_or_else(|| compute(c))
}

fn table() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| (0..=0xffff).map(|n| char::from_u32(n).map_or(0, compute)).collect())
}

fn compute(c: char) -> u8 {
    let mut lower = c.to_lowercase();
    let changes = lower.next() != Some(c) || lower.next().is_some();
    let of = |is: bool, kind: u8| if is { kind } else { 0 };
    of(c.is_alphanumeric(), ALPHANUMERIC)
        | of(c.is_uppercase(), UPPER)
        | of(c.is_lowercase(), LOWER)
        | of(c.is_numeric(), NUMERIC)
        | of(changes, CHANGES)
}
