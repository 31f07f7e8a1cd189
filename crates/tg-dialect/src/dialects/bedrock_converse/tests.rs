//! Checks of the Converse dialect.

use crate::dialect::{InboundDialect, ReplyFacts, RequestFacts, UpstreamDialect};
use crate::framing::eventstream::{Frame, FrameDecoder, write_event};
use bytes::BytesMut;
use serde_json::{Value, json};
use tg_kernel::chat::ChatRequest;
use tg_kernel::clock::Timestamp;
use tg_kernel::event::Event;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;

use super::BedrockConverse;

mod fault;
mod request;
mod stream;

pub(crate) const CLAUDE: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

pub(crate) fn call_id() -> CallId {
    CallId::from_bytes([1; 16])
}

pub(crate) fn facts() -> ReplyFacts {
    ReplyFacts { id: call_id(), model: CLAUDE.into(), created: Timestamp::default(), include_usage: false }
}

pub(crate) fn decode(body: &Value) -> Result<ChatRequest, Fault> {
    let facts = RequestFacts { path_model: Some(CLAUDE.into()), ..RequestFacts::default() };
    BedrockConverse.decode_request(&facts, body.to_string().as_bytes())
}

pub(crate) fn encode_for(request: &ChatRequest, model: &str) -> (Value, Vec<String>) {
    let encoded = BedrockConverse.encode_request(request, model).unwrap();
    let losses = encoded.losses.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), losses)
}

pub(crate) fn encode(request: &ChatRequest) -> (Value, Vec<String>) {
    encode_for(request, CLAUDE)
}

pub(crate) fn encode_stream(events: &[Event]) -> Vec<u8> {
    let mut encoder = BedrockConverse.encoder(facts());
    let mut out = BytesMut::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    out.to_vec()
}

pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new();
    decoder.push(bytes);
    std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
}

/// Type and payload (without padding) of every frame.
pub(crate) fn payloads(bytes: &[u8]) -> Vec<(String, Value)> {
    let each = frames(bytes).into_iter().map(|frame| {
        let mut payload: Value = serde_json::from_slice(&frame.payload).unwrap();
        payload.as_object_mut().unwrap().remove("p");
        (frame.header(":event-type").or(frame.header(":exception-type")).unwrap().to_owned(), payload)
    });
    each.collect()
}

pub(crate) fn stream_of(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for (kind, payload) in events {
        let mut payload = payload.clone();
        payload["p"] = "abcdefg".into();
        write_event(kind, payload.to_string().as_bytes(), &mut out);
    }
    out.to_vec()
}

/// A stream with every kind of block, as the provider sends it.
pub(crate) fn full_stream() -> Vec<(&'static str, Value)> {
    let delta = |index: u64, delta: Value| ("contentBlockDelta", json!({"delta": delta, "contentBlockIndex": index}));
    let stop = |index: u64| ("contentBlockStop", json!({"contentBlockIndex": index}));
    let tool = |index: u64, id: &str, name: &str| {
        let start = json!({"toolUse": {"toolUseId": id, "name": name}});
        ("contentBlockStart", json!({"start": start, "contentBlockIndex": index}))
    };
    vec![
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "Hm."}})),
        delta(0, json!({"reasoningContent": {"signature": "c2ln"}})),
        stop(0),
        delta(1, json!({"reasoningContent": {"redactedContent": "ZW5j"}})),
        stop(1),
        delta(2, json!({"text": "Gr"})),
        delta(2, json!({"text": "öße"})),
        stop(2),
        tool(3, "tooluse_1", "now"),
        delta(3, json!({"toolUse": {"input": ""}})),
        stop(3),
        tool(4, "tooluse_2", "add"),
        delta(4, json!({"toolUse": {"input": "{\"a\""}})),
        delta(4, json!({"toolUse": {"input": ": 1}"}})),
        stop(4),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({
                "usage": {
                    "inputTokens": 12, "outputTokens": 89, "totalTokens": 281,
                    "cacheReadInputTokens": 30, "cacheWriteInputTokens": 150,
                    "cacheDetails": [{"ttl": "1h", "inputTokens": 100}, {"ttl": "5m", "inputTokens": 50}]
                },
                "metrics": {"latencyMs": 5}, "serviceTier": {"type": "priority"}
            }),
        ),
    ]
}
