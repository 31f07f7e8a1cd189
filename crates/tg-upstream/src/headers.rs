//! Which headers cross the gateway: to a provider only those of a list, to a caller all but those of a list.

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName};

/// Request headers that go on to a provider of the same dialect, by exact name.
const REQUEST_EXACT: [&str; 5] = ["idempotency-key", "x-client-request-id", "session_id", "originator", "x-session-id"];

/// Request headers that go on to a provider of the same dialect, by prefix. `x-amzn-bedrock-` holds guardrail, trace,
/// tier and metadata settings; `x-stainless-` is what the official SDKs say of themselves.
const REQUEST_PREFIXES: [&str; 5] = ["anthropic-", "openai-", "x-amzn-bedrock-", "x-stainless-", "x-codex-"];

/// Exceptions from the prefixes: what names *our* projects and accounts must not name the provider's.
const REQUEST_HELD: [&str; 3] = ["openai-project", "openai-organization", "anthropic-workspace-id"];

/// Answer headers that never go on to a caller: those of the connection, those that speak for the
/// provider's site, and those that name the operator's account there.
const ANSWER_HELD: [&str; 24] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "content-encoding",
    "set-cookie",
    "alt-svc",
    "server",
    "date",
    "via",
    "strict-transport-security",
    "nel",
    "report-to",
    "www-authenticate",
    "location",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "anthropic-workspace-id",
];

/// Copies the headers of a caller's request that go on to a provider that speaks the same dialect.
pub fn copy_request(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        if request_passes(name) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Whether a header of a caller's request goes on to a provider that speaks the same dialect.
#[must_use]
pub fn request_passes(name: &HeaderName) -> bool {
    if *name == ACCEPT || *name == CONTENT_TYPE || *name == USER_AGENT {
        return true;
    }
    let name = name.as_str();
    if REQUEST_HELD.contains(&name) {
        return false;
    }
    REQUEST_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || REQUEST_EXACT.contains(&name)
}

/// Whether a header says what a client is and what it takes: its library writes it, and a provider can do without.
#[must_use]
pub fn is_clients_own(name: &HeaderName) -> bool {
    *name == ACCEPT || *name == USER_AGENT || name.as_str().starts_with("x-stainless-")
}

/// Copies the headers of a provider's answer that go on to a caller of the same dialect.
pub fn copy_answer(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        let text = name.as_str();
        if !ANSWER_HELD.contains(&text) && !text.starts_with("cf-") && !text.starts_with("x-tallygate-") {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Longest provider's id of a call that is kept.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The provider's id of a call, under the name that each vendor uses.
#[must_use]
pub fn request_id(answer: &HeaderMap) -> Option<String> {
    ["x-amzn-requestid", "request-id", "x-request-id", "apim-request-id"]
        .into_iter()
        .find_map(|name| answer.get(name))
        .and_then(|value| value.to_str().ok())
        .map(|text| text[..text.floor_char_boundary(REQUEST_ID_BYTES_MAX)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn credentials_and_internal_headers_stay() {
        let mut from = HeaderMap::new();
        for name in [
            "authorization",
            "x-api-key",
            "cookie",
            "x-project-id",
            "openai-project",
            "x-forwarded-for",
            "x-internal-auth",
            "x-amz-security-token",
            "anthropic-beta",
            "x-amzn-bedrock-guardrailidentifier",
            "user-agent",
        ] {
            from.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        let mut to = HeaderMap::new();
        copy_request(&from, &mut to);
        let mut names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["anthropic-beta", "user-agent", "x-amzn-bedrock-guardrailidentifier"]);
    }
}
