//! Budgets of one call whose purses are kept where replicas count together.

use super::{Bounds, Spending, Trying};
use crate::living::Living;
use crate::quote::{PriceTag, Quote};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use tg_dialect::scan::Members;
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::{Peek, Weight};
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::admit::WhenAway;
use tg_policy::admit::budget::{Exhausted, Held, Payer, SharedPurse, Want};
use tg_policy::route::Plan;
use tg_store::counters::{CounterKey, HoldId};

/// What a call is to pay from, and what it can cost at each of its targets.
#[derive(Default)]
pub(crate) struct Tab {
    pub(crate) purses: Vec<SharedPurse>,
    quotes: Vec<Quote>,
    /// What earlier tries may be billed for.
    earlier: Money,
}

impl Tab {
    /// What happens while the purses are away, of each that holds the call up.
    pub(crate) fn when_away(&self) -> impl Iterator<Item = WhenAway> {
        self.purses.iter().filter(|purse| purse.ask.hard).map(|purse| purse.when_away)
    }

    /// The purses of which this process has a share of its own while they are away.
    pub(crate) fn local(&self) -> Vec<SharedPurse> {
        self.purses.iter().filter(|purse| is_local(purse)).cloned().collect()
    }

    /// Their places.
    pub(crate) fn local_places(&self) -> Vec<usize> {
        (0..).zip(&self.purses).filter(|(_, purse)| is_local(purse)).map(|(place, _)| place).collect()
    }
}

fn is_local(purse: &SharedPurse) -> bool {
    purse.when_away == WhenAway::FailOpenLocal && purse.ask.hard
}

/// What a purse can hold is not negative.
pub(crate) fn nanos(money: Money) -> u64 {
    u64::try_from(money.nanos()).unwrap_or(0)
}

