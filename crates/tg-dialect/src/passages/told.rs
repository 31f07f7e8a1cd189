//! Members of answers that tell of an answer and are no part of it: what was asked for, said again, how it was made, and what it
//! rests on.

use crate::tape::Kind;
use tg_kernel::passage::Channel;

/// What a top-level member of an answer is, or of one that a frame repeats; `None` for what it is in any body.
pub(super) fn top_level(name: &str, kind: Kind) -> Option<Channel> {
    let told = match kind {
        Kind::Object => {
            matches!(name, "reasoning" | "tool_choice" | "prompt" | "billing" | "incomplete_details")
        }
        Kind::String => {
            matches!(name, "prompt" | "prompt_cache_retention" | "provider" | "amazon-bedrock-guardrailAction")
        }
        _ => false,
    };
    told.then_some(Channel::Metadata)
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
        "annotation" | "annotations" | "citation" | "search_results" => Channel::Document,
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
