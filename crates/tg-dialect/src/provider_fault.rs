//! What a provider's error answer means, by its status: class, blame, whether to try elsewhere.

use http::{HeaderMap, StatusCode};
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin, Retry};

/// The most characters of a provider's own message that go on to the caller.
const MESSAGE_CHARS_MAX: usize = 2000;

/// The longest wait that a provider's `retry-after` can ask for.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// The fault for an answer with `status`; `message` is the provider's own, where the body held one.
///
/// A refusal of our credential or account never shows the provider's words: they name accounts. About an account they
/// are the cause, for the log.
pub fn by_status(status: StatusCode, headers: &HeaderMap, message: Option<String>) -> Fault {
    let fault = by_kind(kind(status), message).with_upstream_status(status.as_u16());
    match retry_after(headers) {
        Some(wait) if fault.retry != Retry::Never => fault.retry(Retry::After(wait)),
        _ => fault,
    }
}

/// What a provider complains of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// The request is wrong.
    Request,
    /// The body is too large.
    Size,
    /// Our credential or our permissions.
    Credential,
    /// Our account's money or lasting quota.
    Account,
    /// The model or path is not there.
    Absent,
    /// We ask too often.
    Rate,
    /// It took too long.
    Time,
    /// No capacity now.
    Capacity,
    /// Its own failure.
    Failure,
}

/// The complaint that an HTTP status makes.
pub fn kind(status: StatusCode) -> Complaint {
    match status.as_u16() {
        401 | 403 => Complaint::Credential,
        402 => Complaint::Account,
        404 => Complaint::Absent,
        408 | 504 => Complaint::Time,
        413 => Complaint::Size,
        429 => Complaint::Rate,
        503 | 529 => Complaint::Capacity,
        409 | 424 | 425 => Complaint::Failure,
        400..=499 => Complaint::Request,
        _ => Complaint::Failure,
    }
}

/// The fault for a complaint; `message` is the provider's own.
pub fn by_kind(complaint: Complaint, message: Option<String>) -> Fault {
    let provider = |class, code, words: &'static str| match message.as_deref().map(shortened) {
        Some(own) => Fault::new(class, Origin::Provider, code, own),
        None => Fault::new(class, Origin::Provider, code, words),
    };
    // It is our credential or our account: the gateway's fault in the eyes of its callers.
    let ours = |code, words: &'static str| {
        Fault::new(Class::UpstreamFailed, Origin::Gateway, code, words).retry(Retry::Elsewhere)
    };
    match complaint {
        Complaint::Request => provider(Class::UpstreamRefused, "upstream_refused", "The provider refused the request."),
        Complaint::Size => {
            provider(Class::TooLarge, "upstream_too_large", "The provider says the request is too large.")
        }
        // What such an answer says may hold the credential itself: it is not even for the log.
        Complaint::Credential => ours("upstream_credential", "The provider refused the gateway's own credential."),
        Complaint::Account => {
            let fault = ours("upstream_account", "The gateway's account at the provider cannot make this call.");
            match message {
                Some(own) => fault.caused_by(own),
                None => fault,
            }
        }
        Complaint::Absent => provider(Class::NotFound, "upstream_not_found", "The provider does not have this model.")
            .retry(Retry::Elsewhere),
        Complaint::Rate => provider(Class::Limited, "upstream_limited", "The provider limits the rate of calls.")
            .retry(Retry::Elsewhere),
        Complaint::Time => {
            provider(Class::TimedOut, "upstream_timeout", "The provider took too long.").retry(Retry::Elsewhere)
        }
        Complaint::Capacity => provider(Class::Overloaded, "upstream_overloaded", "The provider has no capacity now.")
            .retry(Retry::Elsewhere),
        Complaint::Failure => {
            provider(Class::UpstreamFailed, "upstream_error", "The provider failed.").retry(Retry::Elsewhere)
        }
    }
}

/// How long the provider asks to wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name, unit: f64| {
        let text = headers.get(name)?.to_str().ok()?;
        Duration::try_from_secs_f64(text.trim().parse::<f64>().ok()? * unit).ok()
    };
    number("retry-after-ms", 0.001).or_else(|| number("retry-after", 1.0)).map(|wait| wait.min(WAIT_MAX))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::by_status;
    use http::{HeaderMap, StatusCode};
    use std::time::Duration;
    use tg_kernel::fault::{Class, Origin, Retry};

    #[test]
    fn statuses_become_classes() {
        for (status, class, retry) in [
            (400, Class::UpstreamRefused, Retry::Never),
            (401, Class::UpstreamFailed, Retry::Elsewhere),
            (403, Class::UpstreamFailed, Retry::Elsewhere),
            (404, Class::NotFound, Retry::Elsewhere),
            (408, Class::TimedOut, Retry::Elsewhere),
            (413, Class::TooLarge, Retry::Never),
            (422, Class::UpstreamRefused, Retry::Never),
            (424, Class::UpstreamFailed, Retry::Elsewhere),
            (429, Class::Limited, Retry::Elsewhere),
            (500, Class::UpstreamFailed, Retry::Elsewhere),
            (503, Class::Overloaded, Retry::Elsewhere),
            (529, Class::Overloaded, Retry::Elsewhere),
        ] {
            let fault = by_status(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), None);
            assert_eq!((fault.class, fault.retry, fault.upstream_status), (class, retry, Some(status)), "{status}");
        }
    }

    #[test]
    fn a_wait_is_taken_from_the_headers_within_reason() {
        for (value, seconds) in [("7", 7), ("1e12", 3600)] {
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value.parse().unwrap())]);
            let fault = by_status(StatusCode::TOO_MANY_REQUESTS, &headers, None);
            assert_eq!(fault.retry, Retry::After(Duration::from_secs(seconds)));
        }
        for value in ["-1", "soon", "NaN"] {
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(by_status(StatusCode::TOO_MANY_REQUESTS, &headers, None).retry, Retry::Elsewhere);
        }
    }

    #[test]
    fn words_about_our_account_stay_inside() {
        let words = "User: arn:aws:iam::123456789012:role/gateway is not authorized".to_owned();
        for (status, cause) in [(403, None), (402, Some(words.clone()))] {
            let fault = by_status(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), Some(words.clone()));
            assert!(!fault.message.contains("123456789012"));
            assert_eq!((fault.class, fault.origin), (Class::UpstreamFailed, Origin::Gateway));
            assert_eq!(fault.cause().map(ToString::to_string), cause, "{status}");
        }
    }
}
