//! Providers' streams, decoded.

use crate::dialect::UpstreamDialect;
use crate::dialects::openai_chat::OpenaiChat;
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::{Class, Fault};
use tg_kernel::usage::{PartialUsage, ServiceTier};

fn read(chunks: &[&[u8]]) -> (Vec<Event>, Result<(), Fault>) {
    let mut decoder = OpenaiChat::OPENAI.decoder();
    let mut events = Vec::new();
    for chunk in chunks {
        if let Err(fault) = decoder.decode(chunk, &mut events) {
            return (events, Err(fault));
        }
    }
    let end = decoder.finish(&mut events);
    (events, end)
}

fn chunk(delta: Value, finish: Value) -> String {
    let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
    format!(
        "data: {}\n\n",
        json!({ "id": "x1", "object": "chat.completion.chunk", "model": "m1", "choices": [choice], "usage": null })
    )
}

fn deltas(deltas: Vec<Value>, finish: &str) -> Vec<Event> {
    let mut stream: String = deltas.into_iter().map(|delta| chunk(delta, Value::Null)).collect();
    stream += &chunk(json!({}), json!(finish));
    stream += "data: [DONE]\n\n";
    let (events, end) = read(&[stream.as_bytes()]);
    end.unwrap();
    assert_eq!(events[0], Event::Start { id: "x1".into(), model: "m1".into() });
    assert_eq!(events.last(), Some(&Event::End));
    events[1..events.len() - 1].to_vec()
}

fn start(index: u32, kind: PartKind) -> Event {
    Event::PartStart { index, kind }
}

fn tool(index: u32, id: &str, name: &str) -> Event {
    start(index, PartKind::ToolUse { id: id.into(), name: name.into() })
}

fn text(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Text(text.into()) }
}

fn arguments(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Arguments(text.into()) }
}

fn reasoning(index: u32, text: &str) -> Event {
    Event::Delta { index, delta: Delta::Reasoning(text.into()) }
}

fn stop(index: u32) -> Event {
    Event::PartStop { index }
}

fn finish(reason: StopReason) -> Event {
    Event::Finish(Stop { reason, sequence: None })
}

#[test]
fn text_flows() {
    let events = deltas(
        vec![
            json!({ "role": "assistant", "content": "", "refusal": null }),
            json!({ "content": "Hé" }),
            json!({ "content": "llo", "obfuscation": "x" }),
        ],
        "stop",
    );
    assert_eq!(events, [start(0, PartKind::Text), text(0, "Hé"), text(0, "llo"), stop(0), finish(StopReason::EndTurn)]);
}

#[test]
fn parallel_calls_flow_by_their_index() {
    let call = |index: u32, id: &str, name: &str, arguments: &str| json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments } }] });
    let more = |index: u32, arguments: &str| json!({ "tool_calls": [{ "index": index, "function": { "arguments": arguments } }] });
    let events = deltas(
        vec![
            json!({ "content": "so" }),
            call(0, "a", "f", ""),
            call(1, "b", "g", "{"),
            more(0, "{\"x\""),
            more(1, "}"),
            more(0, ":1}"),
        ],
        "tool_calls",
    );
    assert_eq!(
        events,
        [
            start(0, PartKind::Text),
            text(0, "so"),
            stop(0),
            tool(1, "a", "f"),
            tool(2, "b", "g"),
            arguments(2, "{"),
            arguments(1, "{\"x\""),
            arguments(2, "}"),
            arguments(1, ":1}"),
            stop(1),
            stop(2),
            finish(StopReason::ToolUse),
        ]
    );
}

#[test]
fn servers_with_habits_of_their_own_are_understood() {
    let whole = |id: &str, arguments: Value| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": arguments } });
    let both = [
        tool(0, "a", "f"),
        arguments(0, "{}"),
        tool(1, "b", "f"),
        arguments(1, "{\"x\":1}"),
        stop(0),
        stop(1),
        finish(StopReason::ToolUse),
    ];
    // Whole calls in one chunk, no index; `stop` in place of `tool_calls`.
    assert_eq!(
        deltas(vec![json!({ "tool_calls": [whole("a", json!("{}")), whole("b", json!({ "x": 1 }))] })], "stop"),
        both
    );
    // One call a chunk, every one with index 0.
    let zero = |id: &str, arguments: &str| {
        let mut call = whole(id, json!(arguments));
        call["index"] = json!(0);
        json!({ "tool_calls": [call] })
    };
    assert_eq!(deltas(vec![zero("a", "{}"), zero("b", "{\"x\":1}")], "stop"), both);
    // The name repeated on every chunk.
    let events = deltas(vec![zero("a", "{"), zero("a", "}")], "tool_calls");
    assert_eq!(events, [tool(0, "a", "f"), arguments(0, "{"), arguments(0, "}"), stop(0), finish(StopReason::ToolUse)]);
    // Content that is a list, with thinking in it.
    let events = deltas(
        vec![
            json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "t" }] }] }),
            json!({ "content": [{ "type": "text", "text": "a" }] }),
        ],
        "stop",
    );
    assert_eq!(
        events,
        [
            start(0, PartKind::Reasoning),
            reasoning(0, "t"),
            stop(0),
            start(1, PartKind::Text),
            text(1, "a"),
            stop(1),
            finish(StopReason::EndTurn)
        ]
    );
}

