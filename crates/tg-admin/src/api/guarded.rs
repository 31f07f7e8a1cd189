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
    /// What each set came to; empty in rows that are older than this.
    pub by_set: Vec<OfSet>,
    /// What services outside said that were asked.
    pub services: Vec<OfService>,
}

/// The evidence of one guardrail set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfSet {
    /// The guardrail set.
    pub set: String,
    /// Which version of it: a short hash of what it says, that of calls to which no other set applies.
    pub version: String,
    /// What its rules came to: as the call's.
    pub verdict: String,
    /// How long its checks took, in microseconds. What several sets look for alike is looked for once, and counts for each;
    /// what all of them need (reading a text) counts for none.
    pub micros: u64,
}

/// What one service outside said, on one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfService {
    /// The service, by its name in `guards`.
    pub guard: String,
    /// Which way the texts went: `input` or `output`.
    pub way: String,
    /// What it said of all of them together: `clear`, `flagged` or `unanswered`.
    pub verdict: String,
    /// How long it was asked, in microseconds, with the waiting for its turn.
    pub micros: u64,
    /// Questions to it.
    pub questions: u32,
    /// Texts, or parts of them, that it was not asked about, as what it thinks was remembered.
    pub remembered: u32,
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
            by_set: guarded.by_set.iter().map(OfSet::from).collect(),
            services: guarded.services.iter().map(OfService::from).collect(),
        }
    }
}

impl From<&guarded::OfSet> for OfSet {
    fn from(of: &guarded::OfSet) -> Self {
        let (set, version, verdict) = (of.set.to_string(), of.version.to_string(), of.verdict.as_str().to_owned());
        Self { set, version, verdict, micros: of.micros }
    }
}

impl From<&guarded::OfService> for OfService {
    fn from(of: &guarded::OfService) -> Self {
        Self {
            guard: of.guard.to_string(),
            way: of.way.as_str().to_owned(),
            verdict: of.verdict.as_str().to_owned(),
            micros: of.micros,
            questions: of.questions,
            remembered: of.remembered,
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
