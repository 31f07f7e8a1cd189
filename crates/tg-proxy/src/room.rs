//! Whether there is room for a call, and money: in this process's memory, or where replicas count together.

use crate::choose::Choosing;
use crate::quote::PriceTag;
use crate::settle::{NoRoom, Settlement};
use crate::spending;
use std::sync::Arc;
use tg_dialect::scan::Members;
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;
use tg_policy::route::Plan;

/// Takes what a call needs of every budget and limit that it meets, or of none. Where a budget has no money for it but names
/// a cheaper model, answers the plan for that. Waits only where replicas count together, and then for one answer.
///
/// # Errors
/// `Class::OverBudget` when there is no money for it, `Class::Limited` when there is no room, `Class::Overloaded` when
/// nobody can say.
pub(crate) async fn take(
    settlement: &mut Settlement,
    choosing: &Choosing<'_>,
    asked: (&Peek, &Members<'_>),
    plan: Plan,
) -> Result<Plan, Fault> {
    if !settlement.shares_counts() {
        let plan = spending::afford(settlement, choosing, asked, plan)?;
        settlement.admit(asked.0, &plan)?;
        return Ok(plan);
    }
    let exhausted = match settlement.take_together(asked, &plan).await {
        Ok(()) => return Ok(plan),
        Err(NoRoom::Other(fault)) => return Err(fault),
        Err(NoRoom::Money(exhausted)) => exhausted,
    };
    let downgrade = exhausted.downgrade.as_ref().filter(|_| !plan.is_bound);
    let Some(model) = downgrade else { return Err((*exhausted).into()) };
    let Ok(cheaper) = choosing.plan_instead(model) else { return Err((*exhausted).into()) };
    settlement.take_together(asked, &cheaper).await?;
    settlement.downgraded(Arc::clone(&exhausted.budget));
    Ok(cheaper)
}

/// The same for a call that goes where it is to go or nowhere.
///
/// # Errors
/// As [`take`].
pub(crate) async fn take_as_planned(
    settlement: &mut Settlement,
    asked: (&Peek, &Members<'_>),
    plan: &Plan,
) -> Result<(), Fault> {
    if settlement.shares_counts() {
        return settlement.take_together(asked, plan).await.map_err(Fault::from);
    }
    settlement.afford(asked, plan).map_err(|exhausted| Fault::from(*exhausted))?;
    settlement.admit(asked.0, plan)
}

/// Takes what a call needs that uses no tokens and costs nothing, as its answer is there: of the limits on requests and on calls
/// at a time.
///
/// # Errors
/// `Class::Limited` when one of them has no room, `Class::Overloaded` when nobody can say.
pub(crate) async fn take_again(settlement: &mut Settlement) -> Result<(), Fault> {
    if settlement.shares_counts() {
        return settlement.take_again_together().await.map_err(Fault::from);
    }
    settlement.admit_again()
}

/// Makes sure that what is held of budgets is enough for the next try.
///
/// # Errors
/// As [`take`]; and `Class::Forbidden` when nobody knows what it can cost.
pub(crate) async fn afford_try(settlement: &mut Settlement, tag: &PriceTag<'_>) -> Result<(), Fault> {
    if settlement.shares_counts() { settlement.raise_together(tag).await } else { settlement.afford_try(tag) }
}

/// Takes what the next try needs of the limits on providers.
///
/// # Errors
/// As [`take`]; another target may have room.
pub(crate) async fn admit_try(settlement: &mut Settlement, provider: &str) -> Result<(), Fault> {
    if settlement.shares_counts() {
        settlement.admit_try_together(provider).await
    } else {
        settlement.admit_try(provider)
    }
}
