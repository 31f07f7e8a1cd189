//! AWS Signature Version 4, checked from first principles: the second opinion on what the gateway signs.

use crate::options::AwsKey;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use tg_kernel::clock::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SKEW_SECONDS_MAX: i64 = 5 * 60;

/// A request as it stood on the wire.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, still encoded as it was sent.
    pub path: &'a str,
    /// The query without its question mark; may be empty.
    pub query: &'a str,
    /// The `host` header, or HTTP/2's `:authority`.
    pub host: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Why a signature is refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SignatureFlaw {
    /// The header cannot be read as SigV4.
    #[error("Authorization header requires {0}")]
    Incomplete(&'static str),
    /// The access key or session token is not one of ours.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Wrong region, service, terminator or day.
    #[error("Credential should be scoped to {0}")]
    Scope(String),
    /// Too old or from the future.
    #[error("Signature expired: {0} is not within five minutes of now")]
    Skew(String),
    /// A header that must be signed is not.
    #[error("Header {0:?} must be a 'SignedHeader' in the AWS Authorization.")]
    Unsigned(String),
    /// The hash in `x-amz-content-sha256` is not the body's.
    #[error("The value of x-amz-content-sha256 does not match the body")]
    BodyHash,
    /// Everything could be read, and the result differs.
    #[error("The request signature we calculated does not match the signature you provided. Canonical request: {0}")]
    Mismatch(String),
}

struct Claim<'a> {
    access_key_id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// Checks a request's signature for this service in this region.
///
/// # Errors
/// The first thing found wrong.
pub fn verify(
    request: &SignedRequest<'_>,
    keys: &[AwsKey],
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<(), SignatureFlaw> {
    let claim = claim_of(header(request.headers, "authorization"))?;
    let key = keys.iter().find(|k| k.access_key_id == claim.access_key_id).ok_or(SignatureFlaw::UnknownKey)?;
    let token = header(request.headers, "x-amz-security-token");
    if token != key.session_token.as_deref().unwrap_or_default() {
        return Err(SignatureFlaw::UnknownKey);
    }
    if (claim.region, claim.service, claim.terminator) != (region, service, "aws4_request") {
        return Err(SignatureFlaw::Scope(format!("{region}/{service}/aws4_request")));
    }
    let date = header(request.headers, "x-amz-date");
    check_date(date, claim.day, now)?;
    check_signed(request.headers, claim.signed_headers)?;
    let body_hash = hex::encode(Sha256::digest(request.body));
    let stated = header(request.headers, "x-amz-content-sha256");
    if !stated.is_empty() && stated != body_hash {
        return Err(SignatureFlaw::BodyHash);
    }
    let canonical = canonical_request(request, claim.signed_headers, &body_hash);
    let scope = format!("{}/{region}/{service}/aws4_request", claim.day);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let mut signing = hmac(format!("AWS4{}", key.secret_access_key).as_bytes(), claim.day.as_bytes());
    for part in [region, service, "aws4_request", &to_sign] {
        signing = hmac(&signing, part.as_bytes());
    }
    if hex::encode(signing) == claim.signature { Ok(()) } else { Err(SignatureFlaw::Mismatch(canonical)) }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

pub(crate) fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length, so this cannot fail.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn claim_of(authorization: &str) -> Result<Claim<'_>, SignatureFlaw> {
    let rest = authorization.strip_prefix(ALGORITHM).ok_or(SignatureFlaw::Incomplete("the algorithm"))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in rest.split(',') {
        match part.trim().split_once('=') {
            Some(("Credential", value)) => credential = Some(value),
            Some(("SignedHeaders", value)) => signed_headers = Some(value),
            Some(("Signature", value)) => signature = Some(value),
            _ => return Err(SignatureFlaw::Incomplete("only Credential, SignedHeaders and Signature")),
        }
    }
    let mut scope = credential.ok_or(SignatureFlaw::Incomplete("'Credential' parameter"))?.split('/');
    let mut next = || scope.next().ok_or(SignatureFlaw::Incomplete("a full credential scope"));
    Ok(Claim {
        access_key_id: next()?,
        day: next()?,
        region: next()?,
        service: next()?,
        terminator: next()?,
        signed_headers: signed_headers.ok_or(SignatureFlaw::Incomplete("'SignedHeaders' parameter"))?,
        signature: signature.ok_or(SignatureFlaw::Incomplete("'Signature' parameter"))?,
    })
}

/// The time of a date of this day. `None`: it has not its form, or is of another day.
pub(crate) fn check_date_of(date: &str, day: &str) -> Option<Timestamp> {
    let form = format!("{}T{}Z", date.get(..8)?, date.get(9..15)?);
    let [y, m, d] = [date.get(0..4)?, date.get(4..6)?, date.get(6..8)?];
    let [hour, minute, second] = [date.get(9..11)?, date.get(11..13)?, date.get(13..15)?];
    let sent = Timestamp::parse(&format!("{y}-{m}-{d}T{hour}:{minute}:{second}Z"))?;
    (form == date && date.starts_with(day) && day.len() == 8).then_some(sent)
}

fn check_date(date: &str, day: &str, now: Timestamp) -> Result<(), SignatureFlaw> {
    let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default();
    let rfc3339 =
        format!("{}-{}-{}T{}:{}:{}Z", part(0..4), part(4..6), part(6..8), part(9..11), part(11..13), part(13..15));
    let sent = Timestamp::parse(&rfc3339).ok_or(SignatureFlaw::Incomplete("a valid X-Amz-Date"))?;
    if part(0..8) != day {
        return Err(SignatureFlaw::Scope(format!("the day of X-Amz-Date, {date}")));
    }
    if (sent.seconds() - now.seconds()).abs() > SKEW_SECONDS_MAX {
        return Err(SignatureFlaw::Skew(date.to_owned()));
    }
    Ok(())
}

fn check_signed(headers: &HeaderMap, signed: &str) -> Result<(), SignatureFlaw> {
    let names: Vec<&str> = signed.split(';').collect();
    // Over HTTP/2 the JavaScript SDK signs the pseudo-header that stands for the host.
    if !names.contains(&"host") && !names.contains(&":authority") {
        return Err(SignatureFlaw::Unsigned("host".to_owned()));
    }
    let unsigned = headers.keys().find(|name| name.as_str().starts_with("x-amz") && !names.contains(&name.as_str()));
    unsigned.map_or(Ok(()), |name| Err(SignatureFlaw::Unsigned(name.to_string())))
}

fn canonical_request(request: &SignedRequest<'_>, signed_headers: &str, body_hash: &str) -> String {
    let mut text = format!("{}\n{}\n{}\n", request.method, encode(request.path, b"/"), canonical_query(request.query));
    for name in signed_headers.split(';') {
        text.push_str(name);
        text.push(':');
        if name == "host" || name == ":authority" {
            text.push_str(request.host);
        } else {
            let values: Vec<String> = request
                .headers
                .get_all(name)
                .iter()
                .map(|v| v.to_str().unwrap_or_default().split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            text.push_str(&values.join(","));
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(signed_headers);
    text.push('\n');
    text.push_str(body_hash);
    text
}

/// Escapes everything but unreserved characters; applied to the wire path this is the second encoding.
fn encode(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

pub(crate) fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<&str> = query.split('&').filter(|p| !p.is_empty()).collect();
    pairs.sort_unstable();
    let with_value: Vec<String> =
        pairs.iter().map(|p| if p.contains('=') { (*p).to_owned() } else { format!("{p}=") }).collect();
    with_value.join("&")
}
