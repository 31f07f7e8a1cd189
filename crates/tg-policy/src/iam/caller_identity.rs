//! A proof by `sts:GetCallerIdentity`: a URL that the caller has presigned, and that only this gateway may have asked.
//!
//! Whoever presigns a URL lets its holder make that one request. So the gateway asks nothing but what it would ask by
//! itself: one action, at one of the addresses of STS that the configuration allows, with one header that the caller has
//! signed. That header holds this gateway's name: a proof that was made for somebody else is of no use here, nor one of
//! ours there.

use super::flaw::{Flaw, Hitch, Kind};
use super::memory::{Digest, Finding, digest_of};
use super::principal::AwsPrincipal;
use crate::aws::signature::{SKEW_SECONDS_MAX, read_date};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::borrow::Cow;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// How every proof begins; the presigned URL in base64 (of URLs, without padding) follows.
pub const PREFIX: &str = "tg-aws-v1.";
/// The header by which a proof is bound to a gateway.
pub const SERVER_ID_HEADER: &str = "x-tallygate-server-id";
/// For how long STS honours a presigned request at most, whatever it says of itself.
pub const SECONDS_MAX: i64 = 15 * 60;

/// What the caller must have signed: no more, since nothing else is sent.
const SIGNED_HEADERS: &str = "host;x-tallygate-server-id";
/// The parameters that a proof must have, and what must stand in them where that is one thing.
const DEMANDED: [(&str, Option<&str>); 8] = [
    ("Action", Some("GetCallerIdentity")),
    ("Version", Some("2011-06-15")),
    ("X-Amz-Algorithm", Some("AWS4-HMAC-SHA256")),
    ("X-Amz-Credential", None),
    ("X-Amz-Date", None),
    ("X-Amz-Expires", None),
    ("X-Amz-SignedHeaders", Some(SIGNED_HEADERS)),
    ("X-Amz-Signature", None),
];
/// The one that it may have: temporary credentials have a token.
const TOKEN: &str = "X-Amz-Security-Token";
/// Deepest nesting of an answer that is read; STS has three levels.
const DEPTH_MAX: usize = 16;

/// Which proofs are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// This gateway's name.
    pub server_id: String,
    /// Where STS may be asked.
    pub places: Vec<Place>,
}

/// One address of STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Scheme, host and port: `https://sts.eu-west-1.amazonaws.com`.
    pub base: String,
    /// The region for which proofs must be signed there; `None`: any.
    pub region: Option<String>,
}

/// A proof that has its form, is in time, and is bound to this gateway. Whether its signature is right is for STS to say.
#[derive(Debug)]
pub struct IdentityProof {
    url: Secret,
    digest: Digest,
    access_key_id: String,
    ends_at: Timestamp,
}

impl IdentityProof {
    /// Reads a proof.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn read(text: &str, wanted: &CallerIdentity, now: Timestamp) -> Result<Self, Flaw> {
        let encoded = text.strip_prefix(PREFIX).ok_or(malformed("it does not begin as it must"))?;
        let url = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let url = Secret::new(url.ok_or(malformed("it is not a URL in base64url without padding"))?);
        let text = url.expose();
        let at = wanted.places.iter().find_map(|place| {
            let query = text.strip_prefix(&*place.base)?.strip_prefix("/?")?;
            Some((place, query))
        });
        let (place, query) =
            at.ok_or(Flaw::Foreign(Kind::CallerIdentity, "its address is none of STS allowed here"))?;
        let parameters = Parameters::read(query)?;
        let ends_at = parameters.check(place, now)?;
        let access_key_id = parameters.access_key_id().to_owned();
        // What is known of a proof is known under the name with which it was asked about.
        let digest = digest_of(&[&wanted.server_id, text]);
        Ok(Self { url, digest, access_key_id, ends_at })
    }

    /// What is to be asked, with [`SERVER_ID_HEADER`] alone. Whoever has it can ask the same: it must not be shown.
    #[must_use]
    pub const fn url(&self) -> &Secret {
        &self.url
    }

    /// From when on it is refused.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// What it is remembered by.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whose proof it says to be: the id of the access key, which is no secret and proves nothing.
    #[must_use]
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }
}

/// The text that a caller presents for a presigned URL. As secret as that.
#[must_use]
pub fn encode(url: &Secret) -> Secret {
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(url.expose())))
}

const fn malformed(what: &'static str) -> Flaw {
    Flaw::Malformed(Kind::CallerIdentity, what)
}

/// The parameters of a presigned request, decoded, each once.
struct Parameters<'a> {
    demanded: [Cow<'a, str>; DEMANDED.len()],
}

