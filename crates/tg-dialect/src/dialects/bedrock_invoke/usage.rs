//! Token counts and stop reasons in the answers of the model families that InvokeModel serves.

use http::HeaderMap;
use serde_json::Value;
use tg_kernel::chat::StopReason;
use tg_kernel::usage::PartialUsage;

use super::envelope::METRICS;
use crate::dialects::anthropic_messages::reply as claude;
use crate::dialects::anthropic_messages::usage::UsageReader;
use crate::dialects::bedrock_converse::reply as converse;
use crate::tap::Summary;
use crate::walk::whole;

/// The counts in the headers of an InvokeModel answer. Some models count only there; a body's own counts are better.
#[must_use]
pub fn usage_from_headers(headers: &HeaderMap) -> Option<PartialUsage> {
    let count = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let report = PartialUsage {
        input_tokens: count("x-amzn-bedrock-input-token-count"),
        output_tokens: count("x-amzn-bedrock-output-token-count"),
        cache_read_tokens: count("x-amzn-bedrock-cache-read-input-token-count"),
        cache_write_5m_tokens: count("x-amzn-bedrock-cache-write-input-token-count"),
        ..PartialUsage::default()
    };
    (!report.is_silent()).then_some(report)
}

/// The counts in a whole answer or in a chunk of a stream, whatever the family.
pub(crate) fn read(body: &Value) -> Option<PartialUsage> {
    let of = |object: &Value, input: &str, output: &str| PartialUsage {
        input_tokens: object.get(input).and_then(whole),
        output_tokens: object.get(output).and_then(whole),
        ..PartialUsage::default()
    };
    let usage = body.get("usage").or_else(|| body.pointer("/metadata/usage"));
    let candidates = [
        // Claude, Nova, and what looks like OpenAI (Mistral, DeepSeek, gpt-oss, Qwen).
        usage.map(|usage| UsageReader::default().read(usage)),
        usage.map(converse::read_usage),
        usage.map(openai_like),
        // Titan text and embeddings.
        Some(PartialUsage { output_tokens: titan_output(body), ..of(body, "inputTextTokenCount", "") }),
        // Llama.
        Some(of(body, "prompt_token_count", "generation_token_count")),
        // Cohere.
        body.pointer("/meta/billed_units").map(|units| of(units, "input_tokens", "output_tokens")),
        body.get(METRICS).map(metrics),
    ];
    candidates.into_iter().flatten().find(|report| !report.is_silent())
}

/// Bedrock's own counts in the last chunk of a stream; input excludes what the cache served.
fn metrics(object: &Value) -> PartialUsage {
    let count = |name: &str| object.get(name).and_then(whole);
    PartialUsage {
        input_tokens: count("inputTokenCount"),
        output_tokens: count("outputTokenCount"),
        cache_read_tokens: count("cacheReadInputTokenCount"),
        cache_write_5m_tokens: count("cacheWriteInputTokenCount"),
        ..PartialUsage::default()
    }
}

/// Here the prompt's count includes what the cache served.
fn openai_like(usage: &Value) -> PartialUsage {
    let count = |pointer: &str| usage.pointer(pointer).and_then(whole);
    let cached = count("/prompt_tokens_details/cached_tokens");
    PartialUsage {
        input_tokens: count("/prompt_tokens").map(|all| all.saturating_sub(cached.unwrap_or(0))),
        cache_read_tokens: cached,
        output_tokens: count("/completion_tokens"),
        reasoning_tokens: count("/completion_tokens_details/reasoning_tokens"),
        ..PartialUsage::default()
    }
}

fn titan_output(body: &Value) -> Option<u64> {
    if let Some(streamed) = body.get("totalOutputTextTokenCount").and_then(whole) {
        return Some(streamed);
    }
    let results = body.get("results").and_then(Value::as_array)?;
    let counts = results.iter().map(|result| result.get("tokenCount").and_then(whole));
    counts.collect::<Option<Vec<u64>>>().map(|counts| counts.into_iter().fold(0, u64::saturating_add))
}

/// Why a whole answer or a stream ended, whatever the family.
pub(crate) fn read_stop(body: &Value) -> Option<StopReason> {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let word = at("/stop_reason")
        .or_else(|| at("/stopReason"))
        .or_else(|| at("/messageStop/stopReason"))
        .or_else(|| at("/choices/0/finish_reason"))
        .or_else(|| at("/choices/0/stop_reason"))
        .or_else(|| at("/outputs/0/stop_reason"))
        .or_else(|| at("/results/0/completionReason"))
        .or_else(|| at("/completionReason"))
        .or_else(|| at("/finish_reason"))?;
    Some(match word {
        "stop" | "FINISH" | "FINISHED" | "COMPLETE" => StopReason::EndTurn,
        "length" | "LENGTH" | "MAX_TOKENS" => StopReason::MaxTokens,
        "tool_calls" => StopReason::ToolUse,
        "content_filter" | "CONTENT_FILTERED" => StopReason::ContentFilter,
        known => match (claude::read_reason(known), converse::read_reason(known)) {
            (StopReason::Unknown, reason) | (reason, _) => reason,
        },
    })
}

/// Reads a whole answer of any family.
pub(crate) fn summary(body: &[u8]) -> Summary {
    let Ok(parsed) = serde_json::from_slice::<Value>(body) else { return Summary::default() };
    let mut summary = Summary {
        stop: read_stop(&parsed),
        model: parsed.get("model").and_then(Value::as_str).map(ToOwned::to_owned),
        complete: true,
        content_bytes: body.len() as u64,
        content_seen: true,
        ..Summary::default()
    };
    if let Some(report) = read(&parsed) {
        summary.usage.replace(&report);
        (summary.usage_seen, summary.usage_final) = (true, true);
    }
    summary
}
