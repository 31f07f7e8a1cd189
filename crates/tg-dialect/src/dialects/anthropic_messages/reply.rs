//! Whole Anthropic answers: reading and writing.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatReply, Content, Part, Stop, StopReason, Thought, ToolUse};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::usage::Usage;

use super::usage::{self, UsageReader};
use crate::conversation::arguments_object;
use crate::dialect::ReplyFacts;
use crate::tap::Summary;

/// The reason that a word of the dialect means.
pub(crate) fn read_reason(word: &str) -> StopReason {
    match word {
        "end_turn" => StopReason::EndTurn,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "pause_turn" => StopReason::PauseTurn,
        "refusal" => StopReason::Refusal,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        _ => StopReason::Unknown,
    }
}

/// The word for a reason. Filters and guardrails of other vendors are refusals here.
const fn write_reason(reason: StopReason) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::Malformed | StopReason::Unknown => "end_turn",
        StopReason::StopSequence => "stop_sequence",
        StopReason::MaxTokens => "max_tokens",
        StopReason::ToolUse => "tool_use",
        StopReason::ContextWindow => "model_context_window_exceeded",
        StopReason::Guardrail | StopReason::ContentFilter | StopReason::Refusal => "refusal",
        StopReason::PauseTurn => "pause_turn",
    }
}

/// Adds the members that say why an answer ended.
///
/// An answer that calls tools ended for that reason, whatever its source said. The original word of a reason that
/// became a refusal is kept as its explanation.
pub(crate) fn write_stop(stop: &Stop, calls_tools: bool, object: &mut Map<String, Value>) {
    let reason = if calls_tools && stop.reason == StopReason::EndTurn { StopReason::ToolUse } else { stop.reason };
    object.insert("stop_reason".into(), write_reason(reason).into());
    object.insert("stop_sequence".into(), stop.sequence.as_deref().into());
    if matches!(reason, StopReason::Guardrail | StopReason::ContentFilter) {
        let details = json!({ "type": "refusal", "category": null, "explanation": reason.as_str() });
        object.insert("stop_details".into(), details);
    }
}

/// The id of an answer in this dialect: the provider's own where it has the form, else made from the call.
pub(crate) fn message_id(own: &str, call: CallId) -> String {
    if own.starts_with("msg_") {
        return own.to_owned();
    }
    let call = call.to_string();
    format!("msg_{}", call.strip_prefix("req_").unwrap_or(&call))
}

/// Reads a whole answer.
///
/// # Errors
/// `Class::UpstreamFailed` when the body is not what the dialect promises.
pub(crate) fn decode(body: &[u8]) -> Result<ChatReply, Fault> {
    let mut reply: Value = serde_json::from_slice(body).map_err(|error| garbage().caused_by(error))?;
    let Some(Value::Array(blocks)) = reply.get_mut("content").map(Value::take) else { return Err(garbage()) };
    let text = |name: &str| reply.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let mut usage = Usage::default();
    usage.replace(&UsageReader::default().read(&reply["usage"]));
    Ok(ChatReply {
        id: text("id").unwrap_or_default(),
        model: text("model").unwrap_or_default(),
        parts: blocks.into_iter().map(part).collect(),
        stop: Stop {
            reason: text("stop_reason").map_or(StopReason::Unknown, |word| read_reason(&word)),
            sequence: text("stop_sequence"),
        },
        usage,
        tier: usage::tier(&reply["usage"]),
        latency_ms: None,
    })
}

fn part(mut block: Value) -> Part {
    let mut text = |name: &str| match block.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let kind = text("type").unwrap_or_default();
    Part::new(match kind.as_str() {
        "text" => Content::Text(text("text").unwrap_or_default()),
        "thinking" => Content::Reasoning(Thought {
            text: text("thinking").unwrap_or_default(),
            signature: text("signature").filter(|signature| !signature.is_empty()),
            redacted: None,
        }),
        "redacted_thinking" => Content::Reasoning(Thought { redacted: text("data"), ..Thought::default() }),
        "tool_use" => {
            let (id, name) = (text("id").unwrap_or_default(), text("name").unwrap_or_default());
            let arguments = block.get("input").filter(|input| !input.is_null()).map_or("{}".into(), Value::to_string);
            Content::ToolUse(ToolUse { id, name, arguments })
        }
        _ => {
            if let Some(own) = block.get_mut("type") {
                *own = kind.as_str().into();
            }
            Content::Other(kind, block)
        }
    })
}

/// Writes a whole answer.
pub(crate) fn encode(reply: &ChatReply, facts: &ReplyFacts) -> Value {
    let mut blocks = Vec::with_capacity(reply.parts.len());
    for part in &reply.parts {
        blocks.extend(block(&part.content, &facts.id, blocks.len()));
    }
    let calls_tools = reply.parts.iter().any(|part| matches!(part.content, Content::ToolUse(_)));
    let mut object = Map::new();
    object.insert("id".into(), message_id(&reply.id, facts.id).into());
    object.insert("type".into(), "message".into());
    object.insert("role".into(), "assistant".into());
    object.insert("model".into(), facts.model.as_str().into());
    object.insert("content".into(), Value::Array(blocks));
    write_stop(&reply.stop, calls_tools, &mut object);
    object.insert("usage".into(), usage::write(&reply.usage, reply.tier));
    Value::Object(object)
}

fn block(content: &Content, call: &CallId, index: usize) -> Option<Value> {
    Some(match content {
        Content::Text(text) | Content::Refusal(text) => json!({ "type": "text", "text": text }),
        Content::Reasoning(Thought { redacted: Some(data), .. }) => {
            json!({ "type": "redacted_thinking", "data": data })
        }
        Content::Reasoning(thought) => {
            let signature = thought.signature.as_deref().unwrap_or_default();
            json!({ "type": "thinking", "thinking": thought.text, "signature": signature })
        }
        Content::ToolUse(tool) => {
            let id = tool_id(&tool.id, call, index);
            json!({ "type": "tool_use", "id": id, "name": tool.name, "input": arguments_object(&tool.arguments).0 })
        }
        Content::Image(_) | Content::Document(_) | Content::Audio(_) | Content::ToolResult(_) | Content::Other(..) => {
            return None;
        }
    })
}

/// The id of a tool call: the provider's own, or one made of the call and the block's index.
pub(crate) fn tool_id(own: &str, call: &CallId, index: usize) -> String {
    if !own.is_empty() {
        return own.to_owned();
    }
    let call = call.to_string();
    format!("toolu_{}_{index}", call.strip_prefix("req_").unwrap_or(&call))
}

/// The members of a whole answer that a summary needs.
#[derive(Deserialize)]
struct Head<'a> {
    model: Option<String>,
    stop_reason: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    usage: Option<Value>,
}

/// Reads usage, stop reason and model from a whole answer.
pub(crate) fn summary(body: &[u8]) -> Summary {
    let Ok(head) = serde_json::from_slice::<Head<'_>>(body) else { return Summary::default() };
    let mut summary = Summary {
        stop: head.stop_reason.as_deref().map(read_reason),
        model: head.model,
        complete: true,
        content_bytes: head.content.map_or(0, |content| content.get().len() as u64),
        content_seen: head.content.is_some(),
        ..Summary::default()
    };
    if let Some(usage) = &head.usage {
        summary.report(&UsageReader::default().read(usage));
        summary.tier = usage::tier(usage);
    }
    summary
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer is not an Anthropic message.")
}
