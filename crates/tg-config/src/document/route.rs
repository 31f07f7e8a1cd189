//! The names of models that callers may use, and where calls for them go.

use super::UnknownPrice;
use crate::grammar::{Name, Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name of a model, or a pattern of names, and where calls for it go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What callers write as `model`: a name, or a pattern with `*` first, last or both.
    pub name: Pattern,
    /// Where the call goes: the first target; the next ones in turn if it cannot serve. At least one.
    #[schemars(length(min = 1, max = 16))]
    pub targets: Vec<ModelTarget>,
    /// What to do when a target's dialect cannot express the request.
    #[serde(default)]
    pub on_loss: OnLoss,
    /// What to do when a target's price is not known. Absent: as `pricing` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_price: Option<UnknownPrice>,
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelTarget {
    /// The name of a provider in `providers`.
    pub provider: Name,
    /// The model's id as the provider knows it. Absent: the name that the caller wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub model: Option<String>,
}

/// What to do when a target's dialect cannot express the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// Send the rest, and name what was lost in a header of the answer and in the ledger.
    #[default]
    Report,
    /// Refuse the call.
    Reject,
}
