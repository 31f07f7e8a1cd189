//! An outage as a log tells it: how it begins, once a minute that it goes on, and how it ends; however often it is tried.

use std::time::{Duration, Instant};

/// How often it is said that an outage goes on.
const AGAIN: Duration = Duration::from_secs(60);

/// Whether something that is tried again and again fails now.
#[derive(Debug, Default)]
pub struct Outage(Option<Course>);

#[derive(Clone, Copy, Debug)]
struct Course {
    begun: Instant,
    said: Instant,
    tries: u64,
}

/// What is to be said of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// How many tries have failed since it began.
    pub tries: u64,
    /// How long ago it began; nothing where it begins now.
    pub lasts: Duration,
}

impl Outage {
    /// A try has failed: what is to be said now, if anything is.
    pub fn failed(&mut self, now: Instant) -> Option<Failing> {
        let Some(course) = &mut self.0 else {
            self.0 = Some(Course { begun: now, said: now, tries: 1 });
            return Some(Failing { tries: 1, lasts: Duration::ZERO });
        };
        course.tries += 1;
        if now.saturating_duration_since(course.said) < AGAIN {
            return None;
        }
        course.said = now;
        Some(course.failing(now))
    }

    /// A try has gone well: what has ended, if it failed before.
    pub fn mended(&mut self, now: Instant) -> Option<Failing> {
        self.0.take().map(|course| course.failing(now))
    }
}

impl Course {
    fn failing(&self, now: Instant) -> Failing {
        Failing { tries: self.tries, lasts: now.saturating_duration_since(self.begun) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failing, Outage};
    use std::time::{Duration, Instant};

    #[test]
    fn a_long_outage_is_said_once_a_minute_and_not_with_each_try() {
        let (start, mut outage) = (Instant::now(), Outage::default());
        assert_eq!(outage.mended(start), None, "nothing has failed");
        // Four times a second, for five minutes.
        let tries = (0..1_200).map(|n| start + Duration::from_millis(250) * n);
        let said: Vec<Failing> = tries.filter_map(|now| outage.failed(now)).collect();
        let minutes: Vec<u64> = said.iter().map(|failing| failing.lasts.as_secs()).collect();
        assert_eq!(minutes, [0, 60, 120, 180, 240]);
        assert_eq!((said[0].tries, said[1].tries), (1, 241));
        let end = Duration::from_secs(300);
        assert_eq!(outage.mended(start + end), Some(Failing { tries: 1_200, lasts: end }));
        assert_eq!(outage.mended(start + end), None);
        assert_eq!(outage.failed(start + end).map(|failing| failing.tries), Some(1), "another one");
    }
}
