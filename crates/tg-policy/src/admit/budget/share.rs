//! What one replica lets through by itself while the purses that replicas share are away: a part of what was left of each when
//! it was looked at last. And whether a shared purse lacks calls that the ledger has.

use super::exhausted::Exhausted;
use super::purses::{HOLDS_MAX, Purses};
use super::shared::SharedPurse;
use super::table::State;
use super::want::{Held, Want};
use super::{Budgets, PurseAsk, hour_of};
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::units::Money;
use tg_store::counters::CounterKey;
use tg_store::shared::Seen;

/// How long a shared purse may say less than the ledger before it is summed anew: bookings are under way.
const DOUBT_AFTER: Duration = Duration::from_secs(5);

/// What is known of a shared purse, and what was let through without asking it.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// What was spent and held of it by all replicas when it was last looked at, or what the ledger said.
    known: Option<Money>,
    /// What calls hold, or cost, that were let through without asking, and are not booked.
    taken: Money,
    /// What such calls cost that are booked, and may not be in what is known.
    booked: Money,
    doubt: Doubt,
}

/// That a shared purse says less than the ledger.
#[derive(Debug, Default)]
struct Doubt {
    /// Of a rolling purse, in which hour.
    hour: i64,
    /// Since when, and what the ledger said then.
    since: Option<(Duration, Money)>,
    /// By which sum it was doubted last: once by each.
    raised: Money,
}

/// What a call holds that was let through without asking.
#[derive(Debug)]
pub(super) struct OfShares {
    keys: Vec<String>,
    amount: Money,
}

impl Share {
    /// Whether nothing was let through.
    pub(super) fn is_idle(&self) -> bool {
        self.taken == Money::ZERO && self.booked == Money::ZERO
    }

    /// What is left of one of so many shares of `amount`.
    fn left(&self, amount: Money, replicas: u32) -> Money {
        let left = self.known.map_or(Money::ZERO, |known| amount.minus(known).max(Money::ZERO));
        let share = Money::from_nanos(left.nanos() / i64::from(replicas.max(1)));
        share.minus(self.taken).minus(self.booked)
    }
}

impl Doubt {
    /// The ledger's sum, where the purse has said less for too long: then it lacks calls.
    fn about(&mut self, spent: Money, ledger: Money, (hour, now): (i64, Duration)) -> Option<Money> {
        if spent >= ledger || self.hour != hour {
            *self = Self { hour, ..Self::default() };
        }
        if spent >= ledger {
            return None;
        }
        match self.since {
            Some((since, sum)) if spent < sum => {
                if now.saturating_sub(since) < DOUBT_AFTER {
                    return None;
                }
                self.since = None;
                let is_new = sum > self.raised;
                self.raised = sum;
                is_new.then_some(sum)
            }
            // What it lacked has come; what it lacks now may be under way.
            _ => {
                self.since = Some((now, ledger));
                None
            }
        }
    }
}

impl State {
    /// As [`State::fit`], of one of so many shares of each purse.
    fn fit_share(
        &mut self,
        budgets: &Budgets,
        purses: &[SharedPurse],
        want: &Want<'_>,
        held: Money,
        (replicas, at): (u32, Timestamp),
    ) -> Result<Money, Box<Exhausted>> {
        let pairs: Vec<(PurseAsk, String)> =
            purses.iter().map(|purse| (purse.ask.clone(), purse.mirrored.clone())).collect();
        let mut before = Vec::with_capacity(pairs.len());
        for (ask, key) in &pairs {
            let Some(purse) = self.purses.get_mut(key) else { continue };
            let spent = purse.spent.sum(ask.hour);
            // Nor more than the ledger shows to be left, whoever spent the rest.
            let left = purse.share.left(ask.amount, replicas).min(ask.amount.minus(spent));
            before.push((key, purse.held));
            purse.held = ask.amount.minus(spent).minus(left);
        }
        let fitted = self.fit(budgets, &pairs, want, held, at);
        for (key, held) in before {
            if let Some(purse) = self.purses.get_mut(key) {
                purse.held = held;
            }
        }
        fitted.map(|(amount, _)| amount)
    }

    fn take_share(&mut self, keys: &[String], more: Money) {
        for key in keys {
            if let Some(purse) = self.purses.get_mut(key) {
                purse.share.taken = purse.share.taken.plus(more);
            }
        }
    }
}

