//! What the gateway itself decided about a call, beside where it went: kept with its row.

mod alike;
mod by_task;
mod repeat;

pub use alike::Alike;
pub use by_task::{ENFORCE, Purpose, Routed, Verdict};
pub use repeat::Repeat;

use crate::ids::CallId;
use crate::reuse::Reuse;
use crate::units::Money;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// What was decided. Every part is there only where it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decided {
    /// What kind of task the call was taken for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Points that were put into the request for its provider's prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache: Option<CachePoints>,
    /// How long it waited for a place in a pool, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
    /// What the call is, where no caller made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The call that it copies, or whose answers it compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<CallId>,
    /// What a rule by tasks made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
    /// What the comparison came to that this call was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What the cache of answers did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Reuse>,
    /// What that would have done, where no rule of it is for the call, and it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Of a call that the gateway made to watch what a cache by likeness would do: what it found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alike: Option<Alike>,
    /// The second try that left beside the first, as that was slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// The guardrail that sent it to another model than its caller named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerouted: Option<Rerouted>,
}

/// A second try beside a slow first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hedge {
    /// How long nothing had been heard of the first, in microseconds.
    pub after_us: u64,
    /// Whether the second was heard first.
    pub won: bool,
}

/// A call that a guardrail sent to another model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerouted {
    /// The rule, as `SET/RULE`.
    pub by: Arc<str>,
    /// The model that its caller named.
    pub from: Arc<str>,
    /// The model that the rule names: limits and budgets know the call by it.
    pub to: Arc<str>,
}

/// A kind of task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name: `classification`, `extraction`, …
    pub class: Cow<'static, str>,
    /// How likely it was that only a strong model gets it right, in percent.
    pub difficulty: u8,
}

/// Points for a provider's prompt cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CachePoints {
    /// How many.
    pub points: u8,
    /// What the cache saved: what was read from it at the price of plain input, less what it cost, less what was paid more
    /// for what was written. Below zero where nothing was read yet; zero where the provider did not say.
    pub saved: Money,
}
