//! Counting tokens without running a request: the same question in the dialects that have it.

use crate::dialect::RequestFacts;
use crate::dialects::anthropic_messages::AnthropicMessages;
use crate::dialects::bedrock_converse::BedrockConverse;
use crate::loss::Encoded;
use bytes::Bytes;
use tg_kernel::chat::{ChatRequest, Content, Document, Part, Source};
use tg_kernel::dialect::{Dialect, Family};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::peek::{BYTES_PER_TOKEN, MEDIA_TOKENS};

/// Reads a count request.
///
/// # Errors
/// `Class::Malformed` naming the member; `Class::Unsupported` for a dialect that has no such question.
pub fn decode_request(dialect: Dialect, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
    match dialect.family() {
        Family::Anthropic => AnthropicMessages.decode_count_request(facts, body),
        Family::Bedrock => BedrockConverse.decode_count_request(facts, body),
        Family::Openai => Err(unsupported()),
    }
}

/// Writes a count request for `model`.
///
/// # Errors
/// `Class::Malformed` when there is no turn; `Class::Unsupported` for a dialect that has no such question.
pub fn encode_request(dialect: Dialect, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
    match dialect.family() {
        Family::Anthropic => AnthropicMessages.encode_count_request(request, model),
        Family::Bedrock => BedrockConverse.encode_count_request(request, model),
        Family::Openai => Err(unsupported()),
    }
}

/// Reads a count: input tokens.
///
/// # Errors
/// `Class::UpstreamFailed` when the body is not what the dialect promises.
pub fn decode_reply(dialect: Dialect, body: &[u8]) -> Result<u64, Fault> {
    match dialect.family() {
        Family::Anthropic => AnthropicMessages.decode_count_reply(body),
        Family::Bedrock => BedrockConverse.decode_count_reply(body),
        Family::Openai => Err(unsupported()),
    }
}

/// Writes a count. Only Bedrock and Anthropic callers can have asked.
#[must_use]
pub fn encode_reply(dialect: Dialect, input_tokens: u64) -> Bytes {
    match dialect.family() {
        Family::Bedrock => BedrockConverse.encode_count_reply(input_tokens),
        Family::Anthropic | Family::Openai => AnthropicMessages.encode_count_reply(input_tokens),
    }
}

/// An estimate of a request's tokens for providers that cannot count: a token for every four bytes of text (system,
/// turns, tools), and a flat sum for each picture or document.
#[must_use]
pub fn estimate(request: &ChatRequest) -> u64 {
    let tools = request.tools.tools.iter().map(|tool| {
        let description = tool.description.as_deref().unwrap_or_default();
        (tool.name.len() + description.len() + tool.schema.to_string().len()) as u64
    });
    let turns = request.turns.iter().flat_map(|turn| &turn.parts).map(weight);
    (tools.sum::<u64>() + turns.sum::<u64>()).div_ceil(BYTES_PER_TOKEN)
}

/// A picture or a document, as if it were text.
const MEDIA_BYTES: u64 = MEDIA_TOKENS * BYTES_PER_TOKEN;

fn weight(part: &Part) -> u64 {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => text.len() as u64,
        Content::Reasoning(thought) => thought.text.len() as u64,
        Content::ToolUse(call) => (call.name.len() + call.arguments.len()) as u64,
        Content::ToolResult(result) => result.parts.iter().map(weight).sum(),
        Content::Document(Document { source: Source::Text(text), .. }) => text.len() as u64,
        Content::Image(_) | Content::Document(_) | Content::Audio(_) => MEDIA_BYTES,
        Content::Other(_, value) => value.to_string().len() as u64,
    }
}

fn unsupported() -> Fault {
    Fault::new(Class::Unsupported, Origin::Caller, "operation_unsupported", "This dialect does not count tokens.")
}
