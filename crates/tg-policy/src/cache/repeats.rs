//! How often the same is asked where no answers are kept: by sums over a part of all requests, never by what they say.
//!
//! Which requests are looked at is decided by what they ask, so that one that is has all its repeats looked at, too. What a cache
//! would have done for them is played through: an answer would be kept when it came whole, be given again for its time, and then
//! be made anew. Sums are made with a secret of this process: they say nothing to anybody else, and nobody can choose which
//! requests are looked at.

use super::Key;
use super::key::has_no_say;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::decided::Repeat;
use tg_kernel::dialect::Dialect;

/// One of eight requests is looked at.
const RANK: u32 = 3;

/// Most requests that are remembered. Where there are more, half as many of them are looked at.
const REQUESTS_MAX: usize = 65_536;

/// How long answers would be kept: an hour, and a day.
const LIVES: [u32; 2] = [3_600, 86_400];

/// Of a long member, which part decides whether a request is looked at: its beginning and its end.
const ENDS: (usize, usize) = (256, 512);

/// Requests that were made of late.
#[derive(Debug)]
pub struct Repeats {
    secret: RandomState,
    /// Requests of this rank and above are looked at: one in two to the power of it.
    least: AtomicU32,
    seen: Mutex<HashMap<u64, Seen>>,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { secret: RandomState::new(), least: AtomicU32::new(RANK), seen: Mutex::default() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The rank of the request.
    rank: u32,
    /// When it was last made, in seconds of the clock.
    at: u32,
    /// How often.
    times: u32,
    /// When the answers came that would be kept, for each of [`LIVES`].
    kept: [Option<u32>; 2],
}

/// A request that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    request: u64,
    /// For which of [`LIVES`] its answer would be made anew.
    anew: [bool; 2],
}

impl Repeats {
    /// Whether a request is looked at, and by which rank: by whose it is, and by the members of its body, whatever their order.
    #[must_use]
    pub fn rank<'a>(
        &self,
        (team, model, dialect): (&str, &str, Dialect),
        members: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<u32> {
        let of_member = |(name, value): (&str, &[u8])| {
            let ends = value.split_at_checked(ENDS.0).and_then(|(begin, rest)| {
                let (_, end) = rest.split_at_checked(rest.len().checked_sub(ENDS.1)?)?;
                Some((begin, end))
            });
            let (begin, end) = ends.unwrap_or((value, &[]));
            self.secret.hash_one((name, value.len(), begin, end))
        };
        let told = members.into_iter().filter(|(name, _)| !has_no_say(dialect, name));
        let sum = told.map(of_member).fold(0_u64, u64::wrapping_add);
        let rank = self.secret.hash_one((team, model, sum)).trailing_zeros();
        (rank >= self.least.load(Ordering::Relaxed)).then_some(rank)
    }

    /// Looks at such a request, which is made now.
    pub fn look(&self, key: &Key, rank: u32, determined: bool, now: Duration) -> (Repeat, Sight) {
        let (request, now) = (self.secret.hash_one(key.as_bytes()), seconds(now));
        let mut all = self.lock();
        if all.len() >= REQUESTS_MAX && !all.contains_key(&request) {
            self.make_room(&mut all, now);
        }
        let least = self.least.load(Ordering::Relaxed);
        let known = all.get(&request).filter(|known| now.saturating_sub(known.at) <= LIVES[1]);
        let seen = known.copied().unwrap_or(Seen { rank, at: now, times: 0, kept: [None; 2] });
        let ages = std::array::from_fn(|number| {
            let age = now.saturating_sub(seen.kept[number]?);
            (age < LIVES[number]).then_some(age)
        });
        // Its rank may have been enough before room was made.
        if rank >= least {
            all.insert(request, Seen { at: now, times: seen.times.saturating_add(1), ..seen });
        }
        drop(all);
        let [within_hour_s, within_day_s]: [Option<u32>; 2] = ages;
        let one_in = 1_u32.checked_shl(least.min(rank)).unwrap_or(u32::MAX);
        let repeat = Repeat { one_in, determined, times: seen.times, within_hour_s, within_day_s };
        (repeat, Sight { request, anew: ages.map(|age| age.is_none()) })
    }

    /// The answer to such a request came, and is one that would be kept.
    pub fn keep(&self, sight: Sight, now: Duration) {
        if let Some(seen) = self.lock().get_mut(&sight.request) {
            for (kept, _) in seen.kept.iter_mut().zip(sight.anew).filter(|(_, anew)| *anew) {
                *kept = Some(seconds(now));
            }
        }
    }

    /// Forgets what no cache would have any more; where that is little, looks at half as many.
    fn make_room(&self, all: &mut HashMap<u64, Seen>, now: u32) {
        all.retain(|_, seen| now.saturating_sub(seen.at) <= LIVES[1]);
        if all.len() > REQUESTS_MAX - REQUESTS_MAX / 8 {
            let least = self.least.fetch_add(1, Ordering::Relaxed) + 1;
            all.retain(|_, seen| seen.rank >= least);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(of_clock: Duration) -> u32 {
    u32::try_from(of_clock.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
