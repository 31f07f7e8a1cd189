//! What is known of a request without decoding its messages.

/// Bytes of text that stand for one token where nobody counted. English prose and JSON have 3.5 to 4.
pub const BYTES_PER_TOKEN: u64 = 4;

/// Tokens that stand for one picture or document where nobody counted: a middling picture, or page, with every vendor.
pub const MEDIA_TOKENS: u64 = 1_600;

/// What there is of a body to be read by a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that may be text.
    pub text_bytes: u64,
    /// Pictures and documents that stand in the body itself.
    pub media: u64,
}

impl Weight {
    /// The input tokens to book where a provider did not report any. Rows made with it are marked `estimated`.
    #[must_use]
    pub const fn tokens(self) -> u64 {
        self.text_bytes.div_ceil(BYTES_PER_TOKEN).saturating_add(self.media.saturating_mul(MEDIA_TOKENS))
    }
}

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
    /// How many answers the caller wants (`n`), where it says so.
    pub answers: Option<u64>,
    /// Whether the caller asks the model to reason.
    pub reasons: bool,
    /// The caller's own bound on reasoning, where given: an answer must be allowed more than that.
    pub reasoning_tokens_max: Option<u64>,
    /// Free pairs from body `metadata` / `requestMetadata` (only string values, at most 16).
    pub metadata: Vec<(String, String)>,
}
