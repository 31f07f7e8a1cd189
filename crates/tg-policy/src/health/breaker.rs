//! The breaker of one target: what its last calls say of the next. A state machine without a clock of its own.

use super::Settings;
use std::time::Duration;

/// Seconds over which the share of failures is taken.
const WINDOW_S: u64 = 10;

/// How long a failure is remembered after which nobody came.
const MEMORY: Duration = Duration::from_secs(300);

/// Longest that a probe is waited for before another may go.
const PROBE_MAX: Duration = Duration::from_secs(30);

/// What may be sent to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything.
    Open,
    /// One call, to see whether it works again.
    Probe,
    /// Nothing before this reading of the clock.
    Benched(Duration),
}

/// The breaker of one target.
#[derive(Debug, Default)]
pub struct Breaker {
    state: State,
    /// Failures since the last success.
    streak: u32,
    window: Window,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    /// Until then nothing is sent; it is the so-manieth time in a row, and began then.
    Benched { since: Duration, until: Duration, times: u32 },
    /// A call is on its way to see whether it works again; if nothing is heard of it, another may go then.
    Probing { since: Duration, until: Duration, times: u32 },
}

impl Breaker {
    /// What may be sent now.
    #[must_use]
    pub fn standing(&self, now: Duration) -> Standing {
        match self.state {
            State::Closed => Standing::Open,
            State::Benched { until, .. } | State::Probing { until, .. } if now < until => Standing::Benched(until),
            State::Benched { .. } | State::Probing { .. } => Standing::Probe,
        }
    }

    /// A call goes: where one was due, it is the probe.
    pub fn begin(&mut self, now: Duration) {
        if self.standing(now) == Standing::Probe
            && let State::Benched { since, times, .. } | State::Probing { since, times, .. } = self.state
        {
            self.state = State::Probing { since, until: now + PROBE_MAX, times };
        }
    }

    /// The call that was to see has not been sent: the next one may.
    pub fn release(&mut self, now: Duration) {
        if let State::Probing { since, times, .. } = self.state {
            self.state = State::Benched { since, until: now, times };
        }
    }

    /// Whether a call that left then says nothing of a target that was benched since.
    fn is_old(&self, left: Duration) -> bool {
        match self.state {
            State::Closed => false,
            State::Benched { since, .. } | State::Probing { since, .. } => left < since,
        }
    }

    /// A call that left at `left` has been answered.
    pub fn succeeded(&mut self, left: Duration, now: Duration) {
        if self.is_old(left) {
            return;
        }
        if self.state == State::Closed {
            self.window.count(now, false);
        } else {
            *self = Self::default();
        }
        self.streak = 0;
    }

    /// A call that left at `left` has failed in a way that is the target's own.
    pub fn failed(&mut self, left: Duration, now: Duration, settings: &Settings) {
        if self.is_old(left) {
            return;
        }
        match self.state {
            State::Closed => {
                self.streak = self.streak.saturating_add(1);
                self.window.count(now, true);
                if self.streak >= settings.failures || self.window.is_bad(settings) {
                    self.bench(now, settings.rest(0), 0);
                }
            }
            State::Benched { until, .. } if now < until => {}
            State::Benched { times, .. } | State::Probing { times, .. } => {
                let times = times.saturating_add(1);
                self.bench(now, settings.rest(times), times);
            }
        }
    }

    /// Nothing is to be sent for so long, whatever was before.
    pub fn rest(&mut self, now: Duration, rest: Duration) {
        let longest = match self.state {
            State::Benched { until, .. } => until.max(now + rest),
            State::Closed | State::Probing { .. } => now + rest,
        };
        self.bench(now, longest.saturating_sub(now), 0);
    }

    /// Whether nothing is to be sent yet, whatever fails meanwhile.
    #[must_use]
    pub fn is_resting(&self, now: Duration) -> bool {
        matches!(self.state, State::Benched { until, .. } if now < until)
    }

    /// It is known otherwise, by what left at `left`, that it is there again.
    pub fn lift(&mut self, left: Duration) {
        if self.state != State::Closed && !self.is_old(left) {
            *self = Self::default();
        }
    }

    fn bench(&mut self, now: Duration, rest: Duration, times: u32) {
        *self = Self { state: State::Benched { since: now, until: now + rest, times }, ..Self::default() };
    }

    /// Whether what is known of it is nothing, or so old that it says nothing.
    #[must_use]
    pub fn is_forgotten(&self, now: Duration) -> bool {
        let last = match self.state {
            State::Closed if self.streak == 0 => return self.window.failures(now) == 0,
            State::Closed => Duration::from_secs(self.window.latest),
            State::Benched { until, .. } | State::Probing { until, .. } => until,
        };
        now > last + MEMORY
    }
}

/// Calls and failures of the last seconds.
#[derive(Debug, Default)]
struct Window {
    /// Of each second: which it is, calls, failures.
    seconds: [(u64, u32, u32); WINDOW_S as usize],
    latest: u64,
}

