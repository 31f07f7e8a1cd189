//! Callers' streams, encoded.

use super::facts;
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::openai_chat::OpenaiChat;
use crate::framing::sse::SseReader;
use bytes::BytesMut;
use serde_json::{Value, json};
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::usage::{PartialUsage, ServiceTier};

fn write(events: &[Event], include_usage: bool) -> BytesMut {
    let mut encoder = OpenaiChat::OPENAI.encoder(facts(include_usage));
    let mut out = BytesMut::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    out
}

/// The data of every frame; `[DONE]` as a string.
fn frames(stream: &[u8]) -> Vec<Value> {
    let mut reader = SseReader::new();
    reader.push(stream);
    let mut frames = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        frames.push(serde_json::from_slice(&event.data).unwrap_or(json!("[DONE]")));
    }
    assert!(reader.finish().is_none());
    frames
}

fn deltas(frames: &[Value]) -> Vec<Value> {
    frames.iter().filter_map(|frame| frame.pointer("/choices/0/delta")).cloned().collect()
}

fn answer() -> Vec<Event> {
    let delta = |index, delta| Event::Delta { index, delta };
    let tool = |id: &str| PartKind::ToolUse { id: id.into(), name: "f".into() };
    vec![
        Event::Start { id: "msg_1".into(), model: "claude".into() },
        Event::Usage(PartialUsage { input_tokens: Some(9), output_tokens: Some(1), ..PartialUsage::default() }),
        Event::PartStart { index: 0, kind: PartKind::Reasoning },
        delta(0, Delta::Reasoning("th".into())),
        delta(0, Delta::Signature("si".into())),
        delta(0, Delta::Signature("g".into())),
        Event::PartStop { index: 0 },
        Event::PartStart { index: 1, kind: PartKind::Reasoning },
        delta(1, Delta::Redacted("xx".into())),
        Event::PartStop { index: 1 },
        Event::PartStart { index: 2, kind: PartKind::Text },
        delta(2, Delta::Text("hé".into())),
        Event::PartStop { index: 2 },
        Event::PartStart { index: 3, kind: tool("a") },
        delta(3, Delta::Arguments("{\"x\"".into())),
        delta(3, Delta::Arguments(":1}".into())),
        Event::PartStop { index: 3 },
        Event::PartStart { index: 4, kind: tool("b") },
        delta(4, Delta::Arguments(String::new())),
        Event::PartStop { index: 4 },
        Event::Tier(ServiceTier::Priority),
        Event::Finish(Stop { reason: StopReason::EndTurn, sequence: None }),
        Event::Usage(PartialUsage { output_tokens: Some(5), cache_read_tokens: Some(3), ..PartialUsage::default() }),
        Event::End,
    ]
}

#[test]
fn an_answer_flows_as_openai_s_does() {
    let frames = frames(&write(&answer(), true));
    let call = |index: u32, function: Value| json!({ "tool_calls": [{ "index": index, "function": function }] });
    let open = |index: u32, id: &str| json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": { "name": "f", "arguments": "" } }] });
    assert_eq!(
        deltas(&frames),
        [
            json!({ "role": "assistant", "content": "", "refusal": null }),
            json!({ "reasoning_content": "th" }),
            json!({ "thinking_blocks": [{ "type": "thinking", "thinking": "th", "signature": "sig", "index": 0 }] }),
            json!({ "thinking_blocks": [{ "type": "redacted_thinking", "data": "xx", "index": 1 }] }),
            json!({ "content": "hé" }),
            open(0, "a"),
            call(0, json!({ "arguments": "{\"x\"" })),
            call(0, json!({ "arguments": ":1}" })),
            open(1, "b"),
            call(1, json!({ "arguments": "{}" })),
            json!({}),
        ]
    );
    for frame in &frames[..frames.len() - 1] {
        assert_eq!(frame["id"], "msg_1");
        assert_eq!(frame["object"], "chat.completion.chunk");
        assert_eq!((&frame["created"], &frame["model"]), (&json!(1_700_000_000), &json!("asked-model")));
    }
    let [.., last, usage, done] = frames.as_slice() else { panic!() };
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!((&last["usage"], &last["service_tier"]), (&Value::Null, &json!("priority")));
    assert_eq!(usage["choices"], json!([]));
    assert_eq!((&usage["usage"]["prompt_tokens"], &usage["usage"]["completion_tokens"]), (&json!(12), &json!(5)));
    assert_eq!(done, "[DONE]");
}

#[test]
fn usage_is_told_only_to_those_who_asked() {
    let frames = frames(&write(&answer(), false));
    assert!(frames.iter().all(|frame| frame.get("usage").is_none()));
    assert_eq!(frames.last(), Some(&json!("[DONE]")));
}

#[test]
fn nothing_final_is_said_before_the_end() {
    let mut events = answer();
    events.pop();
    let frames = frames(&write(&events, true));
    assert!(frames.iter().all(|frame| frame != "[DONE]" && frame["choices"][0]["finish_reason"].is_null()));
}

#[test]
fn a_fault_ends_the_stream_without_done() {
    let mut encoder = OpenaiChat::OPENAI.encoder(facts(true));
    let mut out = BytesMut::new();
    for event in &answer()[..12] {
        encoder.encode(event, &mut out);
    }
    let fault = Fault::new(Class::UpstreamFailed, Origin::Provider, "upstream_truncated", "broke off");
    encoder.fault(&fault, &mut out);
    encoder.encode(&Event::End, &mut out);
    encoder.fault(&fault, &mut out);
    let frames = frames(&out);
    let error = json!({ "message": "broke off", "type": "server_error", "param": null, "code": "upstream_truncated" });
    assert_eq!(frames.last(), Some(&json!({ "error": error })));
    assert_eq!(frames.iter().filter(|frame| frame.get("error").is_some()).count(), 1);
}

#[test]
fn pings_are_comments_and_an_empty_answer_is_still_one() {
    assert_eq!(&write(&[Event::Ping], false)[..], b": keepalive\n\n");
    let refusal = [
        Event::PartStart { index: 0, kind: PartKind::Refusal },
        Event::Delta { index: 0, delta: Delta::Text("no".into()) },
        Event::Finish(Stop { reason: StopReason::Refusal, sequence: None }),
        Event::End,
    ];
    let refused = frames(&write(&refusal, false));
    assert_eq!(deltas(&refused)[1], json!({ "refusal": "no" }));
    assert_eq!(refused[2]["choices"][0]["finish_reason"], "stop");
    let empty = frames(&write(&[Event::End], false));
    assert_eq!(empty.len(), 3);
    assert!(empty[0]["id"].as_str().unwrap().starts_with("chatcmpl-"));
}

/// What the encoder writes, the decoder reads as it was (empty fragments apart).
#[test]
fn a_stream_survives_both_ways() {
    let stream = write(&answer(), true);
    let mut decoder = OpenaiChat::OPENAI.decoder();
    let mut events = Vec::new();
    decoder.decode(&stream, &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let again = write(&events, true);
    assert_eq!(frames(&again), frames(&stream));
}
