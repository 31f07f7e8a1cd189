//! Why a proof of a caller's IAM identity is refused, and how the caller is told.

use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// When a caller may try again that could not be asked about.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JWT of `sts:GetWebIdentityToken`.
    WebIdentity,
    /// A presigned `sts:GetCallerIdentity`.
    CallerIdentity,
}

impl Kind {
    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebIdentity => "web-identity token",
            Self::CallerIdentity => "GetCallerIdentity proof",
        }
    }
}

/// Why a proof is refused. The messages are safe for the caller: none repeats what was presented.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The configuration does not take this kind.
    #[error("This gateway takes no {}. Ask your platform team how to call it.", .0.as_str())]
    NotTaken(Kind),
    /// It has not its form.
    #[error("The {what} cannot be used: {1}.", what = .0.as_str())]
    Malformed(Kind, &'static str),
    /// It was made for somebody else, or by somebody whom the gateway does not believe.
    #[error("The {what} is not for this gateway: {1}.", what = .0.as_str())]
    Foreign(Kind, &'static str),
    /// Its time is over.
    #[error("The {} has expired. Make a new one.", .0.as_str())]
    Expired(Kind),
    /// Its time has not begun.
    #[error("The {} is from the future. Check the clocks of caller and gateway.", .0.as_str())]
    NotYet(Kind),
    /// Its signature is not right, or its key unknown.
    #[error("The signature of the web-identity token is not right, or its issuer has no such key.")]
    Signature,
    /// AWS does not accept it.
    #[error(
        "AWS does not accept the GetCallerIdentity proof: its signature is not right, or the credentials behind it have \
         ended. Make a new one."
    )]
    Refused,
    /// It proves an identity that can belong to no team.
    #[error("{0}")]
    NoCaller(&'static str),
    /// It proves an identity that belongs to no team.
    #[error("'{0}' belongs to no team here. Ask your platform team to add it to identity.aws.roles.")]
    Unmapped(String),
    /// Its role belongs to something that is not there.
    #[error(
        "'{arn}' is mapped to {what} that does not exist. Tell your platform team: identity.aws.roles is not right."
    )]
    MappedToNothing {
        /// The identity.
        arn: String,
        /// What does not exist.
        what: &'static str,
    },
    /// Nobody could be asked whether it is true.
    #[error("The gateway cannot find out now whose {} this is. Try again in a moment.", .0.as_str())]
    Unavailable(Kind, Hitch),
}

/// Why nobody could be asked. For the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hitch {
    /// There was no answer, or none that can be read.
    #[error("AWS did not say whose a proof is")]
    NoAnswer,
    /// As many questions are open as may be, of this caller's address or of all.
    #[error("too many questions to AWS were open")]
    Crowded,
    /// It was not this one's turn in time.
    #[error("no answer of AWS came in time")]
    TooLate,
    /// The issuer was asked too often of late.
    #[error("the issuer was asked for keys too often of late")]
    Spent,
}

impl Flaw {
    /// Whether it lies in the proof itself, so that the same proof will be refused again.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        !matches!(self, Self::Unavailable(..))
    }
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        let message = flaw.to_string();
        let caller = |class, code| Self::new(class, Origin::Caller, code, message.clone());
        match flaw {
            Flaw::NotTaken(_) | Flaw::Malformed(..) | Flaw::Foreign(..) | Flaw::Signature | Flaw::Refused => {
                caller(Class::Unauthenticated, "invalid_identity_proof")
            }
            Flaw::Expired(_) | Flaw::NotYet(_) => caller(Class::Unauthenticated, "expired_identity_proof"),
            Flaw::NoCaller(_) | Flaw::Unmapped(_) => caller(Class::Forbidden, "identity_not_mapped"),
            Flaw::MappedToNothing { .. } => {
                Self::new(Class::Forbidden, Origin::Gateway, "identity_not_mapped", message)
            }
            Flaw::Unavailable(_, hitch) => {
                Self::new(Class::Overloaded, Origin::Gateway, "identity_unavailable", message)
                    .retry(Retry::After(TRY_AGAIN))
                    .caused_by(hitch)
            }
        }
    }
}
