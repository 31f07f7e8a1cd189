//! Streams in passing.

use crate::dialect::UpstreamDialect;
use crate::dialects::openai_chat::OpenaiChat;
use crate::tap::Summary;
use bytes::Bytes;
use proptest::prelude::*;
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::event::Event;
use tg_kernel::usage::ServiceTier;

const HEAD: &str = ": hi\n\ndata: {\"id\":\"x\",\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const TEXT: &str = "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\\"usage\\\":{\\\"d}é\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\r\n\r\n";
const CALL: &str = "data: {\"choices\": [{\"delta\": {\"tool_calls\": [{\"index\": 0, \"function\": {\"arguments\": \"{}\"}}]}, \"finish_reason\": null}]}\n\n";
const LAST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"service_tier\":\"flex\",\"usage\":null}\n\n";
const USAGE: &str = "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn pass(chunks: &[&[u8]], strip_usage: bool) -> (Vec<u8>, Summary) {
    let mut tap = OpenaiChat::OPENAI.tap(strip_usage);
    let mut out = Vec::new();
    for chunk in chunks {
        tap.pass(Bytes::copy_from_slice(chunk), &mut out);
    }
    tap.close(&mut out);
    (out.concat(), tap.summary().clone())
}

fn summary(stream: &str) -> Summary {
    pass(&[stream.as_bytes()], false).1
}

#[test]
fn a_whole_stream_is_summed_up() {
    let found = summary(&[HEAD, TEXT, CALL, LAST, USAGE, DONE].concat());
    assert_eq!((found.usage.input_tokens, found.usage.cache_read_tokens, found.usage.output_tokens), (7, 3, 4));
    assert!(found.usage_seen && found.usage_final && found.complete && found.content_seen && !found.failed);
    assert_eq!((found.stop, found.tier), (Some(StopReason::ToolUse), Some(ServiceTier::Flex)));
    assert_eq!(found.model.as_deref(), Some("m1"));
    assert_eq!(found.content_bytes, "a\\\"usage\\\":{\\\"d}é".len() as u64 + 2);
}

#[test]
fn a_refusal_is_seen_as_the_decoder_sees_it() {
    let refusal = "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"No.\"},\"finish_reason\":null}]}\n\n";
    let none = refusal.replace("\"No.\"", "null");
    for (stream, stop) in [
        ([HEAD, refusal, LAST].concat(), StopReason::Refusal),
        ([HEAD, TEXT, &none, LAST].concat(), StopReason::EndTurn),
    ] {
        assert_eq!(summary(&stream).stop, Some(stop));
        let (mut decoder, mut events) = (OpenaiChat::OPENAI.decoder(), Vec::new());
        decoder.decode(stream.as_bytes(), &mut events).unwrap();
        assert!(events.contains(&Event::Finish(Stop { reason: stop, sequence: None })), "{events:?}");
    }
    for (refusal, stop) in
        [("\"No.\"", StopReason::Refusal), ("\"\"", StopReason::EndTurn), ("null", StopReason::EndTurn)]
    {
        let body = format!(
            "{{\"choices\":[{{\"message\":{{\"content\":null,\"refusal\":{refusal}}},\"finish_reason\":\"stop\"}}]}}"
        );
        assert_eq!(OpenaiChat::OPENAI.read_summary(body.as_bytes()).stop, Some(stop));
        assert_eq!(OpenaiChat::OPENAI.decode_reply(body.as_bytes()).unwrap().stop.reason, stop);
    }
}

#[test]
fn how_a_stream_ended_is_seen() {
    for (stream, complete, failed, seen, last) in [
        ([HEAD, TEXT, LAST].concat(), true, false, false, false),
        ([HEAD, TEXT].concat(), false, false, false, false),
        ([HEAD, TEXT, LAST, USAGE].concat(), true, false, true, true),
        ([HEAD, TEXT, LAST, USAGE.trim_end()].concat(), true, false, true, true),
        ([HEAD, USAGE, TEXT].concat(), false, false, true, false),
        ([HEAD, TEXT, "data: {\"error\":{\"message\":\"x\"}}\n\n"].concat(), false, true, false, false),
        ([HEAD, TEXT, "data: {\"error\": {\"message\":\"x\"}}\n\n", DONE].concat(), false, true, false, false),
    ] {
        let found = summary(&stream);
        assert_eq!((found.complete, found.failed), (complete, failed), "{stream}");
        assert_eq!((found.usage_seen, found.usage_final), (seen, last), "{stream}");
    }
}

#[test]
fn chunks_go_on_uncopied() {
    let chunk = Bytes::from([HEAD, TEXT].concat());
    let mut tap = OpenaiChat::OPENAI.tap(false);
    let mut out = Vec::new();
    tap.pass(chunk.clone(), &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].as_ptr(), chunk.as_ptr());
}

#[test]
fn only_the_usage_frame_is_dropped() {
    let inside = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let filter = "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n";
    for (frames, left) in [
        (vec![HEAD, TEXT, LAST, USAGE, DONE], vec![HEAD, TEXT, LAST, DONE]),
        (vec![filter, HEAD, inside, DONE], vec![filter, HEAD, inside, DONE]),
        (vec![HEAD, LAST, USAGE.trim_end()], vec![HEAD, LAST]),
    ] {
        assert_eq!(pass(&[frames.concat().as_bytes()], true).0, left.concat().as_bytes());
    }
}

#[test]
fn a_torn_line_end_is_not_dropped_with_the_usage_frame() {
    let before = "data: {\"choices\":[]}\r\n\r\n";
    let (start, rest) = before.split_at(before.len() - 1);
    assert_eq!(
        pass(&[start.as_bytes(), [rest, USAGE, DONE].concat().as_bytes()], true).0,
        [before, DONE].concat().as_bytes()
    );
    assert_eq!(pass(&[start.as_bytes(), rest.as_bytes(), USAGE.as_bytes()], true).0, before.as_bytes());
}

#[test]
fn an_endless_frame_is_passed_on() {
    let piece = vec![b'x'; 1024 * 1024];
    let mut tap = OpenaiChat::OPENAI.tap(true);
    let mut out = Vec::new();
    for _ in 0..20 {
        tap.pass(Bytes::from(piece.clone()), &mut out);
    }
    assert_eq!(out.iter().map(Bytes::len).sum::<usize>(), 20 * piece.len());
}

proptest! {
    #[test]
    fn relay_out_is_relay_in(
        picks in prop::collection::vec(prop::sample::select(vec![HEAD, TEXT, CALL, LAST, USAGE, DONE]), 0..8),
        mut cuts in prop::collection::vec(0_usize..2000, 0..30),
        torn in 0_usize..40,
    ) {
        let stream = picks.concat();
        let bytes = &stream.as_bytes()[..stream.len().saturating_sub(torn)];
        cuts.retain(|cut| *cut < bytes.len());
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let (out, summed) = pass(&chunks, false);
        prop_assert_eq!(&out, bytes);
        prop_assert_eq!(&summed, &pass(&[bytes], false).1);
        let (stripped, summed) = pass(&chunks, true);
        prop_assert_eq!(&stripped, &pass(&[bytes], true).0);
        prop_assert_eq!(&summed, &pass(&[bytes], true).1);
        if torn == 0 {
            let left: String = picks.iter().copied().filter(|frame| *frame != USAGE).collect();
            prop_assert_eq!(&stripped, left.as_bytes());
        }
    }
}
