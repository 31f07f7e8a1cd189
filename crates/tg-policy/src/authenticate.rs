//! Who calls: the credential in the dialect's own place, looked up in the directory; or a signature, verified; or a
//! proof of an IAM identity, which somebody above finds out about.

use crate::aws::{Claim, Flaw, Replays, SignedRequest};
use crate::iam::roles::Member;
use crate::iam::{self, AwsPrincipal, Trust};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::principal::Principal;
use tg_store::directory::{Directory, Grant, KeyRefusal};
use tg_store::team::TeamPolicy;

/// Headers that carry a key as such, in the order in which they are looked at after `Authorization: Bearer`.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "api-key"];

/// A caller, as far as the head of the request shows.
#[derive(Debug)]
pub enum Caller<'a> {
    /// Known: the key itself was presented.
    Known(Arc<Grant>),
    /// Somebody who says to hold an access key: his signature covers the body.
    Signer(Box<Signer<'a>>),
    /// Known: AWS says who it is.
    Role(Box<RoleHolder<'a>>),
}

/// What the head of a request comes to.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A caller.
    Caller(Caller<'a>),
    /// A proof of an IAM identity: see [`iam::Presented`].
    Proof(&'a str),
}

/// Somebody whose IAM identity is proven.
#[derive(Debug)]
pub struct RoleHolder<'a> {
    who: AwsPrincipal,
    trust: &'a Trust,
    ends_at: Timestamp,
    member: Member,
}

/// Somebody who says to hold an access key.
#[derive(Debug)]
pub struct Signer<'a> {
    claim: Claim<'a>,
    grant: Arc<Grant>,
}

/// By what a caller is judged once the body is there.
#[derive(Clone, Copy)]
pub struct Door<'a> {
    /// The keys as they are by now: a body may take its time, and a key be revoked meanwhile.
    pub directory: &'a Directory,
    /// The signatures that came before.
    pub replays: &'a Replays,
    /// Where the request comes from.
    pub from: IpAddr,
    /// The time by now.
    pub now: Timestamp,
}

/// Who a call is by, once nothing is in doubt any more.
pub type Admitted = Member;

/// Establishes who calls, before a byte of the body is read, as far as that is possible without asking anybody.
///
/// # Errors
/// `Class::Unauthenticated` with a code that says why: `missing_api_key`, `invalid_api_key`, `expired_api_key`,
/// `revoked_api_key`, `team_not_active`, `network_not_allowed`; for signed requests those of [`Flaw`], and
/// `Class::Forbidden` with `secret_unreadable`.
pub fn identify<'a>(head: &'a Parts, from: IpAddr, directory: &Directory, now: Timestamp) -> Result<Shown<'a>, Fault> {
    let caller = match presented(&head.headers)? {
        Presented::Key(key) if iam::Presented::is_one(key) => return Ok(Shown::Proof(key)),
        Presented::Key(key) => directory.find(key, from, now).map(Caller::Known).map_err(refused)?,
        Presented::Signature(authorization) => {
            let claim = Claim::read(authorization, SignedRequest::of(head), now).map_err(flawed)?;
            let grant = directory.signer(claim.access_key_id()).map_err(signer_refused)?;
            Caller::Signer(Box::new(Signer { claim, grant }))
        }
    };
    Ok(Shown::Caller(caller))
}

impl<'a> Caller<'a> {
    /// The caller that a proven identity is; the proof holds until `ends_at`.
    ///
    /// # Errors
    /// `Class::Forbidden`: `identity_not_mapped`, `network_not_allowed`, `team_not_active`.
    pub fn of_role(
        who: AwsPrincipal,
        ends_at: Timestamp,
        from: IpAddr,
        trust: &'a Trust,
        directory: &Directory,
    ) -> Result<Self, Fault> {
        let member = trust.roles.member(&who, from, directory)?;
        Ok(Self::Role(Box::new(RoleHolder { who, trust, ends_at, member })))
    }

    /// Who it is and what its team allows, where that is known from the head alone.
    #[must_use]
    pub fn known(&self) -> Option<(&Principal, &TeamPolicy)> {
        match self {
            Self::Known(grant) => Some((&grant.principal, &grant.team.policy)),
            Self::Role(holder) => Some((&holder.member.principal, &holder.member.team.policy)),
            Self::Signer(_) => None,
        }
    }

    /// The caller, now that the body is there. Nothing may be done for it before this.
    ///
    /// # Errors
    /// Why the key or role is not in force any more; for signed requests also `invalid_signature`, `expired_signature` and
    /// `replayed_signature`.
    pub fn confirm(self, body: &[u8], door: &Door<'_>) -> Result<Admitted, Fault> {
        let grant = match self {
            Self::Known(grant) => {
                let grant = door.directory.current(&grant).map_err(refused)?;
                grant.admits(door.from, door.now).map_err(refused)?;
                grant
            }
            Self::Signer(signer) => signer.confirm(body, door)?,
            Self::Role(holder) => return holder.confirm(door),
        };
        Ok(Admitted { principal: grant.principal.clone(), team: Arc::clone(&grant.team) })
    }
}

impl RoleHolder<'_> {
    fn confirm(self, door: &Door<'_>) -> Result<Admitted, Fault> {
        if door.now >= self.ends_at {
            let message = "The proof of the caller's IAM identity expired while the request's body was on its way.";
            return Err(unauthenticated("expired_identity_proof", message));
        }
        self.trust.roles.member(&self.who, door.from, door.directory)
    }
}

