//! Whether a server is worth asking now: not for a moment after several failures in a row, and then by one call first.

use std::time::Duration;

/// Failures in a row after which it is not asked.
const FAILURES_MAX: u32 = 5;

/// For how long it is not asked then, before one call tries.
const REST: Duration = Duration::from_secs(1);

/// What is known of a server's health. Times are of a clock that never goes back.
#[derive(Debug)]
pub(super) struct Breaker {
    rest: Duration,
    failures: u32,
    /// Not asked before this moment; then by one at a time, until that is answered.
    rests_until: Option<Duration>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::resting(REST)
    }
}

impl Breaker {
    /// One that does not ask for so long.
    pub(super) const fn resting(rest: Duration) -> Self {
        Self { rest, failures: 0, rests_until: None }
    }

    /// Whether a call may ask. After a rest, the one that is told so goes first, and others wait for another rest at most.
    pub(super) fn lets_through(&mut self, now: Duration) -> bool {
        match self.rests_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now.saturating_add(self.rest));
                true
            }
        }
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::resting(self.rest);
    }

    /// Whether this failure is the one with which it rests, or a try after a rest.
    pub(super) fn failed(&mut self, now: Duration) -> bool {
        self.failures = self.failures.saturating_add(1);
        let rests = self.failures >= FAILURES_MAX;
        if rests {
            self.rests_until = Some(now.saturating_add(self.rest));
        }
        rests
    }

    pub(super) const fn rests(&self) -> bool {
        self.rests_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, FAILURES_MAX, REST};
    use std::time::Duration;

    #[test]
    fn it_rests_after_failures_in_a_row_and_one_goes_first() {
        let mut breaker = Breaker::default();
        let at = Duration::from_millis;
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(at(0)));
        }
        breaker.succeeded();
        for _ in 1..FAILURES_MAX {
            assert!(!breaker.failed(at(0)) && breaker.lets_through(at(0)));
        }
        assert!(breaker.failed(at(0)) && breaker.rests());
        assert!(!breaker.lets_through(REST - at(1)));
        assert!(breaker.lets_through(REST) && !breaker.lets_through(REST), "one tries");
        assert!(breaker.failed(REST), "and fails");
        assert!(!breaker.lets_through(REST + at(1)));
        assert!(breaker.lets_through(REST * 2));
        breaker.succeeded();
        assert!(breaker.lets_through(REST * 2) && !breaker.rests());
    }
}
