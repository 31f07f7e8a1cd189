//! Log lines: what they say, what they never say, and which calls have one.

use crate::sample::{refused, served};
use serde_json::Value;
use tg_telemetry::log::{CallLog, Calls, Format};

fn lines(calls: Calls, format: Format, records: &[tg_kernel::record::Record]) -> Vec<String> {
    let mut out = Vec::new();
    let mut log = CallLog::new(calls, format, &mut out);
    for record in records {
        log.write(record).unwrap();
    }
    log.flush().unwrap();
    drop(log);
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_json_line_tells_who_what_and_how_much() {
    let written = lines(Calls::All, Format::Json, &[served(), refused()]);
    let parsed: Vec<Value> = written.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (member, expected) in [
        ("time", "2023-11-14T22:13:20Z"),
        ("call", "req_07070707070707070707070707070707"),
        ("ending", "ok"),
        ("team", "search"),
        ("project", "ranking"),
        ("key", "key_1"),
        ("provider", "aws-eu"),
        ("provider_model", "anthropic.claude"),
        ("provider_request_id", "upstream-1"),
        ("cost_usd", "0.00125"),
    ] {
        assert_eq!(parsed[0][member], expected, "{member}");
    }
    assert_eq!(parsed[0]["input_tokens"], 132);
    assert_eq!(parsed[0]["guard"], "changed");
    assert_eq!(parsed[0]["guard_hits"], serde_json::json!(["house/mail pii:email document input redacted 2"]));
    assert_eq!(parsed[1].get("guard"), None);
    assert_eq!(parsed[1]["fault"], "key_unknown");
    assert_eq!(parsed[1].get("provider"), None);
}

#[test]
fn the_switch_chooses_the_calls() {
    let mut gone = served();
    gone.ending = tg_kernel::record::Ending::ClientGone;
    let records = [served(), refused(), gone];
    for (calls, count) in [(Calls::Off, 0), (Calls::All, 3), (Calls::Errors, 2)] {
        assert_eq!(lines(calls, Format::Json, &records).len(), count, "{calls:?}");
    }
}

#[test]
fn a_caller_cannot_forge_a_line() {
    let mut record = served();
    record.asked.model = "x\nending=ok team=\"other\" \u{1b}[2J".into();
    for format in [Format::Json, Format::Text] {
        let written = lines(Calls::All, format, std::slice::from_ref(&record));
        assert_eq!(written.len(), 1, "{written:?}");
        assert!(!written[0].contains('\u{1b}'), "{written:?}");
    }
    let written = lines(Calls::All, Format::Text, &[record]);
    assert!(written[0].contains(r#"model="x\nending=ok team=\"other\" "#), "{written:?}");
    assert!(written[0].starts_with("time=2023-11-14T22:13:20Z call=req_0707"), "{written:?}");
}

#[test]
fn many_lines_leave_before_they_fill_the_memory() {
    let mut out = Vec::new();
    let mut log = CallLog::new(Calls::All, Format::Json, &mut out);
    for _ in 0..1000 {
        log.write(&served()).unwrap();
    }
    drop(log);
    assert!(out.len() > 64 << 10);
}
