//! The canonical chat request and reply: the one form through which different dialects meet.
//!
//! It is used only where dialects differ. Few fields, each a word of the domain; what no word covers is kept in
//! `extra`, so that an encoder can name it as a loss. JSON inside (tool schemas, tool arguments) stays as text or
//! `serde_json::Value` with its member order.

use crate::usage::{ServiceTier, Usage};
use bytes::Bytes;
use serde_json::Value;

/// What a caller asks of a chat model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// The model named by the caller; encoders are given the target's model apart.
    pub model: String,
    /// The conversation, oldest first. System text is a turn with [`Role::System`], wherever it stands.
    pub turns: Vec<Turn>,
    /// The tools the model may call.
    pub tools: Tooling,
    /// Bounds and form of the answer.
    pub output: Output,
    /// Randomness.
    pub sampling: Sampling,
    /// How much to think, where the caller says.
    pub reasoning: Option<Reasoning>,
    /// How to hand over the answer.
    pub delivery: Delivery,
    /// What the caller says of its own user.
    pub caller: CallerNotes,
    /// Members with no word of their own, by their name in the inbound dialect: losses unless the target speaks it.
    pub extra: Vec<(String, Value)>,
}

/// Who speaks a turn. Tool results are parts of a user turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the roles of every dialect")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One turn of a conversation: what one side says before the other speaks.
///
/// Decoders merge neighbours of one role and put tool results first; no turn is without parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// One piece of a turn, with the marks that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The piece itself.
    pub content: Content,
    /// A prompt-cache point directly *after* this part.
    pub cache: Option<CacheTtl>,
}

impl Part {
    /// A part without a cache point.
    #[must_use]
    pub const fn new(content: Content) -> Self {
        Self { content, cache: None }
    }

    /// A text part without a cache point.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }
}

/// How long a prompt-cache entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the two lifetimes that providers offer")]
pub enum CacheTtl {
    FiveMinutes,
    OneHour,
}

/// The kinds of piece.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// A picture.
    Image(Media),
    /// A document.
    Document(Document),
    /// Sound, as input.
    Audio(Media),
    /// The model calls a tool.
    ToolUse(ToolUse),
    /// The outcome of a tool call.
    ToolResult(ToolResult),
    /// The model's reasoning. Must travel back unchanged and in its place.
    Reasoning(Thought),
    /// The model declines (OpenAI's `refusal`).
    Refusal(String),
    /// A block of the inbound dialect with no canonical form: its type and its JSON. Always a loss across dialects.
    Other(String, Value),
}

/// A picture or sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// MIME type (`image/png`); empty where the source is a URL and the dialect names none.
    pub mime: String,
    /// Where its bytes are.
    pub source: Source,
    /// OpenAI's `detail` for images.
    pub detail: Option<String>,
}

/// Where the bytes of a picture or document are.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// In the request; decoded from base64.
    Bytes(Bytes),
    /// At a URL (`https:`, `s3:`).
    Url(String),
    /// Plain text (documents only).
    Text(String),
    /// A file kept by the provider, by id.
    File(String),
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// MIME type.
    pub mime: String,
    /// The caller's name or title for it.
    pub name: Option<String>,
    /// What the caller says about it.
    pub context: Option<String>,
    /// Where its bytes are.
    pub source: Source,
    /// Whether the model shall cite it.
    pub citations: bool,
}

/// A call of a tool by the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// Ties the result to the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments: JSON text exactly as the model wrote it. Empty means `{}`.
    pub arguments: String,
}

/// The outcome of a tool call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// The id of the call.
    pub id: String,
    /// What the tool answered: text, images, documents.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A piece of reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thought {
    /// The text; may be empty where the provider shows only the signature.
    pub text: String,
    /// Proof of origin; must be returned unchanged.
    pub signature: Option<String>,
    /// Encrypted reasoning in place of text.
    pub redacted: Option<String>,
}

