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
    /// Points that were put into the request for its provider's prompt cache; null where none were.
    pub prompt_cache: Option<CachePoints>,
}

/// A kind of task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// `classification`, `extraction`, …
    pub class: String,
    /// How likely it was that only a strong model gets it right, in percent.
    pub difficulty: u8,
}

/// Points for a provider's prompt cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CachePoints {
    /// How many.
    pub points: u8,
    /// What the cache saved beside plain input; below zero: what was paid more for writing it.
    pub saved: Amount,
}

impl From<decided::CachePoints> for CachePoints {
    fn from(put: decided::CachePoints) -> Self {
        Self { points: put.points, saved: put.saved.into() }
    }
}

impl From<&decided::Decided> for Decided {
    fn from(decided: &decided::Decided) -> Self {
        Self { task: decided.task.as_ref().map(Task::from), prompt_cache: decided.prompt_cache.map(CachePoints::from) }
    }
}

impl From<&decided::Task> for Task {
    fn from(task: &decided::Task) -> Self {
        Self { class: task.class.to_string(), difficulty: task.difficulty }
    }
}
