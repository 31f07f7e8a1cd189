//! What went wrong with a call, once and for every dialect: class, origin, whether to try elsewhere, safe message.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The longest wait that the official SDKs of OpenAI and Anthropic take from `retry-after`.
const CLIENT_WAIT_MAX: Duration = Duration::from_secs(60);

/// A boxed cause, kept for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The kind of failure. Each dialect knows how to show each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The caller's request cannot be read or breaks its dialect's rules.
    Malformed,
    /// No credential, or one that is not valid.
    Unauthenticated,
    /// A valid credential that may not do this.
    Forbidden,
    /// No such path, model or resource.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// A size limit was passed.
    TooLarge,
    /// A rate limit was reached, ours or a provider's.
    Limited,
    /// A spending limit was reached.
    OverBudget,
    /// Safety policy stopped it.
    Blocked,
    /// The request is fine, but no target can do what it asks.
    Unsupported,
    /// The provider refused the request as wrong.
    UpstreamRefused,
    /// The provider failed, could not be reached, or answered what cannot be read.
    UpstreamFailed,
    /// Time ran out.
    TimedOut,
    /// The provider or the gateway has no capacity now.
    Overloaded,
    /// The gateway itself failed.
    Internal,
}

impl Class {
    /// The name in stores, metrics (`error.type`) and logs. A closed vocabulary.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::Limited => "limited",
            Self::OverBudget => "over_budget",
            Self::Blocked => "blocked",
            Self::Unsupported => "unsupported",
            Self::UpstreamRefused => "upstream_refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::TimedOut => "timed_out",
            Self::Overloaded => "overloaded",
            Self::Internal => "internal",
        }
    }
}

/// Who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The caller's request.
    Caller,
    /// Tallygate: its policy or a defect.
    Gateway,
    /// The provider.
    Provider,
    /// A store of ours.
    Store,
}

impl Origin {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::Provider => "provider",
            Self::Store => "store",
        }
    }
}

/// Whether another try may help. Decided where the failure is born.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same request would fail anywhere.
    Never,
    /// Another target may do it.
    Elsewhere,
    /// Another target now, or this one after the given time.
    After(Duration),
}

/// The failure of one call.
#[derive(Debug)]
pub struct Fault {
    /// The kind of failure.
    pub class: Class,
    /// Who is to blame.
    pub origin: Origin,
    /// Whether another try may help.
    pub retry: Retry,
    /// A stable, documented word for programs: `model_not_found`, `key_expired`, …
    pub code: &'static str,
    /// For the caller: safe to show, no secrets, says how to mend it where that is known.
    pub message: Cow<'static, str>,
    /// The provider's own HTTP status, where the provider answered.
    pub upstream_status: Option<u16>,
    /// The member of the request at fault (`messages.2.content`), where one is.
    pub param: Option<String>,
    cause: Option<Cause>,
}

impl Fault {
    /// A fault of the given kind that another try will not mend.
    #[must_use]
    pub fn new(class: Class, origin: Origin, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class,
            origin,
            retry: Retry::Never,
            code,
            message: message.into(),
            upstream_status: None,
            param: None,
            cause: None,
        }
    }

    /// The caller's request cannot be read.
    #[must_use]
    pub fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Class::Malformed, Origin::Caller, "invalid_request", message)
    }

    /// The caller's request is wrong at one member.
    #[must_use]
    pub fn malformed_at(param: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        let mut fault = Self::malformed(message);
        fault.param = Some(param.into());
        fault
    }

    /// A defect of the gateway; the cause is for the log.
    #[must_use]
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(Class::Internal, Origin::Gateway, "internal_error", "The gateway failed to handle this call.")
            .caused_by(cause)
    }

    /// The provider's answer cannot be used.
    #[must_use]
    pub fn upstream_failed(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Class::UpstreamFailed, Origin::Provider, code, message).retry(Retry::Elsewhere)
    }

    /// Sets whether another try may help.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Notes the HTTP status with which the provider answered.
    #[must_use]
    pub fn with_upstream_status(mut self, status: u16) -> Self {
        self.upstream_status = Some(status);
        self
    }

    /// Notes the member of the request at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Whether a client should try again by itself. A limit of the gateway's own that opens only after minutes is nothing
    /// to wait for within a call: the official SDKs take no longer wait from `retry-after`, and would come again at once.
    #[must_use]
    pub fn is_worth_repeating(&self) -> bool {
        match self.retry {
            Retry::After(wait) => self.origin != Origin::Gateway || wait <= CLIENT_WAIT_MAX,
            Retry::Elsewhere => true,
            Retry::Never => false,
        }
    }

    /// The cause, for the log only: it may hold what a caller must not see.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.class.as_str(), self.message)
    }
}

impl Error for Fault {}
