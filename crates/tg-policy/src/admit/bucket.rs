//! The arithmetic of one limit: a bucket that fills evenly, in whole numbers.

use std::time::Duration;

/// So many units in a period, of which a part may be taken at once. Smooth: what was taken comes back evenly, so there is
/// no moment at which a new window begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units in a period; at least one.
    pub amount: u64,
    /// The period; not zero.
    pub period: Duration,
    /// What fits in at most: so much can be taken at once by who has taken nothing for long. At least one.
    pub burst: u64,
}

impl Rate {
    fn period(&self) -> i128 {
        nanos(self.period).max(1)
    }

    fn full(&self) -> i128 {
        i128::from(self.burst) * self.period()
    }

    /// How much of its time so many units are.
    pub(crate) fn worth(&self, units: u64) -> Duration {
        self.time_for(i128::from(units) * self.period())
    }

    /// How long it takes for so much of a bucket's level to come back, rounded up.
    fn time_for(&self, level: i128) -> Duration {
        let amount = i128::from(self.amount.max(1));
        let nanos = (level.max(0) + amount - 1) / amount;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What is left of a rate. The level is in units times the period's nanoseconds, so that no division loses anything:
/// each nanosecond brings back `amount` of it. Below zero where calls used more than was reserved for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    level: i128,
    period: i128,
    at: Duration,
}

impl Bucket {
    pub(crate) fn full(rate: &Rate, now: Duration) -> Self {
        Self { level: rate.full(), period: rate.period(), at: now }
    }

    /// Brings back what has come since the last look. A configuration with another rate takes the units over.
    pub(crate) fn refresh(&mut self, rate: &Rate, now: Duration) {
        if self.period != rate.period() {
            self.level = self.level.saturating_mul(rate.period()) / self.period;
            self.period = rate.period();
        }
        let passed = nanos(now.saturating_sub(self.at));
        self.at = self.at.max(now);
        self.level = self.level.saturating_add(passed.saturating_mul(i128::from(rate.amount))).min(rate.full());
    }

    /// Whether so much is there.
    pub(crate) fn has(&self, units: u64) -> bool {
        self.level >= i128::from(units) * self.period
    }

    pub(crate) fn is_full(&self, rate: &Rate) -> bool {
        self.level >= rate.full()
    }

    pub(crate) fn take(&mut self, units: u64) {
        self.level = self.level.saturating_sub(i128::from(units) * self.period);
    }

    /// What was reserved comes back, what was used goes: what is too much is cut at the next look.
    pub(crate) fn settle(&mut self, reserved: u64, used: u64) {
        let back = (i128::from(reserved) - i128::from(used)) * self.period;
        self.level = self.level.saturating_add(back);
    }

    /// How long until so much may be taken.
    pub(crate) fn wait(&self, rate: &Rate, units: u64) -> Duration {
        rate.time_for(i128::from(units) * self.period - self.level)
    }

    /// How long it took for what is there beyond so much to come.
    pub(crate) fn surplus(&self, rate: &Rate, units: u64) -> Duration {
        rate.time_for(self.level - i128::from(units) * self.period)
    }

    /// Whole units that are left.
    pub(crate) fn remaining(&self) -> u64 {
        u64::try_from(self.level.div_euclid(self.period)).unwrap_or(0)
    }

    /// How long until all is back.
    pub(crate) fn reset(&self, rate: &Rate) -> Duration {
        rate.time_for(rate.full() - self.level)
    }
}

fn nanos(span: Duration) -> i128 {
    i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Rate};
    use std::time::Duration;

    const RATE: Rate = Rate { amount: 60, period: Duration::from_secs(60), burst: 10 };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_taken_comes_back_evenly_and_never_more_than_fits() {
        let mut bucket = Bucket::full(&RATE, at(0));
        for _ in 0..10 {
            assert!(bucket.has(1));
            bucket.take(1);
        }
        assert!(!bucket.has(1));
        assert_eq!((bucket.wait(&RATE, 1), bucket.reset(&RATE)), (at(1), at(10)));
        bucket.refresh(&RATE, Duration::from_millis(1999));
        assert_eq!(bucket.remaining(), 1);
        assert_eq!(bucket.wait(&RATE, 2), Duration::from_millis(1));
        bucket.refresh(&RATE, at(1_000_000));
        assert_eq!((bucket.remaining(), bucket.is_full(&RATE)), (10, true));
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing_and_takes_nothing() {
        let mut bucket = Bucket::full(&RATE, at(100));
        bucket.take(10);
        bucket.refresh(&RATE, at(50));
        assert_eq!(bucket.remaining(), 0);
        bucket.refresh(&RATE, at(101));
        assert_eq!(bucket.remaining(), 1);
    }

    #[test]
    fn more_than_was_reserved_is_owed_and_less_comes_back() {
        let mut bucket = Bucket::full(&RATE, at(0));
        bucket.take(4);
        bucket.settle(4, 1);
        assert_eq!(bucket.remaining(), 9);
        bucket.take(4);
        bucket.settle(4, 14);
        assert_eq!((bucket.remaining(), bucket.wait(&RATE, 1)), (0, at(6)));
        bucket.settle(1000, 0);
        bucket.refresh(&RATE, at(0));
        assert!(bucket.is_full(&RATE));
        assert_eq!(bucket.remaining(), 10);
    }

    #[test]
    fn another_rate_takes_the_units_over() {
        let mut bucket = Bucket::full(&RATE, at(0));
        bucket.take(4);
        let hourly = Rate { amount: 100, period: Duration::from_secs(3600), burst: 100 };
        bucket.refresh(&hourly, at(0));
        assert_eq!(bucket.remaining(), 6);
        bucket.refresh(&Rate { burst: 5, ..hourly }, at(0));
        assert_eq!(bucket.remaining(), 5);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let day = Duration::from_secs(365 * 86_400);
        let vast = Rate { amount: u64::MAX, period: day, burst: u64::MAX };
        let mut bucket = Bucket::full(&vast, Duration::ZERO);
        bucket.take(u64::MAX);
        bucket.settle(0, u64::MAX);
        bucket.refresh(&vast, Duration::MAX);
        assert!(bucket.is_full(&vast));
        let slow = Rate { amount: 1, ..vast };
        bucket.take(u64::MAX);
        assert!(bucket.wait(&slow, 1) >= Duration::ZERO);
    }
}
