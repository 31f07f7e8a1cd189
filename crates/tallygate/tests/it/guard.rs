//! `tallygate guard test`: what it finds, where, and how it ends.

use crate::cli::tallygate;
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
