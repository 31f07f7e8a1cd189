//! One question to a service: a JSON body out, a small JSON answer back, without redirects or second tries.

use super::Asker;
use super::opinion::{Failure, FailureKind};
use crate::attempt::attempt;
use crate::aws::Proof;
use crate::provider::{Pass, Upstream};
use crate::providers::bedrock::Surface;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use serde_json::Value;
use std::time::Duration;
use tg_kernel::fault::{Class, Fault};
use tg_net::body::{BodyError, BodyLimits};

/// Longest answer: more than the longest piece of text, which may come back redacted.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How an answer is read. It ends in time because the question does.
const LIMITS: BodyLimits =
    BodyLimits { bytes_max: ANSWER_BYTES_MAX, idle_timeout: Duration::from_secs(60), whole_timeout: None };

/// A request with a JSON body.
pub(super) fn request(address: Uri, body: impl Into<Bytes>) -> Request<Bytes> {
    let mut request = Request::new(body.into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = address;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request
}

/// Asks a provider at a path of its API that is no dialect's, and answers the JSON of its success.
pub(super) async fn ask(upstream: &Upstream, asker: &Asker<'_>, path: &str, body: &Value) -> Result<Value, Failure> {
    let address = upstream.provider.runtime_address(path).map_err(unanswered)?;
    let body = to_provider(upstream, asker, request(address, body.to_string()), None).await?;
    serde_json::from_slice(&body).map_err(|_| Failure::unreadable("its answer is no JSON"))
}

/// Sends a question to a provider, with its credentials, and answers the body of its success.
pub(super) async fn to_provider(
    upstream: &Upstream,
    asker: &Asker<'_>,
    request: Request<Bytes>,
    surface: Option<Surface>,
) -> Result<Bytes, Failure> {
    let proof = match &upstream.identity {
        Some(identity) => asker.wallet.proof(identity, asker.caller).await.map_err(without_credentials)?,
        None => Proof::Standing,
    };
    let pass = Pass { proof: &proof, surface, now: asker.clock.now() };
    let response =
        attempt(upstream, asker.pools, request, &pass, upstream.timeouts.first_byte).await.map_err(unanswered)?;
    read(response).await
}

/// The body of a success.
pub(super) async fn read(response: Response<Incoming>) -> Result<Bytes, Failure> {
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        let unable = head.status.is_server_error()
            || matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        let kind = if unable { FailureKind::Unable } else { FailureKind::Refused };
        return Err(Failure::new(kind, format!("it answers with status {}", head.status.as_u16())));
    }
    tg_net::body::read(body, LIMITS).await.map_err(|error| match error {
        BodyError::TooLarge { limit } => {
            Failure::new(FailureKind::Unreadable, format!("its answer is longer than {limit} bytes"))
        }
        BodyError::TimedOut(_) | BodyError::TooSlow(_) => Failure::new(FailureKind::TimedOut, ""),
        BodyError::Broken(_) => Failure::new(FailureKind::Unreachable, "its answer broke off"),
    })
}

/// Why a provider gave no answer.
pub(super) fn unanswered(fault: Fault) -> Failure {
    let kind = match (fault.class, fault.code) {
        (Class::TimedOut, _) => FailureKind::TimedOut,
        (_, "upstream_garbage") => FailureKind::Unreadable,
        _ => FailureKind::Unreachable,
    };
    Failure::new(kind, fault.cause().map_or_else(String::new, ToString::to_string))
}

fn without_credentials(fault: Fault) -> Failure {
    Failure::new(FailureKind::NoCredentials, fault.cause().map_or_else(String::new, ToString::to_string))
}
