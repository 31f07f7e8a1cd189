//! Answers, whole and streamed, both ways.

use super::{encode_stream, facts, frames, full_stream, payloads, stream_of};
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::bedrock_converse::BedrockConverse;
use crate::framing::eventstream::write_exception;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::{Content, Stop, StopReason};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::usage::{PartialUsage, ServiceTier, Usage};

fn decode_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Fault> {
    let mut decoder = BedrockConverse.decoder();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
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
    let events = decode_pieces([stream_of(&full_stream()).as_slice()]).unwrap();
    let tool = |id: &str, name: &str| PartKind::ToolUse { id: id.into(), name: name.into() };
    let start = |index, kind| Event::PartStart { index, kind };
    let add = |index, delta| Event::Delta { index, delta };
    let stop = |index| Event::PartStop { index };
    let mut usage = Usage::default();
    let shown: Vec<Event> = events
        .into_iter()
        .filter(|event| match event {
            Event::Usage(report) => {
                usage.replace(report);
                false
            }
            _ => true,
        })
        .collect();
    assert_eq!(usage, FULL_USAGE);
    assert_eq!(
        shown,
        [
            Event::Start { id: String::new(), model: String::new() },
            start(0, PartKind::Reasoning),
            add(0, Delta::Reasoning("Hm.".into())),
            add(0, Delta::Signature("c2ln".into())),
            stop(0),
            start(1, PartKind::Reasoning),
            add(1, Delta::Redacted("ZW5j".into())),
            stop(1),
            start(2, PartKind::Text),
            add(2, Delta::Text("Gr".into())),
            add(2, Delta::Text("öße".into())),
            stop(2),
            start(3, tool("tooluse_1", "now")),
            add(3, Delta::Arguments(String::new())),
            stop(3),
            start(4, tool("tooluse_2", "add")),
            add(4, Delta::Arguments("{\"a\"".into())),
            add(4, Delta::Arguments(": 1}".into())),
            stop(4),
            Event::Finish(Stop { reason: StopReason::ToolUse, sequence: None }),
            Event::Tier(ServiceTier::Priority),
            Event::End,
        ]
    );
}

#[test]
fn the_end_waits_for_the_counts_after_the_stop() {
    let all = full_stream();
    let (before, metadata) = all.split_at(all.len() - 1);
    let mut decoder = BedrockConverse.decoder();
    let mut events = Vec::new();
    decoder.decode(&stream_of(before), &mut events).unwrap();
    assert!(!events.contains(&Event::End));
    decoder.decode(&stream_of(metadata), &mut events).unwrap();
    assert_eq!(events.last(), Some(&Event::End));
    decoder.finish(&mut events).unwrap();
    assert_eq!(events.iter().filter(|event| **event == Event::End).count(), 1);
    // Without counts, the close ends it.
    assert_eq!(decode_pieces([stream_of(before).as_slice()]).unwrap().last(), Some(&Event::End));
}

#[test]
fn a_stream_that_is_cut_off_is_truncated() {
    let all = full_stream();
    let bytes = stream_of(&all);
    for end in [0, 40, bytes.len() / 2, bytes.len() - 1] {
        assert_eq!(decode_pieces([&bytes[..end]]).unwrap_err().code, "upstream_truncated", "{end}");
    }
    assert_eq!(decode_pieces([&b"<html><body>Bad Gateway"[..]]).unwrap_err().code, "upstream_garbage");
}

#[test]
fn a_written_stream_has_the_frames_of_the_provider() {
    let source = full_stream();
    let events = decode_pieces([stream_of(&source).as_slice()]).unwrap();
    let bytes = encode_stream(&events);
    let written = payloads(&bytes);
    let kinds: Vec<&str> = written.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds[kinds.len() - 3..], ["contentBlockStop", "messageStop", "metadata"]);
    let mut expected: Vec<(String, Value)> =
        source.into_iter().map(|(kind, payload)| (kind.to_owned(), payload)).collect();
    // A tool without parameters gets an object, and how long it took is not known here.
    let stop = expected.iter().position(|(kind, p)| kind == "contentBlockStop" && p["contentBlockIndex"] == 3).unwrap();
    let input = json!({"delta": {"toolUse": {"input": "{}"}}, "contentBlockIndex": 3});
    expected.insert(stop, ("contentBlockDelta".into(), input));
    expected.last_mut().unwrap().1["metrics"]["latencyMs"] = 0.into();
    assert_eq!(written, expected);
    let paddings: Vec<usize> = frames(&bytes)
        .iter()
        .map(|frame| serde_json::from_slice::<Value>(&frame.payload).unwrap()["p"].as_str().unwrap().len())
        .collect();
    assert!(paddings.iter().any(|length| *length != paddings[0]), "{paddings:?}");
}

