//! The list of dialects. Each folder owns one wire format.

pub mod anthropic_messages;
pub mod bedrock_converse;
pub mod bedrock_invoke;
pub mod openai_chat;
pub mod openai_embeddings;
pub mod openai_fault;
pub mod openai_responses;

use crate::dialect::{InboundDialect, RequestFacts, UpstreamDialect};
use crate::scan::Members;
use crate::tap::Summary;
use anthropic_messages::AnthropicMessages;
use bedrock_converse::BedrockConverse;
use bedrock_invoke::BedrockInvoke;
use openai_chat::OpenaiChat;
use openai_embeddings::OpenaiEmbeddings;
use openai_responses::OpenaiResponses;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;

/// The caller's side of a dialect. Embeddings have no chat of their own: theirs is that of OpenAI's family, whose
/// faults they share.
#[must_use]
pub fn inbound(dialect: Dialect) -> &'static dyn InboundDialect {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => &OpenaiChat::OPENAI,
        Dialect::OpenaiResponses => &OpenaiResponses,
        Dialect::AnthropicMessages => &AnthropicMessages,
        Dialect::BedrockConverse => &BedrockConverse,
        Dialect::BedrockInvoke => &BedrockInvoke,
    }
}

/// The provider's side of a dialect, as its own vendor speaks it.
#[must_use]
pub fn upstream(dialect: Dialect) -> &'static dyn UpstreamDialect {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => &OpenaiChat::OPENAI,
        Dialect::OpenaiResponses => &OpenaiResponses,
        Dialect::AnthropicMessages => &AnthropicMessages,
        Dialect::BedrockConverse => &BedrockConverse,
        Dialect::BedrockInvoke => &BedrockInvoke,
    }
}

/// The cheap facts of a body.
///
/// # Errors
/// `Class::Malformed` naming the member.
pub fn peek(dialect: Dialect, facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault> {
    match dialect {
        Dialect::OpenaiEmbeddings => OpenaiEmbeddings.peek(members),
        other => inbound(other).peek(facts, members),
    }
}

/// What a whole relayed answer (status 2xx) says of itself.
#[must_use]
pub fn read_summary(dialect: Dialect, body: &[u8]) -> Summary {
    match dialect {
        Dialect::OpenaiEmbeddings => OpenaiEmbeddings.read_summary(body),
        other => upstream(other).read_summary(body),
    }
}
