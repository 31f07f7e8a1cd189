//! Faults in Bedrock's shape: writing ours, reading theirs. Converse and InvokeModel share it.

use bytes::BytesMut;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;

use crate::dialect::FaultReply;
use crate::framing::eventstream::{self, Kind};
use crate::provider_fault::{Complaint, by_kind, by_status};

/// How Bedrock says, as of any other flaw, that it has no such model.
const NO_SUCH_MODEL: &str = "The provided model identifier is invalid";

/// Status and exception of a class.
///
/// The official clients repeat a `ThrottlingException` at once; a spent budget is therefore the quota exception, which
/// they do not. A bad credential is what AWS itself answers: 403 `UnrecognizedClientException`.
const fn shape(class: Class) -> (u16, &'static str) {
    match class {
        Class::Malformed | Class::Blocked | Class::Unsupported | Class::UpstreamRefused => (400, "ValidationException"),
        Class::OverBudget => (400, "ServiceQuotaExceededException"),
        Class::Unauthenticated => (403, "UnrecognizedClientException"),
        Class::Forbidden => (403, "AccessDeniedException"),
        Class::NotFound => (404, "ResourceNotFoundException"),
        Class::MethodNotAllowed => (405, "UnknownOperationException"),
        Class::TimedOut => (408, "ModelTimeoutException"),
        Class::TooLarge => (413, "ValidationException"),
        Class::UpstreamFailed => (424, "ModelErrorException"),
        Class::Limited => (429, "ThrottlingException"),
        Class::Internal => (500, "InternalServerException"),
        Class::Overloaded => (503, "ServiceUnavailableException"),
    }
}

/// The exception of a credential that is not right. AWS tells more of them apart than classes do, and its SDKs act on it:
/// they correct their clock, or fetch another credential.
fn credential_exception(code: &str) -> Option<&'static str> {
    match code {
        "invalid_signature" | "expired_signature" | "replayed_signature" => Some("InvalidSignatureException"),
        "incomplete_signature" => Some("IncompleteSignatureException"),
        "expired_access_key" | "expired_identity_proof" => Some("ExpiredTokenException"),
        _ => None,
    }
}

/// Writes a fault as an HTTP answer.
pub(crate) fn encode(fault: &Fault, id: CallId) -> FaultReply {
    let (status, exception) = shape(fault.class);
    let exception = credential_exception(fault.code).unwrap_or(exception);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(exception));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Retry::After(wait) = fault.retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
    FaultReply {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers,
        body: payload(fault, exception == "ModelErrorException").to_string().into(),
    }
}

/// What is said of a fault. Of a model's failure Bedrock also has the status with which it came; one that concerns the
/// gateway's own account is none of the caller's business.
fn payload(fault: &Fault, of_model: bool) -> Value {
    let status = fault.upstream_status.filter(|_| of_model && fault.origin == Origin::Provider);
    match status {
        Some(status) => json!({ "message": fault.message, "originalStatusCode": status }),
        None => json!({ "message": fault.message }),
    }
}

/// Which exceptions a stream may carry: InvokeModel has one that Converse has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamOf {
    Converse,
    Invoke,
}

/// Appends the exception frame that ends a stream.
pub(crate) fn encode_stream(fault: &Fault, stream: StreamOf, out: &mut BytesMut) {
    let exception = match fault.class {
        Class::Limited | Class::OverBudget => "throttlingException",
        Class::Overloaded => "serviceUnavailableException",
        Class::TimedOut if stream == StreamOf::Invoke => "modelTimeoutException",
        Class::TimedOut | Class::UpstreamFailed => "modelStreamErrorException",
        Class::Internal => "internalServerException",
        Class::Malformed
        | Class::Unauthenticated
        | Class::Forbidden
        | Class::NotFound
        | Class::MethodNotAllowed
        | Class::TooLarge
        | Class::Blocked
        | Class::Unsupported
        | Class::UpstreamRefused => "validationException",
    };
    let payload = payload(fault, exception == "modelStreamErrorException");
    eventstream::write_exception(exception, payload.to_string().as_bytes(), out);
}

/// Reads an error answer.
pub(crate) fn decode(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let header = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let exception = header.or_else(|| text("__type")).map(bare).unwrap_or_default();
    let message = text("message").or_else(|| text("Message")).map(ToOwned::to_owned);
    let fault = by_status(status, headers, message.clone());
    let complaint = match complaint(exception) {
        // Where it says something else first, the words may be its caller's.
        Some(Complaint::Request) if message.as_deref().is_some_and(|message| message.starts_with(NO_SUCH_MODEL)) => {
            Complaint::Absent
        }
        // Bedrock names a body that is too large as it names any other flaw.
        Some(Complaint::Request) if status == StatusCode::PAYLOAD_TOO_LARGE => Complaint::Size,
        Some(complaint) => complaint,
        None => return fault,
    };
    let wait = fault.retry;
    let fault = by_kind(complaint, message).with_upstream_status(status.as_u16());
    match wait {
        Retry::After(_) if fault.retry != Retry::Never => fault.retry(wait),
        _ => fault,
    }
}

/// The exception's name without namespace (`com.amazon.bedrock#`) and address (`:http://…`).
fn bare(exception: &str) -> &str {
    let exception = exception.split(':').next().unwrap_or(exception);
    exception.rsplit('#').next().unwrap_or(exception).trim()
}

/// What an exception complains of, by its name in headers (`ThrottlingException`) and frames (`throttlingException`).
fn complaint(exception: &str) -> Option<Complaint> {
    let known: [(&str, Complaint); 17] = [
        ("ValidationException", Complaint::Request),
        ("ServiceQuotaExceededException", Complaint::Account),
        // A token of an earlier invocation with another request: it stays what it is wherever it is sent.
        ("ConflictException", Complaint::Request),
        ("AccessDeniedException", Complaint::Credential),
        ("UnrecognizedClientException", Complaint::Credential),
        ("InvalidSignatureException", Complaint::Credential),
        ("ExpiredTokenException", Complaint::Credential),
        ("IncompleteSignatureException", Complaint::Credential),
        ("MissingAuthenticationTokenException", Complaint::Credential),
        ("ResourceNotFoundException", Complaint::Absent),
        ("ModelTimeoutException", Complaint::Time),
        ("ModelErrorException", Complaint::Failure),
        ("ModelStreamErrorException", Complaint::Failure),
        ("ThrottlingException", Complaint::Rate),
        ("ModelNotReadyException", Complaint::Rate),
        ("InternalServerException", Complaint::Failure),
        ("ServiceUnavailableException", Complaint::Capacity),
    ];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(exception)).map(|(_, complaint)| complaint)
}

/// The fault that a frame carries; `None` for an ordinary event.
pub(crate) fn decode_frame(kind: Kind<'_>, payload: &[u8]) -> Option<Fault> {
    match kind {
        Kind::Event(_) => None,
        Kind::Exception(exception) => {
            let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
            let text = |name: &str| payload.get(name).and_then(Value::as_str);
            let message = text("message").or_else(|| text("originalMessage")).or_else(|| text("Message"));
            let complaint = complaint(bare(exception)).unwrap_or(Complaint::Failure);
            Some(by_kind(complaint, message.map(ToOwned::to_owned)))
        }
        Kind::Error { code, message } => {
            let complaint = complaint(bare(code)).unwrap_or(Complaint::Failure);
            Some(by_kind(complaint, Some(message).filter(|text| !text.is_empty()).map(ToOwned::to_owned)))
        }
    }
}
