//! How long targets took of late until something was heard of them: from it comes which wait is unusual.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most targets that are told apart: callers name them where a route is a pattern.
const TARGETS_MAX: usize = 1024;

/// Answers of each that are remembered.
const SEEN_MAX: usize = 100;

/// Fewest from which something follows.
const SEEN_MIN: usize = 20;

/// The last times of one target, in microseconds.
#[derive(Debug, Default)]
struct Recent {
    times: Vec<u32>,
    /// The place of the oldest, once there are as many as are remembered.
    oldest: usize,
}

impl Recent {
    fn add(&mut self, time: u32) {
        if self.times.len() < SEEN_MAX {
            self.times.push(time);
        } else if let Some(place) = self.times.get_mut(self.oldest) {
            *place = time;
            self.oldest = (self.oldest + 1) % SEEN_MAX;
        }
    }

    fn percentile(&self, percent: u8) -> Option<Duration> {
        if self.times.len() < SEEN_MIN {
            return None;
        }
        let mut times = self.times.clone();
        let place = (times.len() * usize::from(percent.min(100))).div_ceil(100).saturating_sub(1);
        let (_, time, _) = times.select_nth_unstable(place);
        Some(Duration::from_micros(u64::from(*time)))
    }
}

/// Of each provider and each of its models: of streams, and of whole answers.
type Known = HashMap<Arc<str>, HashMap<Arc<str>, [Recent; 2]>>;

/// The last times of all targets.
#[derive(Debug, Default)]
pub struct Firsts(Mutex<Known>);

impl Firsts {
    /// A target took so long: until the first word of a stream, or until a whole answer was there; or was given up then.
    pub fn note(&self, target: &Target, streamed: bool, took: Duration) {
        let mut known = self.lock();
        let is_known = known.get(&target.provider).is_some_and(|models| models.contains_key(&target.model));
        if !is_known && known.values().map(HashMap::len).sum::<usize>() >= TARGETS_MAX {
            known.clear();
        }
        let models = known.entry(Arc::clone(&target.provider)).or_default();
        let [streams, wholes] = models.entry(Arc::clone(&target.model)).or_default();
        let recent = if streamed { streams } else { wholes };
        recent.add(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// What so many of a hundred of them did not exceed; `None` where too few were seen.
    #[must_use]
    pub fn percentile(&self, target: &Target, streamed: bool, percent: u8) -> Option<Duration> {
        let known = self.lock();
        let [streams, wholes] = known.get(&target.provider)?.get(&target.model)?;
        if streamed { streams } else { wholes }.percentile(percent)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unusual_follows_from_the_last_answers_of_a_kind() {
        let (firsts, ms) = (Firsts::default(), Duration::from_millis);
        let target = |model: &str| Target { provider: "p".into(), model: model.into() };
        for time in 1..SEEN_MIN as u64 {
            firsts.note(&target("m"), true, ms(time));
        }
        assert_eq!(firsts.percentile(&target("m"), true, 95), None, "too few");
        firsts.note(&target("m"), true, ms(20));
        assert_eq!(firsts.percentile(&target("m"), true, 95), Some(ms(19)));
        assert_eq!(firsts.percentile(&target("m"), true, 50), Some(ms(10)));
        assert_eq!(firsts.percentile(&target("m"), false, 95), None, "whole answers are another thing");
        for time in 1..=100 {
            firsts.note(&target("m"), true, ms(1000 + time));
        }
        assert_eq!(firsts.percentile(&target("m"), true, 99), Some(ms(1099)), "what is old is forgotten");
        for number in 0..2 * TARGETS_MAX {
            firsts.note(&target(&number.to_string()), true, ms(1));
        }
        assert!(firsts.lock().values().map(HashMap::len).sum::<usize>() <= TARGETS_MAX);
    }
}
