//! Probes of providers, as configured.

use crate::bad_input::check;
use tg_config::load::from_text;

fn text(kind: &str, probe: &str) -> String {
    format!("providers: [{{name: a, {kind}, probe: {probe}}}]\n")
}

const COMPATIBLE: &str = "kind: openai_compatible, base_url: 'https://llm.example/v1'";

#[test]
fn what_is_not_said_of_a_probe_is_what_is_usual() {
    let document = from_text("t", &text(COMPATIBLE, "{path: /v1/models}")).unwrap();
    let probe = document.providers[0].probe.as_ref().unwrap();
    assert_eq!((probe.path.as_str(), probe.status, probe.auth, probe.failures), ("/v1/models", None, false, 2));
    assert_eq!([probe.every.to_string(), probe.timeout.to_string()], ["10s", "2s"]);
    let all = "{path: '/health?a=b', every: 1m, timeout: 500ms, failures: 1, status: 401, auth: true}";
    let document = from_text("t", &text("kind: anthropic, api_key: env:K", all)).unwrap();
    assert_eq!(document.providers[0].probe.as_ref().unwrap().status, Some(401));
}

#[test]
fn what_a_vendor_answers_nobody_without_a_key_is_asked_with_it_or_known_to_be_refused() {
    let elsewhere = "base_url: 'https://llm.example/v1'";
    for kind in ["openai", "anthropic"] {
        let of = |more: &str, probe: &str| text(&format!("kind: {kind}, api_key: env:K{more}"), probe);
        for alone in [
            of("", "{path: /v1/models}"),
            of("", "{path: /health}"),
            of(&format!(", {elsewhere}"), "{path: /v1/models}"),
        ] {
            check(&alone, &[("providers[0].probe", "is answered 401 without a key")]);
        }
        for good in [
            of("", "{path: /v1/models, auth: true}"),
            of("", "{path: /v1/models, status: 401}"),
            of(&format!(", {elsewhere}"), "{path: /health}"),
            text(COMPATIBLE, "{path: /v1/models}"),
        ] {
            assert!(from_text("t", &good).is_ok(), "{good}");
        }
    }
}

#[test]
fn probes_of_nothing_or_that_count_for_nothing_are_a_problem() {
    let at = |member: &'static str| match member {
        "" => "providers[0].probe",
        "path" => "providers[0].probe.path",
        "every" => "providers[0].probe.every",
        "timeout" => "providers[0].probe.timeout",
        "status" => "providers[0].probe.status",
        _ => "providers[0].probe.failures",
    };
    let (no_path, off) = ("is not the path of an address", "resilience: {breaker: {enabled: false}}\n");
    for (text, member, part) in [
        (text("kind: bedrock, region: us-east-1", "{path: /health}"), "", "has no meaning for the kind `bedrock`"),
        (text(COMPATIBLE, "{}"), "path", "is missing"),
        (text(COMPATIBLE, "{path: health}"), "path", no_path),
        (text(COMPATIBLE, "{path: 'https://elsewhere/health'}"), "path", no_path),
        (text(COMPATIBLE, "{path: //elsewhere/health}"), "path", no_path),
        (text(COMPATIBLE, "{path: '/a b'}"), "path", no_path),
        (text(COMPATIBLE, "{path: '/a#b'}"), "path", no_path),
        (text(COMPATIBLE, "{path: /a, every: 500ms, timeout: 100ms}"), "every", "is too often"),
        (text(COMPATIBLE, "{path: /a, every: 301s}"), "every", "is too seldom"),
        (text(COMPATIBLE, "{path: /a, every: 1s}"), "timeout", "is longer than `every`"),
        (text(COMPATIBLE, "{path: /a, failures: 0}"), "failures", "is out of range"),
        (text(COMPATIBLE, "{path: /a, status: 99}"), "status", "is out of range"),
        (format!("{}{off}", text(COMPATIBLE, "{path: /a}")), "", "where nobody is passed over"),
    ] {
        check(&text, &[(at(member), part)]);
    }
}
