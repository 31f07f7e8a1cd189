//! The check of a signature: what can be seen from the head, and, once the body is there, whether it is right.

use super::authorization::{ALGORITHM, Authorization};
use super::canonical::SignedRequest;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;
use zeroize::Zeroizing;

/// How far a signature's time may be from ours, as AWS has it.
pub const SKEW_SECONDS_MAX: i64 = 5 * 60;
/// The service that clients of Bedrock's runtime sign for.
const SERVICE: &str = "bedrock";
/// How every scope ends.
const TERMINATOR: &str = "aws4_request";
/// Headers that must be signed where they are: what AWS demands, and what changes what the model does. `x-amzn-trace-id`
/// is not among them: load balancers add it on the way.
const BOUND_PREFIXES: [&str; 2] = ["x-amz-", "x-amzn-bedrock-"];
const DATE: &str = "x-amz-date";
const CONTENT_HASH: &str = "x-amz-content-sha256";

/// Why a signature is refused. The words are AWS's own as far as it has any, and safe for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The request has not the form of a signed one.
    #[error("Authorization header requires {0}.")]
    Incomplete(&'static str),
    /// It is signed for something else.
    #[error("{0}")]
    Scope(String),
    /// It was signed too long ago.
    #[error("Signature expired: {date} is now earlier than {limit} ({now} - 5 min.)")]
    Expired {
        /// When it was signed.
        date: String,
        /// When it would have had to be.
        limit: String,
        /// The gateway's time.
        now: String,
    },
    /// It was signed in the future.
    #[error("Signature not yet current: {date} is still later than {limit} ({now} + 5 min.)")]
    NotYet {
        /// When it was signed.
        date: String,
        /// The latest that would do.
        limit: String,
        /// The gateway's time.
        now: String,
    },
    /// A header that must be signed is not.
    #[error("'{0}' must be a 'SignedHeader' in the AWS Authorization.")]
    Unsigned(String),
    /// A header that can stand only once stands more often.
    #[error("The header '{0}' must stand once.")]
    Repeated(&'static str),
    /// The body is not signed.
    #[error("x-amz-content-sha256 must be the SHA-256 of the body; unsigned and chunk-signed bodies are not accepted.")]
    UnsignedBody,
    /// The path could be changed without its signature.
    #[error("A signed path must not have empty or dot segments.")]
    Path,
    /// All of it can be read, and the signature is another.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. If a proxy stands between, it must leave host, path, headers and body as they are."
    )]
    Mismatch,
}

/// What a head claims: read, in form, in time, for this service; the signature itself is yet to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    authorization: Authorization<'a>,
    request: SignedRequest<'a>,
    date: &'a str,
    signed_at: Timestamp,
}

impl<'a> Claim<'a> {
    /// Reads a request's head. `authorization` is the value of its header.
    ///
    /// # Errors
    /// The first thing found wrong, as far as the head shows it.
    pub fn read(authorization: &'a str, request: SignedRequest<'a>, now: Timestamp) -> Result<Self, Flaw> {
        let authorization = Authorization::parse(authorization)?;
        check_scope(&authorization)?;
        let date = only(request.headers, DATE)?.ok_or(Flaw::Incomplete("an 'X-Amz-Date' header"))?;
        let signed_at = read_date(date).ok_or(Flaw::Incomplete("an 'X-Amz-Date' of the form 20261124T030000Z"))?;
        check_time(date, signed_at, &authorization, now)?;
        check_signed(request.headers, &authorization)?;
        if !request.path_is_plain() {
            return Err(Flaw::Path);
        }
        Ok(Self { authorization, request, date, signed_at })
    }

    /// The id of the access key that is said to have signed.
    #[must_use]
    pub const fn access_key_id(&self) -> &'a str {
        self.authorization.access_key_id
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &[u8; 32] {
        &self.authorization.signature
    }

