//! Streams: chunk frames, and Claude's events in either framing.

use super::{call_id, chunks, facts, frames, inner};
use crate::dialect::{InboundDialect, UpstreamDialect};
use crate::dialects::anthropic_messages::AnthropicMessages;
use crate::dialects::anthropic_messages::tests::{data, full_stream, sse};
use crate::dialects::bedrock_invoke::{BedrockInvoke, Rewrap};
use crate::framing::eventstream::{Kind, write_exception};
use crate::tap::Tap;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};
use tg_kernel::chat::StopReason;
use tg_kernel::event::Event;
use tg_kernel::fault::{Class, Fault};

fn metrics() -> Value {
    json!({"inputTokenCount": 12, "outputTokenCount": 89, "cacheReadInputTokenCount": 30, "cacheWriteInputTokenCount": 150})
}

/// Claude's stream as Bedrock sends it.
fn bedrock_events() -> Vec<Value> {
    let mut events: Vec<Value> = full_stream().into_iter().filter(|event| event["type"] != "ping").collect();
    events.last_mut().unwrap()["amazon-bedrock-invocationMetrics"] = metrics();
    events
}

fn decode(dialect: &dyn UpstreamDialect, bytes: &[u8]) -> Result<Vec<Event>, Fault> {
    let (mut decoder, mut events) = (dialect.decoder(), Vec::new());
    decoder.decode(bytes, &mut events)?;
    decoder.finish(&mut events)?;
    Ok(events)
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn pass(tap: &mut dyn Tap, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        tap.pass(Bytes::copy_from_slice(piece), &mut out);
    }
    tap.close(&mut out);
    out.concat()
}

/// What the caller gets, and how the stream ended.
fn carry(rewrap: &mut Rewrap, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Fault>) {
    let mut out = BytesMut::new();
    let read = pieces.iter().try_for_each(|piece| rewrap.pass(piece, &mut out));
    let end = read.and_then(|()| rewrap.close(&mut out));
    (out.to_vec(), end)
}

#[test]
fn chunks_are_read_as_the_events_in_them() {
    let events = decode(&BedrockInvoke, &chunks(&bedrock_events())).unwrap();
    let direct = decode(&AnthropicMessages, sse(&full_stream()).as_bytes()).unwrap();
    assert_eq!(events, direct.into_iter().filter(|event| *event != Event::Ping).collect::<Vec<_>>());
}

#[test]
fn written_chunks_end_with_bedrocks_own_counts() {
    let events = decode(&AnthropicMessages, sse(&full_stream()).as_bytes()).unwrap();
    let (mut encoder, mut out) = (BedrockInvoke.encoder(facts()), BytesMut::new());
    events.iter().for_each(|event| encoder.encode(event, &mut out));
    assert!(frames(&out).iter().all(|frame| frame.kind() == Kind::Event("chunk")));
    let written = inner(&out);
    assert_eq!(written[0]["type"], "message_start");
    assert!(written.iter().all(|event| event["type"] != "ping"));
    assert_eq!(
        written.last().unwrap(),
        &json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics()})
    );
}

