//! What is known of a request without decoding its messages.

/// Facts read from the top level of a request body (and, for Bedrock, from its path).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peek {
    /// The model that the caller names. Attacker-controlled text.
    pub model: String,
    /// Whether the caller wants a stream.
    pub stream: bool,
    /// OpenAI chat: whether the caller asked for the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// The caller's own bound on output tokens, where given.
    pub output_tokens_max: Option<u64>,
    /// Free pairs from body `metadata` / `requestMetadata` (only string values, at most 16).
    pub metadata: Vec<(String, String)>,
    /// Size of the body in bytes: the base of input estimates.
    pub body_bytes: u64,
}