impl<'a> Parameters<'a> {
    fn read(query: &'a str) -> Result<Self, Flaw> {
        let mut found: [Option<Cow<'a, str>>; DEMANDED.len()] = Default::default();
        let mut token = None;
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').ok_or(malformed("a parameter has no value"))?;
            let value = decoded(value).ok_or(malformed("a parameter is not percent-encoded as it must be"))?;
            let place = match DEMANDED.iter().position(|(known, _)| *known == name) {
                Some(number) => &mut found[number],
                None if name == TOKEN => &mut token,
                // Another case of a known name would be a second spelling of it.
                None => return Err(malformed("it has a parameter that GetCallerIdentity does not need")),
            };
            if place.replace(value).is_some() {
                return Err(malformed("a parameter stands twice"));
            }
        }
        if token.is_some_and(|token| token.is_empty()) {
            return Err(malformed("its security token is empty"));
        }
        let mut demanded: [Cow<'a, str>; DEMANDED.len()] = Default::default();
        for (place, value) in demanded.iter_mut().zip(found) {
            *place = value.ok_or(malformed("a parameter is missing"))?;
        }
        Ok(Self { demanded })
    }

    fn access_key_id(&self) -> &str {
        let [_, _, _, credential, ..] = &self.demanded;
        credential.split('/').next().unwrap_or_default()
    }

    /// From when on the proof is refused.
    fn check(&self, place: &Place, now: Timestamp) -> Result<Timestamp, Flaw> {
        for ((name, fixed), value) in DEMANDED.iter().zip(&self.demanded) {
            if fixed.is_some_and(|fixed| *value != fixed) {
                return Err(match *name {
                    "X-Amz-SignedHeaders" => Flaw::Foreign(
                        Kind::CallerIdentity,
                        "it must sign 'host' and 'x-tallygate-server-id', and no more",
                    ),
                    "Action" => malformed("it asks for another action than GetCallerIdentity"),
                    _ => malformed("it is signed otherwise than by AWS4-HMAC-SHA256, or for another API version"),
                });
            }
        }
        let [_, _, _, credential, date, expires, _, signature] = &self.demanded;
        if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f')) {
            return Err(malformed("its signature is not 64 hex digits"));
        }
        let signed_at = read_date(date).ok_or(malformed("its date is not of the form 20261124T030000Z"))?;
        check_scope(credential, date, place)?;
        let is_number = (1..=6).contains(&expires.len()) && expires.bytes().all(|b| b.is_ascii_digit());
        let lives = expires.parse::<i64>().ok().filter(|lives| is_number && *lives > 0);
        let lives = lives.ok_or(malformed("its X-Amz-Expires is not a number of seconds"))?;
        // A date ahead of ours lengthens nothing.
        let ends = signed_at.seconds().min(now.seconds()) + lives.min(SECONDS_MAX);
        if now.seconds() >= ends {
            return Err(Flaw::Expired(Kind::CallerIdentity));
        }
        if signed_at.seconds() - now.seconds() > SKEW_SECONDS_MAX {
            return Err(Flaw::NotYet(Kind::CallerIdentity));
        }
        Ok(Timestamp::from_seconds(ends))
    }
}

/// The credential must be one for STS, in the region of the address, on the day of the date.
fn check_scope(credential: &str, date: &str, place: &Place) -> Result<(), Flaw> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [id, day, region, "sts", "aws4_request"] = parts.as_slice() else {
        return Err(malformed("its credential is not scoped to STS"));
    };
    let is_id = (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_id || !date.starts_with(*day) || day.len() != 8 {
        return Err(malformed("its credential has not its form"));
    }
    if place.region.as_ref().is_some_and(|wanted| wanted != region) {
        return Err(malformed("it is signed for another region than that of its address"));
    }
    Ok(())
}

/// A value without its percent-encoding. `None`: something stands bare that signers encode, or it is not text.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text.bytes().all(plain) {
        return Some(Cow::Borrowed(text));
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'%' => {
                let (pair, after) = after.split_at_checked(2)?;
                let mut byte = [0];
                hex::decode_to_slice(pair, &mut byte).ok()?;
                out.push(byte[0]);
                after
            }
            byte if plain(*byte) => {
                out.push(*byte);
                after
            }
            _ => return None,
        };
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

const AWAY: Flaw = Flaw::Unavailable(Kind::CallerIdentity, Hitch::NoAnswer);

/// What an answer of STS says: whose proof it was, or that it was none.
///
/// # Errors
/// [`Flaw::Refused`] where STS refuses the proof itself, [`Flaw::Unavailable`] where it is busy, broken, or says what
/// cannot be read, [`Flaw::NoCaller`] where it names somebody who cannot call.
pub fn judge(status: u16, body: &[u8]) -> Finding {
    let is_busy = || std::str::from_utf8(body).is_ok_and(|text| text.contains("Throttling"));
    match status {
        200 => {
            let (account, arn) = named(body).ok_or(AWAY)?;
            let principal = AwsPrincipal::of(&arn)?;
            if account == principal.account() { Ok(principal) } else { Err(AWAY) }
        }
        400 if is_busy() => Err(AWAY),
        400 | 401 | 403 => Err(Flaw::Refused),
        _ => Err(AWAY),
    }
}

/// Account and ARN of a `GetCallerIdentityResponse`, each once and at its place.
fn named(body: &[u8]) -> Option<(String, String)> {
    const RESULT: [&str; 2] = ["GetCallerIdentityResponse", "GetCallerIdentityResult"];
    let (mut path, mut account, mut arn) = (Vec::new(), None, None);
    for token in Tokenizer::from(std::str::from_utf8(body).ok()?) {
        match token.ok()? {
            Token::ElementStart { local, .. } if path.len() < DEPTH_MAX => path.push(local.as_str()),
            Token::ElementStart { .. } | Token::DtdStart { .. } | Token::EmptyDtd { .. } => return None,
            Token::ElementEnd { end: ElementEnd::Close(_, local), .. } => {
                path.pop().filter(|open| *open == local.as_str())?;
            }
            Token::ElementEnd { end: ElementEnd::Empty, .. } => drop(path.pop()),
            Token::Text { text } if path.starts_with(&RESULT) => {
                let place = match path[RESULT.len()..] {
                    ["Account"] => &mut account,
                    ["Arn"] => &mut arn,
                    _ => continue,
                };
                if place.replace(text.as_str().to_owned()).is_some() {
                    return None;
                }
            }
            _ => {}
        }
    }
    // What is cut off proves nothing.
    path.is_empty().then_some((account?, arn?))
}

#[cfg(test)]
mod tests;
