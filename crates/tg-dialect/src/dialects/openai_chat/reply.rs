//! Whole answers: reading a provider's, writing one for a caller, and summing one up without decoding it.

use super::thoughts;
use super::usage::{self, Holds};
use crate::dialect::ReplyFacts;
use crate::tap::Summary;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatReply, Content, Part, Stop, StopReason, Thought, ToolUse};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::usage::{ServiceTier, Usage};

pub(super) fn decode(body: &[u8]) -> Result<ChatReply, Fault> {
    let body: Value = serde_json::from_slice(body).map_err(|e| unreadable().caused_by(e))?;
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(crate::dialects::openai_fault::decode_stream_error(error));
    }
    let choice = body.pointer("/choices/0").ok_or_else(unreadable)?;
    let message = choice.get("message").filter(|message| message.is_object()).ok_or_else(unreadable)?;
    let mut parts: Vec<Part> =
        thoughts::of_message(message).into_iter().map(|thought| Part::new(Content::Reasoning(thought))).collect();
    content(message, &mut parts);
    let refusal = message.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty());
    parts.extend(refusal.map(|text| Part::new(Content::Refusal(text.to_owned()))));
    parts.extend(tool_calls(message));
    let said = match choice.get("finish_reason").and_then(Value::as_str) {
        Some(word) => usage::stop_reason(word),
        None => StopReason::Unknown,
    };
    let mut counts = Usage::default();
    if let Some(reported) = body.get("usage") {
        counts.replace(&usage::read(reported));
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(ChatReply {
        id: text("id"),
        model: text("model"),
        stop: Stop { reason: usage::meant(said, holds(&parts)), sequence: None },
        parts,
        usage: counts,
        tier: body.get("service_tier").and_then(Value::as_str).and_then(ServiceTier::parse),
        latency_ms: None,
    })
}

fn unreadable() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer is not a chat completion.")
}

fn content(message: &Value, parts: &mut Vec<Part>) {
    match message.get("content") {
        Some(Value::String(text)) if !text.is_empty() => parts.push(Part::text(text.as_str())),
        Some(Value::Array(items)) => parts.extend(items.iter().filter_map(listed).map(|piece| match piece {
            Piece::Text(text) => Part::text(text),
            Piece::Reasoning(text) => Part::new(Content::Reasoning(Thought { text, ..Thought::default() })),
        })),
        _ => {}
    }
}

/// One item of a `content` that is an array, as some servers answer.
pub(super) enum Piece {
    Text(String),
    Reasoning(String),
}

pub(super) fn listed(item: &Value) -> Option<Piece> {
    let text = |value: &Value| value.get("text").and_then(Value::as_str).map(str::to_owned);
    match item.get("type").and_then(Value::as_str)? {
        "text" | "output_text" => text(item).map(Piece::Text),
        "thinking" => {
            let pieces = item.get("thinking").and_then(Value::as_array)?;
            Some(Piece::Reasoning(pieces.iter().filter_map(text).collect()))
        }
        _ => None,
    }
}

fn tool_calls(message: &Value) -> Vec<Part> {
    let legacy = message.get("function_call").filter(|call| call.is_object());
    let calls = message.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let functions = calls.iter().filter_map(|call| {
        let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        Some((id.map_or_else(fresh_id, str::to_owned), call.get("function")?))
    });
    let functions = functions.chain(legacy.map(|call| (fresh_id(), call)));
    let part = |(id, function): (String, &Value)| {
        let name = function.get("name").and_then(Value::as_str)?.to_owned();
        let arguments = function.get("arguments").map(arguments_text).unwrap_or_default();
        Some(Part::new(Content::ToolUse(ToolUse { id, name, arguments })))
    };
    functions.filter_map(part).collect()
}

/// Arguments are JSON in a string; some servers write the object itself.
pub(super) fn arguments_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An id for a call to which the provider gave none.
pub(super) fn fresh_id() -> String {
    CallId::fresh().to_string().replacen("req_", "call_", 1)
}

fn holds(parts: &[Part]) -> Holds {
    Holds {
        tool_calls: parts.iter().any(|part| matches!(part.content, Content::ToolUse(_))),
        refusal: parts.iter().any(|part| matches!(part.content, Content::Refusal(_))),
    }
}

