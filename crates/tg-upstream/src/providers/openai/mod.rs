//! OpenAI, and every server that speaks its API: what differs between them is data.

use crate::provider::{Asked, Call, Pass, Provider};
use crate::providers::base::{join, secret_header};
use crate::road::Road;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Uri};
use tg_dialect::dialect::UpstreamDialect;
use tg_dialect::dialects::openai_chat::{OpenaiChat, OutputLimit};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::secret::Secret;

/// The public address, version included.
pub const BASE_URL: &str = "https://api.openai.com/v1";

/// What differs between servers that speak OpenAI's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It has `/responses`.
    pub responses: bool,
    /// It has `/embeddings`.
    pub embeddings: bool,
    /// How it wants chat requests written.
    pub chat: &'static OpenaiChat,
}

/// Where the credential goes.
#[derive(Debug)]
pub enum Credential {
    /// None: a local server.
    None,
    /// `Authorization: Bearer`.
    Bearer(Secret),
    /// A header of its own (Azure: `api-key`).
    Header(HeaderName, Secret),
}

/// A server that speaks OpenAI's API. What does not change from call to call is made once.
#[derive(Debug)]
pub struct OpenAi {
    base: String,
    chat: Uri,
    responses: Uri,
    embeddings: Uri,
    credential: Option<(HeaderName, HeaderValue)>,
    abilities: Abilities,
}

impl OpenAi {
    /// The server at `base` (version included: `…/v1`).
    ///
    /// # Errors
    /// `Class::Internal` when `base` is not an address or the credential cannot be sent.
    pub fn new(base: &str, credential: Credential, abilities: Abilities) -> Result<Self, Fault> {
        Ok(Self {
            base: base.to_owned(),
            chat: join(base, "/chat/completions")?,
            responses: join(base, "/responses")?,
            embeddings: join(base, "/embeddings")?,
            credential: match credential {
                Credential::None => None,
                Credential::Bearer(secret) => Some((AUTHORIZATION, secret_header("Bearer ", &secret)?)),
                Credential::Header(name, secret) => Some((name, secret_header("", &secret)?)),
            },
            abilities,
        })
    }
}

impl Provider for OpenAi {
    fn road(&self, asked: &Asked<'_>) -> Option<Road> {
        match (asked.operation, asked.inbound) {
            (Operation::CountTokens | Operation::Guardrail | Operation::AsyncInvoke, _) => None,
            (Operation::Embeddings, Dialect::OpenaiEmbeddings) => {
                self.abilities.embeddings.then_some(Road::relay(Dialect::OpenaiEmbeddings))
            }
            (Operation::Embeddings, _) | (Operation::Chat, Dialect::OpenaiEmbeddings) => None,
            (Operation::Chat, Dialect::OpenaiChat) => Some(Road::relay(Dialect::OpenaiChat)),
            (Operation::Chat, Dialect::OpenaiResponses) if self.abilities.responses => {
                Some(Road::relay(Dialect::OpenaiResponses))
            }
            (Operation::Chat, _) => Some(Road::transcode(Dialect::OpenaiChat)),
        }
    }

    fn speaks(&self, dialect: Dialect) -> &'static dyn UpstreamDialect {
        match dialect {
            Dialect::OpenaiChat => self.abilities.chat,
            other => tg_dialect::dialects::upstream(other),
        }
    }

    fn renamed(&self, dialect: Dialect) -> Option<(&'static str, &'static str)> {
        let older = dialect == Dialect::OpenaiChat && self.abilities.chat.output_limit == OutputLimit::MaxTokens;
        older.then_some(("max_tokens", "max_completion_tokens"))
    }

    fn runtime_address(&self, path: &str) -> Result<Uri, Fault> {
        join(&self.base, path)
    }

    fn address(&self, call: &Call<'_>) -> Result<Uri, Fault> {
        Ok(match (call.operation, call.dialect) {
            (Operation::Embeddings, _) => self.embeddings.clone(),
            (_, Dialect::OpenaiResponses) => self.responses.clone(),
            _ => self.chat.clone(),
        })
    }

    fn authorize(&self, request: &mut Request<Bytes>, _pass: &Pass<'_>) -> Result<(), Fault> {
        if let Some((name, value)) = &self.credential {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        Ok(())
    }
}
