//! Geographic coordinates: latitude and longitude in decimal degrees beside a word for them.

use super::cue::CueFinder;
use super::entity::Entity;
use std::ops::Range;

/// Fewer decimals than these name a town, not a house.
const DECIMALS_MIN: usize = 4;

/// A pair of coordinates whose first number begins at a digit.
pub(super) fn coordinates(text: &str, start: usize, cues: &mut CueFinder<'_>) -> Option<Range<usize>> {
    let from = start - usize::from(text.as_bytes().get(start.checked_sub(1)?) == Some(&b'-'));
    let rest = degrees(text.get(start..)?, 90)?;
    let between = rest.trim_start_matches(['°', ' ', 'N', 'S']);
    let between = between.strip_prefix([',', ';', '/'])?.trim_start_matches(' ');
    let rest = degrees(between.trim_start_matches('-'), 180)?;
    let end = text.len() - rest.len();
    let near = cues.near(from, end);
    (near & Entity::Coordinates.bit() != 0).then_some(from..end)
}

/// What is left behind a number of degrees with its decimals.
fn degrees(text: &str, most: u32) -> Option<&str> {
    let (whole, rest) = text.split_at_checked(text.bytes().take(4).take_while(u8::is_ascii_digit).count())?;
    let rest = rest.strip_prefix('.')?;
    let decimals = rest.bytes().take(20).take_while(u8::is_ascii_digit).count();
    (whole.parse::<u32>().ok()? <= most && decimals >= DECIMALS_MIN).then(|| rest.get(decimals..)).flatten()
}
