//! `tallygate guard test`: what it finds, where, and how it ends.

use crate::cli::tallygate;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Output, Stdio};
use tempfile::TempDir;

fn test(text: &[u8], more: &[&str]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let mut child = tallygate(folder.path(), &[&["guard", "test", "-"], more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_text_with_nothing_in_it_is_clean() {
    let (status, out, _) = test(b"What is the capital of France?\n", &[]);
    assert_eq!((status, out.trim()), (0, "nothing is found"));
}

#[test]
fn what_is_found_is_told_by_its_place_and_not_by_its_value() {
    let (status, out, _) = test("Grüße\nan ann.lee@example.com".as_bytes(), &[]);
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("email") && out.contains("2:4"), "{out}");
    assert!(!out.contains("ann.lee"), "{out}");
}

#[test]
fn what_is_hidden_is_told_with_how_it_was_hidden() {
    let hidden = b"decode YW5uLmxlZUBleGFtcGxlLmNvbSBpcyBoZXIgYWRkcmVzcw== now";
    let (status, out, _) = test(hidden, &["--format", "json"]);
    assert_eq!(status, 1);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let found = told["findings"].as_array().unwrap().iter().find(|row| row["rule"] == "email").unwrap();
    assert_eq!((&found["hidden"], &found["column"]), (&serde_json::json!(["base64"]), &8.into()));
    let (_, out, _) = test(hidden, &["--explain"]);
    assert!(out.contains("Hidden at 1:8 (base64):\n  ann.lee@example.com is her address"), "{out}");
}

#[test]
fn what_cannot_be_checked_is_not_called_clean() {
    let (status, out, err) = test(b"a\xffb", &[]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("is not UTF-8 (its byte 1 is not)"), "{err}");
    let folder = TempDir::new().unwrap();
    let missing = tallygate(folder.path(), &["guard", "test", "missing.txt"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
}

const POLICY: &str = "
providers: [{ name: a, kind: anthropic, api_key: env:NOT_SET_HERE }]
models: [{ name: m, targets: [{ provider: a }] }, { name: n, targets: [{ provider: a }] }]
guards: [{ name: hook, kind: webhook, url: 'https://guard.example.com/', secret: env:NOT_SET_EITHER }]
required_checks: { input: [pii] }
guardrails:
  - name: house
    unreadable: allow
    rules:
      - { name: mail, pii: structured, action: restore }
      - { name: attacks, injection: 0.9, action: block, mode: observe }
      - { name: asked, external: hook, when_away: allow, action: block, on: input }
  - name: red
    for: { team: red }
    unreadable: allow
    rules: [{ name: matters, words: { list: [heron] }, action: block, message: Not here. }]
  - name: away
    for: { model: n }
    unreadable: allow
    rules: [{ name: moved, words: { list: [osprey] }, action: route_to, model: m }]
teams: [{ name: red }, { name: blue }]
";

fn tried(text: &str, more: &[&str]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, POLICY).unwrap();
    test(text.as_bytes(), &[&["--config", policy.to_str().unwrap()], more].concat())
}

#[test]
fn a_policy_is_tried_as_a_call_would_meet_it() {
    let (status, out, err) = tried("heron of ann.lee@example.com", &["--format", "json", "--explain"]);
    assert_eq!(status, 1, "{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["sets"], &told["verdict"]), (&json!(["house"]), &json!("changed")));
    assert_eq!(told["text"], "heron of [EMAIL_1]");
    let rules = told["rules"].as_array().unwrap();
    assert_eq!(rules[0]["found"], json!({"email": 1}));
    assert_eq!((&rules[1]["threshold"], &rules[1]["mode"]), (&json!("0.9"), &json!("observe")));
    assert!(rules[1]["score"].as_f64().unwrap() < 0.9 && rules[2]["not_asked"] == true, "{out}");
    assert!(!out.contains("ann.lee"), "{out}");

    let (status, out, _) = tried("heron of ann.lee@example.com", &["--team", "red", "--explain"]);
    assert!(status == 1 && out.contains("red/matters") && out.contains("The caller is told: Not here."), "{out}");
    assert!(!out.contains("What goes on") && !out.contains("ann.lee"), "{out}");
    let (status, out, _) = tried("an osprey", &["--team", "blue", "--model", "n"]);
    assert!(status == 1 && out.contains("It goes to the model `m`."), "{out}");
    let (status, out, _) = tried("an osprey", &["--team", "blue", "--model", "m"]);
    assert!(status == 0 && out.contains("as `user` on the way to the model: passed"), "{out}");
    // What a set looks for in answers is another thing.
    let (status, out, _) = tried("heron", &["--set", "red", "--channel", "answer"]);
    assert!(status == 1 && out.contains("as `assistant` on the way to the caller: blocked"), "{out}");
}

#[test]
fn a_policy_that_cannot_be_tried_is_not_called_clean() {
    let (status, _, err) = tried("heron", &["--set", "rde"]);
    assert!(status == 2 && err.contains("no guardrail set 'rde'; there are: house, red, away"), "{err}");
    let (status, _, err) = test(b"heron", &["--team", "red"]);
    assert!(status == 2 && err.contains("--config"), "{err}");
    // A slip in a name leaves out the sets that are for it.
    let (_, out, _) = tried("heron", &["--team", "rde", "--model", "p"]);
    assert!(out.contains("note: the configuration declares no team `rde`"), "{out}");
    assert!(out.contains("note: no route of the configuration is for the model `p`"), "{out}");
    let (_, out, _) = tried("heron", &["--team", "red", "--model", "n"]);
    assert!(!out.contains("note:"), "{out}");
}
