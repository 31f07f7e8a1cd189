//! What a rule by tasks made of a call, which calls are copies of others, and what comparisons of answers came to.

use crate::units::Money;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The mode in which calls are moved.
pub const ENFORCE: &str = "enforce";

/// What a call is that no caller made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A copy for a mirror: its answer is only booked.
    Mirror,
    /// A copy for another model, whose answer is compared with that of the call.
    Sample,
    /// A question which of two answers is better.
    Judge,
    /// A question for the vector of a text, by which answers to like questions are found.
    Likeness,
    /// What a judge was asked for a guardrail.
    Guard,
}

impl Purpose {
    /// Those that are sent as calls are, in the order in which they stand.
    pub const SENT: [Self; 4] = [Self::Mirror, Self::Sample, Self::Judge, Self::Likeness];

    /// The name in the ledger and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Sample => "sample",
            Self::Judge => "judge",
            Self::Likeness => "likeness",
            Self::Guard => "guard",
        }
    }
}

/// What a rule by tasks made of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// The rule.
    pub rule: Arc<str>,
    /// `observe`, `advise` or `enforce`.
    pub mode: Cow<'static, str>,
    /// The cheaper model, as `PROVIDER/MODEL`; `None` where there is none for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Arc<str>>,
    /// Where the call goes without the rule, as `PROVIDER/MODEL`.
    pub from: Arc<str>,
    /// Why the call does not go there in any mode; `None`: it does, or would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stays: Option<Cow<'static, str>>,
    /// What was likely to be saved by it, before the call; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving: Option<Money>,
    /// What the same tokens would have cost at `from`, by the price of then, of a call that the rule moved; `None`: it moved none,
    /// or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_cost: Option<Money>,
}

impl Routed {
    /// Whether the call went to the cheaper model first.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        self.mode == ENFORCE && self.stays.is_none() && self.to.is_some()
    }

    /// The route that the rule is of.
    #[must_use]
    pub fn route(&self) -> &str {
        self.rule.rsplit_once('#').map_or(&*self.rule, |(route, _)| route)
    }
}

/// What a comparison of two answers came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The rule that the answers speak for or against.
    pub rule: Arc<str>,
    /// The task of the call.
    pub task: Cow<'static, str>,
    /// Whether the cheaper answer was as good; `None`: there is no verdict, and it is not counted.
    pub kept: Option<bool>,
}
