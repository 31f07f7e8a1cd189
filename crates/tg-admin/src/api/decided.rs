//! What the gateway itself decided about a call, as it travels.

use super::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::decided;

/// What the gateway itself decided about a call. Every part is null where that was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Decided {
    /// What kind of task the call was taken for; null where nothing asked for it.
    pub task: Option<Task>,
    /// Where no caller made the call: `mirror`, `sample` or `judge`; null for a caller's own.
    pub purpose: Option<String>,
    /// The request id of the call that it copies, or whose answers it compares; null for a caller's own.
    pub of: Option<String>,
    /// What a rule by tasks made of it; null where there is none.
    pub routed: Option<Routed>,
    /// What the comparison came to that this call was made for; null where it was made for none.
    pub verdict: Option<Verdict>,
}

/// What a rule by tasks made of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Routed {
    /// The rule: the route's name and a hash.
    pub rule: String,
    /// `observe`, `advise` or `enforce`.
    pub mode: String,
    /// The cheaper model, as `PROVIDER/MODEL`; null where there is none for the call.
    pub to: Option<String>,
    /// Where the call goes without the rule, as `PROVIDER/MODEL`.
    pub from: String,
    /// Why it does not go there in any mode: `no_step`, `unable`, `opted_out`, `switched_off`, `warm_cache` or `dearer`; null:
    /// it does under `enforce`.
    pub stays: Option<String>,
    /// What was likely to be saved by it, before the call; null where that was not known.
    pub saving: Option<Amount>,
}

/// What a comparison of two answers came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The rule that the answers speak for or against.
    pub rule: String,
    /// The task of the call.
    pub task: String,
    /// Whether the cheaper answer was as good; null: there is no verdict, and it is not counted.
    pub kept: Option<bool>,
}

/// A kind of task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// `classification`, `extraction`, …
    pub class: String,
    /// How likely it was that only a strong model gets it right, in percent.
    pub difficulty: u8,
}

impl From<&decided::Decided> for Decided {
    fn from(decided: &decided::Decided) -> Self {
        Self {
            task: decided.task.as_ref().map(Task::from),
            purpose: decided.purpose.map(|purpose| purpose.as_str().to_owned()),
            of: decided.of.map(|of| of.to_string()),
            routed: decided.routed.as_ref().map(Routed::from),
            verdict: decided.verdict.as_ref().map(Verdict::from),
        }
    }
}

impl From<&decided::Routed> for Routed {
    fn from(routed: &decided::Routed) -> Self {
        Self {
            rule: routed.rule.to_string(),
            mode: routed.mode.to_string(),
            to: routed.to.as_ref().map(ToString::to_string),
            from: routed.from.to_string(),
            stays: routed.stays.as_ref().map(ToString::to_string),
            saving: routed.saving.map(Amount::from),
        }
    }
}

impl From<&decided::Verdict> for Verdict {
    fn from(verdict: &decided::Verdict) -> Self {
        Self { rule: verdict.rule.to_string(), task: verdict.task.to_string(), kept: verdict.kept }
    }
}

impl From<&decided::Task> for Task {
    fn from(task: &decided::Task) -> Self {
        Self { class: task.class.to_string(), difficulty: task.difficulty }
    }
}
