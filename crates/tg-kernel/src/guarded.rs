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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing was stopped or changed.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
