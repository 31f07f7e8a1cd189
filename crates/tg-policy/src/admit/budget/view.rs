//! Purses as they are shown: to administrators, and as metrics.

use super::purse::Purse;
use super::{Budgets, OnExhausted, hour_of};
use std::collections::HashSet;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// One purse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurseView {
    /// The budget's place in the configuration.
    pub place: usize,
    /// The budget's name.
    pub budget: Arc<str>,
    /// Whose purse it is: what the budget counts by, and the value.
    pub of: Vec<(String, String)>,
    /// What may be spent in one window.
    pub amount: Money,
    /// What is booked in the ledger.
    pub spent: Money,
    /// What is held for calls that are under way or whose row is yet to be written.
    pub held: Money,
    /// How long an amount lasts: `a month`.
    pub window: String,
    /// The first moment that counts.
    pub since: Timestamp,
    /// When the window ends; `None` for those that do not.
    pub resets_at: Option<Timestamp>,
    /// The name of the budget's time zone.
    pub time_zone: String,
    /// What happens with a call for which there is no money.
    pub on_exhausted: OnExhausted,
}

impl PurseView {
    /// What can be spent yet; below zero where more was spent than the amount.
    #[must_use]
    pub const fn left(&self) -> Money {
        self.amount.minus(self.spent).minus(self.held)
    }
}

/// Sums over the open purses of a budget, and what happened to its calls since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetFigures {
    /// The budget's name.
    pub budget: Arc<str>,
    /// What may be spent from each purse in one window.
    pub amount: Money,
    /// What is spent of all purses.
    pub spent: Money,
    /// What is held of all purses.
    pub held: Money,
    /// What is spent of the purse of which most is.
    pub fullest: Money,
    /// By how much what is spent and held passes the amount, of all purses that it does.
    pub overdrawn: Money,
    /// Open purses.
    pub purses: u64,
    /// Calls for which it had no money.
    pub refused: u64,
    /// Notices.
    pub notices: u64,
    /// Calls that came out of the purse of all values together, as there were too many to count apart.
    pub crowded: u64,
}

impl BudgetFigures {
    pub(super) fn add(&mut self, purse: &PurseView) {
        self.spent = self.spent.plus(purse.spent);
        self.held = self.held.plus(purse.held);
        self.fullest = self.fullest.max(purse.spent);
        self.overdrawn = self.overdrawn.plus(Money::ZERO.minus(purse.left()).max(Money::ZERO));
        self.purses += 1;
    }
}

/// The purses whose windows are open at `now`. A budget that counts nothing apart has one in any case.
pub(super) fn of<'a>(budgets: &Budgets, purses: impl Iterator<Item = &'a Purse>, now: Timestamp) -> Vec<PurseView> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    let at = |place: usize, of: Vec<(String, String)>, spent, held| {
        let budget = budgets.list().get(place)?;
        let (_, until) = budget.window.around(&budget.zone, budget.starts, now);
        Some(PurseView {
            place,
            budget: Arc::clone(&budget.name),
            of,
            amount: budget.amount,
            spent,
            held,
            window: budget.window.words(),
            since: budget.since(now),
            resets_at: until,
            time_zone: budget.zone.to_string(),
            on_exhausted: budget.on_exhausted.clone(),
        })
    };
    for purse in purses.filter(|purse| purse.until.is_none_or(|until| now < until) && purse.start <= now) {
        seen.insert(purse.budget);
        all.extend(at(purse.budget, purse.of.clone(), purse.spent.sum(hour_of(now)), purse.held));
    }
    for (place, budget) in budgets.list().iter().enumerate() {
        if budget.each.is_empty() && !seen.contains(&place) {
            all.extend(at(place, Vec::new(), Money::ZERO, Money::ZERO));
        }
    }
    all
}
