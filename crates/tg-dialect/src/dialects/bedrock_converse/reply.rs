//! Whole Converse answers: reading and writing.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatReply, Content, Stop, StopReason, Thought};
use tg_kernel::fault::Fault;
use tg_kernel::usage::{PartialUsage, ServiceTier, Usage};

use super::read_blocks::BlockReader;
use super::write_blocks::reasoning;
use crate::conversation::arguments_object;
use crate::dialect::ReplyFacts;
use crate::dialects::anthropic_messages::reply::tool_id;
use crate::tap::Summary;
use crate::walk::whole;

/// The reason that a word of the dialect means.
pub(crate) fn read_reason(word: &str) -> StopReason {
    match word {
        "end_turn" => StopReason::EndTurn,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "guardrail_intervened" => StopReason::Guardrail,
        "content_filtered" => StopReason::ContentFilter,
        "malformed_model_output" | "malformed_tool_use" => StopReason::Malformed,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        _ => StopReason::Unknown,
    }
}

const fn write_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::PauseTurn | StopReason::Unknown => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ToolUse => "tool_use",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::Guardrail => "guardrail_intervened",
        StopReason::ContentFilter | StopReason::Refusal => "content_filtered",
        StopReason::Malformed => "malformed_model_output",
    }
}

/// Reads why an answer ended from the object that holds `stopReason`.
pub(crate) fn read_stop(object: &Value) -> Option<Stop> {
    let reason = read_reason(object.get("stopReason")?.as_str()?);
    let sequence = object.pointer("/additionalModelResponseFields/stop_sequence").and_then(Value::as_str);
    Some(Stop { reason, sequence: sequence.map(ToOwned::to_owned) })
}

/// Adds the members that say why an answer ended. One that calls tools ended for that reason, whatever its source said.
pub(crate) fn write_stop(stop: &Stop, calls_tools: bool, object: &mut Map<String, Value>) {
    let reason = if calls_tools && stop.reason == StopReason::EndTurn { StopReason::ToolUse } else { stop.reason };
    object.insert("stopReason".into(), write_reason(reason).into());
    if let Some(sequence) = &stop.sequence {
        object.insert("additionalModelResponseFields".into(), json!({ "stop_sequence": sequence }));
    }
}

/// What a `usage` object says.
pub(crate) fn read_usage(usage: &Value) -> PartialUsage {
    let count = |name: &str| usage.get(name).and_then(whole);
    let mut report = PartialUsage {
        input_tokens: count("inputTokens"),
        output_tokens: count("outputTokens"),
        cache_read_tokens: count("cacheReadInputTokens").or_else(|| count("cacheReadInputTokenCount")),
        ..PartialUsage::default()
    };
    if let Some(written) = count("cacheWriteInputTokens").or_else(|| count("cacheWriteInputTokenCount")) {
        let details = usage.get("cacheDetails").and_then(Value::as_array).into_iter().flatten();
        let hour: u64 = details
            .filter(|entry| entry.get("ttl").is_some_and(|ttl| ttl == "1h"))
            .filter_map(|entry| entry.get("inputTokens").and_then(whole))
            .fold(0, u64::saturating_add);
        let hour = hour.min(written);
        report.cache_write_1h_tokens = Some(hour);
        report.cache_write_5m_tokens = Some(written - hour);
    }
    report
}

/// A `usage` object.
pub(crate) fn write_usage(usage: &Usage) -> Value {
    let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    let mut object = json!({
        "inputTokens": usage.input_tokens.saturating_add(usage.audio_input_tokens),
        "outputTokens": usage.output_tokens.saturating_add(usage.audio_output_tokens),
        "totalTokens": usage.total_tokens(),
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": written,
    });
    if written > 0 {
        let mut details = Vec::new();
        for (ttl, tokens) in [("1h", usage.cache_write_1h_tokens), ("5m", usage.cache_write_5m_tokens)] {
            if tokens > 0 {
                details.push(json!({ "ttl": ttl, "inputTokens": tokens }));
            }
        }
        object["cacheDetails"] = Value::Array(details);
    }
    object
}

/// The tier that an answer or a `metadata` event names.
pub(crate) fn read_tier(object: &Value) -> Option<ServiceTier> {
    object.pointer("/serviceTier/type").and_then(Value::as_str).and_then(ServiceTier::parse)
}

