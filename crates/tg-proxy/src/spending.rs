//! What a call can cost at most, and what it holds of budgets: when it came, and again with each try.

use crate::living::Living;
use crate::outcome::Counts;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use tg_catalog::Row;
use tg_dialect::bound;
use tg_dialect::scan::Members;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::peek::Peek;
use tg_kernel::principal::Principal;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_policy::admit::budget::{Exhausted, Payer};
use tg_policy::route::{Plan, UnknownPrice};
use tg_store::team::TeamPolicy;
use tg_upstream::provider::PriceScope;

/// Most tokens that a model can read whose context is not known, or not believed: no model that is sold has more.
const CONTEXT_MAX: u64 = 2_000_000;

/// What a call holds of budgets. Its settlement owes [`Spending::end`].
#[derive(Default)]
pub(crate) struct Spending {
    /// Whether it meets a budget, and one that may hold it up.
    met: bool,
    hard: bool,
    bound: Bound,
    /// The budget for whose sake it goes to another model.
    downgraded: Option<Arc<str>>,
}

/// How much a call can use at most, apart from its model.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bound {
    /// Input tokens; `None`: as many as the model can read.
    input: Option<u64>,
    /// Output tokens of one answer; `None`: as many as the model can write.
    output: Option<u64>,
    /// Answers that are asked for.
    answers: u64,
}

impl Bound {
    pub(crate) fn of(operation: Operation, members: &Members<'_>, peek: &Peek) -> Self {
        let input = bound::input_tokens_max(members.body());
        if operation == Operation::Embeddings {
            return Self { input, output: Some(0), answers: 1 };
        }
        Self { input, output: peek.output_tokens_max, answers: bound::answers(members) }
    }

    /// Input and output tokens at a model of which this is known.
    fn tokens(&self, row: Option<&Row>) -> (u64, u64) {
        let limits = row.map(Row::limits).unwrap_or_default();
        let context = limits.context.map(u64::from).filter(|context| {
            // A price for longer input shows that there is longer input.
            row.is_some_and(|row| row.rate_sets().iter().all(|set| u64::from(set.above) < *context))
        });
        let readable = context.unwrap_or(CONTEXT_MAX);
        let input = self.input.map_or(readable, |input| input.min(readable));
        let output = self.output.or(limits.output_max.map(u64::from)).unwrap_or(readable);
        (input, output.saturating_mul(self.answers.max(1)))
    }
}

/// By what a try would be priced.
pub(crate) struct PriceTag<'a> {
    pub(crate) scope: &'a PriceScope,
    pub(crate) model: &'a str,
    pub(crate) tier: ServiceTier,
    pub(crate) unknown: UnknownPrice,
}

impl PriceTag<'_> {
    /// The most that a call can cost; `None` where its price is not known.
    fn worst(&self, snapshot: &Snapshot, bound: Bound, record: &Record) -> Option<Money> {
        if !record.asked.operation.is_billed_by_tokens() {
            return None;
        }
        let row = self.scope.find(&snapshot.catalogue, self.model, record.started_at);
        let (input_tokens, output_tokens) = bound.tokens(row.as_deref());
        match (row, self.unknown) {
            (Some(row), _) => Some(tg_catalog::ceiling_estimate(&row, self.tier, input_tokens, output_tokens)),
            (None, UnknownPrice::Ceiling) => {
                let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
                let ceiling = snapshot.ceiling;
                Some(tg_catalog::ceiling_cost(&usage, ceiling.input_rate, ceiling.output_rate).amount)
            }
            (None, UnknownPrice::Deny | UnknownPrice::AllowAndFlag) => None,
        }
    }
}

