//! Faults, both ways.

use super::call_id;
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::anthropic_messages::AnthropicMessages;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

#[test]
fn classes_have_the_vendors_status_and_type() {
    for (class, status, kind) in [
        (Class::Malformed, 400, "invalid_request_error"),
        (Class::Unauthenticated, 401, "authentication_error"),
        (Class::OverBudget, 402, "billing_error"),
        (Class::Forbidden, 403, "permission_error"),
        (Class::NotFound, 404, "not_found_error"),
        (Class::TooLarge, 413, "request_too_large"),
        (Class::Limited, 429, "rate_limit_error"),
        (Class::Internal, 500, "api_error"),
        (Class::UpstreamFailed, 502, "api_error"),
        (Class::TimedOut, 504, "timeout_error"),
        (Class::Overloaded, 529, "overloaded_error"),
    ] {
        let reply = AnthropicMessages.encode_fault(&Fault::new(class, Origin::Gateway, "c", "Why."), call_id());
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status.as_u16(), body["error"]["type"].as_str()), (status, Some(kind)), "{class:?}");
        assert_eq!((&body["type"], &body["error"]["message"]), (&"error".into(), &"Why.".into()));
        assert_eq!(body["request_id"], call_id().to_string());
        assert_eq!(reply.headers["request-id"], call_id().to_string());
        assert_eq!(reply.headers["x-should-retry"], "false");
    }
}

#[test]
fn the_callers_own_silence_is_told_apart_from_a_providers() {
    let fault = Fault::new(Class::TimedOut, Origin::Caller, "request_timeout", "x");
    assert_eq!(AnthropicMessages.encode_fault(&fault, call_id()).status, 408);
}

#[test]
fn a_wait_is_told_in_whole_seconds() {
    let fault = Fault::new(Class::Limited, Origin::Gateway, "c", "").retry(Retry::After(Duration::from_millis(1200)));
    let reply = AnthropicMessages.encode_fault(&fault, call_id());
    assert_eq!(
        (&reply.headers["retry-after"], &reply.headers["x-should-retry"]),
        (&"2".parse().unwrap(), &"true".parse().unwrap())
    );
}

#[test]
fn the_vendors_errors_are_read() {
    let body =
        |kind: &str, message: &str| format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#);
    for (status, body, class, message) in [
        (400, body("invalid_request_error", "max_tokens: bad"), Class::UpstreamRefused, "max_tokens: bad"),
        (
            400,
            body("invalid_request_error", "Your credit balance is too low"),
            Class::UpstreamFailed,
            "The gateway's account at the provider cannot make this call.",
        ),
        (
            401,
            body("authentication_error", "invalid x-api-key"),
            Class::UpstreamFailed,
            "The provider refused the gateway's own credential.",
        ),
        (429, body("rate_limit_error", "slow down"), Class::Limited, "slow down"),
        (529, body("overloaded_error", "Overloaded"), Class::Overloaded, "Overloaded"),
        (502, "<html>Bad gateway</html>".into(), Class::UpstreamFailed, "The provider failed."),
        (500, r#"{"error":"text"}"#.into(), Class::UpstreamFailed, "The provider failed."),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let fault = AnthropicMessages.decode_fault(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!((fault.class, fault.message.as_ref()), (class, message), "{status} {body}");
        assert_eq!(fault.upstream_status, Some(status.as_u16()));
    }
}
