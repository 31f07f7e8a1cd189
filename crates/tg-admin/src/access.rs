//! Who may call: the bearer token; where there is none, only programs on this machine, and never a web page.

use crate::refusal::Refusal;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use subtle::ConstantTimeEq;
use tg_kernel::secret::Secret;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How callers of one listener are told apart.
#[derive(Debug)]
pub(crate) enum Access {
    /// By a token.
    Token(TokenDigest),
    /// Not at all; the listener is on a loopback address.
    Local,
    /// Nobody may call: the listener can be reached from other machines, and there is no token.
    Closed,
}

/// SHA-256 of the token: of equal length for every token, so that comparing tells nothing of the length.
pub(crate) struct TokenDigest([u8; 32]);

impl TokenDigest {
    fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    fn matches(&self, presented: &str) -> bool {
        self.0.ct_eq(&Self::of(presented).0).into()
    }
}

impl std::fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenDigest(***)")
    }
}

impl Access {
    pub(crate) fn new(token: Option<&Secret>, listener: SocketAddr) -> Self {
        match token {
            Some(token) => Self::Token(TokenDigest::of(token.expose())),
            None if listener.ip().to_canonical().is_loopback() => Self::Local,
            None => Self::Closed,
        }
    }

    /// Whether this request may use `/admin/v1`.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        match self {
            Self::Token(token) => check_token(token, request.headers()),
            Self::Local => check_local(request),
            Self::Closed => Err(forbidden(
                "token_required",
                "the admin interface can be reached from other machines and has no token; set admin.token",
            )),
        }
    }

    /// Whether this request may read the metrics: anyone may, but a web page on a machine without a token may not.
    pub(crate) fn check_metrics<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        match self {
            Self::Local => check_local(request),
            Self::Token(_) | Self::Closed => Ok(()),
        }
    }
}

fn forbidden(code: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, code, message)
}

fn check_token(token: &TokenDigest, headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = |message: &'static str| Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthenticated", message));
    let Some(value) = headers.get(AUTHORIZATION) else {
        return refused("no token was sent; send `Authorization: Bearer` and the token that admin.token refers to");
    };
    let presented = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
    });
    match presented {
        Some(presented) if token.matches(presented) => Ok(()),
        _ => refused("this token is not the one that admin.token refers to"),
    }
}

/// A web page in a browser on this machine reaches the loopback address too: by a name of its own that it points
/// there (the `Host` gives it away), or as another site (the browser says so).
fn check_local<B>(request: &Request<B>) -> Result<(), Refusal> {
    let headers = request.headers();
    let mut named = request.uri().authority().map(|authority| authority.as_str()).into_iter().collect::<Vec<_>>();
    for host in headers.get_all(HOST) {
        named.push(host.to_str().unwrap_or_default());
    }
    if named.is_empty() || !named.iter().all(|host| is_loopback(host)) {
        return Err(forbidden(
            "not_local",
            "without a token the admin interface answers only to localhost, 127.0.0.1 and [::1]; call it by one of \
             these, or set admin.token",
        ));
    }
    let own = |origin: &str| origin.split_once("://").is_some_and(|(_, host)| named.contains(&host));
    let same_origin = headers.get_all(ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(own));
    let same_site = headers.get_all(SEC_FETCH_SITE).iter().all(|site| site == "same-origin" || site == "none");
    if same_origin && same_site {
        return Ok(());
    }
    Err(forbidden(
        "cross_site",
        "a web page of another origin asks; without a token the admin interface does not answer such requests",
    ))
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    !host.contains('@')
        && (name.eq_ignore_ascii_case("localhost")
            || literal.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1", "127.8.8.8:1", "[::1]", "[::1]:8081"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "a@localhost",
            "local host",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
