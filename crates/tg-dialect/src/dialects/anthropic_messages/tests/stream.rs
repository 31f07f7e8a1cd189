//! Answers, whole and streamed, both ways.

use super::{call_id, data, encode_stream, facts, full_stream, sse};
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::anthropic_messages::AnthropicMessages;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::{Content, Stop, StopReason};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::{Class, Fault};
use tg_kernel::usage::{PartialUsage, Usage};

fn decode_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Fault> {
    let mut decoder = AnthropicMessages.decoder();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn usage_of(events: &[Event]) -> Usage {
    let mut usage = Usage::default();
    for event in events {
        if let Event::Usage(report) = event {
            usage.replace(report);
        }
    }
    usage
}

const FULL_USAGE: Usage = Usage {
    input_tokens: 12,
    cache_read_tokens: 30,
    cache_write_5m_tokens: 50,
    cache_write_1h_tokens: 100,
    output_tokens: 89,
    reasoning_tokens: 0,
    audio_input_tokens: 0,
    audio_output_tokens: 0,
    images: 0,
};

#[test]
fn every_kind_of_block_is_read() {
    let stream = sse(&full_stream());
    let events = decode_pieces([stream.as_bytes()]).unwrap();
    let shown: Vec<Event> =
        events.iter().filter(|e| !matches!(e, Event::Usage(_) | Event::Tier(_) | Event::Ping)).cloned().collect();
    let tool = |id: &str, name: &str| PartKind::ToolUse { id: id.into(), name: name.into() };
    let start = |index, kind| Event::PartStart { index, kind };
    let add = |index, delta| Event::Delta { index, delta };
    let stop = |index| Event::PartStop { index };
    assert_eq!(
        shown,
        [
            Event::Start { id: "msg_01".into(), model: "claude-sonnet-4-5".into() },
            start(0, PartKind::Reasoning),
            add(0, Delta::Reasoning("Hm.".into())),
            add(0, Delta::Signature("c2ln".into())),
            stop(0),
            start(1, PartKind::Reasoning),
            add(1, Delta::Redacted("ZW5j".into())),
            stop(1),
            start(2, PartKind::Text),
            add(2, Delta::Text("Größe \"\n".into())),
            stop(2),
            start(3, tool("toolu_1", "now")),
            add(3, Delta::Arguments(String::new())),
            stop(3),
            start(4, tool("toolu_2", "add")),
            add(4, Delta::Arguments(String::new())),
            add(4, Delta::Arguments("{\"a\"".into())),
            add(4, Delta::Arguments(": 1}".into())),
            stop(4),
            Event::Finish(Stop { reason: StopReason::ToolUse, sequence: None }),
            Event::End,
        ]
    );
}

#[test]
fn cumulative_usage_replaces_and_never_adds() {
    let stream = sse(&full_stream());
    assert_eq!(usage_of(&decode_pieces([stream.as_bytes()]).unwrap()), FULL_USAGE);
}

#[test]
fn a_stream_without_its_end_is_truncated() {
    let mut events = full_stream();
    events.pop();
    assert_eq!(decode_pieces([sse(&events).as_bytes()]).unwrap_err().code, "upstream_truncated");
    let torn = sse(&full_stream());
    assert_eq!(decode_pieces([&torn.as_bytes()[..torn.len() - 12]]).unwrap_err().code, "upstream_truncated");
    assert!(decode_pieces([torn.trim_end().as_bytes()]).is_ok(), "only the closing blank line is missing");
}

#[test]
fn an_error_event_is_the_fault_it_names() {
    for (kind, class) in [
        ("overloaded_error", Class::Overloaded),
        ("rate_limit_error", Class::Limited),
        ("api_error", Class::UpstreamFailed),
        ("invalid_request_error", Class::UpstreamRefused),
        ("something_new", Class::UpstreamFailed),
    ] {
        let error = json!({"type": "error", "error": {"type": kind, "message": "Overloaded"}});
        let fault = decode_pieces([sse(&[error]).as_bytes()]).unwrap_err();
        assert_eq!((fault.class, fault.message.as_ref()), (class, "Overloaded"), "{kind}");
    }
    assert_eq!(decode_pieces([&b"data: <html>\n\n"[..]]).unwrap_err().code, "upstream_garbage");
}

#[test]
fn a_decoded_stream_is_written_as_it_was() {
    let source: Vec<Value> = full_stream();
    let written = data(&encode_stream(&decode_pieces([sse(&source).as_bytes()]).unwrap()));
    let kinds: Vec<&str> = written.iter().map(|e| e["type"].as_str().unwrap()).collect();
    let deltas: Vec<&Value> =
        written.iter().filter(|e| e["type"] == "content_block_delta").map(|e| &e["delta"]).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "content_block_start").count(), 5);
    assert_eq!(deltas[4], &json!({"type": "input_json_delta", "partial_json": "{}"}), "a tool without parameters");
    assert_eq!(written[0]["message"]["model"], "claude-demo");
    let ends = &written[written.len() - 2..];
    assert_eq!(ends[0]["delta"], json!({"stop_reason": "tool_use", "stop_sequence": null}));
    assert_eq!(ends[0]["usage"]["output_tokens"], 89);
    assert_eq!(ends[0]["usage"]["cache_creation_input_tokens"], 150);
    assert_eq!(ends[1], json!({"type": "message_stop"}));
}

