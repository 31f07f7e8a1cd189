//! Ends of streams in the forms of the families that InvokeModel serves, and frames that cannot be read.

use super::{Cutter, PART_TOKENS};
use crate::dialect::{ReplyFacts, UpstreamDialect};
use crate::dialects::bedrock_converse::padding::Padding;
use crate::dialects::bedrock_invoke::BedrockInvoke;
use crate::framing::eventstream::{self, FrameDecoder};
use crate::framing::sse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tg_kernel::chat::StopReason;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::ids::CallId;
use tg_kernel::usage::Usage;

fn facts() -> ReplyFacts {
    let id = CallId::from_bytes([7; 16]);
    ReplyFacts { id, model: "m".into(), created: Timestamp::from_seconds(1), include_usage: false }
}

fn chunks(inner: &[Value]) -> BytesMut {
    let (mut padding, mut out) = (Padding::new(facts().id), BytesMut::new());
    for inner in inner {
        let payload = json!({ "bytes": STANDARD.encode(inner.to_string()), "p": padding.next() });
        eventstream::write_event("chunk", payload.to_string().as_bytes(), &mut out);
    }
    out
}

fn inner(stream: &[u8]) -> Vec<Value> {
    let mut frames = FrameDecoder::new();
    frames.push(stream);
    std::iter::from_fn(|| frames.next_frame().unwrap())
        .map(|frame| serde_json::from_slice::<Value>(&frame.payload).unwrap())
        .map(|payload| STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap())
        .map(|inner| serde_json::from_slice(&inner).unwrap())
        .collect()
}