#[test]
fn reasoning_keeps_its_proof() {
    let signature = |index: u32, text: &str| Event::Delta { index, delta: Delta::Signature(text.into()) };
    let after = [start(1, PartKind::Text), text(1, "a"), stop(1), finish(StopReason::EndTurn)];
    let mut wanted = vec![start(0, PartKind::Reasoning), reasoning(0, "th"), signature(0, "s"), stop(0)];
    wanted.extend(after);
    let block = json!([{ "index": 0, "type": "thinking", "thinking": "th", "signature": "s" }]);
    let detail = json!([{ "type": "reasoning.text", "text": "th" }]);
    let proof = json!([{ "type": "reasoning.text", "signature": "s" }]);
    for given in [
        vec![json!({ "reasoning_content": "th" }), json!({ "thinking_blocks": block })],
        vec![json!({ "thinking_blocks": block })],
        vec![json!({ "reasoning": "th", "reasoning_details": detail }), json!({ "reasoning_details": proof })],
        vec![json!({ "reasoning_details": detail }), json!({ "reasoning_details": proof })],
    ] {
        let mut given = given;
        given.push(json!({ "content": "a" }));
        assert_eq!(deltas(given.clone(), "stop"), wanted, "{given:?}");
    }
    let redacted = deltas(vec![json!({ "thinking_blocks": [{ "type": "redacted_thinking", "data": "x" }] })], "stop");
    assert_eq!(redacted[1], Event::Delta { index: 0, delta: Delta::Redacted("x".into()) });
}

#[test]
fn counts_and_tier_come_from_either_place() {
    let usage = json!({ "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7 });
    let counts = PartialUsage {
        input_tokens: Some(5),
        cache_read_tokens: Some(0),
        cache_write_5m_tokens: Some(0),
        output_tokens: Some(2),
        reasoning_tokens: Some(0),
        audio_input_tokens: Some(0),
        audio_output_tokens: Some(0),
        ..PartialUsage::default()
    };
    let last = chunk(json!({}), json!("stop"));
    let apart = format!("data: {}\n\n", json!({ "id": "x1", "choices": [], "service_tier": "flex", "usage": usage }));
    let inside =
        format!("data: {}\n\n", json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }], "usage": usage }));
    let (events, end) = read(&[last.as_bytes(), apart.as_bytes(), b"data: [DONE]\n\n"]);
    end.unwrap();
    assert_eq!(
        events[1..],
        [finish(StopReason::EndTurn), Event::Tier(ServiceTier::Flex), Event::Usage(counts), Event::End]
    );
    let (events, _) = read(&[inside.as_bytes()]);
    assert_eq!(events[1..], [finish(StopReason::EndTurn), Event::Usage(counts), Event::End]);
}

#[test]
fn an_end_is_clean_only_if_the_answer_was_whole() {
    let hello = chunk(json!({ "content": "x" }), Value::Null);
    let last = chunk(json!({}), json!("length"));
    for (stream, whole) in [
        (format!("{hello}{last}data: [DONE]\n\n"), true),
        (format!("{hello}{last}data: [DONE]"), true),
        (format!("{hello}{last}"), true),
        (format!("{hello}{}", last.trim_end()), true),
        (format!("{hello}data: [DONE]\n\n"), true),
        (hello.clone(), false),
        (format!("{hello}{}", &last[..last.len() - 9]), false),
        (String::new(), false),
        (": keepalive\n\n".into(), false),
    ] {
        let (events, end) = read(&[stream.as_bytes()]);
        assert_eq!(end.is_ok(), whole, "{stream}");
        assert_eq!(events.last() == Some(&Event::End), whole, "{stream}");
        assert_eq!(events.iter().filter(|event| **event == Event::End).count(), usize::from(whole));
        if let Err(fault) = end {
            assert_eq!((fault.class, fault.code), (Class::UpstreamFailed, "upstream_truncated"));
        }
    }
}

#[test]
fn errors_in_the_stream_are_faults() {
    let hello = chunk(json!({ "content": "x" }), Value::Null);
    for (frame, class) in [
        ("data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n", Class::UpstreamFailed),
        ("event: error\ndata: {\"error\":{\"message\":\"m\",\"code\":429},\"choices\":[]}\n\n", Class::Limited),
        ("data: {\"object\":\"error\",\"message\":\"m\",\"code\":400}\n\n", Class::UpstreamRefused),
        ("data: {not json}\n\n", Class::UpstreamFailed),
    ] {
        let (events, end) = read(&[hello.as_bytes(), frame.as_bytes()]);
        assert_eq!(end.unwrap_err().class, class, "{frame}");
        assert!(!events.contains(&Event::End));
    }
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(mut cuts in prop::collection::vec(0_usize..2000, 0..40)) {
        let call = json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{\"é\":1}" } }] });
        let stream = [
            ": hello\r\n\r\n".to_owned(),
            chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
            chunk(json!({ "reasoning_content": "hm 😀" }), Value::Null),
            chunk(json!({ "content": "déjà" }), Value::Null).replace('\n', "\r\n"),
            chunk(call, Value::Null),
            chunk(json!({}), json!("tool_calls")),
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n".to_owned(),
        ]
        .concat();
        let bytes = stream.as_bytes();
        cuts.retain(|cut| *cut < bytes.len());
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let (events, end) = read(&chunks);
        prop_assert!(end.is_ok());
        prop_assert_eq!(events, read(&[bytes]).0);
    }
}
