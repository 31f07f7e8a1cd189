//! The written form of a row: one schema for the embedded file and for overrides.

use crate::ability::Ability;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::row::ModelKind;

/// A factor on rates: numerator and denominator.
pub type Factor = (u32, u32);

/// A row as it is written. Rates are micro-dollars per million units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSource<'a> {
    /// Who sells the model at this price: `bedrock`, `anthropic`, `openai`, `groq`, …
    #[serde(borrow)]
    pub provider: Cow<'a, str>,
    /// The model's id as that provider knows it; `REGION/ID` for a price that holds in one Region only.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// What the model makes; `chat` if left out.
    #[serde(default, skip_serializing_if = "ModelKind::is_chat")]
    pub kind: ModelKind,
    /// Overrides only: take from this row (an id of the same provider) all that is not stated here.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub like: Option<Cow<'a, str>>,
    /// The rates. One entry has neither `tier` nor `above`, and has `in` and `out`; the others state what differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<RateSource>,
    /// Factors, as [numerator, denominator], on all rates where the call is served in a named scope (`us`, `fast`).
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<Cow<'a, str>, Factor>,
    /// Most input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// Most output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_max: Option<u32>,
    /// Fewest tokens that a prompt cache takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_min: Option<u32>,
    /// What the model can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abilities: Option<Vec<Ability>>,
    /// From when the row holds (`2026-11-23` or RFC 3339); always, if left out.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Cow<'a, str>>,
    /// Overrides only: until when the row holds, exclusive, written as `valid_from`. What held before it holds again then;
    /// without it a row holds until a later one does.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Cow<'a, str>>,
    /// When the provider means to switch the model off.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub retires: Option<Cow<'a, str>>,
}

/// Rates as they are written: micro-dollars per million tokens (`image`: per million images).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSource {
    /// The service tier, if not the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<tg_kernel::usage::ServiceTier>,
    /// The rates hold for calls with more than this many input tokens, cached ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<u32>,
    /// Input.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Output.
    #[serde(rename = "out", skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Input read from a prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input written to a prompt cache that lives five minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<u64>,
    /// Input written to a prompt cache that lives one hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// Reasoning, where it is priced apart from other output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Audio input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_in: Option<u64>,
    /// Audio output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_out: Option<u64>,
    /// Images made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<u64>,
}

impl RowSource<'_> {
    /// The same row, borrowing from nothing.
    #[must_use]
    pub fn into_owned(self) -> RowSource<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        RowSource {
            provider: own(self.provider),
            id: own(self.id),
            like: self.like.map(own),
            scopes: self.scopes.into_iter().map(|(name, factor)| (own(name), factor)).collect(),
            valid_from: self.valid_from.map(own),
            valid_to: self.valid_to.map(own),
            retires: self.retires.map(own),
            kind: self.kind,
            rates: self.rates,
            context: self.context,
            output_max: self.output_max,
            cache_min: self.cache_min,
            abilities: self.abilities,
        }
    }
}
