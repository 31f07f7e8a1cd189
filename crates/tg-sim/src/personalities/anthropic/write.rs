//! Messages answers: whole, and as named server-sent events.

use crate::counts::Counts;
use crate::play::{Beat, Served, Wire, named_event};
use crate::reply::{Block, Stop, arguments_value};
use bytes::BytesMut;
use serde_json::{Value, json};

/// The writer for Anthropic itself.
#[derive(Debug, Default)]
pub(crate) struct Messages;

pub(crate) fn stop_word(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::MalformedOutput => "end_turn",
        Stop::MaxTokens => "max_tokens",
        Stop::Sequence => "stop_sequence",
        Stop::ToolUse => "tool_use",
        Stop::Refusal | Stop::Guardrail | Stop::ContentFiltered => "refusal",
        Stop::PauseTurn => "pause_turn",
        Stop::ContextExceeded => "model_context_window_exceeded",
    }
}

fn message_id(number: u64) -> String {
    format!("msg_sim{number:020}")
}

fn usage(counts: &Counts, output: u64) -> Value {
    json!({
        "input_tokens": counts.input,
        "cache_creation_input_tokens": counts.cache_write(),
        "cache_read_input_tokens": counts.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write_5m,
            "ephemeral_1h_input_tokens": counts.cache_write_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn final_usage(counts: &Counts) -> Value {
    let mut all = usage(counts, counts.output);
    if counts.reasoning > 0 {
        all["output_tokens_details"] = json!({ "thinking_tokens": counts.reasoning });
    }
    all
}

fn content(block: &Block) -> Value {
    match block {
        Block::Thinking { text, signature, .. } => {
            json!({ "type": "thinking", "thinking": text, "signature": signature })
        }
        Block::Redacted { data, .. } => json!({ "type": "redacted_thinking", "data": data }),
        Block::Text(text) | Block::Refusal(text) => json!({ "type": "text", "text": text, "citations": null }),
        Block::ToolUse { id, name, arguments } => json!({
            "type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": arguments_value(arguments),
        }),
    }
}

/// A whole Messages answer.
pub(crate) fn whole(served: &Served) -> Value {
    let blocks: Vec<Value> = served.reply.blocks.iter().map(content).collect();
    let mut message = json!({
        "id": message_id(served.number),
        "type": "message",
        "role": "assistant",
        "model": served.model,
        "content": blocks,
        "stop_reason": stop_word(served.reply.stop),
        "stop_sequence": served.reply.stop_sequence,
    });
    if !served.unmetered {
        message["usage"] = final_usage(&served.counts);
    }
    message
}

fn start(served: &Served) -> Value {
    let counts = if served.unmetered { Counts::default() } else { served.counts };
    json!({
        "type": "message_start",
        "message": {
            "id": message_id(served.number), "type": "message", "role": "assistant", "model": served.model,
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(&counts, counts.output.min(1)),
        },
    })
}

fn opened(index: usize, block: &Block) -> Value {
    let shell = match block {
        Block::Thinking { .. } => json!({ "type": "thinking", "thinking": "", "signature": "" }),
        Block::Text(_) | Block::Refusal(_) => json!({ "type": "text", "text": "" }),
        Block::ToolUse { id, name, .. } => {
            json!({ "type": "tool_use", "id": format!("toolu_{id}"), "name": name, "input": {} })
        }
        Block::Redacted { .. } => content(block),
    };
    json!({ "type": "content_block_start", "index": index, "content_block": shell })
}

fn delta(index: usize, delta: &Value) -> Value {
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

/// The events of one beat, each with its name; Bedrock carries the same events in its own frames.
pub(crate) fn events(served: &Served, beat: Beat<'_>) -> Vec<Value> {
    match beat {
        Beat::Start => vec![start(served), json!({ "type": "ping" })],
        Beat::Open(i, block) => {
            let mut all = vec![opened(i, block)];
            if let Block::ToolUse { .. } = block {
                all.push(delta(i, &json!({ "type": "input_json_delta", "partial_json": "" })));
            }
            all
        }
        Beat::Delta(i, block, text) => vec![delta(
            i,
            &match block {
                Block::Thinking { .. } => json!({ "type": "thinking_delta", "thinking": text }),
                Block::ToolUse { .. } => json!({ "type": "input_json_delta", "partial_json": text }),
                _ => json!({ "type": "text_delta", "text": text }),
            },
        )],
        Beat::Close(i, block) => {
            let mut all = Vec::new();
            if let Block::Thinking { signature, .. } = block {
                all.push(delta(i, &json!({ "type": "signature_delta", "signature": signature })));
            }
            all.push(json!({ "type": "content_block_stop", "index": i }));
            all
        }
        Beat::Finish => {
            let reply = &served.reply;
            let counts = if served.unmetered { Counts::default() } else { served.counts };
            vec![
                json!({
                    "type": "message_delta",
                    "delta": { "stop_reason": stop_word(reply.stop), "stop_sequence": reply.stop_sequence },
                    "usage": final_usage(&counts),
                }),
                json!({ "type": "message_stop" }),
            ]
        }
    }
}

impl Wire for Messages {
    fn plain(&self, served: &Served) -> Value {
        whole(served)
    }

    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut) {
        for event in events(served, beat) {
            named_event(event["type"].as_str().unwrap_or_default(), &event, out);
        }
    }

    fn fail(&mut self, served: &Served, out: &mut BytesMut) {
        let error = json!({
            "type": "error",
            "error": { "type": "overloaded_error", "message": "Overloaded" },
            "request_id": super::request_id(served.number),
        });
        named_event("error", &error, out);
    }
}
