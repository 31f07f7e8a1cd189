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
