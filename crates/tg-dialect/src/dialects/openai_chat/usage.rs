//! Counts and ends in this dialect: OpenAI's totals include their details, ours are disjoint.

use crate::walk::whole;
use serde_json::{Value, json};
use tg_kernel::chat::StopReason;
use tg_kernel::usage::{PartialUsage, ServiceTier, Usage};

/// Reads a `usage` object. What it is silent on stays silent.
pub(crate) fn read(usage: &Value) -> PartialUsage {
    let count = |path: &str| usage.pointer(path).and_then(whole);
    let mut counts = PartialUsage::default();
    if let Some(prompt) = count("/prompt_tokens") {
        let cached = count("/prompt_tokens_details/cached_tokens").or_else(|| count("/prompt_cache_hit_tokens"));
        let written = count("/prompt_tokens_details/cache_write_tokens");
        let audio = count("/prompt_tokens_details/audio_tokens");
        let inside = [cached, written, audio].into_iter().flatten().fold(0, u64::saturating_add);
        counts.input_tokens = Some(prompt.saturating_sub(inside));
        counts.cache_read_tokens = Some(cached.unwrap_or(0));
        counts.cache_write_5m_tokens = Some(written.unwrap_or(0));
        counts.audio_input_tokens = Some(audio.unwrap_or(0));
    }
    if let Some(completion) = count("/completion_tokens") {
        let audio = count("/completion_tokens_details/audio_tokens").unwrap_or(0);
        let reasoning = count("/completion_tokens_details/reasoning_tokens").unwrap_or(0);
        let beside = count("/prompt_tokens").unwrap_or(0).saturating_add(completion).saturating_add(reasoning);
        // Some providers count reasoning beside the completion instead of inside it; their own total tells.
        let apart = if reasoning > 0 && count("/total_tokens") == Some(beside) { reasoning } else { 0 };
        counts.output_tokens = Some(completion.saturating_sub(audio).saturating_add(apart));
        counts.reasoning_tokens = Some(reasoning);
        counts.audio_output_tokens = Some(audio);
    }
    counts
}

/// Writes a `usage` object.
pub(crate) fn write(usage: &Usage) -> Value {
    let prompt = usage.total_input_tokens();
    let completion = usage.output_tokens.saturating_add(usage.audio_output_tokens);
    let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": written,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

/// Reads a `finish_reason`.
pub(crate) fn stop_reason(word: &str) -> StopReason {
    match word {
        "stop" | "eos" => StopReason::EndTurn,
        "length" => StopReason::MaxTokens,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" => StopReason::ContentFilter,
        "model_length" => StopReason::ContextWindow,
        _ => StopReason::Unknown,
    }
}

/// What an answer holds, as far as it decides its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holds {
    pub(crate) tool_calls: bool,
    pub(crate) refusal: bool,
}

/// The reason that a provider meant: many say `stop` when there are tool calls, and when the model declines.
pub(crate) fn meant(said: StopReason, holds: Holds) -> StopReason {
    match said {
        StopReason::EndTurn | StopReason::Unknown if holds.tool_calls => StopReason::ToolUse,
        StopReason::EndTurn if holds.refusal => StopReason::Refusal,
        other => other,
    }
}

/// Writes a `finish_reason`.
pub(crate) fn finish_reason(reason: StopReason, holds: Holds) -> &'static str {
    match reason {
        StopReason::MaxTokens | StopReason::ContextWindow => "length",
        StopReason::Guardrail | StopReason::ContentFilter => "content_filter",
        // A refusal in its own member is a normal end; one without it can only be told by the reason.
        StopReason::Refusal if !holds.refusal => "content_filter",
        StopReason::ToolUse => "tool_calls",
        _ if holds.tool_calls => "tool_calls",
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::Refusal
        | StopReason::PauseTurn
        | StopReason::Malformed
        | StopReason::Unknown => "stop",
    }
}

/// Writes a `service_tier`.
pub(crate) fn tier_word(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Flex => "flex",
        ServiceTier::Priority => "priority",
        ServiceTier::Default | ServiceTier::Batch | ServiceTier::Reserved => "default",
    }
}
