//! Outgoing AWS identity: whose credentials sign a call, kept fresh away from the calls that need them.

mod fetch;
mod name;
mod slot;
mod token;
mod wallet;

pub use name::{Caller, Per};
pub use token::{OwnToken, TokenError};
pub use wallet::Wallet;

use aws_credential_types::Credentials;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tg_kernel::secret::Secret;

/// How a provider's calls are signed, as configured.
pub struct Identity {
    settings: Settings,
    /// What the wallet has for these settings: looked for once, by the first call.
    held: OnceLock<Arc<wallet::Held>>,
}

impl Identity {
    /// Nothing is fetched before the first call asks for it.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, held: OnceLock::new() }
    }

    /// A number for the session of a role that signs such a caller's calls; `None` where one credential signs all. Beyond
    /// `sessions_max` several callers may have one session: they are told apart all the same.
    pub fn session_of(&self, caller: impl FnOnce() -> Caller) -> Option<u64> {
        let role = self.settings.role.as_ref().filter(|_| !matches!(self.settings.source, Source::ApiKey(_)))?;
        let mut hasher = DefaultHasher::new();
        (&role.arn, caller().seen_as(role.per)).hash(&mut hasher);
        Some(hasher.finish())
    }
}

/// What decides which credentials a call gets. Where two configurations agree on it, credentials are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where credentials come from.
    pub source: Source,
    /// The provider's region: also STS's.
    pub region: Arc<str>,
    /// Use STS's FIPS endpoint.
    pub fips: bool,
    /// The role whose sessions sign, where there is one.
    pub role: Option<Role>,
}

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A Bedrock API key, sent as bearer.
    ApiKey(Secret),
    /// Stated keys.
    Keys(Credentials),
    /// The usual places, in the usual order of the AWS SDKs.
    Chain {
        /// The profile to read instead of `AWS_PROFILE` or the default one.
        profile: Option<String>,
    },
}

impl Source {
    /// Stated keys; `session_token` where they are temporary.
    #[must_use]
    pub fn keys(access_key_id: &Secret, secret_access_key: &Secret, session_token: Option<&Secret>) -> Self {
        Self::Keys(Credentials::new(
            access_key_id.expose(),
            secret_access_key.expose(),
            session_token.map(|token| token.expose().to_owned()),
            None,
            "tallygate-configuration",
        ))
    }
}

/// A role, and how its sessions are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What each session stands for.
    pub per: Per,
    /// The external id that its trust policy demands.
    pub external_id: Option<String>,
    /// How long a session lasts.
    pub duration: Duration,
    /// Tags of every session, beside those of the caller.
    pub tags: BTreeMap<String, String>,
    /// Most sessions at a time; calls beyond them get their team's.
    pub sessions_max: usize,
    /// Where STS is, if not at the region's own address.
    pub sts_url: Option<String>,
}

/// What a call is authorised with. Made before the call leaves; without it, none does.
#[derive(Clone, Debug)]
pub enum Proof {
    /// The provider's own settings hold what it wants.
    Standing,
    /// A token, as bearer.
    Bearer(Secret),
    /// Keys to sign with.
    Keys {
        /// The keys.
        credentials: Credentials,
        /// The name of the role's session that they belong to.
        session: Option<Arc<str>>,
    },
}

impl Proof {
    /// The name of the role's session, as it stands on the AWS bill.
    #[must_use]
    pub fn session(&self) -> Option<Arc<str>> {
        match self {
            Self::Keys { session, .. } => session.clone(),
            Self::Standing | Self::Bearer(_) => None,
        }
    }
}
