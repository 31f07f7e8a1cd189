//! A service that failed several times in a row is not asked for some seconds, then by one call alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often in a row.
const FAILURES_MAX: u32 = 5;

/// For how long.
const REST: Duration = Duration::from_secs(5);

/// Whether a service is asked. Times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// One of them was more than slowness.
    is_away: bool,
    rests_until: Duration,
    /// One call finds out whether it is back.
    probed: bool,
}

impl Breaker {
    /// Leave to ask; `None` while it rests.
    pub(super) fn enter(&self, now: Duration) -> Option<Entry<'_>> {
        let mut state = self.lock();
        let is_probe = state.is_away && state.failures >= FAILURES_MAX;
        if is_probe {
            if state.probed || now < state.rests_until {
                return None;
            }
            state.probed = true;
        }
        Some(Entry { breaker: self, is_probe })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to ask once. Dropped without an outcome, it has not shown anything.
pub(super) struct Entry<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Entry<'_> {
    /// The service answered.
    pub(super) fn worked(self) {
        let mut state = self.breaker.lock();
        (state.failures, state.is_away) = (0, false);
    }

    /// It was slow, as one text can make it: that alone lets it rest for nobody.
    pub(super) fn was_slow(self) {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
    }

    /// It was away.
    pub(super) fn failed(self, now: Duration) {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        state.is_away = true;
        if state.failures >= FAILURES_MAX {
            state.rests_until = now.saturating_add(REST);
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, FAILURES_MAX, REST};
    use std::time::Duration;

    #[test]
    fn a_service_that_fails_rests_and_is_then_asked_by_one_call() {
        let breaker = Breaker::default();
        let at = Duration::from_secs(100);
        for _ in 0..FAILURES_MAX - 1 {
            breaker.enter(at).unwrap().failed(at);
        }
        breaker.enter(at).unwrap().worked();
        for _ in 0..FAILURES_MAX {
            breaker.enter(at).unwrap().failed(at);
        }
        assert!(breaker.enter(at).is_none(), "failures in a row");
        let later = at + REST;
        let probe = breaker.enter(later).unwrap();
        assert!(breaker.enter(later).is_none(), "one at a time");
        probe.failed(later);
        assert!(breaker.enter(later).is_none(), "it is still away");
        let later = later + REST;
        drop(breaker.enter(later).unwrap());
        breaker.enter(later).unwrap().worked();
        let _both = (breaker.enter(later).unwrap(), breaker.enter(later).unwrap());
    }

    #[test]
    fn slowness_alone_lets_a_service_rest_for_nobody() {
        let breaker = Breaker::default();
        let at = Duration::from_secs(100);
        for _ in 0..3 * FAILURES_MAX {
            breaker.enter(at).unwrap().was_slow();
        }
        breaker.enter(at).unwrap().failed(at);
        assert!(breaker.enter(at).is_none(), "slow, and away");
        breaker.enter(at + REST).unwrap().was_slow();
        assert!(breaker.enter(at + REST).is_some(), "it is there; one call at a time asks it until it answers");
        breaker.enter(at + REST).unwrap().worked();
        breaker.enter(at).unwrap().was_slow();
        breaker.enter(at).unwrap();
    }
}