impl Signer<'_> {
    fn confirm(self, body: &[u8], door: &Door<'_>) -> Result<Arc<Grant>, Fault> {
        let Self { claim, grant } = self;
        let grant = door.directory.current(&grant).map_err(signer_refused)?;
        let secret = grant.signing_secret().ok_or(KeyRefusal::Unreadable).map_err(signer_refused)?;
        claim.check(secret, body).map_err(flawed)?;
        // Only who holds the secret is told of the key, and takes up memory.
        grant.admits(door.from, door.now).map_err(signer_refused)?;
        // A body that is dripped must not outlast the memory of its signature.
        claim.check_time(door.now).map_err(flawed)?;
        if door.replays.admit(&claim, door.now) {
            return Ok(grant);
        }
        Err(unauthenticated(
            "replayed_signature",
            "This signature was used before. A signature is accepted again only for a few seconds after it first came: \
             sign every request anew.",
        ))
    }
}

/// What a request presents.
#[derive(Debug, PartialEq, Eq)]
enum Presented<'a> {
    /// A key; empty when there is none.
    Key(&'a str),
    /// The `Authorization` header of a signed request.
    Signature(&'a str),
}

fn presented(headers: &HeaderMap) -> Result<Presented<'_>, Fault> {
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    if let Some(value) = authorizations.next() {
        let text = value.to_str().unwrap_or_default();
        if let Some((scheme, key)) = text.split_once(' ')
            && scheme.eq_ignore_ascii_case("bearer")
            && !key.trim().is_empty()
        {
            return Ok(Presented::Key(key.trim()));
        }
        if text.starts_with("AWS4-") {
            if authorizations.next().is_some() {
                return Err(flawed(Flaw::Repeated("authorization")));
            }
            check_no_token(headers)?;
            return Ok(Presented::Signature(text));
        }
    }
    let key = KEY_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map_or("", str::trim);
    Ok(Presented::Key(key))
}

/// The access keys of a gateway are for long: whoever sends a session token signs with another's.
fn check_no_token(headers: &HeaderMap) -> Result<(), Fault> {
    if headers.contains_key("x-amz-security-token") {
        return Err(unauthenticated(
            "invalid_api_key",
            "The security token included in the request is invalid. This gateway's access keys have none: sign with the \
             access key that your platform team gave you, and unset AWS_SESSION_TOKEN.",
        ));
    }
    Ok(())
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
        KeyRefusal::Unreadable => return unreadable(),
    };
    unauthenticated(code, message)
}

/// As `refused`, for an access key: AWS tells more cases apart, and its SDKs act on them.
fn signer_refused(refusal: KeyRefusal) -> Fault {
    match refusal {
        KeyRefusal::Unknown | KeyRefusal::Missing => unauthenticated(
            "invalid_api_key",
            "The security token included in the request is invalid. This gateway does not know the access key: sign with \
             one that your platform team gave you.",
        ),
        KeyRefusal::Expired => unauthenticated(
            "expired_access_key",
            "The security token included in the request is expired. Ask your platform team for a new access key.",
        ),
        KeyRefusal::Revoked => {
            unauthenticated("revoked_api_key", "This access key was revoked. Ask your platform team for a new one.")
        }
        KeyRefusal::TeamNotActive => forbidden("team_not_active", "The team of this access key is switched off."),
        KeyRefusal::NetworkNotAllowed => {
            forbidden("network_not_allowed", "This access key is not accepted from this address.")
        }
        KeyRefusal::Unreadable => unreadable(),
    }
}

/// The caller can do nothing about it, nor can a retry.
fn unreadable() -> Fault {
    let message = "The gateway cannot read the secret of this access key. Tell your platform team: \
                   identity.secrets_key is not the one under which the key was made.";
    Fault::new(Class::Forbidden, Origin::Gateway, "secret_unreadable", message)
}

fn flawed(flaw: Flaw) -> Fault {
    let code = match flaw {
        Flaw::Incomplete(_) | Flaw::Repeated(_) => "incomplete_signature",
        Flaw::Expired { .. } | Flaw::NotYet { .. } => "expired_signature",
        Flaw::Scope(_) | Flaw::Unsigned(_) | Flaw::UnsignedBody | Flaw::Path | Flaw::Mismatch => "invalid_signature",
    };
    Fault::new(Class::Unauthenticated, Origin::Caller, code, flaw.to_string())
}

fn forbidden(code: &'static str, message: &'static str) -> Fault {
    Fault::new(Class::Forbidden, Origin::Caller, code, message)
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
            ("authorization", "Bearer k", Presented::Key("k")),
            ("authorization", "bearer  k ", Presented::Key("k")),
            ("authorization", "Basic k", Presented::Key("")),
            ("authorization", "AWS4-HMAC-SHA256 x", Presented::Signature("AWS4-HMAC-SHA256 x")),
            ("x-api-key", "k", Presented::Key("k")),
            ("api-key", "k", Presented::Key("k")),
            ("x-other", "k", Presented::Key("")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            assert_eq!(presented(&headers).unwrap(), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_second_credential_or_a_session_token_beside_a_signature_is_refused() {
        for (name, code) in [("authorization", "incomplete_signature"), ("x-amz-security-token", "invalid_api_key")] {
            let mut headers = HeaderMap::new();
            headers.append(AUTHORIZATION, HeaderValue::from_static("AWS4-HMAC-SHA256 x"));
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("Bearer k"));
            assert_eq!(presented(&headers).unwrap_err().code, code, "{name}");
        }
    }
}
