//! One try at a call: a signed request out, the head of an answer or a fault back.

use crate::pools::Pools;
use crate::provider::{Pass, Upstream};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_net::client::{SendError, SendErrorKind};

/// Signs and sends `request`, and waits for the answer's head, whatever its status, for as long as `within`.
///
/// Dropping the future cancels the call: the connection (HTTP/1.1) or the stream (HTTP/2) is closed.
///
/// # Errors
/// When there is no answer: `Class::UpstreamFailed` (`upstream_unreachable`: nothing was sent; `upstream_reset`:
/// something may have been), `Class::TimedOut` (`first_byte_timeout`), `Class::Internal` (cannot be sent).
pub async fn attempt(
    upstream: &Upstream,
    pools: &Pools,
    mut request: Request<Bytes>,
    pass: &Pass<'_>,
    within: Duration,
) -> Result<Response<Incoming>, Fault> {
    for (name, value) in &upstream.headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    upstream.provider.authorize(&mut request, pass)?;
    let client = pools.client(upstream)?;
    let sending = client.send(request.map(Full::new));
    match tokio::time::timeout(within, sending).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(unanswered(error)),
        Err(_elapsed) => Err(Fault::new(
            Class::TimedOut,
            Origin::Provider,
            "first_byte_timeout",
            "The provider did not begin to answer in time.",
        )
        .retry(Retry::Elsewhere)),
    }
}

fn unanswered(error: SendError) -> Fault {
    let fault = match error.kind() {
        SendErrorKind::Reset => {
            Fault::upstream_failed("upstream_reset", "The connection to the provider broke before it answered.")
        }
        SendErrorKind::Protocol => {
            Fault::upstream_failed("upstream_garbage", "The provider's answer could not be read.")
        }
        SendErrorKind::Egress => Fault::new(
            Class::UpstreamFailed,
            Origin::Gateway,
            "egress_refused",
            "The gateway may not connect to this provider's address; its operator must allow it.",
        )
        .retry(Retry::Elsewhere),
        SendErrorKind::Unsendable => return Fault::internal(error),
        SendErrorKind::Name | SendErrorKind::Connect | SendErrorKind::ConnectTimeout | SendErrorKind::Tls => {
            Fault::upstream_failed("upstream_unreachable", "The provider could not be reached.")
        }
    };
    fault.caused_by(error)
}
