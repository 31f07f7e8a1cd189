//! Answers that are kept, to be given again: for which calls, for how long, and where.

use super::CallScope;
use crate::grammar::{Name, Period, Size};
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
