//! Token counts as this dialect reports them: totals, with cached tokens as a part of them.

use crate::walk::whole;
use serde_json::{Value, json};
use tg_kernel::usage::{PartialUsage, Usage};

/// What a `usage` object says, without overlap. `null` is silence, as absence is.
pub(super) fn read(usage: &Value) -> PartialUsage {
    let count = |path: &str| usage.pointer(path).and_then(whole);
    let mut counts = PartialUsage::default();
    if let Some(all) = count("/input_tokens") {
        let cached = count("/input_tokens_details/cached_tokens").unwrap_or(0);
        let written = count("/input_tokens_details/cache_write_tokens").unwrap_or(0);
        let heard = count("/input_tokens_details/audio_tokens").unwrap_or(0);
        let inside = [cached, written, heard].into_iter().fold(0, u64::saturating_add);
        counts.input_tokens = Some(all.saturating_sub(inside));
        counts.cache_read_tokens = Some(cached);
        counts.cache_write_5m_tokens = Some(written);
        counts.audio_input_tokens = Some(heard);
    }
    if let Some(all) = count("/output_tokens") {
        let spoken = count("/output_tokens_details/audio_tokens").unwrap_or(0);
        counts.output_tokens = Some(all.saturating_sub(spoken));
        counts.reasoning_tokens = Some(count("/output_tokens_details/reasoning_tokens").unwrap_or(0));
        counts.audio_output_tokens = Some(spoken);
    }
    counts
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
