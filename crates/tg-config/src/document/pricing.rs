//! How calls are priced.

use crate::grammar::TokenPrice;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How calls are priced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pricing {
    /// What to do when a target's price is not known.
    pub unknown_price: UnknownPrice,
    /// The price to charge where `unknown_price` is `ceiling`; required there.
    pub ceiling: Option<Ceiling>,
    /// A file of prices, YAML or JSON, that win over the embedded catalogue.
    pub overrides: Option<PathBuf>,
}

/// What to do when a price is not known. It is never taken for zero in silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownPrice {
    /// Refuse the call.
    Deny,
    /// Let it pass and charge `pricing.ceiling`.
    Ceiling,
    /// Let it pass; its row in the ledger is marked as unpriced.
    #[default]
    AllowAndFlag,
}

/// A price for what has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// For input tokens of any kind.
    pub input: TokenPrice,
    /// For output tokens of any kind.
    pub output: TokenPrice,
}
