//! Checks of the Anthropic dialect.

use crate::dialect::{InboundDialect, ReplyFacts, RequestFacts, UpstreamDialect};
use bytes::BytesMut;
use serde_json::{Value, json};
use tg_kernel::chat::ChatRequest;
use tg_kernel::clock::Timestamp;
use tg_kernel::event::Event;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;

use super::AnthropicMessages;

mod fault;
mod request;
mod stream;

pub(crate) fn call_id() -> CallId {
    CallId::from_bytes([1; 16])
}

pub(crate) fn facts() -> ReplyFacts {
    ReplyFacts { id: call_id(), model: "claude-demo".into(), created: Timestamp::default(), include_usage: false }
}

pub(crate) fn decode(body: &Value) -> Result<ChatRequest, Fault> {
    AnthropicMessages.decode_request(&RequestFacts::default(), body.to_string().as_bytes())
}

pub(crate) fn encode(request: &ChatRequest) -> (Value, Vec<String>) {
    let encoded = AnthropicMessages.encode_request(request, "target-model").unwrap();
    let losses = encoded.losses.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), losses)
}

pub(crate) fn encode_stream(events: &[Event]) -> String {
    let mut encoder = AnthropicMessages.encoder(facts());
    let mut out = BytesMut::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

/// The data of every event of a stream.
pub(crate) fn data(stream: &str) -> Vec<Value> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

pub(crate) fn sse(events: &[Value]) -> String {
    events.iter().map(|e| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap())).collect()
}

/// A stream with every kind of block, as the provider sends it.
pub(crate) fn full_stream() -> Vec<Value> {
    let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let start =
        |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    vec![
        json!({"type": "message_start", "message": {
            "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
            "stop_reason": null, "stop_sequence": null,
            "usage": {
                "input_tokens": 12, "cache_creation_input_tokens": 150, "cache_read_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 100},
                "output_tokens": 1, "service_tier": "standard"
            }
        }}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        start(1, json!({"type": "redacted_thinking", "data": "ZW5j"})),
        stop(1),
        start(2, json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"q\":1}"})),
        stop(2),
        start(3, json!({"type": "text", "text": ""})),
        delta(3, json!({"type": "text_delta", "text": "Größe \"\n"})),
        stop(3),
        start(4, json!({"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}})),
        delta(4, json!({"type": "input_json_delta", "partial_json": ""})),
        stop(4),
        start(5, json!({"type": "tool_use", "id": "toolu_2", "name": "add", "input": {}})),
        delta(5, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(5, json!({"type": "input_json_delta", "partial_json": "{\"a\""})),
        delta(5, json!({"type": "input_json_delta", "partial_json": ": 1}"})),
        stop(5),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {
            "input_tokens": 12, "cache_creation_input_tokens": 150, "cache_read_input_tokens": 30, "output_tokens": 89
        }}),
        json!({"type": "message_stop"}),
    ]
}
