//! Members of answers that tell of an answer and are no part of it: what was asked for, said again, how it was made, and what it
//! rests on.

use crate::tape::{Kind, Node};
use tg_kernel::passage::Channel;

/// What a top-level member of an answer is, or of one that a frame repeats; `None` for what it is in any body.
pub(super) fn top_level(name: &str, value: Node<'_, '_>) -> Option<Channel> {
    let told = match value.kind() {
        Kind::Object if name == "reasoning" => return Some(reasoning(value)),
        Kind::Object => matches!(name, "tool_choice" | "prompt" | "billing" | "incomplete_details"),
        Kind::String => {
            matches!(name, "prompt" | "prompt_cache_retention" | "provider" | "amazon-bedrock-guardrailAction")
        }
        _ => false,
    };
    told.then_some(Channel::Metadata)
}

/// How much was to be thought, or else the thoughts.
fn reasoning(value: Node<'_, '_>) -> Channel {
    let is_asked = |name: &str| matches!(name, "effort" | "summary" | "generate_summary");
    if value.members().all(|(key, _)| is_asked(&key.text())) { Channel::Metadata } else { Channel::Reasoning }
}

/// Whether an object is an answer of Responses, which an event repeats with what was asked for. Others may be what a model says.
pub(super) fn is_response(value: Node<'_, '_>) -> bool {
    let object: Option<Node<'_, '_>> = value.member("object");
    object.is_some_and(|object| object.kind() == Kind::String && object.text() == "response")
}

/// Whether an answer, or a chunk of one, is in no words of a dialect of which all names are known: a model's own, as InvokeModel
/// hands it on.
pub(super) fn is_of_no_dialect(root: Node<'_, '_>) -> bool {
    let says_what = |name: &str| root.member(name).is_some_and(|value: Node<'_, '_>| value.kind() == Kind::String);
    let is_converse = root.member("output").is_some_and(|output| output.member("message").is_some());
    root.kind() == Kind::Object
        && !says_what("object")
        && !says_what("type")
        && !is_converse
        && root.member("choices").is_none()
        && !root.members().any(|(key, _)| is_event(&key.text()))
}

/// Whether this is the name of an event of Converse, as InvokeModel streams Nova's.
fn is_event(name: &str) -> bool {
    matches!(name, "messageStart" | "contentBlockStart" | "contentBlockDelta" | "contentBlockStop" | "messageStop")
}

/// What a member at any depth of an answer is; `None` for what it is in any body.
pub(super) fn member(name: &str) -> Option<Channel> {
    Some(match name {
        "usage"
        | "container"
        | "stop_sequence"
        | "native_finish_reason"
        | "content_filter_result"
        | "content_filter_results"
        | "content_filter_offsets"
        | "prompt_filter_results" => Channel::Metadata,
        "reasoning" | "reasoning_details" => Channel::Reasoning,
        "annotation" | "annotations" | "search_results" => Channel::Document,
        _ => return None,
    })
}

/// What an item of this type of an answer is; `None` for what it is in any body.
pub(super) fn part(kind: &str) -> Option<Channel> {
    Some(match kind {
        "web_search_call" | "file_search_call" | "image_generation_call" | "mcp_approval_request" => {
            Channel::ToolArguments
        }
        "mcp_list_tools" => Channel::Definition,
        _ => return None,
    })
}
