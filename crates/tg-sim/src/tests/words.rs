//! The small languages: directives, frames, schemas, signatures.

use crate::directive::{Break, Head, read};
use crate::reply::Stop;
use crate::{eventstream, sample, signature};
use bytes::BytesMut;
use serde_json::json;
use std::time::Duration;

#[test]
fn directives_are_read_and_taken_out() {
    let text = "Hi [[sim: tokens=7 delay=5ms ttft=2s tools stop=refusal]] there [[sim: die_after=3 html times=2]]";
    let (rest, directive) = read(text).expect("readable");
    assert_eq!(rest, "Hi  there");
    assert_eq!(directive.tokens, Some(7));
    assert_eq!(directive.delay, Duration::from_millis(5));
    assert_eq!(directive.ttft, Duration::from_secs(2));
    assert_eq!(directive.tools, 1);
    assert_eq!(directive.stop, Some(Stop::Refusal));
    assert_eq!(directive.broken, Some((Break::Die, 3)));
    assert_eq!(directive.head, Head::Html);
    assert_eq!(directive.times, Some(2));
}

#[test]
fn misspelt_directives_are_refused() {
    for text in [
        "[[sim: token=1]]",
        "[[sim: tokens=x]]",
        "[[sim: delay=5]]",
        "[[sim: tear=1]]",
        "[[sim: tear",
        "[[sim: stop=x]]",
        "[[sim: row=a||b]]",
        "[[sim: row=a|shout:b]]",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

/// The bytes were read back by botocore's parser when this test was written.
#[test]
fn frames_are_those_that_botocore_reads() {
    let mut out = BytesMut::new();
    eventstream::event("messageStart", br#"{"role":"assistant","p":"abc"}"#, &mut out);
    assert_eq!(hex::encode(&out), GOLDEN_EVENT);
    let mut out = BytesMut::new();
    eventstream::exception("throttlingException", br#"{"message":"slow down"}"#, &mut out);
    assert_eq!(hex::encode(&out), GOLDEN_EXCEPTION);
}

const GOLDEN_EVENT: &str = "000000800000005251a15f230b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22726f6c65223a22617373697374616e74222c2270223a22616263227d8eb8e9b8";
const GOLDEN_EXCEPTION: &str = "0000008800000061de0175f40f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d657373616765223a22736c6f7720646f776e227d832ee072";

#[test]
fn samples_fit_their_schemas() {
    for (schema, value) in [
        (json!({ "type": "object", "properties": {} }), json!({})),
        (json!({}), json!({})),
        (
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": ["null", "number"] } } }),
            json!({ "a": "a-2", "b": 2.5 }),
        ),
        (json!({ "type": "array", "items": { "enum": ["red", "blue"] } }), json!(["red"])),
        (
            json!({ "$defs": { "n": { "type": "integer" } }, "type": "object", "properties": { "n": { "$ref": "#/$defs/n" } } }),
            json!({ "n": 2 }),
        ),
        (json!({ "anyOf": [{ "type": "boolean" }, { "type": "null" }] }), json!(true)),
    ] {
        assert_eq!(sample::of_schema(&schema, 2), value, "{schema}");
    }
}

#[test]
fn only_own_signatures_hold() {
    let signed = signature::sign("a thought", "a prompt");
    assert!(signature::holds("a thought", &signed));
    assert!(!signature::holds("another thought", &signed));
    assert!(!signature::holds("a thought", "c2lnbmF0dXJl"));
    assert_ne!(signed, signature::sign("a thought", "another prompt"));
    let sealed = signature::seal("a thought");
    assert!(signature::sealed(&sealed));
    assert!(!signature::sealed(&signed));
}