impl Spending {
    /// Holds what the call can cost at the dearest of its targets, in every budget that it meets.
    ///
    /// # Errors
    /// When one of them has no money for it. Then it holds nothing.
    pub(crate) fn begin(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        (peek, members): (&Peek, &Members<'_>),
        plan: &Plan,
    ) -> Result<(), Box<Exhausted>> {
        // Nobody bills a count of tokens.
        if living.purses.is_idle() || record.asked.operation == Operation::CountTokens {
            return Ok(());
        }
        let payer = Payer::from(record);
        (self.met, self.hard) = living.purses.budgets().meets(&payer, record.started_at);
        if !self.met {
            return Ok(());
        }
        self.bound = Bound::of(record.asked.operation, members, peek);
        let worst = plan.targets.iter().filter_map(|target| {
            let upstream = snapshot.upstreams.get(&target.provider)?;
            let (scope, tier) = (&upstream.price, ServiceTier::Default);
            let tag = PriceTag { scope, model: &target.model, tier, unknown: plan.unknown_price };
            tag.worst(snapshot, self.bound, record)
        });
        let worst = worst.max().unwrap_or(Money::ZERO);
        let reserved = living.purses.reserve(record.id, &payer, record.started_at, worst);
        self.met = *reserved.as_ref().unwrap_or(&false);
        reserved.map(drop).map_err(|mut exhausted| {
            exhausted.output_that_fits = self.output_within(exhausted.left, snapshot, record, plan);
            exhausted
        })
    }

    /// How many output tokens can be paid whichever of the targets serves; `None` where not one can.
    fn output_within(&self, left: Money, snapshot: &Snapshot, record: &Record, plan: &Plan) -> Option<u64> {
        let of_target = plan.targets.iter().filter_map(|target| {
            let upstream = snapshot.upstreams.get(&target.provider)?;
            let row = upstream.price.find(&snapshot.catalogue, &target.model, record.started_at)?;
            let (input, _) = self.bound.tokens(Some(&row));
            Some(tg_catalog::output_within(&row, ServiceTier::Default, input, left) / self.bound.answers.max(1))
        });
        of_target.min().filter(|tokens| *tokens > 0)
    }

    /// Makes sure that what is held is enough for a try, and for what `earlier` ones may be billed for.
    ///
    /// # Errors
    /// `Class::OverBudget` when a budget has no money for it, `Class::Forbidden` (`price_unknown`) when nobody knows what
    /// it can cost.
    pub(crate) fn begin_try(
        &self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        tag: &PriceTag<'_>,
        earlier: Money,
    ) -> Result<(), Fault> {
        if !self.met {
            return Ok(());
        }
        let Some(worst) = tag.worst(snapshot, self.bound, record) else {
            return if self.hard { Err(price_unknown()) } else { Ok(()) };
        };
        living.purses.raise(record.id, earlier.plus(worst)).map_err(|exhausted| (*exhausted).into())
    }

    /// Of what was only estimated, no more is owed than the call allowed.
    pub(crate) fn cap(&self, counts: &mut Counts) {
        if let Some(output) = self.bound.output.filter(|_| self.met && counts.source == UsageSource::Estimated) {
            let most = output.saturating_mul(self.bound.answers.max(1));
            counts.usage.output_tokens = counts.usage.output_tokens.min(most);
        }
    }

    /// The call has ended, and cost so much.
    pub(crate) fn end(&self, living: &Living, record: &Record, cost: Money) {
        if self.met {
            living.purses.settle(record.id, cost);
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
    snapshot: &Snapshot,
    asked: (&Peek, &Members<'_>),
    plan: Plan,
    (principal, policy): (&Principal, &TeamPolicy),
) -> Result<Plan, Fault> {
    let Err(exhausted) = settlement.afford(asked, &plan) else { return Ok(plan) };
    let Some(model) = &exhausted.downgrade else { return Err((*exhausted).into()) };
    let Ok(cheaper) = snapshot.routes.choose(model, principal, policy) else { return Err((*exhausted).into()) };
    settlement.afford(asked, &cheaper).map_err(|exhausted| Fault::from(*exhausted))?;
    settlement.downgraded(Arc::clone(&exhausted.budget));
    Ok(cheaper)
}