impl Purses {
    /// Those of these purses of which nobody knows what is left: they are to be [told](Purses::know) first.
    #[must_use]
    pub fn unknown<'a>(&self, purses: &'a [SharedPurse]) -> Vec<&'a SharedPurse> {
        let state = self.lock();
        let known = |purse: &&SharedPurse| state.purses.get(&purse.mirrored).is_some_and(|it| it.share.known.is_some());
        purses.iter().filter(|purse| !known(purse)).collect()
    }

    /// The ledger says that so much is spent of a purse of which nothing else is known.
    pub fn know(&self, purse: &SharedPurse, spent: Money) {
        let mut state = self.lock();
        if let Some(purse) = state.purses.get_mut(&purse.mirrored) {
            purse.share.known.get_or_insert(spent);
        }
    }

    /// Holds what a call wants in one of `replicas` shares of each of these purses, or in none; of a purse of which nothing is
    /// known there is no share. What all replicas let through so is never more than what was left when they looked last.
    /// Whoever holds it owes [`Purses::settle_share`].
    ///
    /// # Errors
    /// When one of the shares has not so much left.
    pub fn reserve_share(
        &self,
        id: CallId,
        purses: &[SharedPurse],
        want: &Want<'_>,
        (replicas, at): (u32, Timestamp),
    ) -> Result<Held, Box<Exhausted>> {
        let Some(budgets) = purses.first().map(SharedPurse::budgets) else {
            return Ok(Held { met: true, amount: want.most, stepwise: false });
        };
        let amount = self.take_of_shares(&budgets, (id, purses), want, Money::ZERO, (replicas, at))?;
        Ok(Held { met: true, amount, stepwise: false })
    }

    /// Raises what a call holds of shares to what it wants now, `beside` what it holds of the purses themselves, as they were
    /// not away when it came; what is held already is never lowered. Answers both together.
    ///
    /// # Errors
    /// As [`Purses::reserve_share`]. What was held stays held.
    pub fn raise_share(
        &self,
        id: CallId,
        purses: &[SharedPurse],
        want: &Want<'_>,
        beside: Money,
        (replicas, at): (u32, Timestamp),
    ) -> Result<Money, Box<Exhausted>> {
        let Some(budgets) = purses.first().map(SharedPurse::budgets) else { return Ok(want.most) };
        self.take_of_shares(&budgets, (id, purses), want, beside, (replicas, at))
    }

    fn take_of_shares(
        &self,
        budgets: &Budgets,
        (id, purses): (CallId, &[SharedPurse]),
        want: &Want<'_>,
        beside: Money,
        (replicas, at): (u32, Timestamp),
    ) -> Result<Money, Box<Exhausted>> {
        let mut state = self.lock();
        let of_shares = state.shares.get(&id).map_or(Money::ZERO, |of| of.amount);
        let amount = state.fit_share(budgets, purses, want, beside.plus(of_shares), (replicas, at))?;
        if state.shares.len() >= HOLDS_MAX && !state.shares.contains_key(&id) {
            return Err(Box::new(Exhausted::crowded(amount)));
        }
        let keys = || purses.iter().map(|purse| purse.mirrored.clone()).collect();
        let mut of = state.shares.remove(&id).unwrap_or_else(|| OfShares { keys: keys(), amount: Money::ZERO });
        let share = amount.minus(beside);
        state.take_share(&of.keys, share.minus(of.amount));
        of.amount = share;
        state.shares.insert(id, of);
        Ok(amount)
    }

    /// A call that holds of shares has ended and cost so much, which stays taken.
    pub fn settle_share(&self, id: CallId, cost: Money) {
        let mut state = self.lock();
        let Some(mut of) = state.shares.remove(&id) else { return };
        state.take_share(&of.keys, cost.minus(of.amount));
        of.amount = cost;
        if cost > Money::ZERO {
            state.shares.insert(id, of);
        }
    }

    /// The row of such a call is in the ledger, and the shared purses are being told.
    pub fn book_share(&self, id: CallId) {
        let mut state = self.lock();
        let Some(of) = state.shares.remove(&id) else { return };
        state.take_share(&of.keys, Money::ZERO.minus(of.amount));
        for key in &of.keys {
            if let Some(purse) = state.purses.get_mut(key) {
                purse.share.booked = purse.share.booked.plus(of.amount);
            }
        }
    }

    /// What was let through of shares and is booked, by purse: once the shared purses were told of that, the next look has it.
    #[must_use]
    pub fn booked_shares(&self) -> Vec<(String, Money)> {
        let state = self.lock();
        let booked = state.purses.iter().filter(|(_, purse)| purse.share.booked != Money::ZERO);
        booked.map(|(key, purse)| (key.clone(), purse.share.booked)).collect()
    }

    /// What was seen of [open](Purses::open) purses; of all others nothing is held. `told` are those [booked
    /// shares](Purses::booked_shares) of which the shared purses had been told before. Answers the purses that lack calls which
    /// the ledger has had for some time, and what it says.
    pub fn seen(
        &self,
        seen: &[(String, CounterKey, Seen)],
        told: &[(String, Money)],
        (at, now): (Timestamp, Duration),
    ) -> Vec<(CounterKey, Money)> {
        let money = |nanos: u64| Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
        let mut state = self.lock();
        for purse in state.purses.values_mut() {
            purse.held = Money::ZERO;
        }
        let mut doubted = Vec::new();
        let hour = hour_of(at);
        for (mirrored, key, seen) in seen {
            let Some(purse) = state.purses.get_mut(mirrored) else { continue };
            purse.held = money(seen.held.unwrap_or(0));
            let Some(spent) = seen.spent.map(money) else { continue };
            purse.share.known = Some(spent.plus(purse.held));
            if let Some((_, booked)) = told.iter().find(|(told, _)| told == mirrored) {
                purse.share.booked = purse.share.booked.minus(*booked);
            }
            // Who comes out of a purse of all values together, each replica knows for itself.
            if purse.sharers.is_empty() {
                let ledger = purse.spent.sum(hour);
                doubted.extend(purse.share.doubt.about(spent, ledger, (hour, now)).map(|sum| (key.clone(), sum)));
            }
        }
        doubted
    }
}
