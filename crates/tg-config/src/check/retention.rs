//! Retention: whether sums outlive what they sum, and the budgets that are summed from them.

use super::Findings;
use crate::document::{BudgetWindow, Document};
use crate::grammar::Age;
use crate::problem::{Path, Problem};
use std::time::Duration;

pub(super) fn check(document: &Document, found: &mut Findings) {
    let path = Path::root().member("store").member("retention");
    let retention = document.store.retention;
    match (retention.calls, retention.rollups) {
        (None, Some(_)) => {
            let message = "deletes sums of calls that are kept for ever";
            let hint = "add `calls`, not longer than `rollups`, or remove `rollups`";
            let problem = Problem::new(path.member("rollups"), message, hint);
            found.add_resting_on(vec![path.member("calls")], problem);
        }
        (Some(calls), Some(rollups)) if rollups < calls => {
            let message = format!("{rollups} is shorter than `calls` ({calls}): calls would be missing in reports");
            let hint = format!("write at least `{calls}`, or remove `rollups` to keep sums for ever");
            let problem = Problem::new(path.member("rollups"), message, hint);
            found.add_resting_on(vec![path.member("calls")], problem);
        }
        _ => {}
    }
    if let Some(rollups) = retention.rollups {
        budgets(document, rollups, &path.member("rollups"), found);
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// What a budget has spent is summed at a start, also where rows are gone: of what is gone with its sums it would know
/// nothing.
fn budgets(document: &Document, rollups: Age, path: &Path, found: &mut Findings) {
    for budget in &document.budgets {
        let days = match budget.window {
            BudgetWindow::Day => 1,
            BudgetWindow::Week => 7,
            BudgetWindow::Month => 31,
            BudgetWindow::Quarter => 92,
            BudgetWindow::Year => 366,
            BudgetWindow::Rolling(period) => {
                u32::try_from(period.get().as_secs().div_ceil(DAY.as_secs())).unwrap_or(u32::MAX)
            }
            BudgetWindow::Prepaid => {
                let message = format!("deletes sums of which the prepaid budget '{}' is made", budget.name);
                found.add(path.clone(), message, "remove it, or give the budget a window");
                continue;
            }
        };
        // Whole days in UTC are deleted, and windows begin by other clocks.
        let least = days.saturating_add(2);
        if rollups.get() < DAY * least {
            let message = format!("{rollups} is shorter than the window of the budget '{}'", budget.name);
            found.add(path.clone(), message, format!("write at least `{least}d`"));
        }
    }
}
