//! The canonical embedding request and reply.

use crate::usage::Usage;

/// What a caller asks of an embedding model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedRequest {
    /// The model named by the caller.
    pub model: String,
    /// What to embed.
    pub input: EmbedInput,
    /// The number of dimensions wanted.
    pub dimensions: Option<u32>,
    /// How vectors are written in the answer.
    pub encoding: VectorEncoding,
    /// The caller's end user.
    pub user: Option<String>,
    /// Members with no word of their own.
    pub extra: Vec<(String, serde_json::Value)>,
}

/// What to embed.
#[derive(Clone, Debug, PartialEq)]
pub enum EmbedInput {
    /// Texts, one vector each.
    Texts(Vec<String>),
    /// Token ids of the provider's own vocabulary, one vector each.
    Tokens(Vec<Vec<u32>>),
}

impl Default for EmbedInput {
    fn default() -> Self {
        Self::Texts(Vec::new())
    }
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorEncoding {
    /// A JSON array of numbers.
    #[default]
    Float,
    /// Base64 of little-endian `f32`s.
    Base64,
}

/// The vectors, in the order of the input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedReply {
    /// The model that the provider says answered; may be empty.
    pub model: String,
    /// One vector for each input.
    pub vectors: Vec<Vec<f32>>,
    /// What it used.
    pub usage: Usage,
}
