//! Budgets as they travel: one entry for each purse that is open.

use super::{Amount, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one budget has for one combination of the values that it counts by, in the window that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// The budget's name.
    pub name: String,
    /// What the budget counts by, and the value; empty where it counts all its calls together. `*`: of all values for which
    /// there was no room to count them apart.
    pub of: BTreeMap<String, String>,
    /// What may be spent in one window.
    pub amount: Amount,
    /// What is booked in the ledger.
    pub spent: Amount,
    /// What is held for calls that are under way or whose row is yet to be written.
    pub held: Amount,
    /// What can be spent yet; below zero where the amount was lowered, or the budget lets calls pass.
    pub left: Amount,
    /// How long an amount lasts: `a month`.
    pub window: String,
    /// The first moment that counts.
    pub since: Time,
    /// When the window ends; absent for rolling and prepaid ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Time>,
    /// By which clock windows begin.
    pub time_zone: String,
    /// What happens with a call for which there is no money: `refuse`, `downgrade: MODEL` or `allow_and_alert`.
    pub on_exhausted: String,
    /// What it comes to if days go on as they were lately. Absent where less than an hour of spending is known, or where so
    /// many amounts are open that this one is not among the thousand of which the largest part is spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}

/// What a budget comes to, by what was spent in the last four weeks. Bounds are such that four of five days like those
/// would stay within them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// In words, by the budget's own clock: `runs out Thu 2026-11-26 about 14:00`, `lasts`, `is spent`.
    pub words: String,
    /// The burn rate: what an average day costs.
    pub per_day: Amount,
    /// On what it rests: `weekdays` (the average of each, from two weeks of full days on), `days` (the average of full days),
    /// or `hours` (less than two full days are known; then it may be half or double).
    pub basis: String,
    /// When it runs out; absent where it lasts until the window ends, or, of one without an end, for a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_out_at: Option<Time>,
    /// When it runs out if days are dear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_out_at_earliest: Option<Time>,
    /// When it runs out if days are cheap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_out_at_latest: Option<Time>,
    /// What will have been spent when the window ends, were there no limit; absent where it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end: Option<Amount>,
    /// The same, if days are cheap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end_low: Option<Amount>,
    /// The same, if days are dear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_end_high: Option<Amount>,
}

/// Every open purse, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetPage {
    /// The purses.
    pub budgets: Vec<Budget>,
}
