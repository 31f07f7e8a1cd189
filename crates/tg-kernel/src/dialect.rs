//! The wire formats that callers and providers speak, and the operations that they carry.

use serde::{Deserialize, Serialize};

/// A wire format. Not a provider: several providers may speak one dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI Chat Completions: JSON, streamed as SSE ending in `[DONE]`.
    OpenaiChat,
    /// OpenAI Responses: JSON, streamed as typed SSE events.
    OpenaiResponses,
    /// OpenAI Embeddings.
    OpenaiEmbeddings,
    /// Anthropic Messages: JSON, streamed as typed SSE events.
    AnthropicMessages,
    /// Amazon Bedrock Converse: JSON, streamed as AWS event-stream frames.
    BedrockConverse,
    /// Amazon Bedrock InvokeModel: the model family's own JSON, streamed inside AWS event-stream `chunk` frames.
    BedrockInvoke,
}

/// Dialects that share an error shape, credential headers and a model list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "vendors")]
pub enum Family {
    Openai,
    Anthropic,
    Bedrock,
}

impl Dialect {
    /// Every dialect, in the order in which docs list them.
    pub const ALL: [Self; 6] = [
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::OpenaiEmbeddings,
        Self::AnthropicMessages,
        Self::BedrockConverse,
        Self::BedrockInvoke,
    ];

    /// The name in configuration, stores, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai_chat",
            Self::OpenaiResponses => "openai_responses",
            Self::OpenaiEmbeddings => "openai_embeddings",
            Self::AnthropicMessages => "anthropic_messages",
            Self::BedrockConverse => "bedrock_converse",
            Self::BedrockInvoke => "bedrock_invoke",
        }
    }

    /// Reads what [`Dialect::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == name)
    }

    /// Whose error shape and credential headers it uses.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::OpenaiChat | Self::OpenaiResponses | Self::OpenaiEmbeddings => Family::Openai,
            Self::AnthropicMessages => Family::Anthropic,
            Self::BedrockConverse | Self::BedrockInvoke => Family::Bedrock,
        }
    }
}

/// What is asked for, apart from the wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Produce the next turn of a conversation.
    Chat,
    /// Turn text into vectors.
    Embeddings,
    /// Count the tokens of a chat request without running it.
    CountTokens,
    /// Check text by a guardrail, apart from any model.
    Guardrail,
    /// Start a model whose output is written elsewhere, later.
    AsyncInvoke,
}

impl Operation {
    /// The name in OpenTelemetry's `gen_ai.operation.name`, stores and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::CountTokens => "count_tokens",
            Self::Guardrail => "guardrail",
            Self::AsyncInvoke => "async_invoke",
        }
    }

    /// Whether a model answers within the call.
    #[must_use]
    pub const fn runs_a_model(self) -> bool {
        matches!(self, Self::Chat | Self::Embeddings)
    }

    /// Whether another model could do as well: chats, and counts of what they say. What else is asked, is asked of one model.
    #[must_use]
    pub const fn is_routable(self) -> bool {
        matches!(self, Self::Chat | Self::CountTokens)
    }

    /// Whether it is billed by tokens. What is not has no price here, and no ceiling: those are rates of tokens.
    #[must_use]
    pub const fn is_billed_by_tokens(self) -> bool {
        !matches!(self, Self::Guardrail | Self::AsyncInvoke)
    }

    /// Reads what [`Operation::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Chat, Self::Embeddings, Self::CountTokens, Self::Guardrail, Self::AsyncInvoke];
        all.into_iter().find(|operation| operation.as_str() == name)
    }
}
