//! A web-identity token (`sts:GetWebIdentityToken`): a JWT of an issuer that the configuration names.
//!
//! Read strictly, and no further than needed: two algorithms, the issuer looked up before anything of it is fetched, the
//! key by the token's `kid` among that issuer's. Nothing that a token names (`jku`, `x5u`, `jwk`) is ever used.

use super::flaw::{Flaw, Kind};
use super::keys::{Algorithm, KEY_ID_BYTES_MAX, KeySet};
use super::memory::{Digest, digest_of};
use super::principal::AwsPrincipal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::fmt;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::secret::Secret;

/// How far clocks may differ, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

/// Most audiences of one token that are compared: AWS grants ten.
const AUDIENCES_MAX: usize = 10;

/// Which tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// The audience for which a token must be made: this gateway's name.
    pub audience: String,
    /// The issuers that are believed, as they write themselves.
    pub issuers: Vec<Arc<str>>,
}

/// A token that has its form, is in time, and says to be from a believed issuer for this gateway. Its signature is yet to
/// be checked.
pub struct WebToken {
    text: Secret,
    /// How much of the text is signed.
    signed_bytes: usize,
    signature: Vec<u8>,
    algorithm: Algorithm,
    key_id: String,
    issuer: Arc<str>,
    subject: String,
    aws: AwsClaims,
    ends_at: Timestamp,
}

impl fmt::Debug for WebToken {
    /// Whose it says to be; nothing with which somebody else could be that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebToken")
            .field("issuer", &self.issuer)
            .field("key_id", &self.key_id)
            .field("subject", &self.subject)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    #[serde(rename = "https://sts.amazonaws.com/")]
    aws: Option<AwsClaims>,
}

/// What AWS says of whoever asked for the token. The subject may be somebody else: with `SubjectMode` it is whoever the
/// session acts for, in the words of a third party.
#[derive(Default, Deserialize)]
struct AwsClaims {
    aws_account: Option<String>,
    principal_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Some(Vec<String>),
}

impl Audience {
    fn has(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Some(some) => some.len() <= AUDIENCES_MAX && some.iter().any(|one| one == wanted),
        }
    }
}

impl WebToken {
    /// Reads a token.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn read(text: &str, wanted: &WebIdentity, now: Timestamp) -> Result<Self, Flaw> {
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("it is not made of three parts"));
        };
        let signed_bytes = header.len() + 1 + claims.len();
        let header: Header = part(header).ok_or(malformed("its header cannot be read"))?;
        let algorithm = Algorithm::of(&header.alg).ok_or(malformed("it is signed neither as RS256 nor as ES384"))?;
        if header.crit.is_some() || header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
            return Err(malformed("its header demands what is not known here"));
        }
        let key_id = header.kid.filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES_MAX);
        let key_id = key_id.ok_or(malformed("it names no key ('kid')"))?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("its signature cannot be read"))?;
        let claims: Claims = part(claims).ok_or(malformed("its claims cannot be read, or some are missing"))?;
        let issuer = wanted.issuers.iter().find(|issuer| ***issuer == *claims.iss);
        let issuer = issuer.ok_or(Flaw::Foreign(Kind::WebIdentity, "its issuer is not one that is believed here"))?;
        if !claims.aud.has(&wanted.audience) {
            return Err(Flaw::Foreign(Kind::WebIdentity, "its audience is another"));
        }
        let ends_at = check_time(&claims, now)?;
        Ok(Self {
            text: Secret::new(text),
            signed_bytes,
            signature,
            algorithm,
            key_id,
            issuer: Arc::clone(issuer),
            subject: claims.sub,
            aws: claims.aws.unwrap_or_default(),
            ends_at,
        })
    }

    /// Who is to be asked for keys.
    #[must_use]
    pub const fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The key with which it says to be signed.
    #[must_use]
    pub fn key(&self) -> (&str, Algorithm) {
        (&self.key_id, self.algorithm)
    }

    /// From when on it is refused.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// What it is remembered by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of(&[self.text.expose()])
    }

    /// Whose token it is, if its signature is right.
    ///
    /// # Errors
    /// [`Flaw::Signature`]; [`Flaw::NoCaller`] when it is nobody's who can call.
    pub fn verify(&self, keys: &KeySet) -> Result<AwsPrincipal, Flaw> {
        let signed = self.text.expose().as_bytes().get(..self.signed_bytes).unwrap_or_default();
        if !keys.verify(&self.key_id, self.algorithm, signed, &self.signature) {
            return Err(Flaw::Signature);
        }
        let principal = AwsPrincipal::of(&self.subject)?;
        self.aws.check(&principal)?;
        Ok(principal)
    }
}

impl AwsClaims {
    /// The subject must be who asked for the token.
    fn check(&self, subject: &AwsPrincipal) -> Result<(), Flaw> {
        if self.aws_account.is_none() && self.principal_id.is_none() {
            return Err(malformed("it does not have the claims of AWS"));
        }
        if self.aws_account.as_ref().is_some_and(|account| account != subject.account()) {
            return Err(malformed("its subject is of another account than it says"));
        }
        let is_another = |arn: &String| AwsPrincipal::of(arn).as_ref() != Ok(subject);
        if self.principal_id.as_ref().is_some_and(is_another) {
            return Err(malformed("its subject is not who asked AWS for it"));
        }
        Ok(())
    }
}

const fn malformed(what: &'static str) -> Flaw {
    Flaw::Malformed(Kind::WebIdentity, what)
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// From when on a token is refused.
fn check_time(claims: &Claims, now: Timestamp) -> Result<Timestamp, Flaw> {
    let now = now.seconds();
    let ends = claims.exp.saturating_add(LEEWAY_SECONDS);
    let begins = claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)).saturating_sub(LEEWAY_SECONDS);
    if claims.exp <= claims.iat {
        return Err(malformed("it ends before it begins"));
    }
    if now >= ends {
        return Err(Flaw::Expired(Kind::WebIdentity));
    }
    if now < begins {
        return Err(Flaw::NotYet(Kind::WebIdentity));
    }
    Ok(Timestamp::from_seconds(ends))
}

#[cfg(test)]
mod tests;
