//! What a call needs of whoever serves it: facts that are read from its request, in whichever dialect it stands.

/// What a call needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Tools are offered.
    pub tools: bool,
    /// The answer must follow a JSON Schema.
    pub json_schema: bool,
    /// The model is asked to reason.
    pub reasoning: bool,
    /// The model is made to call a tool.
    pub forced_tools: bool,
    /// The provider's search of the web is among the tools.
    pub web_search: bool,
    /// Tools of the provider by which a computer is used are among them.
    pub computer_use: bool,
    /// How the next token is drawn is said, and is not the usual.
    pub sampling: bool,
    /// The conversation ends with words of the assistant, which the model is to go on with.
    pub prefill: bool,
    /// Pictures.
    pub images: u32,
    /// Documents.
    pub documents: u32,
    /// Recordings.
    pub audio: u32,
    /// Films.
    pub video: u32,
    /// Messages, or what a dialect has in their place.
    pub turns: u32,
    /// Parts of the request that are marked for a prompt cache.
    pub cache_points: u32,
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// Most output tokens that the caller allows, where it says so.
    pub output_tokens_max: Option<u64>,
}