impl Window {
    fn count(&mut self, now: Duration, failed: bool) {
        let second = now.as_secs();
        self.latest = self.latest.max(second);
        let place = usize::try_from(second % WINDOW_S).unwrap_or(0);
        let Some(entry) = self.seconds.get_mut(place) else { return };
        if entry.0 != second {
            *entry = (second, 0, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        entry.2 = entry.2.saturating_add(u32::from(failed));
    }

    fn sum(&self, now: u64) -> (u64, u64) {
        let fresh = self.seconds.iter().filter(|(second, ..)| second + WINDOW_S > now && *second <= now);
        fresh.fold((0, 0), |(calls, failures), entry| (calls + u64::from(entry.1), failures + u64::from(entry.2)))
    }

    fn failures(&self, now: Duration) -> u64 {
        self.sum(now.as_secs()).1
    }

    fn is_bad(&self, settings: &Settings) -> bool {
        let (calls, failures) = self.sum(self.latest);
        calls >= u64::from(settings.calls_min)
            && failures.saturating_mul(1_000_000) >= calls.saturating_mul(u64::from(settings.share_millionths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings {
        failures: 3,
        share_millionths: 500_000,
        calls_min: 10,
        open: Duration::from_secs(1),
        open_max: Duration::from_secs(8),
    };

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn failures_in_a_row_bench_it_and_one_probe_brings_it_back() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(at(0), at(0), &SETTINGS);
        }
        breaker.succeeded(at(0), at(0));
        for _ in 0..2 {
            breaker.failed(at(1), at(1), &SETTINGS);
        }
        assert_eq!(breaker.standing(at(1)), Standing::Open, "a success between begins anew");
        breaker.failed(at(2), at(2), &SETTINGS);
        assert_eq!(breaker.standing(at(3)), Standing::Benched(at(1002)));
        breaker.failed(at(4), at(4), &SETTINGS);
        assert_eq!(breaker.standing(at(5)), Standing::Benched(at(1002)), "what was under way says nothing new");
        assert_eq!(breaker.standing(at(1002)), Standing::Probe);
        breaker.begin(at(1002));
        assert_eq!(breaker.standing(at(1003)), Standing::Benched(at(31_002)), "one call is enough to see");
        breaker.failed(at(1100), at(1100), &SETTINGS);
        assert_eq!(breaker.standing(at(1101)), Standing::Benched(at(3100)), "twice as long");
        breaker.begin(at(3100));
        assert_eq!(
            breaker.standing(at(33_100)),
            Standing::Probe,
            "a probe of which nothing is heard is not waited for"
        );
        breaker.begin(at(33_100));
        breaker.succeeded(at(33_200), at(33_200));
        assert_eq!(breaker.standing(at(33_200)), Standing::Open);
        assert!(breaker.is_forgotten(at(33_200)));
    }

    #[test]
    fn a_bad_share_benches_it_though_every_other_call_succeeds() {
        let mut breaker = Breaker::default();
        for number in 0..5 {
            breaker.succeeded(at(number * 100), at(number * 100));
            breaker.failed(at(number * 100 + 50), at(number * 100 + 50), &SETTINGS);
            let standing = breaker.standing(at(number * 100 + 60));
            assert_eq!(standing == Standing::Open, number < 4, "{number}: {standing:?}");
        }
        let mut slow = Breaker::default();
        for number in 0..30 {
            slow.succeeded(at(number * 4000), at(number * 4000));
            slow.failed(at(number * 4000 + 50), at(number * 4000 + 50), &SETTINGS);
            assert_eq!(slow.standing(at(number * 4000 + 60)), Standing::Open, "too few calls to judge by: {number}");
        }
    }

    #[test]
    fn rests_that_are_asked_for_are_kept() {
        let mut breaker = Breaker::default();
        breaker.rest(at(0), at(5000));
        breaker.rest(at(100), at(100));
        assert_eq!(breaker.standing(at(200)), Standing::Benched(at(5000)), "the longer one counts");
        breaker.succeeded(at(300), at(300));
        assert_eq!(breaker.standing(at(300)), Standing::Open, "a call that went all the same shows that it works");
    }

    #[test]
    fn what_left_before_a_bench_neither_lifts_nor_prolongs_it() {
        let mut breaker = Breaker::default();
        breaker.rest(at(1000), at(5000));
        breaker.succeeded(at(900), at(2000));
        assert_eq!(breaker.standing(at(2000)), Standing::Benched(at(6000)), "an answer that was under way");
        breaker.begin(at(6000));
        breaker.failed(at(900), at(6100), &SETTINGS);
        breaker.succeeded(at(6000), at(6200));
        assert_eq!(breaker.standing(at(6200)), Standing::Open, "the probe counts, and no old failure");
        breaker.rest(at(7000), at(1000));
        breaker.begin(at(8000));
        breaker.release(at(8001));
        assert_eq!(
            breaker.standing(at(8001)),
            Standing::Probe,
            "a probe that was not sent leaves its place to another"
        );
    }

    proptest! {
        /// Whatever happens, a target is tried again before the longest rest and a probe's wait are over, and one that
        /// answers is open.
        #[test]
        fn nothing_is_benched_for_good(steps in prop::collection::vec((0_u8..4, 0_u64..20_000), 1..200)) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            for (step, later) in steps {
                now += later;
                match step {
                    0 => breaker.begin(at(now)),
                    1 => breaker.failed(at(now), at(now), &SETTINGS),
                    2 => breaker.rest(at(now), at(later)),
                    _ => {
                        breaker.succeeded(at(now), at(now));
                        prop_assert!(breaker.standing(at(now)) == Standing::Open || later == 0);
                    }
                }
                if let Standing::Benched(until) = breaker.standing(at(now)) {
                    prop_assert!(until <= at(now) + PROBE_MAX.max(SETTINGS.open_max).max(at(20_000)));
                }
            }
        }
    }
}
