//! OpenAI's error shape, both ways.

use super::{decode_fault, decode_stream_error, encode_fault};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;

fn encoded(fault: &Fault) -> (u16, HeaderMap, Value) {
    let reply = encode_fault(fault, CallId::fresh());
    (reply.status.as_u16(), reply.headers, serde_json::from_slice(&reply.body).unwrap())
}

#[test]
fn every_class_has_its_status_and_words() {
    for (class, status, kind, code) in [
        (Class::Malformed, 400, "invalid_request_error", "word"),
        (Class::Unauthenticated, 401, "invalid_request_error", "invalid_api_key"),
        (Class::Forbidden, 403, "permission_error", "word"),
        (Class::NotFound, 404, "invalid_request_error", "word"),
        (Class::MethodNotAllowed, 405, "invalid_request_error", "word"),
        (Class::TooLarge, 413, "invalid_request_error", "word"),
        (Class::Limited, 429, "rate_limit_error", "rate_limit_exceeded"),
        (Class::OverBudget, 429, "insufficient_quota", "budget_exceeded"),
        (Class::Blocked, 400, "invalid_request_error", "content_filter"),
        (Class::Unsupported, 400, "invalid_request_error", "word"),
        (Class::UpstreamRefused, 400, "invalid_request_error", "word"),
        (Class::UpstreamFailed, 502, "server_error", "word"),
        (Class::TimedOut, 504, "server_error", "word"),
        (Class::Overloaded, 503, "server_error", "word"),
        (Class::Internal, 500, "server_error", "word"),
    ] {
        let (found, headers, body) = encoded(&Fault::new(class, Origin::Gateway, "word", "said").at("a.b"));
        assert_eq!(found, status, "{class:?}");
        assert_eq!(body, json!({"error": {"message": "said", "type": kind, "param": "a.b", "code": code}}));
        assert!(headers["x-request-id"].to_str().unwrap().starts_with("req_"));
    }
}

#[test]
fn the_callers_own_silence_is_told_apart_from_a_providers() {
    let fault = Fault::new(Class::TimedOut, Origin::Caller, "request_timeout", "x");
    assert_eq!(encoded(&fault).0, 408);
}

#[test]
fn retry_is_told_to_the_sdks() {
    let after = Retry::After(Duration::from_millis(1200));
    let (_, headers, _) = encoded(&Fault::new(Class::Limited, Origin::Gateway, "x", "x").retry(after));
    assert_eq!(headers["retry-after"], "2");
    let (_, headers, _) = encoded(&Fault::new(Class::OverBudget, Origin::Gateway, "x", "x").retry(after));
    assert!(!headers.contains_key("retry-after"));
    assert_eq!(headers["x-should-retry"], "false");
}

#[test]
fn a_refusal_of_the_provider_keeps_its_status() {
    let fault = |status| Fault::new(Class::UpstreamRefused, Origin::Provider, "x", "x").with_upstream_status(status);
    assert_eq!(encoded(&fault(422)).0, 422);
    assert_eq!(encoded(&fault(500)).0, 400);
}

fn check(status: u16, body: &str, class: Class, code: &str, message: &str) {
    let fault = decode_fault(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes());
    assert_eq!((fault.class, fault.code), (class, code), "{body}");
    assert!(fault.message.contains(message), "{}", fault.message);
    assert!(!fault.message.contains('<') && !fault.message.contains("sk-123"));
    assert_eq!(fault.upstream_status, Some(status));
}

#[test]
fn error_bodies_of_many_servers_are_read() {
    let openai = json!({"error": {"message": "m", "type": "invalid_request_error", "param": "messages", "code": null}});
    let too_long = json!({"error": {"message": "This model's maximum context length is 10 tokens", "code": null}});
    for (status, body, class, code, message) in [
        (400, openai.to_string(), Class::UpstreamRefused, "upstream_refused", "m"),
        (
            400,
            json!({"error": {"message": "m", "code": "context_length_exceeded"}}).to_string(),
            Class::UpstreamRefused,
            "context_length_exceeded",
            "m",
        ),
        (400, too_long.to_string(), Class::UpstreamRefused, "context_length_exceeded", "maximum context"),
        (
            400,
            json!({"error": {"message": "m", "code": "content_filter"}}).to_string(),
            Class::Blocked,
            "content_filter",
            "m",
        ),
        (404, json!({"error": "model 'x' not found"}).to_string(), Class::NotFound, "upstream_not_found", "model 'x'"),
        (
            422,
            json!({"detail": [{"msg": "field required"}]}).to_string(),
            Class::UpstreamRefused,
            "upstream_refused",
            "field required",
        ),
        (400, json!([{"error": {"message": "m"}}]).to_string(), Class::UpstreamRefused, "upstream_refused", "m"),
        (
            400,
            json!({"object": "error", "message": "m", "code": 400}).to_string(),
            Class::UpstreamRefused,
            "upstream_refused",
            "m",
        ),
    ] {
        check(status, &body, class, code, message);
    }
}

#[test]
fn failures_that_the_caller_cannot_mend_are_told_apart() {
    for (status, body, class, code, message) in [
        (
            401,
            json!({"error": {"message": "bad key sk-123"}}).to_string(),
            Class::UpstreamFailed,
            "upstream_credential",
            "own credential",
        ),
        (
            429,
            json!({"error": {"message": "m", "type": "insufficient_quota"}}).to_string(),
            Class::UpstreamFailed,
            "upstream_account",
            "m",
        ),
        (
            429,
            json!({"error": {"message": "m", "code": "rate_limit_exceeded"}}).to_string(),
            Class::Limited,
            "upstream_limited",
            "m",
        ),
        (502, "<html><h1>Bad gateway</h1>".into(), Class::UpstreamFailed, "upstream_error", "provider failed"),
        (
            500,
            json!({"error": {"message": "<html>x"}}).to_string(),
            Class::UpstreamFailed,
            "upstream_error",
            "provider failed",
        ),
        (503, String::new(), Class::Overloaded, "upstream_overloaded", "no capacity"),
        (504, "\u{0}\u{1}".into(), Class::TimedOut, "upstream_timeout", "too long"),
    ] {
        check(status, &body, class, code, message);
    }
}

#[test]
fn the_provider_s_wait_is_kept() {
    for (name, value, wait) in [
        ("retry-after", "7", Retry::After(Duration::from_secs(7))),
        ("retry-after-ms", "250", Retry::After(Duration::from_millis(250))),
        ("retry-after", "-1", Retry::Elsewhere),
        ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", Retry::Elsewhere),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        assert_eq!(decode_fault(StatusCode::TOO_MANY_REQUESTS, &headers, b"{}").retry, wait, "{name}: {value}");
    }
}

#[test]
fn errors_in_streams_are_classed_by_what_they_say() {
    for (error, class) in [
        (json!({"message": "m", "code": 429}), Class::Limited),
        (json!({"message": "m", "code": "rate_limit_exceeded"}), Class::Limited),
        (json!({"message": "m", "type": "server_error"}), Class::UpstreamFailed),
        (json!({"message": "m", "type": "invalid_request_error"}), Class::UpstreamRefused),
        (json!("m"), Class::UpstreamFailed),
    ] {
        let fault = decode_stream_error(&error);
        assert_eq!((fault.class, &*fault.message), (class, "m"), "{error}");
    }
}
