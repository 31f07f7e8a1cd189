//! Questions to those who say who a caller is: one small answer to one GET, without redirects or second tries.

use crate::pools::Pools;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use std::time::Duration;
use tg_kernel::fault::Fault;
use tg_net::body::{BodyError, BodyLimits};
use tg_net::client::SendError;
use tg_net::egress::EgressPolicy;

/// Longest answer. Sets of keys are some kilobytes.
const LIMITS: BodyLimits = BodyLimits {
    bytes_max: 256 << 10,
    idle_timeout: Duration::from_secs(3),
    whole_timeout: Some(Duration::from_secs(10)),
};

/// Longest wait for one whole answer.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Why there is no answer. Names no address: what is asked may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// The question cannot be written as a request.
    #[error("the question cannot be written as a request")]
    Unaskable,
    /// The connection cannot be set up.
    #[error("{0}")]
    Setup(String),
    /// There was no answer.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The answer could not be read.
    #[error("the answer could not be read: {0}")]
    Body(#[from] BodyError),
    /// It took too long.
    #[error("no answer within {TIMEOUT:?}")]
    TimedOut,
}

/// Asks for an address, with these headers and no others, and answers the status and the body.
///
/// # Errors
/// When there is no whole answer.
pub async fn get(
    pools: &Pools,
    egress: EgressPolicy,
    address: &str,
    headers: &[(&'static str, &str)],
) -> Result<(StatusCode, Bytes), InquiryError> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = address.parse().map_err(|_| InquiryError::Unaskable)?;
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(|_| InquiryError::Unaskable)?;
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let client = pools.witnesses(egress).map_err(|fault| InquiryError::Setup(why(&fault)))?;
    let asking = async {
        let (head, body) = client.send(request).await?.into_parts();
        Ok((head.status, tg_net::body::read(body, LIMITS).await?))
    };
    tokio::time::timeout(TIMEOUT, asking).await.unwrap_or(Err(InquiryError::TimedOut))
}

fn why(fault: &Fault) -> String {
    fault.cause().map_or_else(|| fault.to_string(), ToString::to_string)
}
