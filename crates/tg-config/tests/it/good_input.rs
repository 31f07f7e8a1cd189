//! What a good file means.

use proptest::prelude::*;
use tg_config::document::{Document, OnDisconnect, ProviderKind, StoreTlsMode};
use tg_config::load::{from_text, value_from_file};
use tg_config::presets::{PRESETS, preset};

const KEY: &str = "providers: [{name: a, kind: anthropic, api_key: env:K}]\n";

fn load(text: &str) -> Document {
    from_text("test", text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn defaults_are_those_of_the_reference() {
    let document = load(KEY);
    let written = serde_json::to_value(&document).unwrap();
    for (pointer, expected) in [
        ("/listen/address", "127.0.0.1:8080"),
        ("/listen/body_bytes_max", "32 MiB"),
        ("/listen/head_timeout", "30s"),
        ("/admin/address", "127.0.0.1:8081"),
        ("/store/start_wait", "30s"),
        ("/pricing/unknown_price", "allow_and_flag"),
        ("/identity/unknown_project", "refuse"),
        ("/streams/keepalive", "15s"),
        ("/streams/on_disconnect", "cancel"),
        ("/drain/time_max", "30s"),
        ("/providers/0/timeouts/connect", "5s"),
        ("/providers/0/timeouts/first_byte", "10m"),
        ("/providers/0/timeouts/idle", "5m"),
        ("/models/0/on_loss", "report"),
        ("/telemetry/metrics/gen_ai_names", "both"),
    ] {
        assert_eq!(written.pointer(pointer).and_then(|v| v.as_str()), Some(expected), "{pointer}");
    }
    assert_eq!(document.store.path().to_str(), Some("tallygate.db"));
    assert_eq!(document.store.retention, tg_config::document::Retention::default());
    assert_eq!(document.store.journal_directory().to_str(), Some("tallygate.db.journal"));
}

#[test]
fn a_shared_store_is_reached_privately_unless_it_is_on_this_machine() {
    for (store, mode) in [
        ("{url: 'postgres://t@db.example.com/t', password: env:P}", StoreTlsMode::VerifyFull),
        ("{url: 'postgres://t@127.0.0.1/t'}", StoreTlsMode::Off),
        ("{url: 'postgres://t@127.0.0.1,db.example.com/t'}", StoreTlsMode::VerifyFull),
        ("{url: 'postgres://t@localhost/t', tls: {mode: verify-full, ca: ca.pem}}", StoreTlsMode::VerifyFull),
        ("{url: 'postgres://t@10.0.0.1/t', tls: {mode: require}}", StoreTlsMode::Require),
        ("{url: 'postgres://t@10.0.0.1/t', tls: {mode: off}}", StoreTlsMode::Off),
    ] {
        let document = load(&format!("{KEY}\nstore: {store}\n"));
        assert_eq!(document.store.tls_mode(), mode, "{store}");
        assert_eq!(document.store.journal_directory().to_str(), Some("tallygate.journal"));
    }
}

#[test]
fn what_is_written_is_read_again() {
    let document = load(
        &std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/eight-teams.yaml")).unwrap(),
    );
    assert!(matches!(document.streams.on_disconnect, OnDisconnect::Drain(cap) if cap.bytes_max.bytes() == 4 << 20));
    // JSON is YAML, so a stored document can be shown and submitted again.
    let again = load(&serde_json::to_string_pretty(&document).unwrap());
    assert_eq!(document, again);
}

#[test]
fn the_usual_models_follow_the_kinds() {
    let document = load(
        "providers:\n\
         - {name: local, kind: openai_compatible, preset: ollama}\n\
         - {name: o, kind: openai, api_key: env:K}\n\
         - {name: a, kind: anthropic, api_key: env:K}\n\
         - {name: a2, kind: anthropic, api_key: env:K}\n\
         - {name: b, kind: bedrock, region: eu-west-1, api_key: env:K}\n",
    );
    for (asked, provider) in [
        ("claude-sonnet-5", "a"),
        ("gpt-5-mini", "o"),
        ("o3", "o"),
        ("text-embedding-3-small", "o"),
        ("us.anthropic.claude-sonnet-5", "b"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "b"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/x", "b"),
        ("global.amazon.nova-2-lite-v1:0", "b"),
        ("qwen3:8b", "local"),
    ] {
        let model = document.model(asked).unwrap_or_else(|| panic!("{asked}"));
        assert_eq!(model.targets[0].provider.as_ref().unwrap().as_str(), provider, "{asked}");
    }
    assert!(load(KEY).model("gpt-5").is_none());
}

#[test]
fn an_exact_name_wins_over_patterns_and_the_first_pattern_over_later_ones() {
    let text = format!(
        "{KEY}models:\n- {{name: claude-fast*, targets: [{{provider: a, model: m1}}]}}\n\
         - {{name: claude-*, targets: [{{provider: a, model: m2}}]}}\n\
         - {{name: claude-fast-1, targets: [{{provider: a, model: m3}}]}}\n"
    );
    let document = load(&text);
    for (asked, target) in
        [("claude-fast-1", Some("m3")), ("claude-fast-2", Some("m1")), ("claude-x", Some("m2")), ("gpt", None)]
    {
        let found = document.model(asked).and_then(|m| m.targets[0].model.as_deref());
        assert_eq!(found, target, "{asked}");
    }
}

#[test]
fn presets_are_whole_and_overruled_by_the_file() {
    let mut names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
    names.dedup();
    assert!(names.is_sorted() && names.len() == PRESETS.len());
    for known in PRESETS {
        let url = if known.base_url.is_some() { "" } else { ", base_url: \"https://x.example/v1\"" };
        let text =
            format!("providers: [{{name: p, kind: openai_compatible, preset: {}, api_key: env:K{url}}}]", known.name);
        let provider = load(&text).providers.remove(0);
        let compatible = provider.compatible().unwrap();
        assert_eq!((compatible.responses, compatible.auth), (known.responses, known.auth), "{}", known.name);
        assert_eq!(provider.is_loopback(), known.base_url.is_some_and(|u| u.contains("127.0.0.1")), "{}", known.name);
    }
    let provider = load(
        "providers: [{name: p, kind: openai_compatible, preset: groq, api_key: env:K, \
         base_url: 'https://proxy.example/v1/', quirks: {responses: true}}]",
    )
    .providers
    .remove(0);
    let compatible = provider.compatible().unwrap();
    assert_eq!((compatible.base_url.as_str(), compatible.responses), ("https://proxy.example/v1", true));
    assert_eq!(compatible.output_limit_member, preset("groq").unwrap().output_limit_member);
    assert_eq!(provider.kind, ProviderKind::OpenaiCompatible);
}

proptest! {
    /// Whatever fits the schema is a document: the comparison with the schema and serde never disagree.
    #[test]
    fn the_schema_accepts_no_more_than_serde(lines in proptest::collection::vec(line(), 0..12)) {
        if let Err(problems) = from_text("test", &lines.join("\n")) {
            for problem in problems.all {
                prop_assert!(problem.hint != "compare it with the reference", "{problem}");
            }
        }
    }

    /// No text makes the loader panic or hang.
    #[test]
    fn any_text_is_answered(text in "[-:{}\\[\\],'\"#&*!|>% \\n\\ta-c0-9]{0,200}") {
        let _ = from_text("test", &text);
    }
}

fn line() -> impl Strategy<Value = String> {
    let value = proptest::sample::select(vec![
        "",
        "null",
        "true",
        "1",
        "-1",
        "0.5",
        "1e999",
        "text",
        "30s",
        "32 MiB",
        "off",
        "[]",
        "{}",
        "[a]",
        "{a: b}",
        "env:K",
        "report",
        "{drain: {}}",
        "{drain: {time_max: 1s}}",
        "cancel",
        "127.0.0.1:1",
        "'*'",
        "99999999999999999999",
        "[{name: a, kind: openai, api_key: env:K}]",
        "[{name: a, targets: [{provider: a}]}]",
        "[{name: a}]",
        "{on_disconnect: {drain: {bytes_max: 1 B}}, keepalive: off}",
        "{workers: 3, tls: {certificate: a, key: b}}",
        "{otlp: {endpoint: 'http://127.0.0.1', sample_ratio: 1}}",
        "{tags: {allow: ['*'], max: 50, sources: [body]}}",
        "{tags: null, default_project: null}",
        "{ceiling: {input: 1 USD per 1M tokens, output: 2.5 USD per 1M tokens}}",
    ]);
    let key = proptest::sample::select(vec![
        "listen",
        "admin",
        "store",
        "providers",
        "models",
        "pricing",
        "identity",
        "teams",
        "streams",
        "drain",
        "telemetry",
    ]);
    (key, value).prop_map(|(key, value)| format!("{key}: {value}"))
}

#[test]
fn other_files_are_read_as_yaml_of_which_json_is_a_part() {
    let wanted = serde_json::json!({"rows": [
        {"provider": "azure", "id": "a:b/\u{e9}\u{1f600}", "valid_from": "2026-12-01", "rates": [{"in": 4_500_000, "out": 0}]},
        {"n": [null, true, -1, 1.5, "", "1"]},
    ]});
    let yaml = "rows:\n  - provider: azure\n    id: \"a:b/\u{e9}\u{1f600}\"\n    valid_from: 2026-12-01  # a comment\n    \
                rates: [ { in: 4500000, out: 0 } ]\n  - { n: [~, true, -1, 1.5, '', '1'] }\n";
    let pretty = serde_json::to_string_pretty(&wanted).unwrap();
    let escaped = pretty.replace('\u{1f600}', r"\ud83d\ude00").replace('/', r"\/").replace('\u{e9}', r"\u00e9");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices");
    for text in
        [yaml, &wanted.to_string(), &pretty, &pretty.replace("  ", "\t"), &pretty.replace('\n', "\r\n"), &escaped]
    {
        std::fs::write(&file, text).unwrap();
        assert_eq!(value_from_file(&file).map_err(|problems| problems.to_string()), Ok(wanted.clone()), "{text}");
    }
    for (text, place) in [("rows: [", "line 1"), ("rows: &a []", "line 1, column 10"), ("a: 1\na: 2\n", "line 2")] {
        std::fs::write(&file, text).unwrap();
        let told = value_from_file(&file).unwrap_err().to_string();
        assert!(told.contains(place) && told.contains("prices: 1 problem"), "{told}");
    }
    assert!(value_from_file(&folder.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
}
