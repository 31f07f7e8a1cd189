//! Streams, read from providers and written for callers.

use super::*;
use crate::tap::Summary;
use serde_json::from_slice;

fn events() -> Vec<Event> {
    let tool = |name: &str| PartKind::ToolUse { id: format!("call_{name}"), name: name.into() };
    let delta = |index, delta| Event::Delta { index, delta };
    vec![
        Event::Start { id: "msg_1".into(), model: "claude".into() },
        Event::PartStart { index: 0, kind: PartKind::Reasoning },
        delta(0, Delta::Reasoning("Hm".into())),
        delta(0, Delta::Reasoning(".".into())),
        delta(0, Delta::Signature("EqQB".into())),
        Event::PartStop { index: 0 },
        Event::PartStart { index: 1, kind: PartKind::Text },
        delta(1, Delta::Text("Let me \"look\"\n".into())),
        delta(1, Delta::Text("now.".into())),
        Event::PartStop { index: 1 },
        Event::Ping,
        Event::PartStart { index: 2, kind: tool("a") },
        delta(2, Delta::Arguments("{\"x\"".into())),
        Event::PartStart { index: 3, kind: tool("b") },
        delta(2, Delta::Arguments(":1}".into())),
        Event::PartStop { index: 2 },
        delta(3, Delta::Arguments(String::new())),
        Event::PartStop { index: 3 },
        Event::Finish(Stop { reason: StopReason::ToolUse, sequence: None }),
        Event::Usage(Usage { input_tokens: 9, cache_read_tokens: 3, output_tokens: 5, ..Usage::default() }.into()),
        Event::End,
    ]
}

fn write(events: &[Event]) -> BytesMut {
    let (mut encoder, mut out) = (OpenaiResponses.encoder(facts()), BytesMut::new());
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    out
}

fn frames(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    let frames = text.split("\n\n").filter(|frame| frame.starts_with("event: "));
    frames
        .map(|frame| {
            let (event, data) = frame.split_once("\ndata: ").unwrap();
            let data: Value = from_slice(data.as_bytes()).unwrap();
            assert_eq!(event.strip_prefix("event: "), data["type"].as_str());
            data
        })
        .collect()
}

fn read(stream: &[u8]) -> Result<Vec<Event>, Fault> {
    let (mut decoder, mut out) = (OpenaiResponses.decoder(), Vec::new());
    decoder.decode(stream, &mut out)?;
    decoder.finish(&mut out)?;
    Ok(out)
}

fn watch(stream: &[u8]) -> Summary {
    let (mut tap, mut out) = (OpenaiResponses.tap(false), Vec::new());
    for chunk in stream.chunks(7) {
        tap.pass(Bytes::copy_from_slice(chunk), &mut out);
    }
    tap.close(&mut out);
    assert_eq!(out.concat(), stream);
    tap.summary().clone()
}

#[test]
fn a_stream_is_written_in_order_and_numbered() {
    let frames = frames(&write(&events()));
    assert!(frames.iter().enumerate().all(|(index, frame)| frame["sequence_number"] == index));
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.added",
            "response.output_item.done",
            "response.function_call_arguments.delta",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let response = &frames.last().unwrap()["response"];
    assert_eq!(response["output"].as_array().unwrap().len(), 4);
    assert_eq!(response["output"][3]["arguments"], "{}");
    assert_eq!(response["usage"]["input_tokens"], 12);
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let stream = write(&events());
    let text = |events: &[Event]| {
        let mut parts: Vec<(PartKind, String)> = Vec::new();
        for event in events {
            match event {
                Event::PartStart { kind, .. } => parts.push((kind.clone(), String::new())),
                Event::Delta { index, delta } => {
                    let (Delta::Text(more) | Delta::Arguments(more) | Delta::Reasoning(more) | Delta::Signature(more)) =
                        delta
                    else {
                        panic!("{delta:?}")
                    };
                    parts[*index as usize].1.push_str(more);
                }
                _ => {}
            }
        }
        parts
    };
    let mut expected = text(&events());
    // A tool without parameters is told as an object.
    expected[3].1 = "{}".into();
    let read = read(&stream).unwrap();
    assert_eq!(text(&read), expected);
    assert_eq!(read.last(), Some(&Event::End));
    assert!(read.contains(&Event::Finish(Stop { reason: StopReason::ToolUse, sequence: None })));

    let summary = watch(&stream);
    assert_eq!((summary.usage.input_tokens, summary.usage.cache_read_tokens), (9, 3));
    assert_eq!(summary.stop, Some(StopReason::ToolUse));
    assert!(summary.complete && summary.usage_final && summary.content_bytes > 20);
}

