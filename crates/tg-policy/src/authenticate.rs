//! Who calls: the credential in the dialect's own place, looked up in the directory.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::net::IpAddr;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_store::directory::{Directory, Grant, KeyRefusal};

/// Headers that carry a key as such, in the order in which they are looked at after `Authorization: Bearer`.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "api-key"];

/// Establishes who calls, before a byte of the body is read.
///
/// # Errors
/// `Class::Unauthenticated` with a code that says why: `missing_api_key`, `invalid_api_key`, `expired_api_key`,
/// `revoked_api_key`, `team_not_active`, `network_not_allowed`.
pub fn identify(headers: &HeaderMap, from: IpAddr, directory: &Directory, now: Timestamp) -> Result<Arc<Grant>, Fault> {
    directory.find(presented(headers)?, from, now).map_err(refused)
}

/// The credential that a request presents; empty when there is none.
fn presented(headers: &HeaderMap) -> Result<&str, Fault> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        if let Some((scheme, key)) = text.split_once(' ')
            && scheme.eq_ignore_ascii_case("bearer")
            && !key.trim().is_empty()
        {
            return Ok(key.trim());
        }
        if text.starts_with("AWS4-") {
            return Err(unauthenticated(
                "signature_not_accepted",
                "This gateway does not take AWS signatures. Set AWS_BEARER_TOKEN_BEDROCK to a gateway key; \
                 AWS SDKs then send it as a bearer token.",
            ));
        }
    }
    Ok(KEY_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map_or("", str::trim))
}

fn refused(refusal: KeyRefusal) -> Fault {
    let (code, message) = match refusal {
        KeyRefusal::Missing => (
            "missing_api_key",
            "No API key was sent. Send a gateway key as 'Authorization: Bearer', 'x-api-key' or 'api-key'.",
        ),
        KeyRefusal::Unknown => {
            ("invalid_api_key", "Incorrect API key provided. Ask your platform team for a gateway key.")
        }
        KeyRefusal::Expired => ("expired_api_key", "This API key has expired. Ask your platform team for a new one."),
        KeyRefusal::Revoked => ("revoked_api_key", "This API key was revoked. Ask your platform team for a new one."),
        KeyRefusal::TeamNotActive => ("team_not_active", "The team of this API key is switched off."),
        KeyRefusal::NetworkNotAllowed => ("network_not_allowed", "This API key is not accepted from this address."),
    };
    unauthenticated(code, message)
}

fn unauthenticated(code: &'static str, message: &'static str) -> Fault {
    Fault::new(Class::Unauthenticated, Origin::Caller, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn a_key_is_found_in_every_dialect_s_place() {
        for (name, value, expected) in [
            ("authorization", "Bearer k", "k"),
            ("authorization", "bearer  k ", "k"),
            ("authorization", "Basic k", ""),
            ("x-api-key", "k", "k"),
            ("api-key", "k", "k"),
            ("x-other", "k", ""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(presented(&headers).unwrap(), expected, "{name}: {value}");
        }
    }

    #[test]
    fn an_aws_signature_is_told_what_to_do() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("AWS4-HMAC-SHA256 Credential=x"));
        assert_eq!(presented(&headers).unwrap_err().code, "signature_not_accepted");
    }
}
