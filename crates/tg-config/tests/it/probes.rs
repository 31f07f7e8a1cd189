//! Probes of providers, as configured.

use crate::bad_input::check;
use tg_config::load::from_text;

fn text(kind: &str, probe: &str) -> String {
    format!("providers: [{{name: a, {kind}, probe: {probe}}}]\n")
}

const OPENAI: &str = "kind: openai, api_key: env:K";

#[test]
fn what_is_not_said_of_a_probe_is_what_is_usual() {
    let document = from_text("t", &text(OPENAI, "{path: /v1/models}")).unwrap();
    let probe = document.providers[0].probe.as_ref().unwrap();
    assert_eq!((probe.path.as_str(), probe.status, probe.auth, probe.failures), ("/v1/models", None, false, 2));
    assert_eq!([probe.every.to_string(), probe.timeout.to_string()], ["10s", "2s"]);
    let all = "{path: '/health?a=b', every: 1m, timeout: 500ms, failures: 1, status: 401, auth: true}";
    let document = from_text("t", &text("kind: anthropic, api_key: env:K", all)).unwrap();
    assert_eq!(document.providers[0].probe.as_ref().unwrap().status, Some(401));
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
        (text(OPENAI, "{}"), "path", "is missing"),
        (text(OPENAI, "{path: health}"), "path", no_path),
        (text(OPENAI, "{path: 'https://elsewhere/health'}"), "path", no_path),
        (text(OPENAI, "{path: //elsewhere/health}"), "path", no_path),
        (text(OPENAI, "{path: '/a b'}"), "path", no_path),
        (text(OPENAI, "{path: '/a#b'}"), "path", no_path),
        (text(OPENAI, "{path: /a, every: 500ms, timeout: 100ms}"), "every", "is too often"),
        (text(OPENAI, "{path: /a, every: 1s}"), "timeout", "is longer than `every`"),
        (text(OPENAI, "{path: /a, failures: 0}"), "failures", "is out of range"),
        (text(OPENAI, "{path: /a, status: 99}"), "status", "is out of range"),
        (format!("{}{off}", text(OPENAI, "{path: /a}")), "", "where nobody is passed over"),
    ] {
        check(&text, &[(at(member), part)]);
    }
}
