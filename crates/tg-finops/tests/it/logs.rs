//! Invocation logs against rows, call by call.

use crate::files::gzip;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tg_finops::invocations::{self, Matching, Outcome};
use tg_finops::tolerance::Tolerance;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

const GATEWAY: &str = "arn:aws:sts::123456789012:assumed-role/gateway/tg-red";
const MODEL: &str = "us.anthropic.claude-sonnet-4-6";

fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn entry(number: u64, identity: &str, input: u64, output: u64) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-24T03:{:02}:00Z\",\"accountId\":\"123456789012\",\"identity\":{{\"arn\":\"{identity}\"}},\
         \"region\":\"us-east-1\",\"requestId\":\"{}\",\"operation\":\"Converse\",\"modelId\":\"{MODEL}\",\
         \"input\":{{\"inputContentType\":\"application/json\",\"inputBodyJson\":{{\"messages\":[]}},\
         \"inputTokenCount\":{input},\"cacheReadInputTokenCount\":7}},\
         \"output\":{{\"outputContentType\":\"application/json\",\"outputBodyJson\":[1,2],\"outputTokenCount\":{output}}},\
         \"schemaType\":\"ModelInvocationLog\",\"schemaVersion\":\"1.0\"}}\n",
        number % 60,
        id(number),
    )
}

fn served(number: u64) -> Served {
    Served {
        provider: "bedrock".into(),
        model: MODEL.into(),
        profile: None,
        dialect: Dialect::BedrockConverse,
        request_id: Some(id(number)),
        session: None,
        tier: ServiceTier::Default,
        attempts: 1,
        stop: None,
    }
}

fn row(number: u64, input: u64, output: u64) -> Record {
    let at = Timestamp::parse(&format!("2026-11-24T03:{:02}:00Z", number % 60)).unwrap();
    Record {
        id: CallId::fresh(),
        started_at: at,
        attribution: Attribution::default(),
        asked: Asked {
            dialect: Dialect::OpenaiChat,
            operation: Operation::Chat,
            model: "sonnet".into(),
            stream: false,
        },
        served: Some(served(number)),
        earlier: Vec::new(),
        ending: Ending::Ok,
        status: 200,
        fault: None,
        usage: Usage { input_tokens: input, cache_read_tokens: 7, output_tokens: output, ..Usage::default() },
        usage_source: UsageSource::Reported,
        cost: Cost { amount: Money::from_nanos(1000), ..Cost::default() },
        losses: Vec::new(),
        guarded: None,
        decided: None,
        timing: Timing::default(),
    }
}

fn outcome(log: &Path, rows: &[Record], known: &[&str]) -> Outcome {
    let mut matching = Matching::new(["bedrock".to_owned()].into(), None, None);
    invocations::read(log, &mut |heard| matching.hear(&heard)).unwrap();
    rows.iter().for_each(|row| matching.row(row));
    let known: Vec<String> = known.iter().map(|&text| text.to_owned()).collect();
    matching.finish(&known, &Tolerance::parse("1%").unwrap())
}

