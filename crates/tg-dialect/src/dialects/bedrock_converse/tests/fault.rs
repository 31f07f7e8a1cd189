//! Faults, both ways.

use super::{call_id, payloads};
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::bedrock_converse::BedrockConverse;
use crate::framing::eventstream::{write, write_exception};
use bytes::BytesMut;
use http::{HeaderMap, StatusCode};
use tg_kernel::fault::{Class, Fault, Origin};

#[test]
fn classes_have_the_vendors_status_and_exception() {
    for (class, status, exception, in_stream) in [
        (Class::Malformed, 400, "ValidationException", "validationException"),
        (Class::OverBudget, 400, "ServiceQuotaExceededException", "throttlingException"),
        (Class::Unauthenticated, 403, "UnrecognizedClientException", "validationException"),
        (Class::Forbidden, 403, "AccessDeniedException", "validationException"),
        (Class::NotFound, 404, "ResourceNotFoundException", "validationException"),
        (Class::TimedOut, 408, "ModelTimeoutException", "modelStreamErrorException"),
        (Class::TooLarge, 413, "ValidationException", "validationException"),
        (Class::UpstreamFailed, 424, "ModelErrorException", "modelStreamErrorException"),
        (Class::Limited, 429, "ThrottlingException", "throttlingException"),
        (Class::Internal, 500, "InternalServerException", "internalServerException"),
        (Class::Overloaded, 503, "ServiceUnavailableException", "serviceUnavailableException"),
    ] {
        let fault = Fault::new(class, Origin::Gateway, "c", "Why.");
        let reply = BedrockConverse.encode_fault(&fault, call_id());
        assert_eq!((reply.status.as_u16(), &reply.headers["x-amzn-errortype"]), (status, &exception.parse().unwrap()));
        assert_eq!(reply.headers["x-amzn-requestid"], call_id().to_string());
        assert_eq!(reply.body, r#"{"message":"Why."}"#);
        let mut out = BytesMut::new();
        BedrockConverse.encode_stream_fault(&fault, call_id(), &mut out);
        assert_eq!(payloads(&out), [(in_stream.to_owned(), serde_json::json!({"message": "Why."}))]);
    }
}

#[test]
fn a_models_failure_tells_its_status_and_our_accounts_does_not() {
    for (origin, class, body) in [
        (Origin::Provider, Class::UpstreamFailed, r#"{"message":"Why.","originalStatusCode":502}"#),
        (Origin::Gateway, Class::UpstreamFailed, r#"{"message":"Why."}"#),
        (Origin::Provider, Class::Overloaded, r#"{"message":"Why."}"#),
    ] {
        let fault = Fault::new(class, origin, "c", "Why.").with_upstream_status(502);
        assert_eq!(BedrockConverse.encode_fault(&fault, call_id()).body, body, "{origin:?} {class:?}");
        let mut out = BytesMut::new();
        BedrockConverse.encode_stream_fault(&fault, call_id(), &mut out);
        assert_eq!(payloads(&out)[0].1, serde_json::from_str::<serde_json::Value>(body).unwrap());
    }
}

#[test]
fn the_vendors_errors_are_read() {
    let named = r#"{"message":"Why."}"#;
    for (status, exception, body, class) in [
        (400, "ValidationException", named, Class::UpstreamRefused),
        (
            400,
            "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/",
            named,
            Class::UpstreamRefused,
        ),
        (400, "ServiceQuotaExceededException", named, Class::UpstreamFailed),
        (400, "ValidationException", r#"{"message":"The provided model identifier is invalid."}"#, Class::NotFound),
        (
            400,
            "ValidationException",
            r#"{"message":"Value 'The provided model identifier is invalid.' at 'role' is not valid."}"#,
            Class::UpstreamRefused,
        ),
        (403, "AccessDeniedException", named, Class::UpstreamFailed),
        (404, "com.amazon.bedrock#ResourceNotFoundException", named, Class::NotFound),
        (408, "ModelTimeoutException", named, Class::TimedOut),
        (424, "ModelErrorException", named, Class::UpstreamFailed),
        (429, "ModelNotReadyException", named, Class::Limited),
        (500, "SomethingNewException", r#"{"Message":"Why."}"#, Class::UpstreamFailed),
        (503, "", "<html>", Class::Overloaded),
        (400, "", r#"{"__type":"com.amazon.coral#ThrottlingException","message":"Why."}"#, Class::Limited),
    ] {
        let mut headers = HeaderMap::new();
        if !exception.is_empty() {
            headers.insert("x-amzn-errortype", exception.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let fault = BedrockConverse.decode_fault(status, &headers, body.as_bytes());
        assert_eq!((fault.class, fault.upstream_status), (class, Some(status.as_u16())), "{status} {exception} {body}");
    }
}

#[test]
fn exceptions_in_a_stream_are_read() {
    for (exception, class) in [
        ("internalServerException", Class::UpstreamFailed),
        ("modelStreamErrorException", Class::UpstreamFailed),
        ("modelTimeoutException", Class::TimedOut),
        ("validationException", Class::UpstreamRefused),
        ("throttlingException", Class::Limited),
        ("serviceUnavailableException", Class::Overloaded),
        ("newException", Class::UpstreamFailed),
    ] {
        let mut bytes = BytesMut::new();
        write_exception(exception, br#"{"message":"Why."}"#, &mut bytes);
        let fault = BedrockConverse.decoder().decode(&bytes, &mut Vec::new()).unwrap_err();
        assert_eq!((fault.class, fault.message.as_ref()), (class, "Why."), "{exception}");
    }
    let mut bytes = BytesMut::new();
    write(
        &[(":message-type", "error"), (":error-code", "ThrottlingException"), (":error-message", "Why.")],
        b"",
        &mut bytes,
    );
    assert_eq!(BedrockConverse.decoder().decode(&bytes, &mut Vec::new()).unwrap_err().class, Class::Limited);
}