/// Reads a whole answer.
///
/// # Errors
/// `Class::UpstreamFailed` when the body is not what the dialect promises.
pub(crate) fn decode(body: &[u8]) -> Result<ChatReply, Fault> {
    let mut body: Value = serde_json::from_slice(body).map_err(|error| garbage().caused_by(error))?;
    let content = body.pointer_mut("/output/message/content").map(Value::take).ok_or_else(garbage)?;
    let parts = BlockReader::default().content("output.message.content", content);
    let mut usage = Usage::default();
    usage.replace(&read_usage(&body["usage"]));
    let invoked = body.pointer("/trace/promptRouter/invokedModelId").and_then(Value::as_str);
    Ok(ChatReply {
        id: String::new(),
        model: invoked.unwrap_or_default().to_owned(),
        parts: parts.map_err(|fault| garbage().caused_by(fault.message.into_owned()))?,
        stop: read_stop(&body).unwrap_or(Stop { reason: StopReason::Unknown, sequence: None }),
        usage,
        tier: read_tier(&body),
        latency_ms: body.pointer("/metrics/latencyMs").and_then(Value::as_u64),
    })
}

/// Writes a whole answer.
pub(crate) fn encode(reply: &ChatReply, facts: &ReplyFacts) -> Value {
    let mut blocks = Vec::with_capacity(reply.parts.len());
    for part in &reply.parts {
        blocks.extend(block(&part.content, facts, blocks.len()));
    }
    let calls_tools = reply.parts.iter().any(|part| matches!(part.content, Content::ToolUse(_)));
    let mut object = Map::new();
    object.insert("output".into(), json!({ "message": { "role": "assistant", "content": blocks } }));
    write_stop(&reply.stop, calls_tools, &mut object);
    object.insert("usage".into(), write_usage(&reply.usage));
    object.insert("metrics".into(), json!({ "latencyMs": reply.latency_ms.unwrap_or(0) }));
    if let Some(tier) = reply.tier {
        object.insert("serviceTier".into(), json!({ "type": tier.as_str() }));
    }
    Value::Object(object)
}

fn block(content: &Content, facts: &ReplyFacts, index: usize) -> Option<Value> {
    match content {
        Content::Text(text) | Content::Refusal(text) => Some(json!({ "text": text })),
        Content::Reasoning(thought) => reasoning(&as_blob(thought)),
        Content::ToolUse(call) => {
            let id = tool_id(&call.id, &facts.id, index);
            let input = arguments_object(&call.arguments).0;
            Some(json!({ "toolUse": { "toolUseId": id, "name": call.name, "input": input } }))
        }
        Content::Image(_) | Content::Document(_) | Content::Audio(_) | Content::ToolResult(_) | Content::Other(..) => {
            None
        }
    }
}

/// Reasoning whose encrypted form is base64, as the dialect's blobs are.
fn as_blob(thought: &Thought) -> Thought {
    let redacted = thought.redacted.as_deref().map(redacted_blob);
    Thought { redacted, ..thought.clone() }
}

/// Encrypted reasoning as a blob: as it is where it is base64 already (as all vendors write it), else encoded.
pub(crate) fn redacted_blob(data: &str) -> String {
    use base64::Engine as _;
    match super::read_blocks::blob(data) {
        Some(_) => data.to_owned(),
        None => base64::engine::general_purpose::STANDARD.encode(data),
    }
}

/// The members of a whole answer that a summary needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    stop_reason: Option<String>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    usage: Option<Value>,
    service_tier: Option<Value>,
}

/// Reads usage, stop reason and tier from a whole answer.
pub(crate) fn summary(body: &[u8]) -> Summary {
    let Ok(head) = serde_json::from_slice::<Head<'_>>(body) else { return Summary::default() };
    let mut summary = Summary {
        stop: head.stop_reason.as_deref().map(read_reason),
        tier: head.service_tier.and_then(|tier| ServiceTier::parse(tier.get("type")?.as_str()?)),
        complete: true,
        content_bytes: head.output.map_or(0, |output| output.get().len() as u64),
        content_seen: head.output.is_some(),
        ..Summary::default()
    };
    if let Some(usage) = &head.usage {
        summary.report(&read_usage(usage));
    }
    summary
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer is not a Converse answer.")
}
