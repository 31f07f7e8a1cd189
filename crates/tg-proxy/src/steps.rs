//! Steps of the wall clock: it is seen, told and counted when it moves otherwise than the time that only goes on.

use crate::living::Living;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_kernel::clock::Clock;

/// From how many microseconds on a step is told. Clocks are set right by less all the time.
const TOLD_FROM: u64 = 2_000_000;

/// How long it may take to read both clocks for them to be compared.
const READ_MAX: Duration = Duration::from_millis(500);

/// The wall clock, as it was seen last.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// By how many microseconds it is ahead of the time that only goes on.
    ahead: Option<i64>,
}

impl Steps {
    /// Looks at the clock. To be called several times a second: what it moves slowly is no step.
    pub(crate) fn look(&mut self, living: &Living) {
        let Some(step) = self.step(&*living.clock) else { return };
        living.counts.clock_steps.fetch_add(1, Ordering::Relaxed);
        let seconds = step.unsigned_abs() / 1_000_000;
        if step < 0 {
            tracing::warn!(seconds, "the clock was put back: windows of budgets that were left behind stay closed");
        } else {
            tracing::warn!(seconds, "the clock leapt ahead: windows of budgets, keys and signatures go by it");
        }
    }

    /// By how many microseconds it stepped since the last look, if it did.
    fn step(&mut self, clock: &dyn Clock) -> Option<i64> {
        let before = clock.monotonic();
        let now = clock.now().micros();
        let after = clock.monotonic();
        if after.saturating_sub(before) > READ_MAX {
            return None;
        }
        let ahead = now.saturating_sub(i64::try_from(after.as_micros()).unwrap_or(i64::MAX));
        let step = ahead.saturating_sub(self.ahead.replace(ahead)?);
        (step.unsigned_abs() > TOLD_FROM).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::sync::Mutex;
    use tg_kernel::clock::Timestamp;

    /// Both readings, in milliseconds, and how long a reading takes.
    #[derive(Default)]
    struct Set(Mutex<Cell<(i64, u64, u64)>>);

    impl Set {
        fn set(&self, readings: (i64, u64, u64)) {
            self.0.lock().unwrap().set(readings);
        }
    }

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            let cell = self.0.lock().unwrap();
            let (wall, passed, reading) = cell.get();
            cell.set((wall, passed + reading, reading));
            Timestamp::from_micros(wall * 1_000)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.lock().unwrap().get().1)
        }
    }

    #[test]
    fn a_step_of_more_than_two_seconds_is_seen_once_in_either_direction_and_time_that_passes_is_none() {
        let (clock, mut steps) = (Set::default(), Steps::default());
        let mut look = |readings| {
            clock.set(readings);
            steps.step(&clock)
        };
        assert_eq!(look((1_000_000, 0, 0)), None, "the first look");
        assert_eq!(look((1_600_000, 600_000, 0)), None, "ten minutes pass");
        assert_eq!(look((1_598_100, 600_100, 0)), None, "two seconds back");
        assert_eq!(look((1_596_099, 600_100, 0)), Some(-2_001_000));
        assert_eq!(look((1_596_199, 600_200, 0)), None, "it is told once");
        assert_eq!(look((1_596_299, 600_300, 3_000)), None, "the thread stood still between both readings");
        assert_eq!(look((1_599_399, 603_400, 0)), None);
        assert_eq!(look((88_002_899, 606_900, 0)), Some(86_400_000_000));
    }
}
