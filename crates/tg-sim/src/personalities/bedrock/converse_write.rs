//! Converse answers: whole, and as event-stream frames with their padding.

use crate::counts::Counts;
use crate::eventstream;
use crate::play::{Beat, Served, Wire};
use crate::reply::{Block, Stop, arguments_value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Value, json};

/// What padding is taken from.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A padding of a length that changes from frame to frame.
pub(crate) fn padding(position: usize) -> &'static str {
    &PADDING[..1 + (position * 7) % (PADDING.len() - 1)]
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Converse;

fn stop_word(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::PauseTurn => "end_turn",
        Stop::MaxTokens => "max_tokens",
        Stop::Sequence => "stop_sequence",
        Stop::ToolUse => "tool_use",
        Stop::Guardrail => "guardrail_intervened",
        Stop::Refusal | Stop::ContentFiltered => "content_filtered",
        Stop::ContextExceeded => "model_context_window_exceeded",
        Stop::MalformedOutput => "malformed_model_output",
    }
}

fn usage(counts: &Counts) -> Value {
    let mut usage = json!({
        "inputTokens": counts.input,
        "outputTokens": counts.output,
        "totalTokens": counts.input_total() + counts.output,
        "cacheReadInputTokens": counts.cache_read,
        "cacheWriteInputTokens": counts.cache_write(),
        "cacheReadInputTokenCount": counts.cache_read,
        "cacheWriteInputTokenCount": counts.cache_write(),
        "serverToolUsage": {},
    });
    if counts.cache_write() > 0 {
        let all = [("1h", counts.cache_write_1h), ("5m", counts.cache_write_5m)];
        let details: Vec<Value> =
            all.iter().filter(|(_, n)| *n > 0).map(|(ttl, n)| json!({ "ttl": ttl, "inputTokens": n })).collect();
        usage["cacheDetails"] = Value::from(details);
    }
    usage
}

fn content(block: &Block) -> Value {
    match block {
        Block::Thinking { text, signature, .. } => {
            json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": signature } } })
        }
        Block::Redacted { data, .. } => {
            json!({ "reasoningContent": { "redactedContent": STANDARD.encode(data) } })
        }
        Block::Text(text) | Block::Refusal(text) => json!({ "text": text }),
        Block::ToolUse { id, name, arguments } => json!({
            "toolUse": { "toolUseId": format!("tooluse_{id}"), "name": name, "input": arguments_value(arguments) },
        }),
    }
}

fn frame(kind: &str, mut payload: Value, out: &mut BytesMut) {
    payload["p"] = Value::from(padding(out.len() + kind.len()));
    eventstream::event(kind, payload.to_string().as_bytes(), out);
}

impl Wire for Converse {
    fn stream_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn plain(&self, served: &Served) -> Value {
        let blocks: Vec<Value> = served.reply.blocks.iter().map(content).collect();
        let mut whole = json!({
            "output": { "message": { "role": "assistant", "content": blocks } },
            "stopReason": stop_word(served.reply.stop),
            "metrics": { "latencyMs": 5 },
        });
        if !served.unmetered {
            whole["usage"] = usage(&served.counts);
        }
        whole
    }

    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut) {
        match beat {
            Beat::Start => frame("messageStart", json!({ "role": "assistant" }), out),
            Beat::Open(i, Block::ToolUse { id, name, .. }) => {
                let start = json!({ "toolUse": { "toolUseId": format!("tooluse_{id}"), "name": name } });
                frame("contentBlockStart", json!({ "start": start, "contentBlockIndex": i }), out);
            }
            // Other blocks begin with their first delta.
            Beat::Open(..) => {}
            Beat::Delta(i, block, text) => {
                let delta = match block {
                    Block::Thinking { .. } => json!({ "reasoningContent": { "text": text } }),
                    Block::ToolUse { .. } => json!({ "toolUse": { "input": text } }),
                    _ => json!({ "text": text }),
                };
                frame("contentBlockDelta", json!({ "delta": delta, "contentBlockIndex": i }), out);
            }
            Beat::Close(i, block) => {
                let last = match block {
                    Block::Thinking { signature, .. } => Some(json!({ "signature": signature })),
                    Block::Redacted { data, .. } => Some(json!({ "redactedContent": STANDARD.encode(data) })),
                    _ => None,
                };
                if let Some(delta) = last {
                    let delta = json!({ "delta": { "reasoningContent": delta }, "contentBlockIndex": i });
                    frame("contentBlockDelta", delta, out);
                }
                frame("contentBlockStop", json!({ "contentBlockIndex": i }), out);
            }
            Beat::Finish => {
                frame("messageStop", json!({ "stopReason": stop_word(served.reply.stop) }), out);
                if !served.unmetered {
                    let metadata = json!({ "usage": usage(&served.counts), "metrics": { "latencyMs": 5 } });
                    frame("metadata", metadata, out);
                }
            }
        }
    }

    fn fail(&mut self, served: &Served, out: &mut BytesMut) {
        eventstream::failure(served.fail_as.as_deref(), out);
    }
}
