//! For which calls a budget, a guardrail, a rule of a cache or a priority is.

use crate::grammar::Pattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For which calls something is. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallScope {
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
    /// Calls with such a tag: `name`, or `name=value`. Callers may leave tags out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Pattern>,
}

impl CallScope {
    pub(super) fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}
