//! Units that this process has taken from shared buckets ahead of need, and lets calls have without asking.

use crate::counters::{CounterKey, Rate, Standing};
use std::collections::HashMap;
use std::time::Duration;

/// Most buckets of which units are leased at a time.
const LEASES_MAX: usize = 1 << 16;

/// For how long units are kept after they were taken; what is left then goes back.
pub(super) const LEASE_LIFE: Duration = Duration::from_secs(1);

/// Units of one bucket.
#[derive(Clone, Copy, Debug)]
struct Lease {
    rate: Rate,
    /// What is left; below zero where calls used more than was reserved for them.
    units: i64,
    /// The bucket's level and rest when it was asked last.
    level: i64,
    rest: u64,
    at: Duration,
}

/// All leases of a process. Times are of a clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Leases(HashMap<CounterKey, Lease>);

impl Leases {
    /// Takes so many units, if they are there.
    pub(super) fn take(&mut self, key: &CounterKey, rate: Rate, units: u64) -> Option<Standing> {
        let lease = self.0.get_mut(key).filter(|lease| lease.rate == rate)?;
        let left = lease.units.checked_sub_unsigned(units).filter(|left| *left >= 0)?;
        lease.units = left;
        let level = lease.level.saturating_add(left);
        Some(Standing {
            full: false,
            limit: rate.burst(),
            remaining: u64::try_from(level).unwrap_or(0),
            reset: rate.time_until(rate.burst(), level, lease.rest),
            wait: Some(Duration::ZERO),
        })
    }

    /// Gives back what a call did not use, or takes what it used beyond that. Where the units went back in the meantime, so
    /// do these, with the next turn.
    pub(super) fn give(&mut self, key: &CounterKey, rate: Rate, units: i64, now: Duration) {
        let fresh = Lease { rate, units: 0, level: 0, rest: 0, at: now };
        let lease = self.0.entry(key.clone()).or_insert(fresh);
        lease.units = lease.units.saturating_add(units);
    }

    /// Keeps what was taken ahead of a bucket that now stands so. `false`: there is no room for another lease.
    pub(super) fn keep(
        &mut self,
        key: &CounterKey,
        rate: Rate,
        extra: u64,
        (level, rest): (i64, u64),
        now: Duration,
    ) -> bool {
        if self.0.len() >= LEASES_MAX && !self.0.contains_key(key) {
            return false;
        }
        let lease = self.0.entry(key.clone()).or_insert(Lease { rate, units: 0, level, rest, at: now });
        if lease.rate == rate {
            (lease.level, lease.rest, lease.at) = (level, rest, now);
        }
        lease.units = lease.units.saturating_add_unsigned(extra);
        true
    }

    /// Gives up leases that were not renewed for their life, and answers what goes back.
    pub(super) fn expired(&mut self, now: Duration) -> Vec<(CounterKey, Rate, i64)> {
        let mut back = Vec::new();
        self.0.retain(|key, lease| {
            let lives = now < lease.at.saturating_add(LEASE_LIFE);
            if !lives && lease.units != 0 {
                back.push((key.clone(), lease.rate, lease.units));
            }
            lives
        });
        back
    }

    /// Gives up all of them.
    pub(super) fn all(&mut self) -> Vec<(CounterKey, Rate, i64)> {
        self.expired(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{LEASE_LIFE, Leases};
    use crate::counters::{CounterKey, Rate};
    use std::time::Duration;

    #[test]
    fn what_is_leased_is_had_once_and_the_rest_goes_back() {
        let (key, rate) = (CounterKey::of(&["l"]), Rate::new(100, Duration::from_secs(1), 100));
        let mut leases = Leases::default();
        assert!(leases.take(&key, rate, 1).is_none(), "nothing was leased");
        assert!(leases.keep(&key, rate, 5, (40, 0), Duration::ZERO));
        assert_eq!(leases.take(&key, rate, 3).unwrap().remaining, 42);
        assert!(leases.take(&key, rate, 3).is_none());
        assert!(leases.take(&key, Rate::new(100, Duration::from_secs(1), 99), 1).is_none(), "of another rate");
        assert_eq!(leases.take(&key, rate, 2).unwrap().remaining, 40);
        leases.give(&key, rate, -7, Duration::ZERO);
        assert!(leases.take(&key, rate, 0).is_none(), "debts are paid first");
        leases.give(&key, rate, 9, Duration::ZERO);
        assert!(leases.expired(LEASE_LIFE - Duration::from_nanos(1)).is_empty());
        assert_eq!(leases.expired(LEASE_LIFE), [(key.clone(), rate, 2)]);
        assert!(leases.expired(LEASE_LIFE).is_empty());
        leases.give(&key, rate, -1, LEASE_LIFE);
        assert_eq!(leases.all(), [(key, rate, -1)]);
    }
}
