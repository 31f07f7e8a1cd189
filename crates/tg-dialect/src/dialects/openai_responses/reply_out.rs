//! Writing a whole answer, and the response object that streams share with it.

use super::items_out::is_own_item;
use super::{seal, usage};
use crate::conversation::is_blank;
use crate::dialect::ReplyFacts;
use bytes::Bytes;
use serde_json::{Value, json};
use tg_kernel::chat::{ChatReply, Content, Part, Stop, StopReason, Thought, ToolUse};
use tg_kernel::ids::CallId;
use tg_kernel::usage::{ServiceTier, Usage};

/// How an answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    /// Cut short, with the dialect's word for the reason.
    Incomplete(&'static str),
    Failed,
}

impl Status {
    /// How an answer ended. An answer with a refusal in it is complete: the refusal is the answer.
    pub(super) const fn of_stop(stop: &Stop, refuses: bool) -> Self {
        match stop.reason {
            StopReason::MaxTokens | StopReason::ContextWindow => Self::Incomplete("max_output_tokens"),
            StopReason::ContentFilter | StopReason::Guardrail => Self::Incomplete("content_filter"),
            StopReason::Refusal if !refuses => Self::Incomplete("content_filter"),
            StopReason::Refusal
            | StopReason::EndTurn
            | StopReason::StopSequence
            | StopReason::ToolUse
            | StopReason::PauseTurn
            | StopReason::Malformed
            | StopReason::Unknown => Self::Completed,
        }
    }

    /// The word for a response or an item.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// What a response object says besides the facts of the call.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) id: &'a str,
    pub(super) status: Status,
    pub(super) output: Vec<Value>,
    pub(super) usage: Option<&'a Usage>,
    pub(super) tier: Option<ServiceTier>,
    pub(super) error: Value,
}

impl Shape<'_> {
    /// The response object. What it echoes of a request is said in its neutral form: the request is not at hand.
    pub(super) fn write(self, facts: &ReplyFacts) -> Value {
        let incomplete = match self.status {
            Status::Incomplete(reason) => json!({ "reason": reason }),
            Status::InProgress | Status::Completed | Status::Failed => Value::Null,
        };
        let tier = self.tier.and_then(|tier| match tier {
            ServiceTier::Default => Some("default"),
            ServiceTier::Flex => Some("flex"),
            ServiceTier::Priority => Some("priority"),
            // No words of this dialect.
            ServiceTier::Batch | ServiceTier::Reserved => None,
        });
        json!({
            "id": self.id,
            "object": "response",
            "created_at": facts.created.seconds(),
            "status": self.status.word(),
            "background": false,
            "error": self.error,
            "incomplete_details": incomplete,
            "instructions": null,
            "max_output_tokens": null,
            "metadata": {},
            "model": facts.model,
            "output": self.output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "service_tier": tier,
            "store": false,
            "temperature": null,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
            "truncation": "disabled",
            "usage": self.usage.map(usage::write),
            "user": null,
        })
    }
}

/// Writes a whole answer.
pub(super) fn encode(reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
    let refuses = reply.parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
    let status = Status::of_stop(&reply.stop, refuses);
    let shape = Shape {
        id: &response_id(&reply.id, facts.id),
        status,
        output: items(&reply.parts, facts.id, status),
        usage: Some(&reply.usage),
        tier: reply.tier,
        error: Value::Null,
    };
    shape.write(facts).to_string().into()
}

/// The output items: neighbouring texts and refusals are one message.
fn items(parts: &[Part], call: CallId, status: Status) -> Vec<Value> {
    let mut items: Vec<Value> = Vec::new();
    let mut message: Vec<Value> = Vec::new();
    for part in parts {
        match &part.content {
            Content::Text(text) => message.push(text_content(text)),
            Content::Refusal(text) => message.push(refusal_content(text)),
            Content::ToolUse(_) | Content::Reasoning(_) | Content::Other(..) => {
                close_message(&mut message, call, Status::Completed, &mut items);
                let index = items.len();
                items.extend(item(&part.content, call, index));
            }
            Content::Image(_) | Content::Document(_) | Content::Audio(_) | Content::ToolResult(_) => {}
        }
    }
    close_message(&mut message, call, status, &mut items);
    items
}

fn close_message(content: &mut Vec<Value>, call: CallId, status: Status, items: &mut Vec<Value>) {
    if !content.is_empty() {
        let id = item_id("msg", call, items.len());
        items.push(message_item(&id, status, std::mem::take(content)));
    }
}

fn item(content: &Content, call: CallId, index: usize) -> Option<Value> {
    match content {
        Content::ToolUse(used) => Some(call_item(&item_id("fc", call, index), Status::Completed, used)),
        Content::Reasoning(thought) => Some(reasoning_item(&item_id("rs", call, index), thought)),
        Content::Other(kind, value) if is_own_item(kind, value) => Some(value.clone()),
        _ => None,
    }
}

/// A message of the assistant.
pub(super) fn message_item(id: &str, status: Status, content: Vec<Value>) -> Value {
    json!({ "id": id, "type": "message", "status": status.word(), "role": "assistant", "content": content })
}

/// A text in a message.
pub(super) fn text_content(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// A refusal in a message.
pub(super) fn refusal_content(text: &str) -> Value {
    json!({ "type": "refusal", "refusal": text })
}

/// A call of a function.
pub(super) fn call_item(id: &str, status: Status, call: &ToolUse) -> Value {
    // A provider that gives no ids: the item's own ties the outcome to the call as well.
    let call_id = if call.id.is_empty() { id } else { &call.id };
    let arguments = if is_blank(&call.arguments) && status != Status::InProgress { "{}" } else { &call.arguments };
    json!({
        "id": id,
        "type": "function_call",
        "status": status.word(),
        "arguments": arguments,
        "call_id": call_id,
        "name": call.name,
    })
}

/// A piece of reasoning: its text as summary, its proof of origin encrypted.
pub(super) fn reasoning_item(id: &str, thought: &Thought) -> Value {
    let summary = match thought.text.as_str() {
        "" => json!([]),
        text => json!([{ "type": "summary_text", "text": text }]),
    };
    let mut item = json!({ "id": id, "type": "reasoning", "summary": summary });
    if let Some(encrypted) = seal::close(thought) {
        item["encrypted_content"] = encrypted.into();
    }
    item
}

/// The id of an answer: the provider's own where it has the form, else made from the call.
pub(super) fn response_id(own: &str, call: CallId) -> String {
    if own.starts_with("resp_") { own.to_owned() } else { format!("resp_{}", digits(call)) }
}

/// The id of the item at `index`.
pub(super) fn item_id(prefix: &str, call: CallId, index: usize) -> String {
    format!("{prefix}_{}{index:04x}", digits(call))
}

fn digits(call: CallId) -> String {
    let text = call.to_string();
    text.strip_prefix("req_").unwrap_or(&text).to_owned()
}