#[test]
fn the_stop_is_told_only_at_the_end() {
    let events = [
        Event::PartStart { index: 0, kind: PartKind::ToolUse { id: String::new(), name: "t".into() } },
        Event::Finish(Stop { reason: StopReason::EndTurn, sequence: None }),
        Event::Usage(PartialUsage { input_tokens: Some(5), ..PartialUsage::default() }),
        Event::End,
    ];
    assert_eq!(payloads(&encode_stream(&events[..3])).len(), 2);
    let written = payloads(&encode_stream(&events));
    assert_eq!(written[written.len() - 2].1["stopReason"], "tool_use");
    assert_eq!(written[written.len() - 1].1["usage"]["inputTokens"], 5);
}

#[test]
fn whole_answers_come_back_as_they_were() {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "ZW5j"}},
            {"text": "Hi"},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "now", "input": {}}}
        ]}},
        "stopReason": "stop_sequence",
        "additionalModelResponseFields": {"stop_sequence": "END"},
        "usage": {
            "inputTokens": 12, "outputTokens": 89, "totalTokens": 281,
            "cacheReadInputTokens": 30, "cacheWriteInputTokens": 150,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 100}, {"ttl": "5m", "inputTokens": 50}]
        },
        "metrics": {"latencyMs": 42},
        "serviceTier": {"type": "flex"}
    });
    let text = body.to_string();
    let reply = BedrockConverse.decode_reply(text.as_bytes()).unwrap();
    assert_eq!(reply.usage, FULL_USAGE);
    let written: Value = serde_json::from_slice(&BedrockConverse.encode_reply(&reply, &facts())).unwrap();
    assert_eq!(written, body);
    let summary = BedrockConverse.read_summary(text.as_bytes());
    assert_eq!(
        (summary.usage, summary.stop, summary.tier),
        (FULL_USAGE, Some(StopReason::StopSequence), Some(ServiceTier::Flex))
    );
    for garbage in ["<html>", "{}", "[]", r#"{"output":{"message":{"content":5}}}"#] {
        assert_eq!(BedrockConverse.decode_reply(garbage.as_bytes()).unwrap_err().code, "upstream_garbage");
    }
}

#[test]
fn older_names_of_cache_counts_are_read() {
    let body = br#"{"output":{"message":{"content":[{"newBlock":{}}]}},"usage":{"inputTokens":18,"outputTokens":386,
        "cacheReadInputTokenCount":7502,"cacheWriteInputTokenCount":3}}"#;
    let reply = BedrockConverse.decode_reply(body).unwrap();
    assert_eq!((reply.usage.cache_read_tokens, reply.usage.cache_write_5m_tokens), (7502, 3));
    assert!(matches!(&reply.parts[0].content, Content::Other(kind, _) if kind == "newBlock"));
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
        let stream = stream_of(&full_stream());
        let pieces = pieces(&stream, &cuts);
        prop_assert_eq!(decode_pieces(pieces.iter().copied()).unwrap(), decode_pieces([stream.as_slice()]).unwrap());

        let (mut tap, mut out) = (BedrockConverse.tap(false), Vec::new());
        for piece in pieces {
            tap.pass(Bytes::copy_from_slice(piece), &mut out);
        }
        tap.close(&mut out);
        prop_assert_eq!(out.concat(), stream);
        let summary = tap.summary();
        prop_assert_eq!(summary.usage, FULL_USAGE);
        prop_assert!(summary.usage_final && summary.complete && summary.content_seen && !summary.failed);
        prop_assert_eq!((summary.stop, summary.tier), (Some(StopReason::ToolUse), Some(ServiceTier::Priority)));
    }
}

#[test]
fn a_tap_notices_an_exception() {
    let mut bytes = BytesMut::from(&stream_of(&full_stream()[..3])[..]);
    write_exception("throttlingException", br#"{"message":"slow"}"#, &mut bytes);
    let mut tap = BedrockConverse.tap(false);
    tap.pass(bytes.freeze(), &mut Vec::new());
    assert!(tap.summary().failed && !tap.summary().complete && tap.summary().content_bytes > 0);
}

#[test]
fn a_tap_finds_a_stream_whole_at_its_counts_or_at_a_close_between_frames() {
    let all = full_stream();
    let whole = stream_of(&all);
    let stop = stream_of(&all[..all.len() - 1]).len();
    for (length, before, after) in [
        (whole.len(), true, true),
        (stop, false, true),
        (stop + 20, false, false),
        (whole.len() - 1, false, false),
        (40, false, false),
    ] {
        let mut tap = BedrockConverse.tap(false);
        tap.pass(Bytes::copy_from_slice(&whole[..length]), &mut Vec::new());
        assert_eq!(tap.summary().complete, before, "{length}");
        tap.close(&mut Vec::new());
        assert_eq!(tap.summary().complete, after, "{length}");
    }
}
