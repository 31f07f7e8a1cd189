//! Amazon Bedrock: the runtime endpoint, signed with SigV4 or called with a Bedrock API key.

use crate::provider::{Call, Provider};
use crate::providers::base::{join, secret_header, segment};
use crate::road::Road;
use crate::sign::sign_v4;
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Uri};
use tg_dialect::dialects::bedrock_converse::ModelFamily;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::secret::Secret;

/// The service name in SigV4 scopes.
const SERVICE: &str = "bedrock";

/// The longest model id that Bedrock takes (botocore's model of the service).
const MODEL_BYTES_MAX: usize = 2048;

/// Bedrock's runtime endpoint in one region.
pub struct Bedrock {
    base: String,
    region: String,
    identity: Identity,
}

/// How the gateway proves to AWS who calls.
pub enum Identity {
    /// SigV4 with explicit keys.
    Keys(Credentials),
    /// A Bedrock API key, as bearer.
    ApiKey(Secret),
}

impl Identity {
    /// Explicit keys; `session_token` where they are temporary.
    #[must_use]
    pub fn keys(access_key_id: &Secret, secret_access_key: &Secret, session_token: Option<&Secret>) -> Self {
        Self::Keys(Credentials::new(
            access_key_id.expose(),
            secret_access_key.expose(),
            session_token.map(|token| token.expose().to_owned()),
            None,
            "tallygate-configuration",
        ))
    }
}

/// The public address of the runtime endpoint in `region`, in that region's partition.
#[must_use]
pub fn base_url(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://bedrock-runtime.{region}.{suffix}")
}

impl Bedrock {
    /// The endpoint at `base`, signed for `region`.
    #[must_use]
    pub fn new(base: impl Into<String>, region: impl Into<String>, identity: Identity) -> Self {
        Self { base: base.into(), region: region.into(), identity }
    }
}

impl Provider for Bedrock {
    fn road(&self, operation: Operation, inbound: Dialect, model: &str) -> Option<Road> {
        match (operation, inbound) {
            (_, Dialect::BedrockConverse) => Some(Road::relay(Dialect::BedrockConverse)),
            (_, Dialect::BedrockInvoke) => Some(Road::relay(Dialect::BedrockInvoke)),
            (Operation::Embeddings, _) => Some(Road::transcode(Dialect::BedrockInvoke)),
            (Operation::Chat, Dialect::AnthropicMessages) if ModelFamily::of(model).may_be_claude() => {
                Some(Road::rewrap(Dialect::BedrockInvoke))
            }
            _ => Some(Road::transcode(Dialect::BedrockConverse)),
        }
    }

    fn address(&self, call: &Call<'_>) -> Result<Uri, Fault> {
        // A segment of dots would be a step up, not a name.
        if matches!(call.model, "" | "." | "..") || call.model.len() > MODEL_BYTES_MAX {
            return Err(Fault::new(Class::NotFound, Origin::Caller, "model_not_found", "No such model."));
        }
        let action = match (call.operation, call.dialect, call.stream) {
            (Operation::CountTokens, ..) => "count-tokens",
            (_, Dialect::BedrockInvoke, true) => "invoke-with-response-stream",
            (_, Dialect::BedrockInvoke, false) => "invoke",
            (_, _, true) => "converse-stream",
            (_, _, false) => "converse",
        };
        join(&self.base, &format!("/model/{}/{action}", segment(call.model)))
    }

    fn authorize(&self, request: &mut Request<Bytes>, now: Timestamp) -> Result<(), Fault> {
        match &self.identity {
            Identity::Keys(credentials) => sign_v4(request, credentials, &self.region, SERVICE, now),
            Identity::ApiKey(key) => {
                let value = secret_header("Bearer ", key)?;
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
        }
    }
}