/// A folder as Bedrock writes it to S3.
fn delivered(parts: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = "AWSLogs/123456789012/BedrockModelInvocationLogs/us-east-1/2026/11/24/03";
    for (name, bytes) in parts {
        let path = folder.path().join(at).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

#[test]
fn every_logged_call_finds_its_row() {
    let first: String = (1..20).map(|n| entry(n, GATEWAY, 100 + n, n)).collect();
    let second: String = (20..40).map(|n| entry(n, GATEWAY, 100 + n, n)).collect();
    let folder = delivered(&[
        ("20261124T030000000Z_a.json.gz", gzip(first.as_bytes())),
        ("20261124T031500000Z_b.json", second.into_bytes()),
        ("data/00000000_input.json.gz", b"a body, not a log".to_vec()),
    ]);
    let rows: Vec<Record> = (1..40).map(|n| row(n, 100 + n, n)).collect();
    let found = outcome(folder.path(), &rows, &[]);
    assert!(found.agrees, "{found:?}");
    assert_eq!((found.matched_calls, found.counts.len()), (39, 1));
    assert_eq!(found.counts[0].ledger, found.counts[0].log);
    assert_eq!(found.counts[0].differing_calls, 0);
}

#[test]
fn who_goes_round_the_gateway_is_named_with_the_number_of_calls() {
    let script = "arn:aws:iam::123456789012:user/somebody";
    let log: String = [(1, GATEWAY), (2, script), (3, script), (4, "arn:aws:sts::1:assumed-role/ci/build-77")]
        .iter()
        .map(|(n, who)| entry(*n, who, 10, 5))
        .collect();
    let folder = delivered(&[("a.json.gz", gzip(log.as_bytes()))]);
    let found = outcome(folder.path(), &[row(1, 10, 5)], &["arn:aws:sts::*:assumed-role/ci/*"]);
    assert!(!found.agrees);
    assert_eq!(found.around.len(), 1);
    let around = &found.around[0];
    assert_eq!((around.identity.as_str(), around.calls, found.known_calls), (script, 2, 1));
    assert_eq!((around.tokens.input_tokens, around.tokens.output_tokens), (20, 10));
    assert_eq!(around.models, ["anthropic.claude-sonnet-4-6"]);
    assert_eq!(around.examples, [id(2), id(3)]);
}

#[test]
fn rows_without_an_entry_and_other_counts_are_differences() {
    let log: String = [1, 3, 5].iter().map(|n| entry(*n, GATEWAY, 10, 5)).collect();
    let folder = delivered(&[("a.json", log.into_bytes())]);
    let mut longer = row(3, 10, 5);
    longer.usage.output_tokens = 9;
    let found = outcome(folder.path(), &[row(1, 10, 5), row(2, 10, 5), longer, row(5, 10, 5), row(50, 1, 1)], &[]);
    assert!(!found.agrees);
    assert_eq!(found.overlooked.len(), 1, "the row after the log's end may be in the next one");
    assert_eq!((found.overlooked[0].calls, found.overlooked[0].cost), (1, Money::from_nanos(1000)));
    let cell = &found.counts[0];
    assert_eq!((cell.calls, cell.differing_calls, cell.agrees), (3, 1, false));
    assert_eq!((cell.ledger.output_tokens, cell.log.output_tokens), (19, 15));
}

#[test]
fn earlier_tries_have_entries_of_their_own() {
    let log: String = [1, 2].iter().map(|n| entry(*n, GATEWAY, 10, 5)).collect();
    let folder = delivered(&[("a.json", log.into_bytes())]);
    let mut retried = row(2, 10, 5);
    retried.earlier.push(Attempt {
        served: served(1),
        fault: "provider_timeout".into(),
        usage: Usage::default(),
        cost: Cost::default(),
    });
    let found = outcome(folder.path(), &[retried], &[]);
    assert!(found.agrees, "{found:?}");
    assert_eq!(found.matched_calls, 2);
}

#[test]
fn a_call_that_was_answered_elsewhere_is_not_missing_from_the_log() {
    let log: String = [1, 3, 5].iter().map(|n| entry(*n, GATEWAY, 10, 5)).collect();
    let folder = delivered(&[("a.json", log.into_bytes())]);
    let mut failed_over = row(4, 10, 5);
    failed_over.served.as_mut().unwrap().provider = "anthropic".into();
    failed_over.earlier.push(Attempt {
        served: served(3),
        fault: "provider_timeout".into(),
        usage: Usage::default(),
        cost: Cost::default(),
    });
    let mut elsewhere = row(2, 10, 5);
    elsewhere.served.as_mut().unwrap().provider = "anthropic".into();
    let found = outcome(folder.path(), &[row(1, 10, 5), failed_over, elsewhere, row(5, 10, 5)], &[]);
    assert!(found.agrees && found.overlooked.is_empty(), "{found:?}");
    assert_eq!((found.matched_calls, found.counts[0].calls), (3, 2));
}

#[test]
fn a_call_whose_request_id_was_lost_does_not_accuse_the_gateway() {
    let log: String = (1..=6).map(|n| entry(n, GATEWAY, 10, 5)).collect();
    let folder = delivered(&[("a.json", log.into_bytes())]);
    let nameless = |number: u64| {
        let mut row = row(number, 10, 5);
        row.served.as_mut().unwrap().request_id = None;
        row
    };
    // A try that timed out may be logged as well.
    let mut retried = row(3, 10, 5);
    retried.earlier.push(Attempt {
        served: Served { request_id: None, ..served(0) },
        fault: "provider_timeout".into(),
        usage: Usage { input_tokens: 10, ..Usage::default() },
        cost: Cost::default(),
    });
    let rows = [row(1, 10, 5), nameless(2), retried, row(5, 10, 5), row(6, 10, 5)];
    let found = outcome(folder.path(), &rows, &[]);
    assert!(found.agrees && found.around.is_empty(), "{found:?}");
    assert_eq!((found.matched_calls, found.probably_ours, found.nameless_rows), (4, 2, 1));
    // One lost id stands for one call, and for none of another model or of somebody else.
    let found = outcome(folder.path(), &[row(1, 10, 5), nameless(2)], &[]);
    assert_eq!((found.probably_ours, found.around[0].calls), (1, 4));
    let mut other = nameless(2);
    other.served.as_mut().unwrap().model = "amazon.nova-lite-v1:0".into();
    let mut late = nameless(2);
    late.started_at = Timestamp::parse("2026-11-24T05:30:00Z").unwrap();
    let found = outcome(folder.path(), &[row(1, 10, 5), other, late], &[]);
    assert_eq!((found.agrees, found.probably_ours, found.around[0].calls), (false, 0, 5));
    let script = entry(1, GATEWAY, 10, 5) + &entry(2, "arn:aws:iam::123456789012:user/somebody", 10, 5);
    let folder = delivered(&[("a.json", script.into_bytes())]);
    let found = outcome(folder.path(), &[row(1, 10, 5), nameless(2)], &[]);
    assert_eq!((found.agrees, found.probably_ours, found.around[0].calls), (false, 0, 1));
}

#[test]
fn entries_that_were_delivered_twice_count_once() {
    let log = entry(1, GATEWAY, 10, 5);
    let folder = delivered(&[("a.json", log.clone().into_bytes()), ("b.json.gz", gzip(log.as_bytes()))]);
    let found = outcome(folder.path(), &[row(1, 10, 5)], &[]);
    assert!(found.agrees, "{found:?}");
    assert_eq!((found.matched_calls, found.doubled_entries), (1, 1));
}

#[test]
fn logs_that_cannot_be_used_are_named_with_what_is_wrong() {
    let good = entry(1, GATEWAY, 10, 5);
    let half = gzip(good.repeat(500).as_bytes());
    for (name, bytes, part) in [
        ("a.json", format!("{good}{{\"timestamp\":\n").into_bytes(), "line 2: it is not an entry"),
        ("a.json", good.replace("2026-11-24T", "24.11.2026 ").into_bytes(), "which is no time"),
        ("a.json", good.replace("requestId", "request").into_bytes(), "line 1: the entry has no requestId"),
        ("a.json", b"{\"schemaType\":\"Other\"}\n".to_vec(), "there is no entry of a model invocation log"),
        ("a.json.gz", half[..half.len() / 2].to_vec(), "in the middle of its compressed data"),
        ("a.json.gz", b"plain".to_vec(), "is not compressed by gzip"),
    ] {
        let folder = delivered(&[(name, bytes)]);
        let said = invocations::read(folder.path(), &mut |_| {}).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
}
