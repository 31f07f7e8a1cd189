//! `tallygate coverage`, and configurations that leave a gap.

use crate::cli::tallygate;
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../../../examples/guardrails.yaml");

fn run(config: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, config).unwrap();
    let arguments = [arguments, &["--config", file.to_str().unwrap()]].concat();
    let mut command = tallygate(folder.path(), &arguments);
    let key = "0123456789abcdef0123456789abcdef";
    for name in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TALLYGATE_REDACTION_KEY"] {
        command.env(name, key);
    }
    let done = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_example_is_covered_and_shows_by_what() {
    let (status, out, err) = run(EXAMPLE, &["coverage"]);
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("house/personal-data restore") && out.contains("observed"), "{out}");
    let (status, out, _) = run(EXAMPLE, &["coverage", "--format", "json"]);
    let page: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, page["required_gaps"].as_u64()), (0, Some(0)));
    let rows = page["coverage"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["team"] == "legal" && row["check"] == "words" && row["state"] == "enforced"));
    let (status, _, err) = run(EXAMPLE, &["check"]);
    assert_eq!(status, 0, "{err}");
}

/// Three of eight teams had no content filtering, and nobody knew.
#[test]
fn a_configuration_with_one_uncovered_route_is_refused_with_its_path() {
    let narrowed = EXAMPLE.replace("  - name: house\n", "  - name: house\n    for: { model: '*s*' }\n");
    let narrowed = narrowed.replace(
        "- { name: mobile, projects: [ios, android], models: [fast] }",
        "- { name: mobile, models: ['claude-h*'] }",
    );
    let (status, _, err) = run(&narrowed, &["check"]);
    assert_eq!(status, 1);
    for part in [
        "required_checks.input",
        "teams `mobile`, `platform`",
        "`claude-*` (models[4])",
        "check `pii`",
        "`house/personal-data`",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let (status, out, _) = run(&narrowed, &["coverage", "--gaps"]);
    assert!(status == 1 && out.contains("REQUIRED, partly"), "{out}");
}

#[test]
fn names_that_rules_can_use_are_listed() {
    let folder = TempDir::new().unwrap();
    let done = tallygate(folder.path(), &["guard", "names"]).output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    for name in ["email", "github-pat", "self_harm", "suicide and self-harm"] {
        assert!(out.contains(name), "{name}");
    }
}

const BARE: &str = "
providers: [{ name: a, kind: anthropic, api_key: env:ANTHROPIC_API_KEY }]
models: [{ name: m, targets: [{ provider: a, model: claude-haiku-4-5 }] }]
teams: [{ name: red }, { name: blue }]
";

#[test]
fn teams_that_no_set_is_for_are_shown_and_noted() {
    let (status, out, err) = run(BARE, &["check"]);
    assert!(status == 0 && out.contains("note: guardrails: there are none"), "{out}{err}");
    let (status, out, _) = run(BARE, &["coverage", "--gaps"]);
    assert!(status == 0 && out.contains("no set is for them: they are unguarded"), "{out}");
    let some = format!(
        "{BARE}guardrails: [{{ name: g, for: {{ team: red }}, unreadable: allow, rules: [{{ name: r, secrets: all, action: block }}] }}]\n"
    );
    let (_, out, _) = run(&some, &["check"]);
    assert!(out.contains("note: guardrails: none is for calls of the team `blue` to `m`"), "{out}");
}

#[test]
fn coverage_shows_what_a_check_does_not_look_at() {
    let (_, out, _) = run(EXAMPLE, &["coverage", "--format", "json"]);
    let page: serde_json::Value = serde_json::from_str(&out).unwrap();
    let unseen = |check: &str| {
        let rows = page["coverage"].as_array().unwrap();
        rows.iter().find(|row| row["team"] == "mobile" && row["way"] == "input" && row["check"] == check).unwrap()["unseen"]
            .clone()
    };
    assert_eq!(unseen("secrets"), serde_json::json!([]));
    let own = serde_json::json!(["system", "user", "assistant", "reasoning", "tool_arguments", "metadata"]);
    assert_eq!(unseen("indirect_injection"), own, "definitions are looked at beside what is usual");
}

#[test]
fn what_nobody_could_look_at_is_told_beside_what_is_covered() {
    let with = |output: &str, on: &str| {
        format!(
            "providers: [{{ name: b, kind: bedrock, region: us-east-1{output} }}]\n\
             models: [{{ name: 'amazon.*', targets: [{{ provider: b }}] }}]\nteams: [{{ name: one }}]\n\
             guardrails: [{{ name: g, unreadable: block, rules: [{{ name: r, pii: all, action: block{on} }}] }}]\n"
        )
    };
    let offering = ", async_output: ['s3://out/{team}/']";
    let note = "asynchronous invocations at `b` are refused for calls that `g/r` are for";
    for (output, on, is_told) in [(offering, "", true), (offering, ", on: input", false), ("", "", false)] {
        let (status, out, err) = run(&with(output, on), &["coverage"]);
        assert_eq!((status, out.contains(note)), (0, is_told), "{out}{err}");
        let (_, out, _) = run(&with(output, on), &["coverage", "--format", "json"]);
        assert_eq!(out.contains(note), is_told, "{out}");
    }
}
