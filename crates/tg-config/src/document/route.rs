//! The names of models that callers may use, and where calls for them go.

use super::{Hedge, Mirror, Slow, TaskRouting, UnknownPrice};
use crate::grammar::{Name, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name of a model, or a pattern of names, and where calls for it go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What callers write as `model`: a name, or a pattern with `*` first, last or both.
    pub name: Pattern,
    /// Where the call goes: the first target; the next ones in turn if it cannot serve. At least one, unless there is an
    /// `alias_of`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub targets: Vec<ModelTarget>,
    /// Instead of `targets`: another name, as if callers had written that. What they may use is decided by what they write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub alias_of: Option<String>,
    /// In which order the targets are tried.
    #[serde(default)]
    pub strategy: Strategy,
    /// What to do with a call that none of several targets is known to be able to serve: tools, images, a schema, or more
    /// tokens than it reads.
    #[serde(default)]
    pub on_unable: OnUnable,
    /// What to do when a target's dialect cannot express the request.
    #[serde(default)]
    pub on_loss: OnLoss,
    /// What to do when a target's price is not known. Absent: as `pricing` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_price: Option<UnknownPrice>,
    /// What to do with a model that the catalogue does not know, of a provider whose models it is meant to know: `openai`,
    /// `anthropic` and `bedrock` at their own addresses.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub unknown_models: UnknownModels,
    /// Another model that gets copies of a share of the calls; what it answers is only booked. Absent: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// A second try beside a first that is slow. Absent: calls wait for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// When a target that begins to answer late is tried last, where all of them are one model at several places. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<Slow>,
    /// Cheaper models, and which tasks they are for. Absent: nobody looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_routing: Option<TaskRouting>,
}

/// A model of a provider, or another route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelTarget {
    /// The name of a provider in `providers`. This, or a `route`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Name>,
    /// The model's id as the provider knows it. Absent: the name that the caller wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub model: Option<String>,
    /// Instead of `provider` and `model`: another name that an entry of `models` serves. It stands for all targets of that
    /// entry, in the order that its own `strategy` gives them for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub route: Option<String>,
    /// Its share among the others, where they are drawn or counted by weight. 0: only if no other can serve. Default: 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(max = 10_000))]
    pub weight: u16,
    /// For which calls it is: an expression of CEL over the facts of a call (`docs/routing.md`), as in
    /// `team == 'search' && !tools`. Absent: for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub when: Option<String>,
}

const fn one() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_one(weight: &u16) -> bool {
    *weight == 1
}

impl ModelTarget {
    /// A target for all calls.
    #[must_use]
    pub const fn new(provider: Name, model: Option<String>) -> Self {
        Self { provider: Some(provider), model, route: None, weight: 1, when: None }
    }
}

/// In which order targets are tried. A session (see the reference of headers) stays at its target for five minutes after its
/// last call, but for `ordered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// As they stand.
    #[default]
    Ordered,
    /// Drawn by `weight`: each call, or each session as a whole.
    Weighted,
    /// By what the call is likely to cost, at the price that is in force for it; targets without a known price last.
    Cheapest,
    /// By how long an answer is likely to take, as seen of late.
    Fastest,
    /// By how many calls are under way, for their `weight`.
    LeastInFlight,
}

/// What to do with a call that none of several targets is known to be able to serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnable {
    /// Try them all the same, after those that are able: the catalogue may not know all that they can do.
    #[default]
    Last,
    /// Refuse it, saying what they lack, before it costs anything.
    Refuse,
}

/// What to do when a target's dialect cannot express the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// Send the rest, and name what was lost in a header of the answer and in the ledger.
    #[default]
    Report,
    /// Refuse the call.
    Reject,
}

/// What to do with the name of a model that the catalogue does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownModels {
    /// Refuse the configuration, with the nearest name.
    #[default]
    Refuse,
    /// Take it: it may be newer than this catalogue.
    Allow,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_usual(unknown: &UnknownModels) -> bool {
    *unknown == UnknownModels::default()
}
