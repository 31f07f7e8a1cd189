//! What came out of a budget's purses hour by hour: what must be asked of the ledger, and whose purse an answer is of.

use super::window::start_of_hour;
use super::{Budget, Budgets, Payer, hour_of};
use tg_kernel::clock::Timestamp;
use tg_store::ledger::{SpentBy, SpentQuery, SpentRow};

impl Budgets {
    /// What must be summed of the ledger to know what the calls of the budget at this place cost in each of the `hours`
    /// before this one, or in as many as its window has, if it is rolling and those are more; and in this one so far. Also
    /// from before the budget starts: its callers were there already.
    #[must_use]
    pub fn past(&self, number: usize, now: Timestamp, hours: u32) -> Option<SpentQuery> {
        let SpentQuery { mut by, .. } = self.wanted(number, now)?;
        if !by.contains(&SpentBy::Hour) {
            by.push(SpentBy::Hour);
        }
        let hours = self.list.get(number)?.window.hours().unwrap_or_default().max(hours);
        let since = start_of_hour(hour_of(now).saturating_sub(i64::from(hours)));
        Some(SpentQuery { since, until: None, by })
    }

    /// Whose purse of the budget at this place the calls of a row come out of, as [`super::PurseView::of`] names it. `None`
    /// where they do not meet the budget.
    #[must_use]
    pub fn whose(&self, number: usize, row: &SpentRow) -> Option<Vec<(String, String)>> {
        let payer = Payer { attribution: &row.attribution, model: &row.model };
        let budget: &Budget = self.list.get(number)?;
        budget.meets(&payer).then(|| budget.values(&payer))
    }
}
