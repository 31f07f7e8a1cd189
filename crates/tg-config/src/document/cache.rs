//! Answers that are kept, to be given again: for which calls, for how long, and where.

use super::{CallScope, JudgeModel};
use crate::grammar::{Name, Percent, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers that are kept, to be given again to who asks for exactly the same. Without rules nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Where answers are. Read at the start only.
    pub place: CachePlace,
    /// Most bytes of all answers together. Those that were not asked for longest make room; in `counters`, those whose time
    /// ends soonest.
    pub bytes_max: Size,
    /// Most bytes of one answer: at most `16 MiB`. A longer one goes to its caller as ever, and is not kept.
    pub answer_bytes_max: Size,
    /// For which calls answers are kept. The first rule that is for a call decides.
    #[schemars(length(max = 128))]
    pub rules: Vec<CacheRule>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            place: CachePlace::default(),
            bytes_max: Size::mebibytes(128),
            answer_bytes_max: Size::mebibytes(1),
            rules: Vec::new(),
        }
    }
}

/// Where answers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CachePlace {
    /// In the memory of each gateway.
    #[default]
    Memory,
    /// In the Redis or Valkey of `counters`, for all gateways together; encrypted where there is an `identity.secrets_key`.
    Counters,
}

/// For which calls answers are kept, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// The rule's name; unique, and shown in the ledger.
    pub name: Name,
    /// For which calls it is. Absent: for all.
    #[serde(default, rename = "for", skip_serializing_if = "CallScope::is_everything")]
    pub scope: CallScope,
    /// How long an answer is given again: at most `30d`. Callers may ask for less.
    pub ttl: Period,
    /// Who is given it. Never another team.
    #[serde(default)]
    pub share: CacheShare,
    /// Only answers that the request determines: those at temperature 0 or from a stated `seed`, and vectors. `false`: of all
    /// calls; then whoever asks twice is told the same twice, also where it wanted another answer.
    #[serde(default = "yes")]
    pub only_deterministic: bool,
    /// Whether answers to like questions will do, too. Absent: they will not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alike: Option<CacheAlike>,
}

/// Answers to like questions: of calls that differ in nothing but the words of what was asked last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheAlike {
    /// By whose vectors questions are compared.
    pub model: VectorModel,
    /// What is done where a like question was answered before.
    #[serde(default)]
    pub mode: AlikeMode,
    /// How like it must be: `97%` is a cosine of 0.97. At least `80%`. For `enforce` it must be stated, best from what `observe`
    /// has shown (`tallygate report --likeness`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Percent>,
    /// Most questions with which one is compared: from 1 to 5000. The oldest make room.
    #[serde(default = "entries_max")]
    #[schemars(range(min = 1, max = 5000))]
    pub entries_max: u32,
    /// How long a call waits for its vector: from 1 ms to 5 s. Then it goes on as if there were no like question.
    #[serde(default = "vector_timeout")]
    pub timeout: Period,
    /// A chat model that says, under `observe`, whether the other answer would have done. Absent: the gateway compares, and two
    /// answers must say the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeModel>,
}

/// A model that makes vectors of texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VectorModel {
    /// The name of a provider in `providers`.
    pub provider: Name,
    /// The model's id as the provider knows it.
    #[schemars(length(min = 1, max = 2048))]
    pub model: String,
}

/// What is done where a like question was answered before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlikeMode {
    /// Nothing: all calls go to their providers, and it is found out behind them what would have been.
    #[default]
    Observe,
    /// Its answer is given.
    Enforce,
}

const fn entries_max() -> u32 {
    1_000
}

const fn vector_timeout() -> Period {
    Period::millis(300)
}

const fn yes() -> bool {
    true
}

/// Who is given an answer that was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheShare {
    /// Callers of the same team.
    #[default]
    Team,
    /// Callers of the same team whose calls are booked to the same project.
    Project,
    /// Callers with the same key.
    Key,
}
