//! Rules by tasks as they travel, and what is known of the answers of their cheaper models.

use super::Time;
use crate::refusal::Refusal;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_store::StoreError;

/// Every rule by tasks that is in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingPage {
    /// The rules, in the order of their names.
    pub rules: Vec<RoutingRule>,
}

/// A rule by tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RoutingRule {
    /// The route's name and a hash of what decides on the quality of answers: another hash is another rule.
    pub rule: String,
    /// What becomes of calls, for teams of which nothing else is said: `observe`, `advise` or `enforce`.
    pub mode: String,
    /// The cheaper models, as `PROVIDER/MODEL`, the weakest first.
    pub steps: Vec<String>,
    /// Whether it has switched itself off, as cheaper answers were not good enough.
    pub off: bool,
    /// Since when it is off, and for what; null where it is on.
    pub off_because: Option<SwitchedOff>,
    /// When somebody has switched it on again: comparisons that were begun before do not count. Null where nobody has.
    pub on_since: Option<Time>,
    /// In which part of comparisons the cheaper answer must be as good, from 0 to 1; null where it is only shown.
    pub floor: Option<f64>,
    /// What comparisons came to, by task.
    pub quality: Vec<TaskQuality>,
}

/// Why a rule by tasks has switched itself off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SwitchedOff {
    /// When the comparison was begun that decided.
    pub at: Time,
    /// What was known of the task then, for the sake of which it is off.
    pub quality: TaskQuality,
    /// The floor, which that is below, from 0 to 1.
    pub floor: f64,
}

/// What comparisons came to for one task: the latest 1000 of the last 30 days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskQuality {
    /// The task.
    pub task: String,
    /// Comparisons.
    pub samples: u32,
    /// Those in which the cheaper answer was as good.
    pub kept: u32,
    /// The least share of all such calls in which it is, with 95 % certainty, from 0 to 1.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

/// Why a rule was not switched on.
#[derive(Debug)]
pub enum SwitchError {
    /// No rule in force has this name.
    NoSuchRule {
        /// What was asked for.
        rule: String,
        /// The rules that are in force.
        known: Vec<String>,
    },
    /// It is on.
    IsOn(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for SwitchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SwitchError> for Refusal {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::NoSuchRule { rule, known } if known.is_empty() => {
                let message = format!("there is no rule by tasks '{rule}': no model in force has `task_routing`");
                Self::new(StatusCode::NOT_FOUND, "rule_not_found", message)
            }
            SwitchError::NoSuchRule { rule, known } => {
                let message = format!("there is no rule by tasks '{rule}'; those in force are {}", known.join(", "));
                Self::new(StatusCode::NOT_FOUND, "rule_not_found", message)
            }
            SwitchError::IsOn(rule) => {
                Self::new(StatusCode::CONFLICT, "rule_is_on", format!("the rule '{rule}' has not switched itself off"))
            }
            SwitchError::Store(error) => error.into(),
        }
    }
}
