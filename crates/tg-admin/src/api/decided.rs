//! What the gateway itself decided about a call, as it travels.

use super::{Amount, Usage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::{decided, reuse};

/// What the gateway itself decided about a call. Every part is null where that was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Decided {
    /// What kind of task the call was taken for; null where nothing asked for it.
    pub task: Option<Task>,
    /// How long it waited for a place in a pool, in microseconds; null where it did not.
    pub waited_us: Option<u64>,
    /// What the cache of answers did; null where no rule of it is for the call.
    pub cache: Option<Reuse>,
}

/// What the cache of answers did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reuse {
    /// The rule that is for the call.
    pub rule: String,
    /// `hit`, `miss`, `refresh`, `off`, `unfit` or `away`.
    pub outcome: String,
    /// The answer that it was given; null where it was none that had been kept.
    pub hit: Option<Reused>,
    /// Whether its own answer was kept.
    pub kept: bool,
}

/// An answer that was given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reused {
    /// How it was found: `exact`.
    pub kind: String,
    /// How old it was, in whole seconds.
    pub age_s: u64,
    /// The request id of the call that it was made for.
    pub from: String,
    /// Who made it.
    pub provider: String,
    /// Of which model.
    pub model: String,
    /// What it used then.
    pub usage: Usage,
    /// What that would have cost now. No part of what the call cost.
    pub saved: Amount,
    /// Whether that is known: `priced`, `ceiling` or `unpriced`.
    pub pricing: String,
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
        let decided::Decided { task, cache, waited_us, .. } = decided;
        Self { task: task.as_ref().map(Task::from), cache: cache.as_ref().map(Reuse::from), waited_us: *waited_us }
    }
}

impl From<&decided::Task> for Task {
    fn from(task: &decided::Task) -> Self {
        Self { class: task.class.to_string(), difficulty: task.difficulty }
    }
}

impl From<&reuse::Reuse> for Reuse {
    fn from(reuse: &reuse::Reuse) -> Self {
        let (rule, outcome) = (reuse.rule.to_string(), reuse.outcome.as_str().to_owned());
        Self { rule, outcome, hit: reuse.hit.as_ref().map(Reused::from), kept: reuse.kept }
    }
}

impl From<&reuse::Hit> for Reused {
    fn from(hit: &reuse::Hit) -> Self {
        Self {
            kind: hit.kind.as_str().to_owned(),
            age_s: hit.age_s,
            from: hit.from.to_string(),
            provider: hit.provider.to_string(),
            model: hit.model.to_string(),
            usage: hit.usage.into(),
            saved: hit.saved.amount.into(),
            pricing: hit.saved.pricing.as_str().to_owned(),
        }
    }
}