/// The id to show: the provider's, else one made of the call's.
pub(super) fn shown_id(id: &str, facts: &ReplyFacts) -> String {
    if id.is_empty() { facts.id.to_string().replacen("req_", "chatcmpl-", 1) } else { id.to_owned() }
}

pub(super) fn encode(reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
    let mut body = Map::new();
    body.insert("id".into(), shown_id(&reply.id, facts).into());
    body.insert("object".into(), "chat.completion".into());
    body.insert("created".into(), facts.created.seconds().into());
    body.insert("model".into(), facts.model.as_str().into());
    body.insert(
        "choices".into(),
        json!([{
            "index": 0,
            "message": message(&reply.parts),
            "logprobs": null,
            "finish_reason": usage::finish_reason(reply.stop.reason, holds(&reply.parts)),
        }]),
    );
    body.insert("usage".into(), usage::write(&reply.usage));
    if let Some(tier) = reply.tier {
        body.insert("service_tier".into(), usage::tier_word(tier).into());
    }
    Bytes::from(Value::Object(body).to_string())
}

fn message(parts: &[Part]) -> Value {
    let (mut text, mut refusal, mut reasoning) = (None, None, None);
    let (mut blocks, mut calls) = (Vec::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::Text(more) => text.get_or_insert_with(String::new).push_str(more),
            Content::Refusal(more) => refusal.get_or_insert_with(String::new).push_str(more),
            Content::Reasoning(thought) => {
                if !thought.text.is_empty() {
                    reasoning.get_or_insert_with(String::new).push_str(&thought.text);
                }
                blocks.extend(thoughts::block(thought));
            }
            Content::ToolUse(call) => {
                let arguments = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
                let function = json!({ "name": call.name, "arguments": arguments });
                calls.push(json!({ "id": call.id, "type": "function", "function": function }));
            }
            Content::Image(_) | Content::Document(_) | Content::Audio(_) => {}
            Content::ToolResult(_) | Content::Other(..) => {}
        }
    }
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), text.into());
    message.insert("refusal".into(), refusal.into());
    if let Some(reasoning) = reasoning {
        message.insert("reasoning_content".into(), reasoning.into());
    }
    if !blocks.is_empty() {
        message.insert("thinking_blocks".into(), blocks.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    Value::Object(message)
}

/// The members of an answer that a summary needs; the rest is passed over.
#[derive(Deserialize)]
struct Glance<'a> {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, borrow)]
    choices: Option<Vec<GlanceChoice<'a>>>,
}

#[derive(Deserialize)]
struct GlanceChoice<'a> {
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
}

pub(super) fn summary(body: &[u8]) -> Summary {
    let Ok(glance) = serde_json::from_slice::<Glance<'_>>(body) else {
        return Summary { failed: true, content_bytes: body.len() as u64, ..Summary::default() };
    };
    let mut summary = Summary {
        model: glance.model,
        tier: glance.service_tier.as_deref().and_then(ServiceTier::parse),
        failed: glance.error.is_some(),
        complete: glance.error.is_none(),
        ..Summary::default()
    };
    if let Some(reported) = &glance.usage {
        summary.report(&usage::read(reported));
    }
    for choice in glance.choices.iter().flatten() {
        let text = choice.message.map_or("", RawValue::get);
        summary.content_bytes += text.len() as u64;
        summary.content_seen |= !text.is_empty();
        let said = choice.finish_reason.as_deref().map_or(StopReason::Unknown, usage::stop_reason);
        summary.stop.get_or_insert(usage::meant(said, holds_of(text)));
    }
    summary
}

/// What a message holds that decides how its end is meant.
fn holds_of(message: &str) -> Holds {
    #[derive(Deserialize)]
    struct Told<'a> {
        tool_calls: Option<Vec<serde::de::IgnoredAny>>,
        #[serde(borrow)]
        refusal: Option<&'a RawValue>,
    }
    if !message.contains("\"tool_calls\"") && !message.contains("\"refusal\"") {
        return Holds::default();
    }
    serde_json::from_str::<Told<'_>>(message).map_or_else(
        |_| Holds::default(),
        |told| Holds {
            tool_calls: told.tool_calls.is_some_and(|calls| !calls.is_empty()),
            refusal: told.refusal.is_some_and(|refusal| refusal.get() != "\"\""),
        },
    )
}
