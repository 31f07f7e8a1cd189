//! Headers that a document adds to requests.

use super::Findings;
use crate::grammar::HeaderText;
use crate::problem::Path;
use std::collections::BTreeMap;

/// Headers that the gateway sets itself, or that belong to one connection.
const OWN: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];
/// Headers whose value is a credential.
const CREDENTIAL: &[&str] =
    &["api-key", "authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token", "x-goog-api-key"];

pub(super) fn check(headers: &BTreeMap<String, HeaderText>, path: &Path, found: &mut Findings) {
    let mut seen = std::collections::HashSet::new();
    for (name, text) in headers {
        let lower = name.to_ascii_lowercase();
        let path = path.member(name);
        if !is_token(name) {
            found.add(path, "is not a name of an HTTP header", "write at most 128 letters, digits and `-`");
        } else if OWN.contains(&lower.as_str()) {
            found.add(path, "is a header that the gateway sets itself", "remove it");
        } else if CREDENTIAL.contains(&lower.as_str()) && matches!(text, HeaderText::Literal(_)) {
            found.add(
                path,
                "holds a credential, which does not belong in this file",
                "put the whole value into an environment variable or a file, and write `env:NAME` or `file:PATH` here",
            );
        } else if !seen.insert(lower) {
            found.add(path, "differs from another header only in case", "keep one of the two");
        }
    }
}

fn is_token(name: &str) -> bool {
    let special = |b: u8| b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || special(b))
}
