//! Addresses and credential headers, as every vendor needs them.

use http::{HeaderValue, Uri};
use tg_kernel::fault::Fault;
use tg_kernel::secret::Secret;

/// `base` followed by `path`, with exactly one slash between.
///
/// # Errors
/// `Class::Internal` when the outcome is not an address; the configuration check has read `base` before.
pub(crate) fn join(base: &str, path: &str) -> Result<Uri, Fault> {
    let base = base.trim_end_matches('/');
    format!("{base}{path}").parse().map_err(|e: http::uri::InvalidUri| Fault::internal(e))
}

/// A header value of `prefix` and a secret, marked sensitive so that nothing prints or indexes it.
///
/// # Errors
/// `Class::Internal` when the secret has characters that no header may have.
pub(crate) fn secret_header(prefix: &str, secret: &Secret) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose()))
        .map_err(|_| Fault::internal("a credential holds characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Percent-encodes one path segment: all but unreserved characters (RFC 3986), so that a model's name stays one segment.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_one_segment() {
        for (text, expected) in [
            ("anthropic.claude-v2:1", "anthropic.claude-v2%3A1"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.x",
                "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x",
            ),
            ("../x?y#z", "..%2Fx%3Fy%23z"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(segment(text), expected);
        }
    }

    #[test]
    fn a_secret_header_is_sensitive() {
        let value = secret_header("Bearer ", &Secret::new("s3cret")).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(format!("{value:?}"), "Sensitive");
        let fault = secret_header("", &Secret::new("a\nb")).unwrap_err();
        assert!(!format!("{fault:?}").contains("a\\nb"));
    }
}
