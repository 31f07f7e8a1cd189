//! What a call can cost at most, and what it holds of budgets: when it came, and again with each try.

mod shared;

pub(crate) use shared::{Tab, nanos};

use crate::bound::Bound;
use crate::choose::Choosing;
use crate::living::Living;
use crate::outcome::Counts;
use crate::output;
use crate::quote::{PriceTag, Quote};
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use tg_dialect::scan::Members;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;
use tg_kernel::peek::{Peek, Weight};
use tg_kernel::record::Record;
use tg_kernel::target::Target;
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage};
use tg_policy::admit::budget::{Bounds, Exhausted, Held, Payer, SharedPurse, Want};
use tg_policy::route::Plan;
use tg_store::counters::HoldId;

/// What a call holds of budgets. Its settlement owes [`Spending::end`].
#[derive(Default)]
pub(crate) struct Spending {
    /// Whether it meets a budget, and one that may hold it up.
    met: bool,
    hard: bool,
    bound: Bound,
    /// How its output can be bounded, the fewest output tokens of an answer with which it can be sent, and what is usual.
    bounds: Bounds,
    least: u64,
    usual: u64,
    held: Held,
    /// The try that is to be made, or was made last, where its price is known.
    trying: Option<Trying>,
    /// Output tokens that its stream may make yet without asking.
    granted: u64,
    /// The purses that it holds of and that are kept elsewhere; or while those are away, of which it has local shares.
    purses: Vec<SharedPurse>,
    local: Vec<SharedPurse>,
    /// By which name it holds of local shares.
    share: Option<HoldId>,
    /// Of what it holds: what it holds of local shares beside the purses, which went away after it came.
    beside: Money,
    /// The budget for whose sake it goes to another model.
    downgraded: Option<Arc<str>>,
}

/// What was found out about a try: what it costs, and what earlier ones may be billed for.
pub(crate) struct Trying {
    quote: Quote,
    earlier: Money,
}

impl Trying {
    /// Output tokens that can be paid with `held`; `None`: all that the call allows.
    fn room(&self, held: Money) -> Option<u64> {
        let left = held.minus(self.earlier);
        (left < self.quote.worst()).then(|| self.quote.output_within(left))
    }
}

