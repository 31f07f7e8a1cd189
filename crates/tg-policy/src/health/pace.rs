//! How quick targets have been of late, and how many calls are under way at each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most targets that are told apart: callers name them where a route is a pattern.
const TARGETS_MAX: usize = 4096;

/// The weight of what is new beside what was known, as a divisor.
const NEWS: u64 = 8;

/// How long a measurement says something.
const MEMORY: Duration = Duration::from_secs(120);

/// What is expected of a target of which nothing is known: neither the first choice nor the last.
const UNKNOWN: Duration = Duration::from_secs(5);

/// How quick one target is, and what it has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Time to the first token, in microseconds; zero where nobody knows.
    first_us: u64,
    /// Time of each further token, in microseconds.
    token_us: u64,
    /// When it was measured last.
    at: Duration,
    /// Calls under way.
    pub in_flight: u32,
}

impl Pace {
    /// Whether anything is known of its quickness.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.first_us > 0
    }

    /// How long an answer of so many tokens is likely to take.
    #[must_use]
    pub fn expected(&self, tokens: u32) -> Duration {
        if !self.is_known() {
            return UNKNOWN;
        }
        Duration::from_micros(self.first_us.saturating_add(self.token_us.saturating_mul(u64::from(tokens))))
    }

    /// Takes in one answer: when its first token came, when its last, and how many there were.
    pub fn learn(&mut self, first: Duration, whole: Duration, tokens: u64, now: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.first_us = blended(self.first_us, micros(first));
        if tokens > 1 && whole > first {
            self.token_us = blended(self.token_us, micros(whole.saturating_sub(first)) / tokens);
        }
        self.at = now;
    }
}

fn blended(before: u64, news: u64) -> u64 {
    if before == 0 { news } else { before - before / NEWS + news / NEWS }
}

/// Of each provider, each of its models.
type Known = HashMap<Arc<str>, HashMap<Arc<str>, Pace>>;

/// How quick all targets are.
#[derive(Debug, Default)]
pub struct Paces(Mutex<Known>);

impl Paces {
    /// What is known of a target.
    #[must_use]
    pub fn of(&self, target: &Target, now: Duration) -> Pace {
        let known = self.lock().get(&target.provider).and_then(|models| models.get(&target.model)).copied();
        let known = known.unwrap_or_default();
        if now.saturating_sub(known.at) > MEMORY {
            Pace { in_flight: known.in_flight, ..Pace::default() }
        } else {
            known
        }
    }

    /// A call leaves for a target.
    pub fn leaves(&self, target: &Target) {
        self.change(target, |pace| pace.in_flight = pace.in_flight.saturating_add(1));
    }

    /// A call that had left is over, however it ended.
    pub fn is_over(&self, target: &Target) {
        self.change(target, |pace| pace.in_flight = pace.in_flight.saturating_sub(1));
    }

    /// A target has answered: when its first token came, counted from the call's leaving, when its last, and how many there
    /// were.
    pub fn answered(&self, target: &Target, (first, whole): (Duration, Duration), tokens: u64, now: Duration) {
        self.change(target, |pace| pace.learn(first, whole, tokens, now));
    }

    fn change(&self, target: &Target, change: impl FnOnce(&mut Pace)) {
        let mut providers = self.lock();
        if let Some(pace) = providers.get_mut(&target.provider).and_then(|models| models.get_mut(&target.model)) {
            return change(pace);
        }
        if providers.values().map(HashMap::len).sum::<usize>() >= TARGETS_MAX {
            // Names that callers invented are asked for once.
            providers.values_mut().for_each(|models| models.retain(|_, pace| pace.in_flight > 0));
        }
        if providers.values().map(HashMap::len).sum::<usize>() < TARGETS_MAX {
            let models = providers.entry(Arc::clone(&target.provider)).or_default();
            change(models.entry(Arc::clone(&target.model)).or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_follows_what_is_measured_and_is_forgotten() {
        let (paces, target) = (Paces::default(), Target { provider: "p".into(), model: "m".into() });
        let ms = Duration::from_millis;
        assert_eq!(paces.of(&target, ms(0)).expected(100), UNKNOWN);
        paces.answered(&target, (ms(200), ms(1200)), 100, ms(1));
        assert_eq!(paces.of(&target, ms(2)).expected(100), ms(1200));
        for _ in 0..200 {
            paces.answered(&target, (ms(400), ms(400)), 1, ms(3));
        }
        let expected = paces.of(&target, ms(4)).expected(0);
        assert!(expected > ms(395) && expected <= ms(400), "{expected:?}");
        assert!(!paces.of(&target, ms(200_000)).is_known(), "what is old says nothing");
        for number in 0..2 * TARGETS_MAX {
            let invented = Target { provider: "p".into(), model: number.to_string().into() };
            paces.leaves(&invented);
            paces.is_over(&invented);
        }
        paces.leaves(&target);
        paces.leaves(&target);
        paces.is_over(&target);
        assert_eq!(paces.of(&target, ms(200_000)).in_flight, 1);
    }
}
