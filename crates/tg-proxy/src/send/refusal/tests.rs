//! What is kept of a provider's refusal of our credential.

use super::{credentials_refused, error_words};
use http::{HeaderMap, StatusCode};
use tg_kernel::fault::{Class, Origin, Retry};

#[test]
fn of_a_refused_credential_only_names_of_errors_are_kept() {
    let key = "sk-proj-0123456789abcdef";
    let exception = HeaderMap::from_iter([(
        "x-amzn-errortype".parse().unwrap(),
        "UnrecognizedClientException:http://internal.amazon.com/".parse().unwrap(),
    )]);
    let none = HeaderMap::new();
    for (headers, body, words) in [
        (
            &none,
            format!(
                r#"{{"error":{{"message":"Incorrect API key: {key}","type":"invalid_request_error","code":"invalid_api_key"}}}}"#
            ),
            vec!["invalid_request_error", "invalid_api_key"],
        ),
        (&none, format!(r#"{{"error":{{"type":"{key}","code":"a b"}},"code":"{key}"}}"#), vec![]),
        (&none, format!("{{\"error\":{{\"type\":\"{}\"}}}}", "a".repeat(65)), vec![]),
        (
            &exception,
            format!(r#"{{"message":"The security token {key} is invalid"}}"#),
            vec!["UnrecognizedClientException"],
        ),
        (&none, format!("no JSON: {key}"), vec![]),
    ] {
        assert_eq!(error_words(headers, body.as_bytes()), words, "{body}");
        let fault = credentials_refused(StatusCode::UNAUTHORIZED, headers, body.as_bytes());
        assert_eq!(
            (fault.class, fault.origin, fault.retry),
            (Class::UpstreamFailed, Origin::Gateway, Retry::Elsewhere)
        );
        let cause = fault.cause().unwrap().to_string();
        assert!(cause.contains("401") && !cause.contains(key), "{cause}");
        assert!(!fault.message.contains(key));
    }
}
