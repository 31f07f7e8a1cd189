//! How calls are priced.

use super::Commitment;
use crate::grammar::{Moment, Name, Pattern, Percent, TokenPrice};
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
    /// What was negotiated on list prices, those of `overrides` included. Of several that hold for a call the first is
    /// taken.
    #[schemars(length(max = 1024))]
    pub discounts: Vec<Discount>,
    /// What is paid by the hour or month whether calls come or not: reports name it beside what calls cost.
    #[schemars(length(max = 1024))]
    pub commitments: Vec<Commitment>,
}

impl Pricing {
    /// The commitments, as the rest of the gateway counts them.
    #[must_use]
    pub fn committed(&self) -> Vec<tg_kernel::commitment::Commitment> {
        self.commitments.iter().filter_map(Commitment::compiled).collect()
    }
}

/// A discount on the list prices of a provider's models. It makes no call dearer: where the list price is lower, that is
/// charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// Its name; unique, and part of the price of every call for which it holds.
    pub name: Name,
    /// For calls to these providers.
    pub provider: Pattern,
    /// For calls of these models, as they are sent to the provider, with the prefix of a profile or as an ARN. Absent:
    /// of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Pattern>,
    /// What is taken off every list price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
    /// Prices of your own, at every service tier and for input of every length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<DiscountRates>,
    /// For calls that begin from then on. Absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// For calls that begin before. Absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Under which terms: marks the price of the calls, for reports.
    #[serde(default)]
    pub terms: DiscountTerms,
}

/// Prices of your own. What is absent is charged at list price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DiscountRates {
    /// For input tokens outside any cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<TokenPrice>,
    /// For input tokens read from a prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<TokenPrice>,
    /// For input tokens written to a cache that lives five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<TokenPrice>,
    /// For input tokens written to a cache that lives one hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<TokenPrice>,
    /// For output tokens, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<TokenPrice>,
}

impl DiscountRates {
    /// Whether nothing is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Under which terms a discount was agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscountTerms {
    /// A lower price for what is used.
    #[default]
    Negotiated,
    /// Use that was committed to, and is paid for elsewhere: provisioned throughput, reserved capacity. Use `percent:
    /// 100%` where a call costs nothing more, or `rates` that spread the commitment.
    Committed,
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
