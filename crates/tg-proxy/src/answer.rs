//! The headers that the gateway adds to every answer.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tg_kernel::dialect::Family;
use tg_kernel::ids::CallId;
use tg_kernel::record::{Cost, Pricing};

/// The call's id in ledger, log and trace.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-tallygate-request-id");
/// The provider that served the call.
pub const PROVIDER: HeaderName = HeaderName::from_static("x-tallygate-provider");
/// The model as sent to the provider.
pub const MODEL: HeaderName = HeaderName::from_static("x-tallygate-model");
/// Tries made.
pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-tallygate-attempts");
/// The gateway's own share of the time before the call left, in microseconds.
pub const OVERHEAD: HeaderName = HeaderName::from_static("x-tallygate-overhead-us");
/// The cost in US dollars. On streams a trailer, for callers that send `te: trailers`.
pub const COST: HeaderName = HeaderName::from_static("x-tallygate-cost-usd");
/// The code of a fault, also for dialects whose bodies have no place for one.
pub const ERROR_CODE: HeaderName = HeaderName::from_static("x-tallygate-error-code");
/// What the target's dialect could not express; comma-separated.
pub const LOSSES: HeaderName = HeaderName::from_static("x-tallygate-losses");

/// Longest value of the losses header, in bytes; the ledger has them all.
const LOSSES_BYTES_MAX: usize = 1024;

/// Adds the call's id, also under the name that the family's SDKs read, unless the provider's own is there.
pub(crate) fn put_id(headers: &mut HeaderMap, family: Family, id: CallId) {
    let name = match family {
        Family::Openai => HeaderName::from_static("x-request-id"),
        Family::Anthropic => HeaderName::from_static("request-id"),
        Family::Bedrock => HeaderName::from_static("x-amzn-requestid"),
    };
    let value = text(id.to_string());
    headers.entry(name).or_insert_with(|| value.clone());
    headers.insert(REQUEST_ID, value);
}

/// Adds what is known of who serves the call.
pub(crate) fn put_served(headers: &mut HeaderMap, served: &tg_kernel::record::Served, overhead_us: u64) {
    headers.insert(PROVIDER, shared(&served.provider));
    headers.insert(MODEL, shared(&served.model));
    headers.insert(ATTEMPTS, HeaderValue::from(served.attempts));
    headers.insert(OVERHEAD, HeaderValue::from(overhead_us));
}

/// Adds the cost; a call without a known price does not look as if it were free.
pub(crate) fn put_cost(headers: &mut HeaderMap, cost: &Cost) {
    let value = match cost.pricing {
        Pricing::Unpriced => HeaderValue::from_static("unknown"),
        _ => text(cost.amount.to_string()),
    };
    headers.insert(COST, value);
}

/// Adds the code of a fault.
pub(crate) fn put_code(headers: &mut HeaderMap, code: &'static str) {
    headers.insert(ERROR_CODE, HeaderValue::from_static(code));
}

/// Adds the losses, if there are any.
pub(crate) fn put_losses(headers: &mut HeaderMap, losses: &[String]) {
    if losses.is_empty() {
        return;
    }
    let mut list = losses.join(",");
    if list.len() > LOSSES_BYTES_MAX {
        list.truncate(list.floor_char_boundary(LOSSES_BYTES_MAX));
        list.push('…');
    }
    headers.insert(LOSSES, text(list));
}

/// Sets the content type.
pub(crate) fn put_content_type(headers: &mut HeaderMap, content_type: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
}

/// A header value of any text: what no header may hold becomes `?`. Takes the text over without copying it.
pub(crate) fn text(value: String) -> HeaderValue {
    let value = Bytes::from(value);
    HeaderValue::from_maybe_shared(value.clone()).unwrap_or_else(|_| {
        let safe: Vec<u8> =
            value.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { *byte } else { b'?' }).collect();
        HeaderValue::from_maybe_shared(Bytes::from(safe)).unwrap_or(HeaderValue::from_static("?"))
    })
}

/// A header value of a short text that is shared with others.
fn shared(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| text(value.to_owned()))
}

/// A provider's answer that goes on as it came.
#[derive(Debug, Default)]
pub(crate) struct Verbatim {
    pub(crate) status: http::StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}
