//! Rules by tasks as they travel, and what is known of the answers of their cheaper models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// In which part of comparisons the cheaper answer must be as good, from 0 to 1; null where it is only shown.
    pub floor: Option<f64>,
    /// What comparisons came to, by task.
    pub quality: Vec<TaskQuality>,
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
