//! Whose fault a failed try is: the credential's, that of what it may do, a quota's, the model's (which fails, or is not there any more), the
//! provider's, or nobody's.

use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// How providers say, without its name, that they have no such model: in lower case.
const GONE: [&str; 5] = [
    "model identifier is invalid",
    "reached the end of its life",
    "marked by provider as legacy",
    "model not found",
    "deployment for this resource does not exist",
];

/// What else may not be there: of what speaks of it, the model is not to blame.
const OTHERS: [&str; 30] = [
    "agent",
    "assistant",
    "batch",
    "batches",
    "container",
    "containers",
    "conversation",
    "endpoint",
    "file",
    "files",
    "guardrail",
    "guardrails",
    "invocation",
    "item",
    "job",
    "knowledge",
    "mcp",
    "message",
    "prompt",
    "response",
    "responses",
    "session",
    "skill",
    "skills",
    "store",
    "thread",
    "tool",
    "upload",
    "url",
    "vector",
];

/// What may stand around a name.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// What may stand between the word "model" and its name.
const BETWEEN: [char; 5] = [' ', ':', '\'', '"', '`'];

/// Who is to be left in peace after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody: the request itself, or the gateway.
    Nobody,
    /// The gateway's credential or account: no model of the provider will answer.
    Credential,
    /// What the gateway's credential may do for this caller.
    Permission,
    /// The quota of one model there: for so long, where the provider said.
    Quota(Option<Duration>),
    /// One model of the provider.
    Model,
    /// One model, which the provider does not have, or not any more.
    Absent,
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
            Self::Permission => "permission",
            Self::Quota(_) => "quota",
            Self::Model => "model",
            Self::Absent => "absent",
            Self::Provider => "provider",
        }
    }

    /// Who is to blame for a try at `model` that failed so.
    #[must_use]
    pub fn of(fault: &Fault, model: &str) -> Self {
        match (fault.class, fault.code) {
            // A wrong key is wrong for every model; a permission may be missing for one alone, or for what one caller names.
            (_, "upstream_credentials_refused") if fault.upstream_status == Some(403) => Self::Permission,
            (
                _,
                "upstream_credentials_refused"
                | "upstream_credentials_invalid"
                | "upstream_credential"
                | "upstream_account",
            ) => Self::Credential,
            (_, "upstream_unreachable" | "egress_refused") => Self::Provider,
            _ if fault.origin != Origin::Provider => Self::Nobody,
            (Class::Limited, _) => Self::Quota(match fault.retry {
                Retry::After(wait) => Some(wait),
                Retry::Never | Retry::Elsewhere => None,
            }),
            (Class::Overloaded | Class::UpstreamFailed | Class::TimedOut, _) => Self::Model,
            (Class::NotFound, _) if says_it_is_gone(&fault.message, model) => Self::Absent,
            _ => Self::Nobody,
        }
    }
}

/// Whether a provider says that it has no such model. What else may not be there (an address, a job, an earlier answer) is
/// nothing of the model's, though its name may be what a caller wrote; and a 404 without words says nothing.
fn says_it_is_gone(message: &str, model: &str) -> bool {
    let (said, name) = (message.to_ascii_lowercase(), model.to_ascii_lowercase());
    if name.is_empty() {
        return false;
    }
    // What the model is called says nothing of what the message is about.
    let rest = said.replace(&name, " ");
    let of_another = rest.split(|letter: char| !letter.is_alphanumeric()).any(|word| OTHERS.contains(&word));
    !of_another && (names(&said, &name) || GONE.iter().any(|words| said.contains(words)))
}

/// Whether a name stands, whole, right behind the word "model", and nothing quoted before that.
fn names(said: &str, name: &str) -> bool {
    said.match_indices("model").any(|(at, word)| {
        let (before, after) = (&said[..at], &said[at + word.len()..]);
        let after = after.strip_prefix("s/").or_else(|| Some(after.strip_prefix(BETWEEN)?.trim_start_matches(BETWEEN)));
        let is_first = !before.contains(QUOTES) && !before.ends_with(char::is_alphanumeric);
        is_first && after.and_then(|after| after.strip_prefix(name)).is_some_and(ends_a_word)
    })
}

/// Whether no word goes on in what follows: a point or colon that something stands behind belongs to a name.
fn ends_a_word(rest: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '/' | '@');
    !rest.trim_start_matches(['.', ':']).starts_with(goes_on)
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
            (fault(Class::UpstreamFailed, Origin::Gateway, "upstream_credentials_refused", 403), Blame::Permission),
            (fault(Class::UpstreamFailed, Origin::Gateway, "upstream_credentials_invalid", 403), Blame::Credential),
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
            assert_eq!(Blame::of(&fault, "gpt-5"), blame, "{fault}");
        }
    }

    #[test]
    fn no_caller_benches_a_model_by_what_it_asks_for() {
        for message in [
            "File not found: gpt-5",
            "No such File object: model gpt-5",
            "Container 'gpt-5' not found.",
            "Previous response with id 'model: gpt-5' not found.",
            "Vector store model gpt-5 not found.",
            "No batch found with id model gpt-5.",
            "The guardrail identifier model gpt-5 does not exist.",
            "File id 'model not found' does not exist.",
        ] {
            let fault = Fault::new(Class::NotFound, Origin::Provider, "upstream_not_found", message);
            assert_eq!(Blame::of(&fault, "gpt-5"), Blame::Nobody, "{message}");
        }
        let fault =
            Fault::new(Class::NotFound, Origin::Provider, "upstream_not_found", "The model `file-1` does not exist.");
        assert_eq!(Blame::of(&fault, "file-1"), Blame::Absent, "a model may be called so");
    }

    #[test]
    fn only_a_404_that_speaks_of_the_model_is_the_models() {
        for (message, blame) in [
            ("The model `GPT-5` does not exist or you do not have access to it.", Blame::Absent),
            ("model: gpt-5", Blame::Absent),
            ("The provided model identifier is invalid.", Blame::Absent),
            ("This model version has reached the end of its life.", Blame::Absent),
            ("The provider does not have this model.", Blame::Nobody),
            ("model 'gpt-5' not found", Blame::Absent),
            ("models/gpt-5 is not found for API version v1beta.", Blame::Absent),
            ("Model gpt-5.", Blame::Absent),
            ("The model `gpt-5.1` does not exist.", Blame::Nobody),
            ("The model `gpt-5-mini` does not exist.", Blame::Nobody),
            ("model: gpt-5:fine", Blame::Nobody),
            ("No such thing: 'gpt-5'", Blame::Nobody),
            ("No such thing: 'model gpt-5'", Blame::Nobody),
            ("Invalid URL (POST /v1/chat/completion)", Blame::Nobody),
            ("Previous response with id 'resp_1' not found.", Blame::Nobody),
            ("No such invocation: job-17", Blame::Nobody),
        ] {
            let fault = Fault::new(Class::NotFound, Origin::Provider, "upstream_not_found", message);
            assert_eq!(Blame::of(&fault, "gpt-5"), blame, "{message}");
            let own = Fault::new(Class::NotFound, Origin::Caller, "model_not_found", message);
            assert_eq!(Blame::of(&own, "gpt-5"), Blame::Nobody, "{message}");
        }
    }
}
