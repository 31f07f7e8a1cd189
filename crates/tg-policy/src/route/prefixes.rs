//! Beginnings of prompts that were sent of late: by sums over them, never by what they say.

use crate::admit::Scope;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::principal::Attribution;

/// Most beginnings that are remembered.
const PREFIXES_MAX: usize = 65_536;

/// How long an entry of a provider's prompt cache lives from its last use on.
const LIVES: Duration = Duration::from_secs(300);

/// Whose prompts get points for their provider's cache: what the first rule says that is for a call.
#[derive(Clone, Debug, Default)]
pub struct CacheRules(Vec<(Scope, bool)>);

impl CacheRules {
    /// Rules in their order: for which calls, and whether these get points.
    #[must_use]
    pub const fn new(rules: Vec<(Scope, bool)>) -> Self {
        Self(rules)
    }

    /// Whether a call for this model gets points.
    #[must_use]
    pub fn wants(&self, booked: &Attribution, asked: &str) -> bool {
        self.says(booked, asked).unwrap_or_default()
    }

    /// The same; `None` where no rule is for it.
    #[must_use]
    pub fn says(&self, booked: &Attribution, asked: &str) -> Option<bool> {
        self.0.iter().find(|(scope, _)| scope.holds(booked, asked, None)).map(|(_, wants)| *wants)
    }
}

/// Beginnings of prompts, and how often each was sent, no longer apart than caches live.
#[derive(Debug, Default)]
pub struct SeenPrefixes(Mutex<HashMap<u64, Seen>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Duration,
    times: u32,
}

impl SeenPrefixes {
    /// How often it was sent so far, the last time while a cache may still hold it.
    #[must_use]
    pub fn times(&self, digest: u64, now: Duration) -> u32 {
        self.lock().get(&digest).filter(|seen| seen.is_fresh(now)).map_or(0, |seen| seen.times)
    }

    /// These are sent.
    pub fn note(&self, digests: impl IntoIterator<Item = u64>, now: Duration) {
        let mut digests = digests.into_iter().peekable();
        if digests.peek().is_none() {
            return;
        }
        let mut all = self.lock();
        for digest in digests {
            if all.len() >= PREFIXES_MAX && !all.contains_key(&digest) {
                make_room(&mut all, now);
            }
            let seen = all.entry(digest).or_insert(Seen { at: now, times: 0 });
            seen.times = if seen.is_fresh(now) { seen.times.saturating_add(1) } else { 1 };
            seen.at = now;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_fresh(&self, now: Duration) -> bool {
        now.saturating_sub(self.at) <= LIVES
    }
}

/// Lets go what no cache holds any more; where that is little, a part of the rest too: it is found again.
fn make_room(all: &mut HashMap<u64, Seen>, now: Duration) {
    all.retain(|_, seen| seen.is_fresh(now));
    if all.len() >= PREFIXES_MAX {
        let mut number = 0_u32;
        all.retain(|_, _| {
            number = number.wrapping_add(1);
            !number.is_multiple_of(8)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_remembered_while_a_cache_may_hold_it_and_memory_is_bounded() {
        let (seen, at) = (SeenPrefixes::default(), Duration::from_secs);
        assert_eq!(seen.times(1, at(0)), 0);
        seen.note([1, 2], at(0));
        seen.note([1], at(200));
        assert_eq!((seen.times(1, at(500)), seen.times(2, at(300)), seen.times(2, at(301))), (2, 1, 0));
        assert_eq!(seen.times(1, at(501)), 0);
        seen.note([1], at(501));
        assert_eq!(seen.times(1, at(501)), 1, "what was before is over");
        seen.note(0..2 * PREFIXES_MAX as u64, at(600));
        assert!(seen.lock().len() <= PREFIXES_MAX);
        assert_eq!(seen.times(2 * PREFIXES_MAX as u64 - 1, at(600)), 1);
    }
}
