//! What content checks did on a call, as it travels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::guarded;

/// What content checks did on a call. Never what they found itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Guarded {
    /// The names of the guardrail sets that ran.
    pub sets: Vec<String>,
    /// Which version of them: a short hash of what they say.
    pub version: String,
    /// What came of it: `passed`, `changed`, `rerouted` (to another model) or `blocked`.
    pub verdict: String,
    /// How long the checks took, in microseconds.
    pub micros: u64,
    /// What was found.
    pub hits: Vec<Hit>,
}

/// What one rule found of one kind in one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hit {
    /// The guardrail set.
    pub set: String,
    /// The rule in it.
    pub rule: String,
    /// The check that found it: `pii`, `secret`, …
    pub check: String,
    /// What it is: `email`, `aws-access-key`, …; its kind, never its value.
    pub found: String,
    /// Where it stood: `user`, `system`, `tool_result`, …
    pub channel: String,
    /// Which way it went: `input` or `output`.
    pub way: String,
    /// What became of it: `blocked`, `redacted`, `restored`, `rerouted`, `annotated`, `observed` or `unanswered`.
    pub action: String,
    /// How many times.
    pub count: u32,
}

impl From<&guarded::Guarded> for Guarded {
    fn from(guarded: &guarded::Guarded) -> Self {
        Self {
            sets: guarded.sets.iter().map(ToString::to_string).collect(),
            version: guarded.version.to_string(),
            verdict: guarded.verdict.as_str().to_owned(),
            micros: guarded.micros,
            hits: guarded.hits.iter().map(Hit::from).collect(),
        }
    }
}

impl From<&guarded::Hit> for Hit {
    fn from(hit: &guarded::Hit) -> Self {
        Self {
            set: hit.set.to_string(),
            rule: hit.rule.to_string(),
            check: hit.check.to_string(),
            found: hit.found.to_string(),
            channel: hit.channel.as_str().to_owned(),
            way: hit.way.as_str().to_owned(),
            action: hit.action.as_str().to_owned(),
            count: hit.count,
        }
    }
}
