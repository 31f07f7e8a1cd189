//! Taking a call in: its body within limits, its place in the caller's trace.

use crate::settle::Settlement;
use crate::snapshot::Bounds;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Incoming;
use tg_kernel::clock::Clock;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::trace::TraceContext;
use tg_net::body::{BodyError, BodyLimits};
use uuid::Uuid;

/// Reads the body, and tells the settlement how long that took.
///
/// # Errors
/// `Class::TooLarge`, `Class::TimedOut` (`request_timeout`), or `Class::Malformed` when the caller broke off.
pub(crate) async fn read(
    body: Incoming,
    bounds: &Bounds,
    clock: &dyn Clock,
    settlement: &mut Settlement,
) -> Result<Bytes, Fault> {
    let began = clock.monotonic();
    let limits = BodyLimits {
        bytes_max: bounds.body_bytes_max,
        idle_timeout: bounds.body_idle,
        whole_timeout: Some(bounds.body_whole),
    };
    let body = tg_net::body::read(body, limits).await.map_err(unreadable)?;
    settlement.body_read(clock.monotonic().saturating_sub(began), &body);
    Ok(body)
}

fn unreadable(error: BodyError) -> Fault {
    match error {
        BodyError::TooLarge { limit } => Fault::new(
            Class::TooLarge,
            Origin::Caller,
            "request_too_large",
            format!("The request body is larger than the gateway's limit of {limit} bytes (listen.body_bytes_max)."),
        ),
        BodyError::TimedOut(_) => {
            Fault::new(Class::TimedOut, Origin::Caller, "request_timeout", "The request body did not arrive in time.")
        }
        BodyError::TooSlow(limit) => Fault::new(
            Class::TimedOut,
            Origin::Caller,
            "request_timeout",
            format!("The request body was not whole after {} seconds (listen.body_timeout).", limit.as_secs()),
        ),
        BodyError::Broken(cause) => {
            Fault::malformed("The request body broke off or is not valid HTTP.").caused_by(cause)
        }
    }
}

/// Continues the caller's trace, or starts one. Traces that start here are recorded; an exporter may sample them.
pub(crate) fn trace(headers: &HeaderMap) -> TraceContext {
    let random = Uuid::new_v4().into_bytes();
    let mut span_id = [0; 8];
    span_id.copy_from_slice(&random[8..]);
    headers
        .get("traceparent")
        .and_then(|value| TraceContext::continued(value.to_str().ok()?, span_id))
        .unwrap_or_else(|| TraceContext::fresh(random, span_id, true))
}
