//! How often calls may be sent again to where they have failed: a share of all calls, so that trouble is not multiplied.

use std::time::Duration;

/// What one try more takes.
const ONE: u64 = 1_000_000;

/// Tries that may be saved up: a short burst of trouble is met whole.
const SAVED_MAX: u64 = 100 * ONE;

/// What comes in each second without calls, so that a quiet gateway can try again, too.
const EACH_SECOND: u64 = ONE;

/// A purse of further tries.
#[derive(Debug)]
pub struct Allowance {
    saved: u64,
    seen: Duration,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { saved: 10 * ONE, seen: Duration::ZERO }
    }
}

impl Allowance {
    /// A call has come: so many millionths of a further try with it.
    pub fn earn(&mut self, millionths: u32) {
        self.saved = self.saved.saturating_add(u64::from(millionths)).min(SAVED_MAX);
    }

    /// Takes a further try, if there is one.
    pub fn take(&mut self, now: Duration) -> bool {
        // Only what has been counted has passed: the rest of a millisecond is not lost.
        let passed = u64::try_from(now.saturating_sub(self.seen).as_millis()).unwrap_or(u64::MAX);
        self.seen += Duration::from_millis(passed);
        let grown = passed.saturating_mul(EACH_SECOND / 1000);
        self.saved = self.saved.saturating_add(grown).min(SAVED_MAX);
        let left = self.saved.checked_sub(ONE);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }
}

/// How long to wait before the next round of tries: doubled with each round, and then a part of it at random, so that
/// callers who failed together do not come again together.
#[must_use]
pub fn backoff(first: Duration, most: Duration, round: u32, chance: u8) -> Duration {
    let whole = first.saturating_mul(1_u32.checked_shl(round).unwrap_or(u32::MAX)).min(most);
    whole / 2 + whole.mul_f64(f64::from(chance) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_tries_are_a_share_of_the_calls() {
        let mut allowance = Allowance::default();
        let at = Duration::from_secs(5);
        allowance.seen = at;
        let taken = |allowance: &mut Allowance| (0..1000).filter(|_| allowance.take(at)).count();
        assert_eq!(taken(&mut allowance), 10, "what is there at the start");
        for _ in 0..500 {
            allowance.earn(100_000);
        }
        assert_eq!(taken(&mut allowance), 50, "a tenth of 500 calls");
        for _ in 0..100_000 {
            allowance.earn(100_000);
        }
        assert_eq!(taken(&mut allowance), 100, "no more than a burst is saved up");
        assert!(!allowance.take(at + Duration::from_millis(900)) && allowance.take(at + Duration::from_secs(1)));
    }

    #[test]
    fn waits_grow_are_bounded_and_scattered() {
        let (first, most) = (Duration::from_millis(100), Duration::from_secs(2));
        for (round, chance, ms) in
            [(0, 0, 50), (0, 255, 100), (1, 0, 100), (1, 255, 200), (9, 255, 2000), (99, 0, 1000)]
        {
            assert_eq!(backoff(first, most, round, chance).as_millis(), ms, "{round} {chance}");
        }
    }
}