#[test]
fn the_end_waits_for_late_usage_and_comes_once() {
    let finish = Event::Finish(Stop { reason: StopReason::EndTurn, sequence: None });
    let events = [
        Event::Start { id: "chatcmpl-1".into(), model: String::new() },
        Event::PartStart { index: 0, kind: PartKind::ToolUse { id: String::new(), name: "t".into() } },
        finish,
        Event::Usage(PartialUsage { input_tokens: Some(5), output_tokens: Some(2), ..PartialUsage::default() }),
        Event::End,
    ];
    let before = data(&encode_stream(&events[..4]));
    assert_eq!(before.last().unwrap()["type"], "content_block_start");
    assert_eq!(before[0]["message"]["usage"]["input_tokens"], 0);
    assert_eq!(before[0]["message"]["id"], format!("msg_{}", "01".repeat(16)));
    let after = data(&encode_stream(&events));
    let kinds: Vec<&str> = after[before.len()..].iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
    let end = &after[after.len() - 2];
    assert_eq!((&end["delta"]["stop_reason"], &end["usage"]["input_tokens"]), (&json!("tool_use"), &json!(5)));
    assert!(after[1]["content_block"]["id"].as_str().unwrap().starts_with("toolu_"));
}

#[test]
fn a_guardrails_stop_is_a_refusal_that_says_so() {
    let finish = Event::Finish(Stop { reason: StopReason::Guardrail, sequence: None });
    let written = data(&encode_stream(&[finish, Event::End]));
    assert_eq!(written[1]["delta"]["stop_reason"], "refusal");
    assert_eq!(written[1]["delta"]["stop_details"]["explanation"], "guardrail");
}

#[test]
fn whole_answers_come_back_as_they_were() {
    let body = json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-demo",
        "content": [
            {"type": "thinking", "thinking": "", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "ZW5j"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {
            "input_tokens": 12, "cache_creation_input_tokens": 150, "cache_read_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 100},
            "output_tokens": 89, "service_tier": "priority"
        }
    });
    let text = body.to_string();
    let reply = AnthropicMessages.decode_reply(text.as_bytes()).unwrap();
    assert_eq!(reply.usage, FULL_USAGE);
    let written: Value = serde_json::from_slice(&AnthropicMessages.encode_reply(&reply, &facts())).unwrap();
    assert_eq!(written, body);
    let summary = AnthropicMessages.read_summary(text.as_bytes());
    assert_eq!((summary.usage, summary.stop), (FULL_USAGE, Some(StopReason::ToolUse)));
    assert!(summary.complete && summary.usage_final);
    for garbage in ["<html>", "{}", "[]", r#"{"content":{}}"#] {
        assert_eq!(AnthropicMessages.decode_reply(garbage.as_bytes()).unwrap_err().code, "upstream_garbage");
    }
}