#[test]
fn nothing_ends_cleanly_without_the_upstream_s_end() {
    let all = events();
    let stream = write(&all[..all.len() - 1]);
    assert!(!frames(&stream).iter().any(|frame| frame["type"] == "response.completed"));
    assert_eq!(read(&stream).unwrap_err().code, "upstream_truncated");
    assert!(!watch(&stream).complete);
}

#[test]
fn a_cut_answer_is_incomplete() {
    let stop = Event::Finish(Stop { reason: StopReason::MaxTokens, sequence: None });
    let text = Event::Delta { index: 0, delta: Delta::Text("x".into()) };
    let stream = write(&[Event::PartStart { index: 0, kind: PartKind::Text }, text, stop.clone(), Event::End]);
    let last = frames(&stream).pop().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert!(read(&stream).unwrap().contains(&stop));
    assert_eq!(watch(&stream).stop, Some(StopReason::MaxTokens));
}

#[test]
fn a_fault_is_an_error_event_and_a_failed_response() {
    let (mut encoder, mut out) = (OpenaiResponses.encoder(facts()), BytesMut::new());
    encoder.encode(&events()[0], &mut out);
    encoder.fault(&Fault::new(Class::Overloaded, Origin::Provider, "upstream_overloaded", "Busy."), &mut out);
    encoder.encode(&Event::End, &mut out);
    let frames = frames(&out);
    let kinds: Vec<_> = frames.iter().skip(2).map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["error", "response.failed"]);
    assert_eq!((&frames[2]["message"], &frames[2]["error"]["message"]), (&json!("Busy."), &json!("Busy.")));
    assert_eq!(frames[3]["response"]["status"], "failed");
    assert!(read(&out).is_err() && watch(&out).failed);
}

#[test]
fn items_that_come_only_whole_are_told() {
    let stream = concat!(
        "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\"}}\n\n",
        "data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":",
        "[{\"type\":\"output_text\",\"text\":\"Hi\"},{\"type\":\"refusal\",\"refusal\":\"No\"}]}}\n\n",
        "data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"function_call\",",
        "\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}",
    );
    let events = read(stream.as_bytes()).unwrap();
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delta { delta: Delta::Text(text) | Delta::Arguments(text), .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said, ["Hi", "No", "{}"]);
}

#[test]
fn a_provider_s_failures_are_faults() {
    for (data, class) in [
        (json!({ "type": "error", "code": "rate_limit_exceeded", "message": "Slow down." }), Class::Limited),
        (
            json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "x" } }),
            Class::UpstreamRefused,
        ),
        (
            json!({ "type": "response.failed", "response": { "error": { "code": "server_error", "message": "x" } } }),
            Class::UpstreamFailed,
        ),
        (json!({ "type": "response.failed", "response": {} }), Class::UpstreamFailed),
    ] {
        let fault = read(format!("data: {data}\n\n").as_bytes()).unwrap_err();
        assert_eq!(fault.class, class, "{data}");
    }
    assert_eq!(read(b"data: {\n\n").unwrap_err().code, "upstream_garbage");
}

#[test]
fn a_last_event_of_any_size_is_understood() {
    let filler = "x".repeat(1 << 20);
    let items: Vec<Value> = (0..10).map(|_| json!({ "type": "image_generation_call", "result": filler })).collect();
    let usage = json!({ "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4 }, "output_tokens": 3 });
    let tools = json!([{ "parameters": { "properties": { "usage": { "type": "object" } } } }]);
    let response = json!({ "object": "response", "status": "completed", "instructions": filler, "output": items,
        "usage": usage, "model": "m", "tools": tools, "service_tier": "flex", "error": null });
    let last = json!({ "type": "response.completed", "response": response });
    let call = json!({ "type": "response.output_item.added", "item": { "type": "function_call" } });
    for (before, stop) in [(String::new(), StopReason::EndTurn), (format!("data: {call}\n\n"), StopReason::ToolUse)] {
        for end in ["", "\n\n"] {
            let stream = format!("{before}event: response.completed\ndata: {last}{end}");
            let (mut tap, mut out) = (OpenaiResponses.tap(false), Vec::new());
            for chunk in stream.as_bytes().chunks(60_000) {
                tap.pass(Bytes::copy_from_slice(chunk), &mut out);
            }
            tap.close(&mut out);
            assert!(out.concat() == stream.as_bytes());
            let summary = tap.summary();
            assert!(summary.complete && summary.usage_final && !summary.failed);
            assert_eq!((summary.usage.input_tokens, summary.usage.cache_read_tokens), (6, 4));
            assert_eq!((summary.stop, summary.model.as_deref()), (Some(stop), Some("m")));
        }
    }
}

#[test]
fn an_error_without_its_blank_line_is_seen_only_if_it_is_whole() {
    let error = "event: error\ndata: {\"type\":\"error\",\"message\":\"x\"}";
    assert!(watch(error.as_bytes()).failed);
    assert!(!watch(&error.as_bytes()[..error.len() - 1]).failed);
}
