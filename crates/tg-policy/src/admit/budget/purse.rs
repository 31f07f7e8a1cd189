//! One purse: what is spent and held of one amount.

use super::NoticeKind;
use super::share::Share;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// Hours beyond those of a rolling window that are kept for a clock that goes back.
const HOURS_KEPT: usize = 48;

/// What one budget has for one combination of values, in one window.
#[derive(Debug)]
pub(super) struct Purse {
    /// The budget's place in its list.
    pub(super) budget: usize,
    /// Whose it is: what the budget counts by, and the value.
    pub(super) of: Vec<(String, String)>,
    /// The first moment of its window; of a rolling one always the same.
    pub(super) start: Timestamp,
    /// When its window ends.
    pub(super) until: Option<Timestamp>,
    pub(super) spent: Spent,
    pub(super) held: Money,
    /// Of what somebody was told, in which period: the window itself, or for a rolling one a time of its length.
    pub(super) told: BTreeSet<(NoticeKind, i64)>,
    /// Who comes out of it, where it is that of all values together.
    pub(super) sharers: Sharers,
    /// Of one that replicas share: what is known of it, and what was let through without asking it.
    pub(super) share: Share,
}

impl Purse {
    /// What is left of `amount` in this hour; below zero where more was spent.
    pub(super) fn left(&self, amount: Money, hour: i64) -> Money {
        amount.minus(self.spent.sum(hour)).minus(self.held)
    }

    /// Whether a new one would be the same in this hour, and in those to which a clock may go back.
    pub(super) fn is_empty(&self, hour: i64) -> bool {
        let is_told = |(_, period): &(NoticeKind, i64)| match &self.spent {
            Spent::Once(_) => true,
            Spent::Hours(hours, _) => period_of(hour, *hours) - period <= 1,
        };
        self.held == Money::ZERO && self.share.is_idle() && self.spent.is_empty(hour) && !self.told.iter().any(is_told)
    }
}

/// The time of a rolling window's length in which an hour lies: once in each somebody is told.
pub(super) fn period_of(hour: i64, hours: u32) -> i64 {
    hour.div_euclid(i64::from(hours.max(1)))
}

/// The values that come out of one purse because there was no room to count them apart. Each stays there while what it
/// spent counts, though there be room again: in a purse of its own it could spend its amount once more.
#[derive(Debug, Default)]
pub(super) struct Sharers {
    /// Of each, by its hash, the hour in which it came last.
    seen: HashMap<u64, i64>,
    /// The hour in which one came last for which there was no room here either: it may be anybody.
    lost: Option<i64>,
}

impl Sharers {
    /// Most that are told apart.
    const MAX: usize = 1 << 15;

    pub(super) fn note(&mut self, value: u64, hour: i64) {
        if self.seen.len() < Self::MAX || self.seen.contains_key(&value) {
            let last = self.seen.entry(value).or_insert(hour);
            *last = hour.max(*last);
        } else {
            self.lost = self.lost.max(Some(hour));
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.lost.is_none()
    }

    /// Whether a value may have spent something here that counts in this hour.
    pub(super) fn has(&self, value: u64, hour: i64, hours: Option<u32>) -> bool {
        let counts = |last: &i64| hours.is_none_or(|hours| *last >= oldest_kept(hour, hours));
        self.seen.get(&value).is_some_and(counts) || self.lost.as_ref().is_some_and(counts)
    }

    /// Forgets whose spending does not count any more.
    pub(super) fn prune(&mut self, hour: i64, hours: Option<u32>) {
        if let Some(hours) = hours {
            self.seen.retain(|_, last| *last >= oldest_kept(hour, hours));
        }
    }
}

/// The oldest hour that counts, or would if the clock went back.
fn oldest_kept(hour: i64, hours: u32) -> i64 {
    hour.saturating_sub(i64::from(hours)).saturating_sub(i64::try_from(HOURS_KEPT).unwrap_or(i64::MAX))
}

/// What is booked in the ledger.
#[derive(Debug)]
pub(super) enum Spent {
    /// In one window.
    Once(Money),
    /// In each hour, of which this many before the present one count.
    Hours(u32, BTreeMap<i64, Money>),
}

impl Spent {
    pub(super) const fn new(hours: Option<u32>) -> Self {
        match hours {
            Some(hours) => Self::Hours(hours, BTreeMap::new()),
            None => Self::Once(Money::ZERO),
        }
    }

    /// What counts in this hour. Hours after it count as well: a clock that went back brings nothing back.
    pub(super) fn sum(&self, hour: i64) -> Money {
        match self {
            Self::Once(sum) => *sum,
            Self::Hours(hours, sums) => {
                let oldest = hour.saturating_sub(i64::from(*hours));
                sums.range(oldest..).fold(Money::ZERO, |sum, (_, one)| sum.plus(*one))
            }
        }
    }

    pub(super) fn add(&mut self, hour: i64, cost: Money) {
        match self {
            Self::Once(sum) => *sum = sum.plus(cost),
            Self::Hours(hours, sums) => {
                let one = sums.entry(hour).or_default();
                *one = one.plus(cost);
                // By number, not by age: a clock that is far ahead for a moment must not make the real hours forgotten.
                if sums.len() > usize::try_from(*hours).unwrap_or(usize::MAX).saturating_add(HOURS_KEPT) {
                    sums.pop_first();
                }
            }
        }
    }

    /// Forgets it all, to be told anew.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Once(sum) => *sum = Money::ZERO,
            Self::Hours(_, sums) => sums.clear(),
        }
    }

    /// The first hour from which on so much less counts that `needed` fits into `amount`. `None`: never by itself.
    pub(super) fn opens(&self, hour: i64, room: Money, needed: Money) -> Option<i64> {
        let Self::Hours(hours, sums) = self else { return None };
        let mut room = room;
        for (spent_in, sum) in sums.range(hour.saturating_sub(i64::from(*hours))..) {
            room = room.plus(*sum);
            if room >= needed {
                return Some(spent_in.saturating_add(i64::from(*hours)).saturating_add(1));
            }
        }
        None
    }

    fn is_empty(&self, hour: i64) -> bool {
        match self {
            Self::Once(sum) => *sum == Money::ZERO,
            Self::Hours(hours, sums) => sums.range(oldest_kept(hour, *hours)..).next().is_none(),
        }
    }
}