impl Spending {
    /// Holds what the call can cost at the dearest of its targets, in every budget that it meets; or, where they bound its
    /// output, what is left.
    ///
    /// # Errors
    /// When one of them has no money for it. Then it holds nothing.
    pub(crate) fn begin(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        (peek, members, weight): (&Peek, &Members<'_>, Weight),
        plan: &Plan,
    ) -> Result<(), Box<Exhausted>> {
        let Some(quotes) = self.quotes((snapshot, living), record, (peek, members, weight), plan) else {
            return Ok(());
        };
        let payer = Payer::from(record);
        let reserved =
            self.want(&quotes, Money::ZERO, |want| living.purses.reserve(record.id, &payer, record.started_at, want));
        self.held = reserved.as_ref().copied().unwrap_or_default();
        self.met = self.held.met;
        reserved.map(drop).map_err(|exhausted| self.with_what_fits(exhausted, &quotes))
    }

    /// What would fit instead, for the refusal.
    fn with_what_fits(&self, mut exhausted: Box<Exhausted>, quotes: &[Quote]) -> Box<Exhausted> {
        let fits = quotes.iter().map(|quote| quote.output_within(exhausted.left) / self.bound.answers.max(1));
        exhausted.output_that_fits = fits.min().filter(|tokens| *tokens > 0);
        exhausted
    }

    /// What the call can cost at each of its targets; `None` where it meets no budget.
    fn quotes(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        (peek, members, weight): (&Peek, &Members<'_>, Weight),
        plan: &Plan,
    ) -> Option<Vec<Quote>> {
        // Nobody bills a count of tokens.
        if living.purses.is_idle() || record.asked.operation == Operation::CountTokens {
            return None;
        }
        (self.met, self.hard) = living.purses.budgets().meets(&Payer::from(record), record.started_at);
        if !self.met {
            return None;
        }
        self.bound = Bound::of(&record.asked, members, peek);
        self.bend((snapshot, living), record, (peek, weight), plan);
        let quote = |target: &Target| {
            let upstream = snapshot.upstreams.get(&target.provider)?;
            let (scope, tier) = (&upstream.price, ServiceTier::Default);
            let tag = PriceTag { scope, model: &target.model, tier, unknown: plan.unknown_price };
            tag.quote(snapshot, self.bound, record)
        };
        Some(plan.targets.iter().filter_map(quote).collect())
    }

    /// How the call's output can be bounded, and what is usual of it.
    fn bend(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        (peek, weight): (&Peek, Weight),
        plan: &Plan,
    ) {
        if record.asked.operation != Operation::Chat {
            return;
        }
        let most = output::most(snapshot, living, (peek, plan));
        let facts = output::facts(snapshot, living, record, (peek, plan), most);
        self.least = facts.least;
        let can_cut = facts.can_cut && output::is_seen(snapshot, living, plan);
        self.bounds = if can_cut { Bounds::Midway } else { Bounds::Before };
        if can_cut {
            let learned = living.lessons.estimate(&record.attribution.team, &record.asked.model, weight, most);
            self.usual = learned.output_usual.max(1);
        }
    }

    /// Asks for what is wanted at the dearest of `quotes`, beside what `earlier` tries may be billed for.
    fn want<T>(&self, quotes: &[Quote], earlier: Money, ask: impl FnOnce(&Want<'_>) -> T) -> T {
        let answers = self.bound.answers.max(1);
        let dearest =
            |cost: &dyn Fn(&Quote) -> Money| earlier.plus(quotes.iter().map(cost).max().unwrap_or(Money::ZERO));
        let with_output = |tokens: u64| {
            let tokens = tokens.max(self.least).saturating_mul(answers);
            dearest(&|quote| quote.with_output(tokens))
        };
        let usual = match self.bounds {
            Bounds::Midway => with_output(self.usual),
            Bounds::Not | Bounds::Before => dearest(&Quote::worst),
        };
        ask(&Want { most: dearest(&Quote::worst), usual, with_output: &with_output, bounds: self.bounds })
    }

    /// Makes sure that what is held is enough for a try, and for what `earlier` ones may be billed for.
    ///
    /// # Errors
    /// `Class::OverBudget` when a budget has no money for it, `Class::Forbidden` (`price_unknown`) when nobody knows what
    /// it can cost.
    pub(crate) fn begin_try(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        tag: &PriceTag<'_>,
        earlier: Money,
    ) -> Result<(), Fault> {
        let Some(quote) = self.quote_of_try(snapshot, record, tag)? else { return Ok(()) };
        let raised = self.want(std::slice::from_ref(&quote), earlier, |want| living.purses.raise(record.id, want));
        self.held = raised.map_err(|exhausted| Fault::from(*exhausted))?;
        self.trying = Some(Trying { quote, earlier });
        Ok(())
    }

    /// Makes sure that what is held is enough for all that a second try can cost beside the `first`; whether it is. Neither is
    /// bounded by it then.
    pub(crate) fn begin_beside(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        tag: &PriceTag<'_>,
        first: Option<&Trying>,
    ) -> bool {
        self.trying = None;
        if !self.met {
            return true;
        }
        let (Some(quote), Some(first)) = (tag.quote(snapshot, self.bound, record), first) else { return !self.hard };
        let earlier = first.earlier.plus(first.quote.worst());
        let amount = earlier.plus(quote.worst());
        if !living.purses.hold_beside(record.id, amount) {
            return false;
        }
        self.held.amount = self.held.amount.max(amount);
        self.held.stepwise = false;
        self.trying = Some(Trying { quote, earlier });
        true
    }

    /// Exchanges what was found out about the last try with what was about another.
    pub(crate) fn swap(&mut self, other: &mut Option<Trying>) {
        std::mem::swap(&mut self.trying, other);
    }

    /// What the next try can cost; `None` where that does not matter.
    fn quote_of_try(
        &mut self,
        snapshot: &Snapshot,
        record: &Record,
        tag: &PriceTag<'_>,
    ) -> Result<Option<Quote>, Fault> {
        self.trying = None;
        if !self.met {
            return Ok(None);
        }
        let quote = tag.quote(snapshot, self.bound, record);
        if quote.is_none() && self.hard { Err(price_unknown()) } else { Ok(quote) }
    }

    /// Output tokens that the call may make at most, all answers together, where its own bound is to be lowered.
    pub(crate) fn output_bound(&self) -> Option<u64> {
        self.room().filter(|_| !self.held.stepwise)
    }

    /// Output tokens that its stream may make before more must be held; `None` where all that it allows is.
    pub(crate) fn output_granted(&self) -> Option<u64> {
        self.room().filter(|_| self.held.stepwise)
    }

    /// Its stream begins with so many output tokens.
    pub(crate) fn grants(&mut self, output_tokens: u64) {
        self.granted = output_tokens;
    }

    /// Holds what `wanted` more output tokens of the stream cost, as far as there is money; answers how many.
    pub(crate) fn extend(&mut self, living: &Living, id: CallId, wanted: u64) -> u64 {
        let Some(trying) = self.trying.as_ref().filter(|_| self.met && self.held.stepwise) else { return wanted };
        let level = self.granted.saturating_add(wanted);
        if trying.room(self.held.amount).is_some_and(|room| room < level) {
            let needed = trying.earlier.plus(trying.quote.with_output(level));
            self.held.amount = living.purses.extend(id, needed);
        }
        let room = trying.room(self.held.amount).unwrap_or(u64::MAX);
        let got = wanted.min(room.saturating_sub(self.granted));
        self.granted = self.granted.saturating_add(got);
        got
    }

    fn room(&self) -> Option<u64> {
        self.trying.as_ref().filter(|_| self.hard && self.bounds != Bounds::Not)?.room(self.held.amount)
    }

    /// Of what was only estimated, no more is owed than was held for. What was reported is owed as it was.
    pub(crate) fn cap(&self, counts: &mut Counts) {
        if !self.met {
            return;
        }
        let of_call = self.bound.output.map(|output| output.saturating_mul(self.bound.answers.max(1)));
        let of_try = self.trying.as_ref().map(|trying| self.room().unwrap_or(trying.quote.most));
        counts.cap(self.trying.as_ref().map(|trying| trying.quote.input), of_call.into_iter().chain(of_try).min());
    }

    /// Whether its usual output is of interest: then something is learned from the call.
    pub(crate) const fn learns(&self) -> bool {
        self.met && self.held.stepwise
    }

    /// What one of several answers has used.
    pub(crate) fn of_one_answer(&self, usage: &Usage) -> Usage {
        Usage { output_tokens: usage.output_tokens / self.bound.answers.max(1), ..*usage }
    }

    /// The call has ended, and cost so much.
    pub(crate) fn end(&mut self, living: &Living, record: &Record, cost: Money) {
        match &living.shared {
            // What is held of shared purses ends with what is held of limits.
            Some(shared) => {
                self.end_share((shared, living), cost);
                self.end_beside(living, record.id, cost);
            }
            None if self.met => living.purses.settle(record.id, cost),
            None => {}
        }
        self.tell_excess(living, record, cost);
    }

    /// A hard budget holds the most that a call can cost. Where a provider reports more, that is booked, and said.
    fn tell_excess(&self, living: &Living, record: &Record, cost: Money) {
        let held = self.held.amount;
        if !self.met || !self.hard || cost <= held {
            return;
        }
        if let Some(times) = living.counts.excess.due(living.clock.monotonic()) {
            let (id, held_usd, cost_usd) = (record.id, held, cost);
            let (team, model) = (&*record.attribution.team, &*record.asked.model);
            tracing::warn!(
                %id, team, model, %held_usd, %cost_usd, times,
                "a provider reports more for a call than budgets held for it; it is booked as reported"
            );
        }
    }

    /// The budget for whose sake the call goes to another model.
    pub(crate) fn downgraded(&self) -> Option<&Arc<str>> {
        self.downgraded.as_ref()
    }

    pub(crate) fn downgrade(&mut self, budget: Arc<str>) {
        self.downgraded = Some(budget);
    }
}

fn price_unknown() -> Fault {
    let message = "A budget bounds this call, and the gateway knows no price for what it asks, so that nobody can say \
                   whether it fits. An operator can add the price, or set pricing.unknown_price to `ceiling`.";
    Fault::new(Class::Forbidden, Origin::Gateway, "price_unknown", message).retry(Retry::Elsewhere)
}

/// Holds what the call can cost. Where a budget has no money for it but names a cheaper model, answers the plan for that.
///
/// # Errors
/// `Class::OverBudget` when there is no money for it.
pub(crate) fn afford(
    settlement: &mut Settlement,
    choosing: &Choosing<'_>,
    asked: (&Peek, &Members<'_>),
    plan: Plan,
) -> Result<Plan, Fault> {
    let Err(exhausted) = settlement.afford(asked, &plan) else { return Ok(plan) };
    let downgrade = exhausted.downgrade.as_ref().filter(|_| !plan.is_bound);
    let Some(model) = downgrade else { return Err((*exhausted).into()) };
    let Ok(cheaper) = choosing.plan_instead(model) else { return Err((*exhausted).into()) };
    settlement.afford(asked, &cheaper).map_err(|exhausted| Fault::from(*exhausted))?;
    settlement.downgraded(Arc::clone(&exhausted.budget));
    Ok(cheaper)
}
