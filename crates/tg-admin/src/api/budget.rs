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
}

/// Every open purse, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetPage {
    /// The purses.
    pub budgets: Vec<Budget>,
}
