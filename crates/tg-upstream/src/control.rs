//! A vendor's control plane: single requests, signed as calls are, with their whole answers.

use crate::attempt::attempt;
use crate::aws::Proof;
use crate::pools::Pools;
use crate::provider::{Pass, Upstream};
use crate::providers::base::segment;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_net::body::BodyLimits;

/// Longest answer.
const LIMITS: BodyLimits =
    BodyLimits { bytes_max: 4 << 20, idle_timeout: Duration::from_secs(10), whole_timeout: None };

/// Longest wait for the whole answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// One request.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The method.
    pub method: Method,
    /// Path and query, encoded.
    pub path: &'a str,
    /// The body, where it has one.
    pub body: Option<Value>,
}

/// Sends a question and answers the status and the body, which is `null` where it is no JSON.
///
/// # Errors
/// When there is no answer, or the vendor has no control plane.
pub async fn ask(
    upstream: &Upstream,
    pools: &Pools,
    question: Question<'_>,
    proof: &Proof,
    now: Timestamp,
) -> Result<(StatusCode, Value), Fault> {
    let body = question.body.map(|body| Bytes::from(body.to_string()));
    let mut request = Request::new(body.unwrap_or_default());
    *request.method_mut() = question.method;
    *request.uri_mut() = upstream.provider.control_address(question.path)?;
    if !request.body().is_empty() {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let pass = Pass { proof, surface: None, now };
    let asking = async {
        let (head, body) = attempt(upstream, pools, request, &pass, upstream.timeouts.first_byte).await?.into_parts();
        let body = tg_net::body::read(body, LIMITS).await.map_err(Fault::internal)?;
        Ok((head.status, serde_json::from_slice(&body).unwrap_or_default()))
    };
    tokio::time::timeout(TIMEOUT, asking).await.unwrap_or_else(|_elapsed| Err(late()))
}

/// A text as one segment of a path, or as one value of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    segment(text)
}

/// Where a profile is described.
#[must_use]
pub fn profile_path(name: &str) -> String {
    format!("/inference-profiles/{}", encoded(name))
}

fn late() -> Fault {
    let message = "The provider's control plane did not answer in time.";
    Fault::new(Class::TimedOut, Origin::Provider, "control_plane_timeout", message)
}
