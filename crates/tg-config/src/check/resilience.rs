//! What is done where providers fail: bounds that contradict each other.

use super::Findings;
use crate::document::Document;
use crate::grammar::Period;
use crate::problem::{Path, Problem};

/// Most further rounds of tries.
const RETRIES_MAX: u8 = 5;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let (resilience, path) = (&document.resilience, Path::root().member("resilience"));
    if resilience.retries > RETRIES_MAX {
        let message = format!("{} rounds more are too many", resilience.retries);
        found.add(path.member("retries"), message, format!("write at most {RETRIES_MAX}"));
    }
    order(&path, ("backoff", resilience.backoff), ("backoff_max", resilience.backoff_max), found);
    let (breaker, path) = (&resilience.breaker, path.member("breaker"));
    order(&path, ("rest", breaker.rest), ("rest_max", breaker.rest_max), found);
    for (name, value, most) in
        [("failures", u32::from(breaker.failures), 1000), ("calls_min", breaker.calls_min, 100_000)]
    {
        if value == 0 || value > most {
            found.add(path.member(name), format!("{value} is out of range"), format!("write 1 to {most}"));
        }
    }
}

/// The first must not be longer than the second.
fn order(path: &Path, (least, short): (&str, Period), (most, long): (&str, Period), found: &mut Findings) {
    if short > long {
        let message = format!("{long} is shorter than `{least}` ({short})");
        let problem = Problem::new(path.member(most), message, format!("write at least `{short}`"));
        found.add_resting_on(vec![path.member(least)], problem);
    }
}
