//! What a text of a call is to the model: said by the caller, told by a tool, made by the model itself.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where a text of a call stands. What is trusted, and what may be asked of it, differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Instructions of whoever built the application: system and developer turns.
    System,
    /// What the caller says; also whatever no other channel claims.
    User,
    /// What the model says, in an answer or in the history of a request.
    Assistant,
    /// What the model thinks.
    Reasoning,
    /// What the model passes to a tool: its name and arguments.
    ToolArguments,
    /// What a tool answered. Nobody vouches for it.
    ToolResult,
    /// A document, a search result, a citation. Nobody vouches for it.
    Document,
    /// Descriptions of tools and schemas of answers.
    Definition,
    /// Labels of the call that no model reads, but that reach the provider.
    Metadata,
}

impl Channel {
    /// All channels, in the order in which docs list them.
    pub const ALL: [Self; 9] = [
        Self::System,
        Self::User,
        Self::Assistant,
        Self::Reasoning,
        Self::ToolArguments,
        Self::ToolResult,
        Self::Document,
        Self::Definition,
        Self::Metadata,
    ];

    /// The name in configuration, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Reasoning => "reasoning",
            Self::ToolArguments => "tool_arguments",
            Self::ToolResult => "tool_result",
            Self::Document => "document",
            Self::Definition => "definition",
            Self::Metadata => "metadata",
        }
    }

    /// Whether nobody who is known vouches for the text: instructions in it are suspicious in themselves.
    #[must_use]
    pub const fn is_untrusted(self) -> bool {
        matches!(self, Self::ToolResult | Self::Document)
    }
}

/// A stretch of a text, and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Bytes of the text, from its beginning.
    pub range: Range<usize>,
    /// What stands there instead.
    pub text: String,
}