#[test]
fn blocks_of_the_wrong_type_do_no_harm() {
    let reply =
        AnthropicMessages.decode_reply(br#"{"content":[1,null,"x",[],{"type":5},{"type":"new","a":1}]}"#).unwrap();
    assert_eq!(reply.parts.len(), 6);
    assert_eq!(reply.parts[5].content, Content::Other("new".into(), json!({"type": "new", "a": 1})));
}

#[test]
fn a_fault_in_the_stream_is_an_error_event() {
    let mut out = bytes::BytesMut::new();
    let fault = Fault::upstream_failed("upstream_truncated", "Cut off.");
    AnthropicMessages.encode_stream_fault(&fault, call_id(), &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.starts_with("event: error\ndata: {\"type\":\"error\""));
    assert_eq!(data(&text)[0]["error"]["type"], "api_error");
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events_and_the_same_bytes(cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        let stream = sse(&full_stream());
        let pieces = pieces(stream.as_bytes(), &cuts);
        prop_assert_eq!(decode_pieces(pieces.iter().copied()).unwrap(), decode_pieces([stream.as_bytes()]).unwrap());

        let (mut tap, mut out) = (AnthropicMessages.tap(false), Vec::new());
        for piece in pieces {
            tap.pass(Bytes::copy_from_slice(piece), &mut out);
        }
        tap.close(&mut out);
        prop_assert_eq!(out.concat(), stream.as_bytes());
        let summary = tap.summary();
        prop_assert_eq!(summary.usage, FULL_USAGE);
        prop_assert!(summary.usage_final && summary.complete && summary.content_seen && !summary.failed);
        prop_assert_eq!(summary.stop, Some(StopReason::ToolUse));
        // "Hm." + {"q":1} escaped + Größe "\n escaped + {"a": 1} escaped
        prop_assert_eq!(summary.content_bytes, 3 + 9 + 12 + 10);
    }

    #[test]
    fn arbitrary_bytes_never_break_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_pieces([bytes.as_slice()]);
    }
}

#[test]
fn a_tap_reads_streams_of_other_shapes() {
    let text = "data: {\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":3}},\"type\":\"message_start\"}\r\n\r\n\
        data: { \"type\": \"content_block_delta\", \"index\": 0, \"delta\": {\"text\": \"abc\", \"type\": \"text_delta\"}}\r\n\r\n\
        event:message_delta\r\ndata:{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":4}}\r\n\r\n\
        data: {\"type\":\"error\"}\n\n";
    let mut tap = AnthropicMessages.tap(false);
    tap.pass(Bytes::from_static(text.as_bytes()), &mut Vec::new());
    let summary = tap.summary();
    assert_eq!((summary.usage.input_tokens, summary.usage.output_tokens, summary.content_bytes), (3, 4, 3));
    assert!(summary.failed && !summary.complete);
}

#[test]
fn an_error_without_its_blank_line_is_seen_only_if_it_is_whole() {
    let error = r#"data: {"type":"error","error":{"type":"overloaded_error","message":"x"}}"#;
    for (text, failed) in [(error, true), (&error[..error.len() - 1], false), (&error[..30], false)] {
        let mut tap = AnthropicMessages.tap(false);
        tap.pass(Bytes::copy_from_slice(text.as_bytes()), &mut Vec::new());
        tap.close(&mut Vec::new());
        assert_eq!(tap.summary().failed, failed, "{text}");
    }
}

#[test]
fn counts_that_are_null_are_not_there() {
    for (usage, seen, is_final) in [
        (json!({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": null}), true, true),
        (json!({"input_tokens": 5, "output_tokens": null}), true, false),
        (json!({"input_tokens": null, "output_tokens": null}), false, false),
    ] {
        let body = json!({"content": [], "stop_reason": "end_turn", "usage": usage});
        let summary = AnthropicMessages.read_summary(body.to_string().as_bytes());
        assert!(summary.complete, "{body}");
        assert_eq!((summary.usage_seen, summary.usage_final), (seen, is_final), "{body}");
    }
}
