//! Whose calls must stay where.

use super::CallScope;
use crate::grammar::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where some calls must stay, whatever their route says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residency {
    /// For which calls. Absent: for all. Callers may leave tags out, so what must hold is better said of teams, environments,
    /// keys or models.
    #[serde(default, rename = "for")]
    pub scope: CallScope,
    /// The places, as `residency` of providers names them: targets elsewhere, and those of whose place nothing is said, are
    /// never tried.
    #[serde(rename = "in")]
    #[schemars(length(min = 1, max = 16))]
    pub places: Vec<Name>,
}
