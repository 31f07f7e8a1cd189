//! What holds for every request and for every run of bytes.

use crate::conversation;
use crate::dialect::{InboundDialect, RequestFacts, UpstreamDialect};
use crate::dialects::openai_chat::OpenaiChat;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::Content;

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", " ", "a", "é😀", "{\"x\":1}", "line\nline"]).prop_map(str::to_owned)
}

fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|text| json!({ "type": "text", "text": text })),
        Just(json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } })),
        Just(json!({ "type": "image_url", "image_url": { "url": "https://x.test/a.png", "detail": "high" } })),
        Just(json!({ "type": "input_audio", "input_audio": { "data": "AAE=", "format": "wav" } })),
        Just(
            json!({ "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAE=" } })
        ),
    ]
}

fn message() -> impl Strategy<Value = Value> {
    let content = prop_oneof![text().prop_map(Value::from), prop::collection::vec(part(), 0..4).prop_map(Value::from)];
    let id = prop::sample::select(vec!["c1", "c2"]);
    let call = (id.clone(), text()).prop_map(
        |(id, arguments)| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": arguments } }),
    );
    prop_oneof![
        text().prop_map(|text| json!({ "role": "developer", "content": text })),
        content.prop_map(|content| json!({ "role": "user", "content": content })),
        (text(), prop::collection::vec(call, 0..3))
            .prop_map(|(text, calls)| json!({ "role": "assistant", "content": text, "tool_calls": calls })),
        (id, text()).prop_map(|(id, text)| json!({ "role": "tool", "tool_call_id": id, "content": text })),
    ]
}

/// Empty arguments mean `{}`, and are written so.
fn argued(messages: &[Value]) -> Vec<Value> {
    let mut messages = messages.to_vec();
    for call in messages.iter_mut().filter_map(|m| m.get_mut("tool_calls")?.as_array_mut()).flatten() {
        let arguments = &mut call["function"]["arguments"];
        if arguments.as_str().is_some_and(|text| text.trim().is_empty()) {
            *arguments = json!("{}");
        }
    }
    messages
}

/// Frames, answers and errors with any JSON in any place.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
        prop::sample::select(vec!["function", "stop", "text", "thinking", "user", "tool", "auto"])
            .prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "tools",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "index",
        "choices",
        "delta",
        "message",
        "finish_reason",
        "usage",
        "prompt_tokens",
        "error",
        "code",
        "detail",
        "thinking_blocks",
        "reasoning_details",
        "image_url",
        "url",
        "stream_options",
        "response_format",
        "tool_choice",
    ]);
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect())),
        ]
    })
}

fn show_to_all(bytes: &[u8]) {
    let dialect = OpenaiChat::OPENAI;
    if let Ok(request) = dialect.decode_request(&RequestFacts::default(), bytes) {
        drop(dialect.encode_request(&request, "m"));
    }
    drop(dialect.decode_reply(bytes));
    dialect.read_summary(bytes);
    dialect.decode_fault(StatusCode::BAD_REQUEST, &HeaderMap::new(), bytes);
    let stream = [b"data: ", bytes, b"\n\n"].concat();
    let mut decoder = dialect.decoder();
    let mut events = Vec::new();
    drop(decoder.decode(&stream, &mut events).and_then(|()| decoder.finish(&mut events)));
    let mut out = Vec::new();
    let mut tap = dialect.tap(false);
    tap.pass(Bytes::from(stream.clone()), &mut out);
    tap.close(&mut out);
    assert_eq!(out.concat(), stream);
}

proptest! {
    #[test]
    fn a_request_without_losses_is_the_same_after_both_ways(messages in prop::collection::vec(message(), 1..8)) {
        let body = json!({ "model": "m", "messages": argued(&messages) }).to_string();
        let mut request = OpenaiChat::OPENAI.decode_request(&RequestFacts::default(), body.as_bytes()).unwrap();
        prop_assume!(!request.turns.is_empty());
        let encoded = OpenaiChat::OPENAI.encode_request(&request, "m").unwrap();
        prop_assert_eq!(&encoded.losses, &[]);
        let again = OpenaiChat::OPENAI.decode_request(&RequestFacts::default(), &encoded.body).unwrap();
        // One message of this dialect says what it says before it calls tools.
        for turn in &mut request.turns {
            turn.parts.sort_by_key(|part| matches!(part.content, Content::ToolUse(_)));
            conversation::results_first(std::slice::from_mut(turn));
        }
        prop_assert_eq!(again, request);
    }

    #[test]
    fn nothing_that_a_stranger_sends_brings_it_down(value in any_json()) {
        show_to_all(value.to_string().as_bytes());
        show_to_all(json!({ "model": "m", "messages": [value.clone()], "choices": [value.clone()] }).to_string().as_bytes());
        show_to_all(json!({ "choices": [{ "delta": value.clone(), "message": value }] }).to_string().as_bytes());
    }

    #[test]
    fn nor_do_mere_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        show_to_all(&bytes);
    }
}
