//! What the gateway itself decided about a call, as it travels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::decided;

/// What the gateway itself decided about a call. Every part is null where that was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Decided {
    /// What kind of task the call was taken for; null where nothing asked for it.
    pub task: Option<Task>,
    /// How long it waited for a place in a pool, in microseconds; null where it did not.
    pub waited_us: Option<u64>,
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
        Self { task: decided.task.as_ref().map(Task::from), waited_us: decided.waited_us }
    }
}

impl From<&decided::Task> for Task {
    fn from(task: &decided::Task) -> Self {
        Self { class: task.class.to_string(), difficulty: task.difficulty }
    }
}