    /// Whether the signature is still in its time.
    ///
    /// # Errors
    /// [`Flaw::Expired`] or [`Flaw::NotYet`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), Flaw> {
        check_time(self.date, self.signed_at, &self.authorization, now)
    }

    /// Whether this secret made the signature, for this body. Compares in constant time.
    ///
    /// # Errors
    /// [`Flaw::UnsignedBody`] or [`Flaw::Mismatch`].
    pub fn check(&self, secret: &Secret, body: &[u8]) -> Result<(), Flaw> {
        let body_hash = hex::encode(Sha256::digest(body));
        if let Some(stated) = only(self.request.headers, CONTENT_HASH)?
            && stated != body_hash
        {
            let is_hash = stated.len() == 64 && stated.bytes().all(|b| b.is_ascii_hexdigit());
            return Err(if is_hash { Flaw::Mismatch } else { Flaw::UnsignedBody });
        }
        let Authorization { day, region, service, terminator, signed_headers, signature, .. } = &self.authorization;
        let canonical = self.request.canonical(signed_headers, &body_hash).ok_or(Flaw::Mismatch)?;
        let canonical_hash = hex::encode(Sha256::digest(&canonical));
        let to_sign = format!("{ALGORITHM}\n{}\n{day}/{region}/{service}/{terminator}\n{canonical_hash}", self.date);
        let first = Zeroizing::new(format!("AWS4{}", secret.expose()));
        let mut key = derived(first.as_bytes(), day)?;
        for part in [region, service, terminator] {
            key = derived(&*key, part)?;
        }
        mac(&*key, &to_sign)?.verify_slice(signature).map_err(|_| Flaw::Mismatch)
    }
}

fn derived(key: &[u8], data: &str) -> Result<Zeroizing<[u8; 32]>, Flaw> {
    Ok(Zeroizing::new(mac(key, data)?.finalize().into_bytes().into()))
}

fn mac(key: &[u8], data: &str) -> Result<Hmac<Sha256>, Flaw> {
    // HMAC takes keys of every length, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| Flaw::Mismatch)?;
    mac.update(data.as_bytes());
    Ok(mac)
}

/// The value of a header that may stand at most once.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Flaw> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Flaw::Repeated(name));
    }
    Ok(first.map(|value| value.to_str().unwrap_or_default()))
}

fn check_scope(authorization: &Authorization<'_>) -> Result<(), Flaw> {
    let Authorization { service, terminator, .. } = authorization;
    // Neither is said back: both are whatever the caller wrote.
    if *service != SERVICE {
        return Err(Flaw::Scope(format!("Credential should be scoped to correct service: '{SERVICE}'.")));
    }
    if *terminator != TERMINATOR {
        return Err(Flaw::Scope(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'.")));
    }
    Ok(())
}

/// Reads `20261124T030000Z`, and nothing else.
pub(crate) fn read_date(text: &str) -> Option<Timestamp> {
    let form = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !form {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4),
        part(4, 6),
        part(6, 8),
        part(9, 11),
        part(11, 13),
        part(13, 15)
    ))
}

/// A time as signatures have it.
fn shown(seconds: i64) -> String {
    let rfc3339 = Timestamp::from_seconds(seconds).to_string();
    rfc3339.chars().filter(|c| !matches!(c, '-' | ':')).collect()
}

fn check_time(date: &str, at: Timestamp, authorization: &Authorization<'_>, now: Timestamp) -> Result<(), Flaw> {
    let day = authorization.day;
    if !date.starts_with(day) {
        return Err(Flaw::Scope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != '{}', \
             from '{date}'.",
            date.get(..8).unwrap_or_default()
        )));
    }
    let (at, now) = (at.seconds(), now.seconds());
    let told = |limit: i64| (date.to_owned(), shown(limit), shown(now));
    if at < now.saturating_sub(SKEW_SECONDS_MAX) {
        let (date, limit, now) = told(now - SKEW_SECONDS_MAX);
        return Err(Flaw::Expired { date, limit, now });
    }
    if at > now.saturating_add(SKEW_SECONDS_MAX) {
        let (date, limit, now) = told(now + SKEW_SECONDS_MAX);
        return Err(Flaw::NotYet { date, limit, now });
    }
    Ok(())
}

/// What must be signed is.
fn check_signed(headers: &HeaderMap, authorization: &Authorization<'_>) -> Result<(), Flaw> {
    if !authorization.signed().any(|name| name == "host" || name == ":authority") {
        return Err(Flaw::Unsigned("Host' or ':authority".to_owned()));
    }
    let bound = |name: &&http::HeaderName| BOUND_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    let unsigned = headers.keys().filter(bound).find(|name| !authorization.signed().any(|s| s == name.as_str()));
    // A header's name is at most as long as the head; what is said back is not.
    unsigned.map_or(Ok(()), |name| Err(Flaw::Unsigned(name.as_str().chars().take(100).collect())))
}

#[cfg(test)]
mod tests;
