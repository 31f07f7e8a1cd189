//! The seam for dialects in which providers serve embeddings.

use crate::loss::Encoded;
use http::HeaderMap;
use tg_kernel::embed::{EmbedReply, EmbedRequest};
use tg_kernel::fault::Fault;

/// A dialect in which providers serve embeddings.
pub trait EmbedUpstream: Send + Sync {
    /// Writes an embedding request for `model` of the target. What cannot be expressed is in `losses`.
    ///
    /// # Errors
    /// `Class::Unsupported` where the input itself cannot be expressed (token ids for a provider that takes text, or
    /// several inputs for one that takes one).
    fn encode_request(&self, request: &EmbedRequest, model: &str) -> Result<Encoded, Fault>;

    /// Reads a whole answer (status 2xx). `headers` are the answer's own: some providers count tokens there.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when the body is not what the dialect promises.
    fn decode_reply(&self, headers: &HeaderMap, body: &[u8]) -> Result<EmbedReply, Fault>;
}
