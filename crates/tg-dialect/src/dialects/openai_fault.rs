//! The error shape that OpenAI's dialects share: writing it for callers, reading it from providers.

use crate::dialect::FaultReply;
use crate::provider_fault::{self, Complaint};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{StatusCode, header};
use serde_json::{Value, json};
use std::borrow::Cow;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;

#[cfg(test)]
mod tests;

/// The longest message of a provider that is shown to a caller, in characters.
const MESSAGE_CHARS_MAX: usize = 1000;

/// Writes a fault as an HTTP answer: `{"error":{"message","type","param","code"}}`.
#[must_use]
pub fn encode_fault(fault: &Fault, id: CallId) -> FaultReply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    match (fault.class, fault.retry) {
        // The SDKs would try again and again, and every try would be refused.
        (Class::OverBudget, _) => {
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        (_, Retry::After(span)) => {
            let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            if !fault.is_worth_repeating() {
                headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
            }
        }
        _ => {}
    }
    if fault.class == Class::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    FaultReply {
        status: status_of(fault),
        headers,
        body: Bytes::from(json!({ "error": error_object(fault) }).to_string()),
    }
}

/// The `error` object alone: for streams, and for answers that hold an error among other things.
#[must_use]
pub fn error_object(fault: &Fault) -> Value {
    let (kind, code) = words_of(fault);
    json!({ "message": fault.message, "type": kind, "param": fault.param, "code": code })
}

fn status_of(fault: &Fault) -> StatusCode {
    match fault.class {
        Class::Malformed | Class::Blocked | Class::Unsupported => StatusCode::BAD_REQUEST,
        Class::Unauthenticated => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::Limited | Class::OverBudget => StatusCode::TOO_MANY_REQUESTS,
        Class::UpstreamRefused => fault
            .upstream_status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .filter(StatusCode::is_client_error)
            .unwrap_or(StatusCode::BAD_REQUEST),
        Class::UpstreamFailed => StatusCode::BAD_GATEWAY,
        Class::TimedOut if fault.origin == Origin::Caller => StatusCode::REQUEST_TIMEOUT,
        Class::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        Class::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The `type` and the `code`.
fn words_of(fault: &Fault) -> (&'static str, &'static str) {
    match fault.class {
        Class::Unauthenticated => ("invalid_request_error", "invalid_api_key"),
        Class::Forbidden => ("permission_error", fault.code),
        Class::Limited => ("rate_limit_error", "rate_limit_exceeded"),
        Class::OverBudget => ("insufficient_quota", "budget_exceeded"),
        Class::NotFound if fault.code == "upstream_not_found" => ("invalid_request_error", "model_not_found"),
        Class::Blocked => ("invalid_request_error", "content_filter"),
        Class::Malformed
        | Class::NotFound
        | Class::MethodNotAllowed
        | Class::TooLarge
        | Class::Unsupported
        | Class::UpstreamRefused => ("invalid_request_error", fault.code),
        Class::UpstreamFailed | Class::TimedOut | Class::Overloaded | Class::Internal => ("server_error", fault.code),
    }
}

/// Reads an error answer of a provider (status not 2xx).
#[must_use]
pub fn decode_fault(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let report = serde_json::from_slice(body).map_or_else(|_| Report::default(), |value| Report::read(&value));
    let complaint = provider_fault::kind(status);
    report
        .fault(complaint, |message| provider_fault::by_status(status, headers, message))
        .with_upstream_status(status.as_u16())
}

/// Reads the `error` value that a provider sent within an answer or a stream whose status was 2xx.
#[must_use]
pub fn decode_stream_error(error: &Value) -> Fault {
    let report = Report::read(&json!({ "error": error }));
    let complaint = match (report.status, report.code.as_deref().or(report.kind.as_deref())) {
        (Some(status), _) => provider_fault::kind(status),
        (None, Some("rate_limit_exceeded" | "rate_limit_error")) => Complaint::Rate,
        (None, Some("insufficient_quota")) => Complaint::Account,
        (None, Some("overloaded_error" | "service_unavailable")) => Complaint::Capacity,
        (None, Some("invalid_request_error" | "context_length_exceeded" | "content_filter" | "invalid_prompt")) => {
            Complaint::Request
        }
        _ => Complaint::Failure,
    };
    report.fault(complaint, |message| provider_fault::by_kind(complaint, message))
}

/// What an error body says.
#[derive(Default)]
struct Report {
    message: Option<String>,
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
    /// A `code` that is a number is a status.
    status: Option<StatusCode>,
}

impl Report {
    /// Reads the shapes that servers of this dialect use: `{"error":{…}}`, `{"error":"…"}`, `{"message":"…"}`,
    /// `{"detail":…}`, and any of these as the one item of an array.
    fn read(body: &Value) -> Self {
        let body = body.get(0).unwrap_or(body);
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let detail = || match error.get("detail") {
            Some(Value::Array(items)) => items.first()?.get("msg")?.as_str().map(str::to_owned),
            other => other?.as_str().map(str::to_owned),
        };
        let number = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Self {
            message: error.as_str().map(str::to_owned).or_else(|| text("message")).or_else(detail),
            kind: text("type"),
            code: text("code"),
            param: text("param"),
            status: number.and_then(|status| StatusCode::from_u16(status).ok()),
        }
    }

    /// The fault, from what the body says where that is plainer than the status; else as `usual` makes it.
    fn fault(self, complaint: Complaint, usual: impl FnOnce(Option<String>) -> Fault) -> Fault {
        let said = |words: &[&str]| {
            [&self.code, &self.kind].into_iter().flatten().any(|found| words.contains(&found.as_str()))
        };
        let message = self.message.as_deref().and_then(shown);
        let own = |class, code, message: Option<String>, words: &'static str| {
            Fault::new(class, Origin::Provider, code, message.map_or(words.into(), Cow::Owned))
        };
        let mut fault = match complaint {
            // What such an answer says may hold the credential itself: it is not even for the log.
            Complaint::Credential => return usual(None),
            Complaint::Rate if said(&["insufficient_quota", "billing_hard_limit_reached"]) => {
                provider_fault::by_kind(Complaint::Account, message)
            }
            Complaint::Request | Complaint::Size if self.is_too_long() => own(
                Class::UpstreamRefused,
                "context_length_exceeded",
                message,
                "The request is too long for the model.",
            )
            .retry(Retry::Elsewhere),
            Complaint::Request if said(&["content_filter", "content_policy_violation"]) => {
                own(Class::Blocked, "content_filter", message, "The provider's content filter stopped the request.")
            }
            _ => usual(message),
        };
        fault.param = self.param.as_deref().and_then(shown);
        fault
    }

    fn is_too_long(&self) -> bool {
        let words = [self.code.as_deref(), self.kind.as_deref(), self.message.as_deref()];
        words.into_iter().flatten().any(|word| {
            let word = word.to_ascii_lowercase();
            [
                "context_length_exceeded",
                "exceed_context_size",
                "maximum context length",
                "context window",
                "context size",
            ]
            .iter()
            .any(|sign| word.contains(sign))
        })
    }
}

/// A provider's message as far as it may be shown: no markup, no control characters, not longer than a paragraph.
fn shown(message: &str) -> Option<String> {
    let message = message.trim();
    if message.is_empty() || message.starts_with('<') {
        return None;
    }
    Some(message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect())
}