#[test]
fn a_cut_stream_and_an_exception_are_faults() {
    let bytes = chunks(&bedrock_events()[..5]);
    assert_eq!(decode(&BedrockInvoke, &bytes).unwrap_err().code, "upstream_truncated");
    let mut out = BytesMut::new();
    write_exception("modelTimeoutException", br#"{"message":"Why."}"#, &mut out);
    assert_eq!(decode(&BedrockInvoke, &out).unwrap_err().class, Class::TimedOut);
    let timeout = Fault::new(Class::TimedOut, tg_kernel::fault::Origin::Provider, "c", "Why.");
    let mut out = BytesMut::new();
    BedrockInvoke.encode_stream_fault(&timeout, call_id(), &mut out);
    assert_eq!(frames(&out)[0].kind(), Kind::Exception("modelTimeoutException"));
}

proptest! {
    #[test]
    fn rewrapping_to_sse_keeps_the_events(cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        let bytes = chunks(&bedrock_events());
        let mut rewrap = Rewrap::to_sse();
        let text = String::from_utf8(carry(&mut rewrap, &pieces(&bytes, &cuts)).0).unwrap();
        let expected: Vec<Value> = full_stream().into_iter().filter(|event| event["type"] != "ping").collect();
        prop_assert_eq!(&text, &sse(&expected));
        let summary = rewrap.summary();
        prop_assert!(summary.complete && summary.usage_final && !summary.failed);
        prop_assert_eq!((summary.usage.cache_write_1h_tokens, summary.usage.output_tokens), (100, 89));
    }

    #[test]
    fn rewrapping_to_chunks_keeps_the_events(cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        let text = sse(&full_stream());
        let mut rewrap = Rewrap::to_chunks(call_id());
        let (bytes, _) = carry(&mut rewrap, &pieces(text.as_bytes(), &cuts));
        prop_assert_eq!(inner(&bytes), bedrock_events());
        prop_assert_eq!(rewrap.summary().stop, Some(StopReason::ToolUse));
        prop_assert!(rewrap.summary().complete && rewrap.summary().usage_final);
    }

    #[test]
    fn a_relay_changes_nothing(cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        let bytes = chunks(&bedrock_events());
        let mut tap = BedrockInvoke.tap(false);
        prop_assert_eq!(pass(tap.as_mut(), &pieces(&bytes, &cuts)), bytes.to_vec());
        let summary = tap.summary();
        prop_assert!(summary.complete && summary.usage_final && summary.content_seen && !summary.failed);
        prop_assert_eq!((summary.usage.cache_write_1h_tokens, summary.usage.output_tokens), (100, 89));
        prop_assert_eq!(summary.content_bytes, 3 + 9 + 12 + 10);
    }

    #[test]
    fn arbitrary_bytes_never_break_a_rewrap(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = carry(&mut Rewrap::to_sse(), &[&bytes]);
        let _ = carry(&mut Rewrap::to_chunks(call_id()), &[&bytes]);
    }
}

#[test]
fn a_failure_ends_the_stream_behind_what_came_before_it() {
    let mut bytes = BytesMut::from(&chunks(&bedrock_events()[..2])[..]);
    write_exception("throttlingException", br#"{"message":"Why."}"#, &mut bytes);
    bytes.extend_from_slice(&chunks(&bedrock_events()[2..]));
    let mut rewrap = Rewrap::to_sse();
    let (written, end) = carry(&mut rewrap, &[&bytes]);
    assert_eq!(data(&String::from_utf8(written).unwrap()).len(), 2);
    assert_eq!(end.unwrap_err().class, Class::Limited);
    assert!(rewrap.summary().failed && !rewrap.summary().complete);

    let mut events = full_stream()[..2].to_vec();
    events.push(json!({"type": "error", "error": {"type": "overloaded_error", "message": "Why."}}));
    events.extend_from_slice(&full_stream()[2..]);
    let text = sse(&events);
    let until_error = sse(&events[..3]);
    for (text, whole) in [(text.as_str(), true), (until_error.trim_end(), false)] {
        let mut rewrap = Rewrap::to_chunks(call_id());
        let (bytes, end) = carry(&mut rewrap, &[text.as_bytes()]);
        assert_eq!(frames(&bytes).len(), 2, "{whole}");
        assert_eq!(end.unwrap_err().class, Class::Overloaded, "{whole}");
        assert!(rewrap.summary().failed, "{whole}");
    }

    let mut rewrap = Rewrap::to_sse();
    let (written, end) = carry(&mut rewrap, &[b"<html>not frames</html>"]);
    assert!(written.is_empty() && rewrap.summary().failed);
    assert_eq!(end.unwrap_err().code, "upstream_garbage");
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_not_whole() {
    let bytes = chunks(&bedrock_events());
    let torn = [&bytes[..], &bytes[..20]].concat();
    let mut tap = BedrockInvoke.tap(false);
    assert_eq!(pass(tap.as_mut(), &[&torn]), torn);
    assert!(!tap.summary().complete);
}

#[test]
fn a_last_event_without_its_blank_line_is_carried() {
    let text = sse(&full_stream());
    let mut rewrap = Rewrap::to_chunks(call_id());
    assert_eq!(inner(&carry(&mut rewrap, &[text.trim_end().as_bytes()]).0), bedrock_events());
    let mut rewrap = Rewrap::to_chunks(call_id());
    let (written, end) = carry(&mut rewrap, &[text.as_bytes(), b"data: [DONE]\n\n"]);
    assert_eq!((inner(&written), end.is_ok()), (bedrock_events(), true));
    let mut rewrap = Rewrap::to_chunks(call_id());
    carry(&mut rewrap, &[&text.as_bytes()[..text.len() - 12]]).1.unwrap();
    assert!(!rewrap.summary().complete);
}
