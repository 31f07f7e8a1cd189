//! Whose fault a failed try is: the credential's, a quota's, the model's, the provider's, or nobody's.

use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// Who is to be left in peace after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody: the request itself, or the gateway.
    Nobody,
    /// The gateway's credential or account: no model of the provider will answer.
    Credential,
    /// The quota of one model there: for so long, where the provider said.
    Quota(Option<Duration>),
    /// One model of the provider.
    Model,
    /// The way to the provider.
    Provider,
}

impl Blame {
    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Credential => "credential",
            Self::Quota(_) => "quota",
            Self::Model => "model",
            Self::Provider => "provider",
        }
    }

    /// Who is to blame for a try that failed so.
    #[must_use]
    pub fn of(fault: &Fault) -> Self {
        match (fault.class, fault.code) {
            // A wrong key is wrong for every model; a permission may be missing for one alone.
            (_, "upstream_credentials_refused") if fault.upstream_status == Some(403) => Self::Model,
            (_, "upstream_credentials_refused" | "upstream_credential" | "upstream_account") => Self::Credential,
            (_, "upstream_unreachable" | "egress_refused") => Self::Provider,
            _ if fault.origin != Origin::Provider => Self::Nobody,
            (Class::Limited, _) => Self::Quota(match fault.retry {
                Retry::After(wait) => Some(wait),
                Retry::Never | Retry::Elsewhere => None,
            }),
            (Class::Overloaded | Class::UpstreamFailed | Class::TimedOut, _) => Self::Model,
            _ => Self::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(class: Class, origin: Origin, code: &'static str, status: u16) -> Fault {
        Fault::new(class, origin, code, "x").with_upstream_status(status)
    }

    #[test]
    fn each_failure_has_its_own_culprit() {
        let provider = Origin::Provider;
        for (fault, blame) in [
            (fault(Class::UpstreamRefused, provider, "upstream_refused", 400), Blame::Nobody),
            (fault(Class::NotFound, provider, "upstream_not_found", 404), Blame::Nobody),
            (fault(Class::TooLarge, provider, "upstream_too_large", 413), Blame::Nobody),
            (fault(Class::Blocked, provider, "content_filter", 400), Blame::Nobody),
            (fault(Class::UpstreamFailed, Origin::Gateway, "upstream_credentials_refused", 401), Blame::Credential),
            (fault(Class::UpstreamFailed, Origin::Gateway, "upstream_credentials_refused", 403), Blame::Model),
            (fault(Class::UpstreamFailed, Origin::Gateway, "upstream_account", 402), Blame::Credential),
            (fault(Class::Limited, provider, "upstream_limited", 429), Blame::Quota(None)),
            (
                fault(Class::Limited, provider, "upstream_limited", 429).retry(Retry::After(Duration::from_secs(3))),
                Blame::Quota(Some(Duration::from_secs(3))),
            ),
            (fault(Class::Limited, Origin::Gateway, "limit_reached", 429), Blame::Nobody),
            (fault(Class::Overloaded, provider, "upstream_overloaded", 529), Blame::Model),
            (fault(Class::UpstreamFailed, provider, "upstream_error", 500), Blame::Model),
            (fault(Class::TimedOut, provider, "first_byte_timeout", 504), Blame::Model),
            (fault(Class::UpstreamFailed, provider, "upstream_unreachable", 0), Blame::Provider),
            (fault(Class::OverBudget, Origin::Gateway, "budget_exceeded", 429), Blame::Nobody),
            (fault(Class::Internal, Origin::Gateway, "internal_error", 500), Blame::Nobody),
        ] {
            assert_eq!(Blame::of(&fault), blame, "{fault}");
        }
    }
}
