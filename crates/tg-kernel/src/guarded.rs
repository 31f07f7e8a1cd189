//! What content checks did on a call: which ran, what they found, what came of it. Never what they found itself.

use crate::passage::Channel;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Which way a text went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To a model.
    Input,
    /// To the caller.
    Output,
}

impl Way {
    /// The name in metrics, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// What became of something that a rule found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The call or its answer was stopped.
    Blocked,
    /// Something else went on in its place.
    Redacted,
    /// What had been taken out of the request was put back into the answer.
    Restored,
    /// The call went to another model, as a rule says.
    Rerouted,
    /// It was noted, and went on.
    Annotated,
    /// It went on, as the rule only watches: what it would have done is not done.
    Observed,
    /// The service outside that was to say could not be asked, and the rule lets pass then.
    Unanswered,
}

impl Action {
    /// The name in metrics, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Redacted => "redacted",
            Self::Restored => "restored",
            Self::Rerouted => "rerouted",
            Self::Annotated => "annotated",
            Self::Observed => "observed",
            Self::Unanswered => "unanswered",
        }
    }
}

/// What the checks on a call came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing was stopped or changed.
    #[default]
    Passed,
    /// Something was changed on its way.
    Changed,
    /// The call went to another model than it named; something may have been changed, too.
    Rerouted,
    /// The call or its answer was stopped.
    Blocked,
}

impl Verdict {
    /// The name in metrics, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Changed => "changed",
            Self::Rerouted => "rerouted",
            Self::Blocked => "blocked",
        }
    }
}

/// The evidence of the checks on one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// The names of the guardrail sets that ran.
    pub sets: Vec<Arc<str>>,
    /// Which version of them: a short hash of what they say.
    pub version: Arc<str>,
    /// What came of it.
    pub verdict: Verdict,
    /// How long the checks took, in microseconds.
    pub micros: u64,
    /// What was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<Hit>,
    /// What each set came to. Rows that are older than this have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_set: Vec<OfSet>,
    /// What services outside said that were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<OfService>,
}

/// The evidence of one set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfSet {
    /// The set.
    pub set: Arc<str>,
    /// Which version of it: that of calls which no other set applies to.
    pub version: Arc<str>,
    /// What its rules came to.
    pub verdict: Verdict,
    /// How long its checks took, in microseconds. What several sets look for alike is looked for once, and counts for each.
    pub micros: u64,
}

/// The evidence of one service outside, on one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfService {
    /// The service, by its name in `guards`.
    pub guard: Arc<str>,
    /// Which way the texts went.
    pub way: Way,
    /// What it said of all of them together.
    pub verdict: Said,
    /// How long it was asked, in microseconds, with the waiting for its turn.
    pub micros: u64,
    /// Questions to it.
    pub questions: u32,
    /// What was not asked, as it was known from before.
    pub remembered: u32,
}

/// What a service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Nothing is wrong.
    Clear,
    /// It gave no opinion.
    Unanswered,
    /// Something is.
    Flagged,
}

impl Said {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Unanswered => "unanswered",
            Self::Flagged => "flagged",
        }
    }
}

/// What one rule found of one kind in one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The guardrail set.
    pub set: Arc<str>,
    /// The rule in it.
    pub rule: Arc<str>,
    /// The check that found it (`pii`, `secret`, …).
    pub check: Arc<str>,
    /// What it is (`email`, `aws-access-key`, …): its kind, never its value.
    pub found: Arc<str>,
    /// Where it stood.
    pub channel: Channel,
    /// Which way it went.
    pub way: Way,
    /// What became of it.
    pub action: Action,
    /// How many times.
    pub count: u32,
}

/// One line of evidence: `house/mail pii:email document input redacted 2`.
impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { set, rule, check, found, channel, way, action, count } = self;
        let (channel, way, action) = (channel.as_str(), way.as_str(), action.as_str());
        write!(f, "{set}/{rule} {check}:{found} {channel} {way} {action} {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of a ledger that was written before sets and services had evidence of their own.
    const OLD: &str = r#"{"sets":["house"],"version":"1f","verdict":"changed","micros":40}"#;

    #[test]
    fn older_evidence_is_read_and_newer_takes_no_room_where_there_is_none() {
        let old: Guarded = serde_json::from_str(OLD).unwrap();
        assert!(old.by_set.is_empty() && old.services.is_empty());
        assert_eq!(serde_json::to_string(&old).unwrap(), OLD);
    }
}
