//! Faults in Anthropic's shape: writing ours, reading theirs.

use bytes::BytesMut;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;

use crate::dialect::FaultReply;
use crate::framing::sse;
use crate::provider_fault::{Complaint, by_kind, by_status};

/// Status and error type of a class.
///
/// A spent budget is 402 `billing_error`: what the vendor answers for an account out of credit. It is not 429, which
/// clients repeat at once, again and again, until the budget's window ends.
const fn shape(class: Class) -> (u16, &'static str) {
    match class {
        Class::Malformed | Class::Blocked | Class::Unsupported | Class::UpstreamRefused => {
            (400, "invalid_request_error")
        }
        Class::Unauthenticated => (401, "authentication_error"),
        Class::OverBudget => (402, "billing_error"),
        Class::Forbidden => (403, "permission_error"),
        Class::NotFound => (404, "not_found_error"),
        Class::MethodNotAllowed => (405, "invalid_request_error"),
        Class::TooLarge => (413, "request_too_large"),
        Class::Limited => (429, "rate_limit_error"),
        Class::Internal => (500, "api_error"),
        Class::UpstreamFailed => (502, "api_error"),
        Class::TimedOut => (504, "timeout_error"),
        Class::Overloaded => (529, "overloaded_error"),
    }
}

fn body(fault: &Fault, id: CallId) -> Value {
    let (_, kind) = shape(fault.class);
    json!({
        "type": "error",
        "error": { "type": kind, "message": fault.message, "code": fault.code },
        "request_id": id.to_string(),
    })
}

/// Writes a fault as an HTTP answer.
pub(crate) fn encode(fault: &Fault, id: CallId) -> FaultReply {
    let (status, _) = shape(fault.class);
    // The caller's own silence is not a gateway's timeout.
    let status = if fault.class == Class::TimedOut && fault.origin == Origin::Caller { 408 } else { status };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("request-id", id);
    }
    match fault.retry {
        Retry::Never => {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        Retry::After(wait) => {
            let word = if fault.is_worth_repeating() { "true" } else { "false" };
            headers.insert("x-should-retry", HeaderValue::from_static(word));
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        Retry::Elsewhere => {}
    }
    FaultReply {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers,
        body: body(fault, id).to_string().into(),
    }
}

/// Appends the error event that ends a stream.
pub(crate) fn encode_stream(fault: &Fault, id: CallId, out: &mut BytesMut) {
    sse::write_event(Some("error"), body(fault, id).to_string().as_bytes(), out);
}

/// Reads an error answer.
pub(crate) fn decode(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = body.pointer("/error/message").and_then(Value::as_str).map(ToOwned::to_owned);
    if status == StatusCode::BAD_REQUEST && message.as_deref().is_some_and(|text| text.contains("credit balance")) {
        return by_kind(Complaint::Account, message).with_upstream_status(status.as_u16());
    }
    by_status(status, headers, message)
}

/// Reads the data of an `error` event in a stream.
pub(crate) fn decode_event(data: &Value) -> Fault {
    let text = |name: &str| data.get("error").and_then(|error| error.get(name)).and_then(Value::as_str);
    let complaint = match text("type").unwrap_or_default() {
        "invalid_request_error" => Complaint::Request,
        "request_too_large" => Complaint::Size,
        "authentication_error" | "permission_error" => Complaint::Credential,
        "billing_error" => Complaint::Account,
        "not_found_error" => Complaint::Absent,
        "rate_limit_error" => Complaint::Rate,
        "timeout_error" => Complaint::Time,
        "overloaded_error" => Complaint::Capacity,
        _ => Complaint::Failure,
    };
    by_kind(complaint, text("message").map(ToOwned::to_owned))
}