#[test]
fn each_family_has_its_own_last_chunk_and_bedrock_s_counts_in_it() {
    let usage = Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() };
    for (chunk, tokens, place, word) in [
        (json!({"generation": "Hi.", "prompt_token_count": 3, "stop_reason": null}), 19, "/stop_reason", "length"),
        (json!({"outputText": "Hi.", "index": 0}), 19, "/completionReason", "LENGTH"),
        (json!({"outputs": [{"text": "Hi.", "stop_reason": null}]}), 19, "/outputs/0/stop_reason", "length"),
        (
            json!({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hi."}}]}),
            19,
            "/choices/0/finish_reason",
            "length",
        ),
        (json!({"generations": [{"text": "Hi."}]}), 19, "/generations/0/finish_reason", "MAX_TOKENS"),
        (
            json!({"event_type": "text-generation", "text": "Hi.", "is_finished": false}),
            19,
            "/finish_reason",
            "MAX_TOKENS",
        ),
        (
            json!({"contentBlockDelta": {"delta": {"text": "Hi."}, "contentBlockIndex": 0}}),
            19,
            "/messageStop/stopReason",
            "max_tokens",
        ),
    ] {
        let mut cutter = Cutter::new(Dialect::BedrockInvoke, Dialect::BedrockInvoke, &facts());
        cutter.push(&chunks(std::slice::from_ref(&chunk)));
        let piece = cutter.next_piece().unwrap().unwrap();
        assert_eq!(piece.tokens, tokens, "{chunk}");
        cutter.passed();
        let mut end = BytesMut::new();
        cutter.end(&usage, &mut end);
        let last = inner(&end);
        let found = last.iter().find_map(|chunk| chunk.pointer(place)?.as_str());
        assert_eq!(found, Some(word), "{last:?}");
        let metrics = &last.last().unwrap()["amazon-bedrock-invocationMetrics"];
        assert_eq!((&metrics["inputTokenCount"], &metrics["outputTokenCount"]), (&json!(3), &json!(2)), "{last:?}");
        let mut tap = BedrockInvoke.tap(false);
        tap.pass(Bytes::from([&piece.bytes[..], &end[..]].concat()), &mut Vec::new());
        tap.close(&mut Vec::new());
        let summary = tap.summary();
        assert!(summary.complete && !summary.failed, "{summary:?}");
        assert_eq!((summary.stop, summary.usage.output_tokens), (Some(StopReason::MaxTokens), 2), "{last:?}");
    }
}

#[test]
fn a_whole_answer_that_is_repeated_is_not_counted_again() {
    let mut cutter = Cutter::new(Dialect::BedrockInvoke, Dialect::BedrockInvoke, &facts());
    let words = "word ".repeat(100);
    cutter.push(&chunks(&[
        json!({"event_type": "text-generation", "text": words, "is_finished": false}),
        json!({"event_type": "stream-end", "is_finished": true, "finish_reason": "COMPLETE", "response": {"text": words}}),
    ]));
    let mut tokens = Vec::new();
    while let Some(piece) = cutter.next_piece().unwrap() {
        tokens.push(piece.tokens);
        cutter.passed();
    }
    assert_eq!(tokens, [500 + PART_TOKENS, 0]);
}

#[test]
fn what_cannot_be_read_counts_whole() {
    let mut cutter = Cutter::new(Dialect::OpenaiChat, Dialect::OpenaiChat, &facts());
    let large = vec![b'x'; sse::FRAME_BYTES_MAX];
    cutter.push(b"data: ");
    assert_eq!(cutter.next_piece().unwrap(), None);
    cutter.push(&large);
    let first = cutter.next_piece().unwrap().unwrap();
    assert_eq!((first.tokens, first.bytes.len()), (first.bytes.len() as u64, large.len() + 6));
    cutter.push(b"yy\n\ndata: {}\n\n: ping\n\nda");
    let rest: Vec<u64> = std::iter::from_fn(|| cutter.next_piece().unwrap()).map(|piece| piece.tokens).collect();
    assert_eq!((rest, &cutter.rest()[..]), (vec![4, 0, 0], &b"da"[..]));
    let mut broken = chunks(&[json!({"generation": "Hi."})]);
    let (at, whole) = (broken.len() - 1, broken.len() as u64);
    broken[at] ^= 1;
    let mut cutter = Cutter::new(Dialect::BedrockInvoke, Dialect::BedrockInvoke, &facts());
    cutter.push(&broken);
    assert_eq!(cutter.next_piece().unwrap().map(|piece| piece.tokens), Some(whole));
}

/// However the bytes come (also with the provider's own end among them) and wherever nothing is left.
#[test]
fn claude_s_stream_ends_with_message_stop_wherever_it_is_cut() {
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " there."}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    let stream = chunks(&events);
    let usage = Usage { input_tokens: 3, output_tokens: 2, ..Usage::default() };
    // Of the answer's last two events the counts are known, and nothing is cut any more.
    for (kept, size) in (0..events.len() - 1).flat_map(|kept| [1, 7, 100, stream.len()].map(|size| (kept, size))) {
        let mut cutter = Cutter::new(Dialect::BedrockInvoke, Dialect::BedrockInvoke, &facts());
        let (mut out, mut seen, mut pieces) = (BytesMut::new(), 0, stream.chunks(size));
        while seen <= kept {
            cutter.push(pieces.next().unwrap());
            while let Some(piece) = cutter.next_piece().unwrap() {
                seen += 1;
                if seen > kept {
                    break;
                }
                cutter.passed();
                out.extend_from_slice(&piece.bytes);
            }
        }
        cutter.end(&usage, &mut out);
        let told = inner(&out);
        let kinds: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let [.., delta, stop] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((kinds[0], &kinds[kinds.len() - 2..]), ("message_start", &["message_delta", "message_stop"][..]));
        assert_eq!(delta["delta"]["stop_reason"], "max_tokens");
        assert_eq!(stop["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 2, "{kept} by {size}");
        let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
        assert_eq!(count("content_block_start"), count("content_block_stop"), "{kept} by {size}: {kinds:?}");
    }
}

#[test]
fn of_an_answer_of_responses_no_more_is_kept_than_is_said() {
    let words = "a word ".repeat(1 << 20);
    let event = |index: u64, kind: &str| {
        let content = json!([{"type": "output_text", "text": words}]);
        let item = json!({"id": format!("msg_{index}"), "type": "message", "status": "completed", "content": content});
        let event = json!({"type": format!("response.output_item.{kind}"), "output_index": index, "item": item});
        let mut out = BytesMut::new();
        sse::write_event(Some("response.output_item.done"), event.to_string().as_bytes(), &mut out);
        out
    };
    let mut cutter = Cutter::new(Dialect::OpenaiResponses, Dialect::OpenaiResponses, &facts());
    for index in 0..6 {
        // What is whole takes the place of what had begun.
        for kind in ["added", "done"] {
            cutter.push(&event(index, kind));
            while cutter.next_piece().unwrap().is_some() {
                cutter.passed();
            }
        }
    }
    let mut out = BytesMut::new();
    cutter.end(&Usage::default(), &mut out);
    let end = String::from_utf8(out.to_vec()).unwrap();
    let last = end.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let output = serde_json::from_str::<Value>(last).unwrap()["response"]["output"].take();
    let kept: Vec<bool> = output.as_array().unwrap().iter().map(|item| item["content"].is_array()).collect();
    assert_eq!(kept, [true, true, true, true, false, false]);
    assert_eq!(output[5], json!({"id": "msg_5", "type": "message", "status": "completed"}));
}

#[test]
fn no_more_blocks_are_remembered_than_an_answer_has() {
    let begins = |index: u64| {
        let event =
            json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
        let mut out = BytesMut::new();
        sse::write_event(Some("content_block_start"), event.to_string().as_bytes(), &mut out);
        out
    };
    let mut cutter = Cutter::new(Dialect::AnthropicMessages, Dialect::AnthropicMessages, &facts());
    cutter.push(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n");
    (0..70_000).for_each(|index| cutter.push(&begins(index)));
    while cutter.next_piece().unwrap().is_some() {
        cutter.passed();
    }
    let mut out = BytesMut::new();
    cutter.end(&Usage::default(), &mut out);
    assert_eq!(String::from_utf8(out.to_vec()).unwrap().matches("event: content_block_stop").count(), super::OPEN_MAX);
}
