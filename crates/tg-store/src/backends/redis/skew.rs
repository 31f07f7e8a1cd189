//! How far this process's clock and the server's are apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tg_kernel::clock::{Clock, Timestamp};

/// From how many microseconds on it is told.
const TOLD_FROM: u64 = 2_000_000;

/// Below how many it is told that it is over.
const OVER_BELOW: u64 = 1_000_000;

/// See the module.
pub(super) struct Skew {
    own: Arc<dyn Clock>,
    /// How far the own clock is ahead, in microseconds, when it was last seen.
    ahead: AtomicI64,
    told: AtomicBool,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Apart,
    Over,
}

impl Skew {
    pub(super) const fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, ahead: AtomicI64::new(0), told: AtomicBool::new(false) }
    }

    /// Now, by the own clock.
    pub(super) fn now(&self) -> Timestamp {
        self.own.now()
    }

    /// The server said `server` some time in the span `took` after `asked`, by the own clock; `place` is where it is. What may
    /// have been the way is not counted.
    pub(super) fn seen(&self, place: &str, (asked, took): (Timestamp, Duration), server: Timestamp) {
        let ahead = ahead(asked, took, server);
        self.ahead.store(ahead, Ordering::Relaxed);
        let seconds = ahead / 1_000_000;
        match self.note(ahead) {
            Told::Nothing => {}
            Told::Apart => tracing::warn!(
                place,
                seconds,
                "this gateway's clock is ahead of (or, below zero, behind) that of the shared counters: windows of budgets \
                 begin by each gateway's own"
            ),
            Told::Over => {
                tracing::info!(place, seconds, "this gateway's clock and that of the shared counters agree again")
            }
        }
    }

    fn note(&self, ahead: i64) -> Told {
        let apart = ahead.unsigned_abs();
        match self.told.load(Ordering::Relaxed) {
            false if apart > TOLD_FROM => {
                self.told.store(true, Ordering::Relaxed);
                Told::Apart
            }
            true if apart < OVER_BELOW => {
                self.told.store(false, Ordering::Relaxed);
                Told::Over
            }
            _ => Told::Nothing,
        }
    }

    /// How far they are apart.
    pub(super) fn apart(&self) -> Duration {
        Duration::from_micros(self.ahead.load(Ordering::Relaxed).unsigned_abs())
    }
}

/// How many microseconds the own clock is ahead at least; below zero: behind.
fn ahead(asked: Timestamp, took: Duration, server: Timestamp) -> i64 {
    let (from, to) = (asked.micros(), asked.after(took).micros());
    if server.micros() < from {
        from.saturating_sub(server.micros())
    } else {
        to.saturating_sub(server.micros()).min(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_kernel::clock::SystemClock;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    #[test]
    fn the_way_to_the_server_is_no_skew() {
        let took = Duration::from_secs(5);
        for server in [10_000, 12_000, 15_000] {
            assert_eq!(ahead(at(10_000), took, at(server)), 0);
        }
        assert_eq!(ahead(at(10_000), took, at(7_000)), 3_000_000);
        assert_eq!(ahead(at(10_000), took, at(18_000)), -3_000_000);
    }

    #[test]
    fn it_is_told_once_and_that_it_is_over_once() {
        let skew = Skew::new(Arc::new(SystemClock::new()));
        let told: Vec<Told> = [0, 2_000_000, -2_000_001, 3_000_000, 1_500_000, 999_999, 0, 2_100_000]
            .map(|ahead| skew.note(ahead))
            .into();
        let nothing = Told::Nothing;
        assert_eq!(told, [nothing, nothing, Told::Apart, nothing, nothing, Told::Over, nothing, Told::Apart]);
        skew.seen("here", (at(10_000), Duration::ZERO), at(14_500));
        assert_eq!(skew.apart(), Duration::from_millis(4_500));
    }
}
