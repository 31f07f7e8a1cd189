//! Which signatures were seen: a request that somebody recorded is not accepted when he sends it later.
//!
//! A signature is made over the request and a time in whole seconds. Two equal calls that a program makes within one
//! second have therefore the same one, and both are honest: a signature is good again for a short while after it first
//! came, and never after that. What is remembered is the signatures that were right, so that strangers cannot fill it.

use super::signature::{Claim, SKEW_SECONDS_MAX};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use tg_kernel::clock::Timestamp;

/// For how long after it first came a signature may come again. Equal calls are signed within one second of each other;
/// the rest is for the way.
const GRACE_SECONDS: i64 = 10;
/// How often a signature may come in that while.
const TIMES_MAX: u32 = 1_000;
/// Most signatures that are remembered (some 20 MB). Beyond that the oldest are forgotten.
const REMEMBERED_MAX: usize = 1 << 18;

/// The signatures that were seen while they were in time. One for each process.
#[derive(Debug, Default)]
pub struct Replays(Mutex<Seen>);

/// Half a signature: it is a MAC, so half of it is as good as chance.
type Mark = u128;

#[derive(Debug, Default)]
struct Seen {
    marks: HashMap<Mark, Visit>,
    /// The same, in the order in which they first came.
    order: VecDeque<(Mark, i64)>,
}

#[derive(Debug)]
struct Visit {
    first: i64,
    times: u32,
}

impl Replays {
    /// Notes a signature that was found right; true when it may be used.
    #[must_use]
    pub fn admit(&self, claim: &Claim<'_>, now: Timestamp) -> bool {
        let (half, _) = claim.signature().split_at(16);
        let mark = half.iter().fold(0, |mark: Mark, byte| mark << 8 | Mark::from(*byte));
        // A panic in between has left nothing half done that matters.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).admit(mark, now.seconds(), REMEMBERED_MAX)
    }
}

impl Seen {
    fn admit(&mut self, mark: Mark, now: i64, remembered_max: usize) -> bool {
        self.forget(now, remembered_max);
        if let Some(visit) = self.marks.get_mut(&mark) {
            visit.times = visit.times.saturating_add(1);
            return now - visit.first <= GRACE_SECONDS && visit.times <= TIMES_MAX;
        }
        self.marks.insert(mark, Visit { first: now, times: 1 });
        self.order.push_back((mark, now));
        true
    }

    /// Forgets what no clock lets in any more, and what is too much. A signature is in time for at most twice the skew:
    /// from before its signer's time to after it.
    fn forget(&mut self, now: i64, remembered_max: usize) {
        while let Some((mark, first)) = self.order.front() {
            if now - first <= 2 * SKEW_SECONDS_MAX && self.order.len() < remembered_max {
                return;
            }
            self.marks.remove(mark);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GRACE_SECONDS, Seen, TIMES_MAX};
    use crate::aws::signature::SKEW_SECONDS_MAX;

    const MANY: usize = 1000;

    #[test]
    fn equal_calls_at_once_are_honest_and_later_ones_are_not() {
        let mut seen = Seen::default();
        for second in 0..=GRACE_SECONDS {
            assert!(seen.admit(1, second, MANY), "second {second}");
        }
        assert!(!seen.admit(1, GRACE_SECONDS + 1, MANY));
        assert!(!seen.admit(1, 2 * SKEW_SECONDS_MAX, MANY), "as long as any clock lets it in");
        assert!(seen.admit(2, 2 * SKEW_SECONDS_MAX, MANY));
    }

    #[test]
    fn even_at_once_there_is_an_end() {
        let mut seen = Seen::default();
        assert!((0..TIMES_MAX).all(|_| seen.admit(1, 0, MANY)));
        assert!(!seen.admit(1, 0, MANY));
    }

    #[test]
    fn memory_is_bounded_by_time_and_by_number() {
        let mut seen = Seen::default();
        for mark in 0..5000 {
            assert!(seen.admit(mark, 0, MANY));
            assert!(seen.order.len() <= MANY && seen.marks.len() == seen.order.len());
        }
        assert!(!seen.admit(4999, GRACE_SECONDS + 1, MANY), "the newest are remembered");
        assert!(seen.admit(5000, 2 * SKEW_SECONDS_MAX + 1, MANY));
        assert_eq!((seen.order.len(), seen.marks.len()), (1, 1), "the old are gone");
    }
}