impl Spending {
    /// What the call is to pay from; nothing where it meets no budget.
    pub(crate) fn tab(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        asked: (&Peek, &Members<'_>, Weight),
        plan: &Plan,
    ) -> Tab {
        let Some(quotes) = self.quotes((snapshot, living), record, asked, plan) else { return Tab::default() };
        let purses = living.purses.shared(&Payer::from(record), record.started_at);
        Tab { purses, quotes, earlier: Money::ZERO }
    }

    /// What the next try is to pay from: what the call holds of. `None` where that does not matter, as in
    /// [`Spending::begin_try`].
    ///
    /// # Errors
    /// As there, when nobody knows what it can cost.
    pub(crate) fn tab_of_try(
        &mut self,
        snapshot: &Snapshot,
        record: &Record,
        tag: &PriceTag<'_>,
        earlier: Money,
    ) -> Result<Option<Tab>, Fault> {
        let quote = self.quote_of_try(snapshot, record, tag)?;
        Ok(quote.map(|quote| Tab { purses: self.purses.clone(), quotes: vec![quote], earlier }))
    }

    fn wants<T>(&self, tab: &Tab, ask: impl FnOnce(&Want<'_>) -> T) -> T {
        self.want(&tab.quotes, tab.earlier, ask)
    }

    /// How much is to be held in all, if there is room.
    pub(crate) fn first_ask(&self, living: &Living, tab: &Tab) -> (Money, bool) {
        self.wants(tab, |want| living.purses.first_ask(&tab.purses, want))
    }

    /// How much can be held in all, as the purses have so much left.
    ///
    /// # Errors
    /// When it is too little.
    pub(crate) fn fit(
        &self,
        living: &Living,
        tab: &Tab,
        lefts: &[Option<Money>],
        at: Timestamp,
    ) -> Result<(Money, bool), Box<Exhausted>> {
        let held = self.held.amount;
        let fitted = self.wants(tab, |want| living.purses.fit(&tab.purses, lefts, want, (held, at)));
        fitted.map_err(|exhausted| self.with_what_fits(exhausted, &tab.quotes))
    }

    /// What is held now.
    pub(crate) const fn amount(&self) -> Money {
        self.held.amount
    }

    /// So much is held of the purses of the tab.
    pub(crate) fn took(&mut self, tab: Tab, (amount, stepwise): (Money, bool)) {
        self.met = !tab.purses.is_empty();
        self.held = Held { met: self.met, amount, stepwise };
        self.purses = tab.purses;
    }

    /// So much is held for the next try.
    pub(crate) fn raised(&mut self, tab: Tab, (amount, stepwise): (Money, bool)) {
        self.held = Held { met: self.met, amount: amount.max(self.held.amount), stepwise };
        self.trying = tab.quotes.into_iter().next().map(|quote| Trying { quote, earlier: tab.earlier });
    }

    /// Holds of this process's share of those purses that count so while they are away; nothing of the others. The shared
    /// purses are told of it, by the name `id`, when they are back.
    ///
    /// # Errors
    /// When a share has no money for it.
    pub(crate) fn take_share(
        &mut self,
        (shared, living): (&Shared, &Living),
        tab: Tab,
        (id, at): (HoldId, Timestamp),
    ) -> Result<(), Box<Exhausted>> {
        let purses = tab.local();
        // What is bounded by shares is bounded before it is sent.
        if self.bounds == Bounds::Midway {
            self.bounds = Bounds::Before;
        }
        self.hard = !purses.is_empty();
        let (call, round) = (id.call(), (shared.replicas(), at));
        let held = self.wants(&tab, |want| living.purses.reserve_share(call, &purses, want, round));
        self.held = held.map_err(|exhausted| self.with_what_fits(exhausted, &tab.quotes))?;
        self.local = purses;
        self.share = Some(id);
        self.pledge(shared);
        Ok(())
    }

    /// Raises what is held of shares to what the next try can cost.
    ///
    /// # Errors
    /// When a share has no money for it.
    pub(crate) fn raise_share(
        &mut self,
        (shared, living): (&Shared, &Living),
        tab: Tab,
        (call, at): (CallId, Timestamp),
    ) -> Result<(), Box<Exhausted>> {
        let round = (shared.replicas(), at);
        let raised = self.wants(&tab, |want| living.purses.raise_share(call, &self.local, want, Money::ZERO, round));
        let amount = raised.map_err(|exhausted| self.with_what_fits(exhausted, &tab.quotes))?;
        self.raised(tab, (amount, false));
        self.pledge(shared);
        Ok(())
    }

    /// Raises what is held to what the next try can cost, where the purses of which it holds are away by now: what is more,
    /// of this process's share of those that count so. Answers how much that is, of which they are to be told.
    ///
    /// # Errors
    /// When a share has no money for it.
    pub(crate) fn raise_beside(
        &mut self,
        (shared, living): (&Shared, &Living),
        tab: Tab,
        (call, at): (CallId, Timestamp),
    ) -> Result<Money, Box<Exhausted>> {
        let (purses, round) = (tab.local(), (shared.replicas(), at));
        if self.bounds == Bounds::Midway {
            self.bounds = Bounds::Before;
        }
        let of_purses = self.held.amount.minus(self.beside);
        let raised = self.wants(&tab, |want| living.purses.raise_share(call, &purses, want, of_purses, round));
        let amount = raised.map_err(|exhausted| self.with_what_fits(exhausted, &tab.quotes))?;
        let more = amount.minus(self.held.amount).max(Money::ZERO);
        self.beside = self.beside.plus(more);
        self.raised(tab, (amount, false));
        Ok(more)
    }

    /// The same for its stream, of those of the purses at these places. Answers the places of those that are to be told.
    ///
    /// # Errors
    /// When a share has no money for it.
    pub(crate) fn grow_beside(
        &mut self,
        (shared, living): (&Shared, &Living),
        (call, at): (CallId, Timestamp),
        (places, more): (&[usize], Money),
    ) -> Result<Vec<usize>, Box<Exhausted>> {
        let at_place = |place: &usize| self.purses.get(*place).filter(|purse| is_local(purse)).cloned();
        let (local, purses): (Vec<usize>, Vec<SharedPurse>) =
            places.iter().filter_map(|place| Some((*place, at_place(place)?))).unzip();
        if !purses.is_empty() {
            let (want, round) = (Want::fixed(self.held.amount.plus(more)), (shared.replicas(), at));
            let of_purses = self.held.amount.minus(self.beside);
            living.purses.raise_share(call, &purses, &want, of_purses, round)?;
            self.beside = self.beside.plus(more);
        }
        Ok(local)
    }

    /// What is held of shares beside the purses becomes what the call cost beyond what it held of these.
    pub(crate) fn end_beside(&mut self, living: &Living, call: CallId, cost: Money) {
        let beside = std::mem::take(&mut self.beside);
        if beside > Money::ZERO {
            let of_purses = self.held.amount.minus(beside);
            living.purses.settle_share(call, cost.minus(of_purses).max(Money::ZERO));
        }
    }

    /// Has the shared purses told of what is held without asking them.
    fn pledge(&self, shared: &Shared) {
        if let Some(id) = self.share.as_ref().filter(|_| !self.local.is_empty()) {
            let of = |purse: &SharedPurse| (purse.key.clone(), nanos(self.held.amount), purse.keep());
            shared.counters.holds(id, &self.local.iter().map(of).collect::<Vec<_>>());
        }
    }

    /// What is held of shares becomes what the call cost.
    pub(crate) fn end_share(&mut self, (shared, living): (&Shared, &Living), cost: Money) {
        let Some(id) = self.share.take().filter(|_| !self.local.is_empty()) else { return };
        living.purses.settle_share(id.call(), cost);
        let keys: Vec<CounterKey> = self.local.iter().map(|purse| purse.key.clone()).collect();
        shared.counters.ends(&id, &keys, nanos(cost));
    }

    /// From now on, more of rolling budgets is asked for in the hour of `now`.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        for purse in &mut self.purses {
            purse.turn(now);
        }
    }

    /// The purses that it holds of, and how much more it must hold of them for `wanted` more output tokens of its stream.
    pub(crate) fn growth(&self, wanted: u64) -> (&[SharedPurse], Money) {
        let trying = self.trying.as_ref().filter(|_| self.held.stepwise && !self.is_apart());
        let Some(trying) = trying else { return (&self.purses, Money::ZERO) };
        let level = self.granted.saturating_add(wanted);
        if trying.room(self.held.amount).is_none_or(|room| room >= level) {
            return (&self.purses, Money::ZERO);
        }
        let needed = trying.earlier.plus(trying.quote.with_output(level));
        (&self.purses, needed.minus(self.held.amount).max(Money::ZERO))
    }

    /// Of `wanted` more output tokens, for how many there is money where so much is left beside what is held.
    pub(crate) fn within(&self, wanted: u64, left: Money) -> u64 {
        let trying = self.trying.as_ref().filter(|_| self.held.stepwise);
        let room = trying.and_then(|trying| trying.room(self.held.amount.plus(left.max(Money::ZERO))));
        room.map_or(wanted, |room| wanted.min(room.saturating_sub(self.granted)))
    }

    /// So much more is held, and the stream may make so many more output tokens.
    pub(crate) fn grew(&mut self, more: Money, output_tokens: u64) {
        self.held.amount = self.held.amount.plus(more);
        self.granted = self.granted.saturating_add(output_tokens);
    }

    /// Whether what is held is of this process's shares, or of nothing, as the purses were away when the call came.
    pub(crate) const fn is_apart(&self) -> bool {
        self.purses.is_empty()
    }
}
