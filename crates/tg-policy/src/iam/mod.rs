//! Callers known by their own IAM role: what they present, read and judged, and the team that a role belongs to.
//!
//! Two proofs are taken in a key's place: a web-identity token that AWS signed, and a presigned `GetCallerIdentity`.
//! Pure but for what is remembered; whoever asks AWS stands above.

pub mod caller_identity;
pub mod flaw;
pub mod keyring;
pub mod keys;
pub mod memory;
pub mod principal;
pub mod roles;
pub mod web_identity;

pub use caller_identity::{CallerIdentity, IdentityProof, Place};
pub use flaw::{Flaw, Hitch, Kind};
pub use keyring::{Asking, Keyring, Look};
pub use keys::KeySet;
pub use memory::{Digest, Memory};
pub use principal::AwsPrincipal;
pub use roles::{RoleRule, Roles};
pub use web_identity::{WebIdentity, WebToken};

use tg_kernel::clock::Timestamp;

/// Longest proof that is looked at, in bytes: session tokens of AWS have no stated bound, and heads have one.
pub const PROOF_BYTES_MAX: usize = 16 << 10;

/// Whom a configuration believes, and which teams roles belong to.
#[derive(Debug, Default)]
pub struct Trust {
    /// The teams of roles.
    pub roles: Roles,
    /// Web-identity tokens; `None`: they are refused.
    pub web_identity: Option<WebIdentity>,
    /// Presigned `GetCallerIdentity`; `None`: they are refused.
    pub caller_identity: Option<CallerIdentity>,
}

/// A proof that has its form and is in time, for this gateway. Whether it is true is yet to be found out.
#[derive(Debug)]
pub enum Presented {
    /// A web-identity token: its signature is to be checked with a key of its issuer.
    Token(WebToken),
    /// A presigned request: AWS is to be asked.
    Proof(IdentityProof),
}

impl Presented {
    /// Whether a text presented as a key is a proof rather than a key.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        kind_of(text).is_some()
    }

    /// Reads a text of which [`Presented::is_one`] is true.
    ///
    /// # Errors
    /// The first thing found wrong, as far as it can be seen without asking anybody.
    pub fn read(text: &str, trust: &Trust, now: Timestamp) -> Result<Self, Flaw> {
        let kind = kind_of(text).unwrap_or(Kind::WebIdentity);
        if text.len() > PROOF_BYTES_MAX {
            return Err(Flaw::Malformed(kind, "it is longer than 16 KiB"));
        }
        match (kind, &trust.web_identity, &trust.caller_identity) {
            (Kind::WebIdentity, Some(wanted), _) => WebToken::read(text, wanted, now).map(Self::Token),
            (Kind::CallerIdentity, _, Some(wanted)) => IdentityProof::read(text, wanted, now).map(Self::Proof),
            (kind, ..) => Err(Flaw::NotTaken(kind)),
        }
    }

    /// Until when it holds.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        match self {
            Self::Token(token) => token.ends_at(),
            Self::Proof(proof) => proof.ends_at(),
        }
    }

    /// What it is remembered by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Token(token) => token.digest(),
            Self::Proof(proof) => proof.digest(),
        }
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    if text.starts_with(caller_identity::PREFIX) {
        return Some(Kind::CallerIdentity);
    }
    // Every JSON object in base64 begins so.
    let is_token = text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2;
    is_token.then_some(Kind::WebIdentity)
}
