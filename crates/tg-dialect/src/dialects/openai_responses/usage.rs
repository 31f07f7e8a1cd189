//! Token counts as this dialect reports them: totals, with cached tokens as a part of them.

use serde::Deserialize;
use serde_json::{Value, json};
use tg_kernel::usage::{PartialUsage, Usage};

/// A `usage` object.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    input_tokens: u64,
    input_tokens_details: Option<InputDetails>,
    output_tokens: u64,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

impl Counts {
    /// What a `usage` value says; `None` where it is `null` or not an object.
    pub(super) fn read(value: &Value) -> Option<Self> {
        value.is_object().then(|| Self::deserialize(value).ok()).flatten()
    }

    /// The counts without overlap.
    pub(super) fn disjoint(&self) -> PartialUsage {
        let input = self.input_tokens_details.unwrap_or_default();
        let output = self.output_tokens_details.unwrap_or_default();
        let cached = input.cached_tokens.unwrap_or(0);
        let written = input.cache_write_tokens.unwrap_or(0);
        let heard = input.audio_tokens.unwrap_or(0);
        let spoken = output.audio_tokens.unwrap_or(0);
        PartialUsage {
            input_tokens: Some(self.input_tokens.saturating_sub(cached).saturating_sub(written).saturating_sub(heard)),
            cache_read_tokens: Some(cached),
            cache_write_5m_tokens: Some(written),
            output_tokens: Some(self.output_tokens.saturating_sub(spoken)),
            reasoning_tokens: Some(output.reasoning_tokens.unwrap_or(0)),
            audio_input_tokens: Some(heard),
            audio_output_tokens: Some(spoken),
            ..PartialUsage::default()
        }
    }
}

/// A `usage` object.
pub(super) fn write(usage: &Usage) -> Value {
    let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    json!({
        "input_tokens": usage.total_input_tokens(),
        "input_tokens_details": { "cached_tokens": usage.cache_read_tokens, "cache_write_tokens": written },
        "output_tokens": usage.output_tokens.saturating_add(usage.audio_output_tokens),
        "output_tokens_details": { "reasoning_tokens": usage.reasoning_tokens },
        "total_tokens": usage.total_tokens(),
    })
}
