//! Limits: how many requests and tokens, and how many calls at a time, for whom.

use super::WhenAway;
use crate::grammar::{Allowance, Dimension, Name, Pattern, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// A limit on calls. All limits that a call meets are taken together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The limit's name; unique, and shown to the callers whom it refuses.
    pub name: Name,
    /// For which calls it is. Absent: for all.
    #[serde(default, rename = "for", skip_serializing_if = "LimitScope::is_everything")]
    pub scope: LimitScope,
    /// By what it counts apart: a count of its own for each team, each key, … Absent: one count for all its calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub each: Vec<Dimension>,
    /// Calls that begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Allowance>,
    /// Input tokens; those that a provider reads from its prompt cache do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<Allowance>,
    /// Output tokens, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Allowance>,
    /// Input and output tokens together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Allowance>,
    /// Calls at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<NonZeroU32>,
    /// Streamed calls at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_streams: Option<NonZeroU32>,
    /// How much may come at once: what comes in this time at the allowed rate, of requests at least one. Absent: the
    /// period of each allowance, so that `600/m` lets 600 requests come at once after a minute without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Period>,
    /// How many output tokens are reserved for a call before it is sent.
    #[serde(default)]
    pub reserve: Reserve,
    /// What happens with a call that allows more output (`max_tokens`, else the model's own bound) than there is room for.
    #[serde(default)]
    pub output: LimitOutput,
    /// Fewest output tokens for each answer that `clamp` and `cut` let a call go on with: at least 16, as providers take
    /// no less. Absent: 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_min: Option<NonZeroU32>,
    /// What happens with a call for which there is no room.
    #[serde(default)]
    pub mode: LimitMode,
    /// What happens to its calls while the `counters` that many gateways share are away. Absent: `fail_open_local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_away: Option<WhenAway>,
}

/// For which calls a limit is. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitScope {
    /// Calls of these teams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Pattern>,
    /// Calls booked to these projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Pattern>,
    /// Calls booked to these environments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Pattern>,
    /// Calls with these keys, by their public ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Pattern>,
    /// Calls for these models, by the names that callers write, or those for which such a name stands (`alias_of`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Pattern>,
    /// Tries at these providers. Looked at for each try: where there is no room, the route's next target is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Pattern>,
    /// Calls with such a tag: `name`, or `name=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Pattern>,
}

impl LimitScope {
    fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// How many output tokens are reserved for a call before it is sent. When it has ended, what it used counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reserve {
    /// What nine of ten calls of the model stay within, and no more than the call allows. A longer answer is owed: the
    /// next calls wait until it is paid off.
    #[default]
    Usual,
    /// All that the call allows (`max_tokens`, else the model's own bound).
    Most,
}

/// What happens with a call that allows more output than a limit has room for, or a budget money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitOutput {
    /// It is sent as it is if there is room for what `reserve` says, and refused otherwise.
    #[default]
    Refuse,
    /// Its bound on output is lowered to what there is room for, before it is sent.
    Clamp,
    /// A stream takes more as it grows, and is ended (reason: length) where there is no more room. What does not stream,
    /// or reasons out of sight, is clamped.
    Cut,
}

/// What happens with a call for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It passes, and is counted in `tallygate_limit_refusals_total`: to try a limit before it is in force.
    Observe,
}
