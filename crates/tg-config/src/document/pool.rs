//! Pools: what a provider's account lets through for some targets, who waits for a place, and who is next.

use super::{CallScope, Reserve};
use crate::grammar::{Allowance, Name, Pattern, Percent, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// What a provider's account lets through for some targets. Each try of a call needs a place in the pool of its target:
/// where there is none, the route's next target is tried if that has one, else the call waits in the pool's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The pool's name; unique, and shown to the callers whom it refuses.
    pub name: Name,
    /// The targets that share it. A target that several pools name is in the first of them.
    #[serde(rename = "for")]
    #[schemars(length(min = 1, max = 256))]
    pub covers: Vec<PoolCover>,
    /// Whether they share one, or each has one of its own.
    #[serde(default)]
    pub each: PoolEach,
    /// Calls that begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Allowance>,
    /// Input tokens; those that a provider reads from its prompt cache come back when a call has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<Allowance>,
    /// Output tokens, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Allowance>,
    /// Input and output tokens together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Allowance>,
    /// How much may come at once: what comes in this time at the allowed rate, of requests at least one. Absent: the
    /// period of each allowance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Period>,
    /// As how many tokens one of output counts: Amazon Bedrock counts five for newer models of Claude. Absent: as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub output_factor: Option<u8>,
    /// How many output tokens are counted before a call is sent: providers count all that it allows, and give back what it
    /// did not use when it has ended.
    #[serde(default = "most")]
    pub reserve: Reserve,
    /// Calls at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<NonZeroU32>,
    /// Calls at a time, as many as are found to be borne well. Absent: it is not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<Adaptive>,
    /// This gateway's part of all that, where several use the same account: pools are counted in each gateway's memory.
    #[serde(default = "whole")]
    pub share: Percent,
    /// Who may wait. Absent: nobody; who finds no place is told so at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
}

const fn most() -> Reserve {
    Reserve::Most
}

const fn whole() -> Percent {
    Percent::of_hundred(100)
}

/// Some targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolCover {
    /// Those at these providers.
    pub provider: Pattern,
    /// Those with these models, by their ids there. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Pattern>,
}

/// Whether the targets of a pool share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolEach {
    /// They share it.
    #[default]
    Together,
    /// Each has one of its own.
    Target,
}

/// How many calls at a time a target bears is looked for: one more after each time that all were answered, a fifth less after
/// a `429`, `503`, `529` or a timeout, a tenth to a half less where even the quickest first word comes twice as late as it used to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adaptive {
    /// No fewer than this.
    pub min: NonZeroU32,
    /// No more than this.
    pub max: NonZeroU32,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self { min: NonZeroU32::MIN.saturating_add(1), max: NonZeroU32::MIN.saturating_add(255) }
    }
}

/// Who may wait for a place in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Longest that one call waits, at all its targets together. Who is likely to wait longer is told so when it comes.
    pub wait_max: Period,
    /// Most calls that wait.
    pub length_max: NonZeroU32,
    /// Most bytes of their bodies together.
    pub bytes_max: Size,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            wait_max: Period::seconds(2),
            length_max: NonZeroU32::MIN.saturating_add(999),
            bytes_max: Size::mebibytes(256),
        }
    }
}

/// How calls stand beside others where a pool is full. The first entry that is for a call decides; where there is none, it is
/// `normal`, with the weight 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// For which calls it is. Absent: for all.
    #[serde(default, rename = "for", skip_serializing_if = "CallScope::is_everything")]
    pub scope: CallScope,
    /// Their class: those of one class share what it has, whatever their numbers. A caller may lower it, with the header
    /// `x-tallygate-priority`.
    #[serde(default)]
    pub class: Class,
    /// The weight of their team among those of the class.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u16,
}

const fn one() -> u16 {
    1
}

/// How much it matters that a call goes soon. Where all wait, `interactive` has 16 parts of 21, `normal` 4 and `batch` 1; what
/// one does not need, the others have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Somebody sits before it.
    Interactive,
    /// As most.
    #[default]
    Normal,
    /// It can wait.
    Batch,
}
