//! Token counts and stop reasons in the answers of the model families that InvokeModel serves.

use http::HeaderMap;
use serde_json::Value;
use tg_kernel::chat::StopReason;
use tg_kernel::usage::PartialUsage;

use super::envelope::METRICS;
use crate::dialects::anthropic_messages::reply as claude;
use crate::dialects::anthropic_messages::usage::UsageReader;
use crate::dialects::bedrock_converse::reply as converse;
use crate::dialects::openai_chat::usage as openai_chat;
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

/// The family's own counts in a whole answer or in a chunk of a stream, whatever the family.
pub(crate) fn read(body: &Value) -> Option<PartialUsage> {
    let of = |object: &Value, input: &str, output: &str| PartialUsage {
        input_tokens: object.get(input).and_then(whole),
        output_tokens: object.get(output).and_then(whole),
        ..PartialUsage::default()
    };
    let usage = body.get("usage").or_else(|| body.pointer("/metadata/usage"));
    let candidates = [
        // Claude, Nova, and what looks like OpenAI (Mistral, DeepSeek, gpt-oss, Qwen, Jamba, Palmyra).
        usage.map(|usage| UsageReader::default().read(usage)),
        usage.map(converse::read_usage),
        usage.map(openai_chat::read),
        // Titan text and embeddings.
        Some(PartialUsage { output_tokens: titan_output(body), ..of(body, "inputTextTokenCount", "") }),
        // Llama.
        Some(of(body, "prompt_token_count", "generation_token_count")),
        // Cohere.
        body.pointer("/meta/billed_units").map(|units| of(units, "input_tokens", "output_tokens")),
    ];
    candidates.into_iter().flatten().find(|report| !report.is_silent())
}

/// Bedrock's own counts in the last chunk of a stream; input excludes what the cache served.
pub(crate) fn metrics(body: &Value) -> Option<PartialUsage> {
    let object = body.get(METRICS)?;
    let count = |name: &str| object.get(name).and_then(whole);
    Some(PartialUsage {
        input_tokens: count("inputTokenCount"),
        output_tokens: count("outputTokenCount"),
        cache_read_tokens: count("cacheReadInputTokenCount"),
        cache_write_5m_tokens: count("cacheWriteInputTokenCount"),
        ..PartialUsage::default()
    })
}

/// Members in which the families say what they generated.
const GENERATED: [&str; 10] = [
    "text",
    "content",
    "generation",
    "outputText",
    "completion",
    "thinking",
    "reasoning",
    "reasoning_content",
    "arguments",
    "input",
];

/// Bytes of generated text in a chunk. `None` where it has no member that is known for such text.
pub(crate) fn generated(value: &Value) -> Option<u64> {
    let sum = |found: Option<u64>, more: Option<u64>| more.map_or(found, |more| Some(found.unwrap_or(0) + more));
    match value {
        Value::Object(members) => members.iter().fold(None, |found, (name, value)| match value {
            Value::String(text) if GENERATED.contains(&name.as_str()) => sum(found, Some(text.len() as u64)),
            other => sum(found, generated(other)),
        }),
        Value::Array(items) => items.iter().fold(None, |found, item| sum(found, generated(item))),
        _ => None,
    }
}

/// Whether an answer holds vectors, ranks or pictures: their size says nothing about tokens.
fn is_made_of_numbers(body: &Value) -> bool {
    ["embedding", "embeddings", "embeddingsByType", "images", "artifacts"].iter().any(|name| body.get(name).is_some())
        || ["/data/0/embedding", "/results/0/relevance_score"].iter().any(|place| body.pointer(place).is_some())
}

/// How many pictures an answer holds (Nova Canvas, Titan, Stability). They are billed each, not by tokens.
fn pictures(body: &Value) -> Option<PartialUsage> {
    let list = body.get("images").or_else(|| body.get("artifacts"))?.as_array()?;
    Some(PartialUsage { images: Some(list.len() as u64), ..PartialUsage::default() })
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
        .or_else(|| at("/generations/0/finish_reason"))
        .or_else(|| at("/finish_reason"))
        .or_else(|| at("/finishReason"))?;
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
        content_bytes: if is_made_of_numbers(&parsed) { 0 } else { body.len() as u64 },
        content_seen: true,
        ..Summary::default()
    };
    if let Some(report) = read(&parsed).or_else(|| pictures(&parsed)) {
        summary.usage.replace(&report);
        (summary.usage_seen, summary.usage_final) = (true, true);
    }
    summary
}