/// The tools offered, and how they may be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tooling {
    /// The tools, in the caller's order (providers cache by it).
    pub tools: Vec<Tool>,
    /// Whether and which tool must be called. `None`: the caller did not say.
    pub choice: Option<ToolChoice>,
    /// Whether several tools may be called in one turn. `None`: the caller did not say.
    pub parallel: Option<bool>,
}

/// A tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub schema: Value,
    /// Whether arguments must match the schema exactly.
    pub strict: Option<bool>,
    /// A prompt-cache point directly after this tool.
    pub cache: Option<CacheTtl>,
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool may be called.
    None,
    /// Some tool must be called (OpenAI `required`, Anthropic and Bedrock `any`).
    Any,
    /// This tool must be called.
    Named(String),
}

/// Bounds and form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// At most this many output tokens.
    pub tokens_max: Option<u64>,
    /// Stop at any of these.
    pub stop: Vec<String>,
    /// The form of the answer.
    pub format: Format,
    /// How many answers; absent means one.
    pub choices: Option<u32>,
    /// How long-winded (OpenAI `verbosity`).
    pub verbosity: Option<String>,
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Format {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object (OpenAI `json_object`).
    JsonObject,
    /// JSON that matches a schema.
    JsonSchema {
        /// The schema's name, where the dialect has one.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Whether it must match exactly.
        strict: Option<bool>,
    },
}

/// Randomness.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the field's own names")]
pub struct Sampling {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub seed: Option<i64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    /// Whether to report log probabilities, and how many alternatives.
    pub logprobs: Option<u32>,
}

/// How much to think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<String>,
    /// At most this many tokens of thinking (Anthropic `budget_tokens`).
    pub budget_tokens: Option<u64>,
    /// The provider decides (Anthropic `adaptive`).
    pub adaptive: bool,
    /// Explicitly off (Anthropic `disabled`).
    pub disabled: bool,
    /// What to show of it: Anthropic `display`, OpenAI Responses `summary`.
    pub display: Option<String>,
}

/// How to hand over the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// As a stream.
    pub stream: bool,
    /// OpenAI chat: with a usage chunk at the end of the stream.
    pub include_usage: bool,
    /// The tier asked for.
    pub tier: Option<ServiceTier>,
}

/// What the caller says of its own user and call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerNotes {
    /// The caller's end user.
    pub user: Option<String>,
    /// Free pairs.
    pub metadata: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatReply {
    /// The provider's id of the answer; empty where it gives none.
    pub id: String,
    /// The model that the provider says answered; empty where it does not say.
    pub model: String,
    /// The answer.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub stop: Stop,
    /// What it used.
    pub usage: Usage,
    /// The tier at which it was served, where the provider says.
    pub tier: Option<ServiceTier>,
    /// The provider's own measure of its latency, where given.
    pub latency_ms: Option<u64>,
}

/// Why an answer ended, with the sequence that stopped it where known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The reason.
    pub reason: StopReason,
    /// The stop sequence that was met.
    pub sequence: Option<String>,
}

/// Why an answer ended. The union of what the dialects distinguish (see the finish-reason table in docs/dialects.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The model was done.
    #[default]
    EndTurn,
    /// A stop sequence was met.
    StopSequence,
    /// The output limit was reached.
    MaxTokens,
    /// The model calls tools.
    ToolUse,
    /// The context window is full.
    ContextWindow,
    /// A provider's guardrail stepped in.
    Guardrail,
    /// The provider's content filter cut the answer.
    ContentFilter,
    /// The model declined for safety.
    Refusal,
    /// The model paused a long turn; the caller shall send it back (Anthropic).
    PauseTurn,
    /// The model wrote what cannot be parsed.
    Malformed,
    /// A reason that this version does not know.
    Unknown,
}

impl StopReason {
    /// The name in stores, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::StopSequence => "stop_sequence",
            Self::MaxTokens => "max_tokens",
            Self::ToolUse => "tool_use",
            Self::ContextWindow => "context_window",
            Self::Guardrail => "guardrail",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::PauseTurn => "pause_turn",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
        }
    }
}
