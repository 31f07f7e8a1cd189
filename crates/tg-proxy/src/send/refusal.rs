//! What a provider's refusal comes to, and what of it its caller may read.

use crate::answer;
use crate::deliver::Refusal;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use std::time::Duration;
use tg_dialect::dialect::UpstreamDialect;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_net::body::BodyLimits;
use tg_upstream::headers;

/// Most bytes read of a provider's error answer.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// Longest wait for the rest of a provider's error answer.
const ERROR_IDLE: Duration = Duration::from_secs(10);

/// Longest time that the whole of it may take.
const ERROR_TIME: Duration = Duration::from_secs(30);

/// Longest name of an error that is kept for the log.
const WORD_CHARS_MAX: usize = 64;

/// What AWS calls a credential that it does not know, or not any more, without `Exception`: no model answers it.
const NO_CREDENTIAL: [&str; 10] = [
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthenticationToken",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
];
/// In whose words a provider may refuse a call.
pub(crate) struct Words {
    /// The provider's dialect.
    pub(crate) spoken: &'static dyn UpstreamDialect,
    /// Whether the caller reads it, too.
    pub(crate) same: bool,
    /// The dialect of who stands before the provider, and refuses in its own words what does not reach it.
    pub(crate) front: Option<&'static dyn UpstreamDialect>,
}

/// Reads an error answer. Where the caller speaks the provider's dialect, it goes on as it came, but for what speaks of the
/// gateway's own credentials or account: that is none of the caller's business, and not the caller's fault.
pub(crate) async fn refused(words: &Words, response: Response<Incoming>) -> Refusal {
    let (head, body) = response.into_parts();
    let limits = BodyLimits { bytes_max: ERROR_BYTES_MAX, idle_timeout: ERROR_IDLE, whole_timeout: Some(ERROR_TIME) };
    let body = tg_net::body::read(body, limits).await.unwrap_or_default();
    if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Refusal { fault: credentials_refused(head.status, &head.headers, &body), verbatim: None };
    }
    let front = words.front.filter(|_| is_awss_own(&body));
    let fault = front.unwrap_or(words.spoken).decode_fault(head.status, &head.headers, &body);
    let own = front.is_none() && fault.origin != Origin::Gateway && words.same;
    let verbatim = (own && is_json_object(&body)).then(|| {
        let mut headers = HeaderMap::new();
        headers::copy_answer(&head.headers, &mut headers);
        answer::Verbatim { status: head.status, headers, body }
    });
    Refusal { fault, verbatim }
}

fn is_json_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
}

/// The provider's words are not kept, not even for the log: some providers repeat the credential in them.
fn credentials_refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let message = "The provider refused the gateway's own credentials for this model; its operator must mend that.";
    let words = error_words(headers, body);
    let cause = match words.as_slice() {
        [] => format!("the provider answered {status}"),
        words => format!("the provider answered {status}: {}", words.join(", ")),
    };
    // AWS says 403 of both: what is no credential (any more), and what a good one may not do.
    let is_none = words.iter().any(|word| NO_CREDENTIAL.contains(&word.trim_end_matches("Exception")));
    let code = if is_none { "upstream_credentials_invalid" } else { "upstream_credentials_refused" };
    Fault::new(Class::UpstreamFailed, Origin::Gateway, code, message)
        .retry(Retry::Elsewhere)
        .with_upstream_status(status.as_u16())
        .caused_by(cause)
}

/// The names that a provider gives to an error. Only what no credential looks like: one word of letters.
fn error_words(headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let exception = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let named = ["/error/type", "/error/code", "/__type", "/code"];
    let found = named.into_iter().filter_map(|place| body.pointer(place)?.as_str());
    let is_word = |text: &str| {
        (1..=WORD_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.'))
    };
    // An exception may be followed by an address.
    exception
        .into_iter()
        .chain(found)
        .map(|text| text.split(':').next().unwrap_or(text))
        .filter(|text| is_word(text))
        .map(str::to_owned)
        .collect()
}

/// Whether AWS itself refused a call by one of Bedrock's compatible surfaces, in its own shape, before the surface saw it.
fn is_awss_own(body: &[u8]) -> bool {
    let foreign = |body: serde_json::Map<String, serde_json::Value>| !body.contains_key("error");
    serde_json::from_slice(body).is_ok_and(foreign)
}

#[cfg(test)]
mod tests;
