//! Reading a provider's whole answer.

use super::seal;
use super::usage;
use crate::dialects::openai_fault;
use serde_json::{Map, Value};
use tg_kernel::chat::{ChatReply, Content, Part, Stop, StopReason, Thought, ToolUse};
use tg_kernel::fault::Fault;
use tg_kernel::usage::{PartialUsage, ServiceTier, Usage};

/// Reads an answer of status 2xx, which may yet report a failure in its body.
pub(super) fn decode(body: &[u8]) -> Result<ChatReply, Fault> {
    let value: Value = serde_json::from_slice(body).map_err(|error| garbage().caused_by(error))?;
    let Value::Object(mut response) = value else { return Err(garbage()) };
    let Some(Value::Array(items)) = response.remove("output") else {
        return Err(failure(&response).unwrap_or_else(garbage));
    };
    let mut parts = Vec::new();
    for item in items {
        read_item(item, &mut parts);
    }
    let seen = Seen {
        calls: parts.iter().any(|part: &Part| matches!(part.content, Content::ToolUse(_))),
        refusals: parts.iter().any(|part| matches!(part.content, Content::Refusal(_))),
    };
    let ending = read_ending(&response, seen)?;
    Ok(ChatReply {
        id: text_of(&response, "id"),
        model: text_of(&response, "model"),
        parts,
        stop: ending.stop,
        usage: {
            let mut usage = Usage::default();
            usage.replace(&ending.usage);
            usage
        },
        tier: ending.tier,
        latency_ms: None,
    })
}

/// What an answer held besides text: it decides what its end means.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) calls: bool,
    pub(super) refusals: bool,
}

/// How an answer ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) stop: Stop,
    pub(super) usage: PartialUsage,
    pub(super) tier: Option<ServiceTier>,
}

/// Reads the end of an answer from its response object.
///
/// # Errors
/// The failure that it reports, or `Class::UpstreamFailed` where it is not an end.
pub(super) fn read_ending(response: &Map<String, Value>, seen: Seen) -> Result<Ending, Fault> {
    if let Some(fault) = failure(response) {
        return Err(fault);
    }
    let incomplete =
        response.get("incomplete_details").and_then(|details| details.get("reason")).and_then(Value::as_str);
    let reason = stop_reason(response.get("status").and_then(Value::as_str), incomplete, seen).ok_or_else(garbage)?;
    Ok(Ending {
        stop: Stop { reason, sequence: None },
        usage: response.get("usage").map(usage::read).unwrap_or_default(),
        tier: response.get("service_tier").and_then(Value::as_str).and_then(ServiceTier::parse),
    })
}

/// Why an answer ended; `None` where it has not ended.
pub(super) fn stop_reason(status: Option<&str>, incomplete: Option<&str>, seen: Seen) -> Option<StopReason> {
    match (status, incomplete) {
        (None | Some("completed"), _) if seen.calls => Some(StopReason::ToolUse),
        (None | Some("completed"), _) if seen.refusals => Some(StopReason::Refusal),
        (None | Some("completed"), _) => Some(StopReason::EndTurn),
        (Some("incomplete"), Some("max_output_tokens")) => Some(StopReason::MaxTokens),
        (Some("incomplete"), Some("content_filter")) => Some(StopReason::ContentFilter),
        (Some("incomplete"), _) => Some(StopReason::Unknown),
        _ => None,
    }
}

/// The failure that a response reports which is known to have failed.
pub(super) fn read_failure(response: &Value) -> Fault {
    response.as_object().and_then(failure).unwrap_or_else(unexplained)
}

/// The failure that a response object reports, if it does.
fn failure(response: &Map<String, Value>) -> Option<Fault> {
    let error = response.get("error").filter(|error| !error.is_null());
    match (response.get("status").and_then(Value::as_str), error) {
        (_, Some(error)) => Some(openai_fault::decode_stream_error(error)),
        (Some("failed" | "cancelled"), None) => Some(unexplained()),
        _ => None,
    }
}

fn unexplained() -> Fault {
    Fault::upstream_failed("upstream_error", "The provider failed to answer and gave no reason.")
}

fn text_of(object: &Map<String, Value>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn read_item(item: Value, parts: &mut Vec<Part>) {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "message" => {
            for content in item.get("content").and_then(Value::as_array).into_iter().flatten() {
                let text = |name: &str| content.get(name).and_then(Value::as_str).map(str::to_owned);
                match content.get("type").and_then(Value::as_str) {
                    Some("output_text") => parts.extend(text("text").map(Part::text)),
                    Some("refusal") => parts.extend(text("refusal").map(|text| Part::new(Content::Refusal(text)))),
                    _ => {}
                }
            }
        }
        "function_call" => parts.push(Part::new(Content::ToolUse(read_call(&item)))),
        "reasoning" => {
            let thought = read_thought(&item);
            if thought != Thought::default() {
                parts.push(Part::new(Content::Reasoning(thought)));
            }
        }
        _ => parts.push(Part::new(Content::Other(kind, item))),
    }
}

/// The call in a `function_call` item.
pub(super) fn read_call(item: &Value) -> ToolUse {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = text("call_id");
    ToolUse { id: if id.is_empty() { text("id") } else { id }, name: text("name"), arguments: text("arguments") }
}

/// The thought in a `reasoning` item: the reasoning itself where it is shown, else its summary.
pub(super) fn read_thought(item: &Value) -> Thought {
    let texts = |name: &str| {
        let items = item.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<Vec<_>>().join("\n\n")
    };
    let shown = texts("content");
    let mut thought = Thought { text: if shown.is_empty() { texts("summary") } else { shown }, ..Thought::default() };
    if let Some(encrypted) = item.get("encrypted_content").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        seal::open(encrypted.to_owned(), &mut thought);
    }
    thought
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer is not an OpenAI response.")
}
