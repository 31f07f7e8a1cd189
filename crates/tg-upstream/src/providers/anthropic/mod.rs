//! Anthropic: the Messages API at `api.anthropic.com`, or any server that speaks it.

use crate::provider::{Asked, Call, Pass, Provider};
use crate::providers::base::{join, secret_header};
use crate::road::Road;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::secret::Secret;

/// The public address.
pub const BASE_URL: &str = "https://api.anthropic.com";

/// The API version for callers that name none: those of other dialects. It allows sampling parameters.
pub(crate) const VERSION_DEFAULT: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The Anthropic API. What does not change from call to call is made once.
#[derive(Debug)]
pub struct Anthropic {
    messages: Uri,
    count_tokens: Uri,
    key: HeaderValue,
}

impl Anthropic {
    /// The API at `base` (without `/v1`).
    ///
    /// # Errors
    /// `Class::Internal` when `base` is not an address or the key cannot be sent.
    pub fn new(base: &str, key: &Secret) -> Result<Self, Fault> {
        Ok(Self {
            messages: join(base, "/v1/messages")?,
            count_tokens: join(base, "/v1/messages/count_tokens")?,
            key: secret_header("", key)?,
        })
    }
}

impl Provider for Anthropic {
    fn road(&self, asked: &Asked<'_>) -> Option<Road> {
        match (asked.operation, asked.inbound) {
            (Operation::Embeddings | Operation::Guardrail | Operation::AsyncInvoke, _)
            | (_, Dialect::OpenaiEmbeddings) => None,
            (_, Dialect::AnthropicMessages) => Some(Road::relay(Dialect::AnthropicMessages)),
            (Operation::Chat, Dialect::BedrockInvoke) => Some(Road::rewrap(Dialect::AnthropicMessages)),
            _ => Some(Road::transcode(Dialect::AnthropicMessages)),
        }
    }

    fn address(&self, call: &Call<'_>) -> Result<Uri, Fault> {
        Ok(match call.operation {
            Operation::CountTokens => self.count_tokens.clone(),
            Operation::Chat | Operation::Embeddings | Operation::Guardrail | Operation::AsyncInvoke => {
                self.messages.clone()
            }
        })
    }

    fn authorize(&self, request: &mut Request<Bytes>, _pass: &Pass<'_>) -> Result<(), Fault> {
        let headers = request.headers_mut();
        headers.entry(HeaderName::from_static("anthropic-version")).or_insert(VERSION_DEFAULT);
        headers.insert(HeaderName::from_static("x-api-key"), self.key.clone());
        Ok(())
    }
}
