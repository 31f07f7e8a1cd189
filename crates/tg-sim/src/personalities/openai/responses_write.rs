//! Responses answers: whole, and as named events with rising sequence numbers.

use super::chat_write::obfuscation;
use crate::counts::Counts;
use crate::play::{Beat, Served, Wire, named_event};
use crate::reply::{Block, Stop};
use crate::signature;
use bytes::BytesMut;
use serde_json::{Value, json};

/// Members of the request that the answer repeats.
#[derive(Debug)]
pub(crate) struct Echoed {
    pub instructions: Value,
    pub max_output_tokens: Value,
    pub metadata: Value,
    pub parallel_tool_calls: Value,
    pub tool_choice: Value,
    pub tools: Value,
    pub text: Value,
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Responses {
    echoed: Echoed,
    obfuscate: bool,
    bills_cache_writes: bool,
    sequence: u64,
}

impl Responses {
    pub(crate) fn new(echoed: Echoed, obfuscate: bool, bills_cache_writes: bool) -> Self {
        Self { echoed, obfuscate, bills_cache_writes, sequence: 0 }
    }

    fn usage(&self, counts: &Counts) -> Value {
        let input = counts.input_total();
        let written = if self.bills_cache_writes { counts.cache_write() } else { 0 };
        json!({
            "input_tokens": input,
            "input_tokens_details": { "cached_tokens": counts.cache_read, "cache_write_tokens": written },
            "output_tokens": counts.output,
            "output_tokens_details": { "reasoning_tokens": counts.reasoning },
            "total_tokens": input + counts.output,
        })
    }

    /// The response object; `output` is empty while it is in progress.
    fn response(&self, served: &Served, status: &str, output: Vec<Value>) -> Value {
        let done = status != "in_progress" && !served.unmetered;
        let usage = if done { self.usage(&served.counts) } else { Value::Null };
        let details = match (status, served.reply.stop) {
            ("incomplete", Stop::MaxTokens | Stop::ContextExceeded) => json!({ "reason": "max_output_tokens" }),
            ("incomplete", _) => json!({ "reason": "content_filter" }),
            _ => Value::Null,
        };
        let echoed = &self.echoed;
        json!({
            "id": format!("resp_sim{:020}", served.number), "object": "response", "created_at": served.created,
            "status": status, "background": false, "error": null, "incomplete_details": details,
            "instructions": echoed.instructions, "max_output_tokens": echoed.max_output_tokens,
            "model": served.model, "output": output, "parallel_tool_calls": echoed.parallel_tool_calls,
            "previous_response_id": null, "reasoning": { "effort": null, "summary": null },
            "service_tier": "default", "store": true, "temperature": 1.0, "text": echoed.text,
            "tool_choice": echoed.tool_choice, "tools": echoed.tools, "top_p": 1.0, "truncation": "disabled",
            "usage": usage, "user": null, "metadata": echoed.metadata,
        })
    }

    fn event(&mut self, kind: &str, mut body: Value, out: &mut BytesMut) {
        let mut event = json!({ "type": kind, "sequence_number": self.sequence });
        self.sequence += 1;
        if let (Some(event), Some(body)) = (event.as_object_mut(), body.as_object_mut()) {
            event.append(body);
        }
        named_event(kind, &event, out);
    }

    fn open(&mut self, served: &Served, i: usize, block: &Block, out: &mut BytesMut) {
        let shell = match block {
            Block::Text(_) | Block::Refusal(_) => {
                json!({ "id": item_id(served, i), "type": "message", "status": "in_progress", "role": "assistant", "content": [] })
            }
            Block::ToolUse { id, name, .. } => json!({
                "id": item_id(served, i), "type": "function_call", "status": "in_progress",
                "call_id": format!("call_{id}"), "name": name, "arguments": "",
            }),
            _ => json!({ "id": item_id(served, i), "type": "reasoning", "summary": [] }),
        };
        self.event("response.output_item.added", json!({ "output_index": i, "item": shell }), out);
        let place = json!({ "item_id": item_id(served, i), "output_index": i });
        match block {
            Block::Text(_) | Block::Refusal(_) => {
                let part = part(block, "");
                self.event(
                    "response.content_part.added",
                    with(place, json!({ "content_index": 0, "part": part })),
                    out,
                );
            }
            Block::Thinking { text, .. } if !text.is_empty() => {
                let part = json!({ "summary_index": 0, "part": { "type": "summary_text", "text": "" } });
                self.event("response.reasoning_summary_part.added", with(place, part), out);
            }
            _ => {}
        }
    }

    fn delta(&mut self, served: &Served, i: usize, block: &Block, text: &str, out: &mut BytesMut) {
        let mut body = json!({ "item_id": item_id(served, i), "output_index": i, "delta": text });
        let kind = match block {
            Block::Text(_) => {
                body = with(body, json!({ "content_index": 0, "logprobs": [] }));
                "response.output_text.delta"
            }
            Block::Refusal(_) => {
                body["content_index"] = json!(0);
                "response.refusal.delta"
            }
            Block::ToolUse { .. } => "response.function_call_arguments.delta",
            _ => {
                body["summary_index"] = json!(0);
                "response.reasoning_summary_text.delta"
            }
        };
        if self.obfuscate {
            body["obfuscation"] = json!(obfuscation(text.len()));
        }
        self.event(kind, body, out);
    }

    fn close(&mut self, served: &Served, i: usize, block: &Block, out: &mut BytesMut) {
        let place = json!({ "item_id": item_id(served, i), "output_index": i });
        match block {
            Block::Text(text) | Block::Refusal(text) => {
                let (kind, done) = match block {
                    Block::Refusal(_) => ("refusal", json!({ "content_index": 0, "refusal": text })),
                    _ => ("output_text", json!({ "content_index": 0, "text": text, "logprobs": [] })),
                };
                self.event(&format!("response.{kind}.done"), with(place.clone(), done), out);
                let part = part(block, text);
                self.event("response.content_part.done", with(place, json!({ "content_index": 0, "part": part })), out);
            }
            Block::ToolUse { name, arguments, .. } => {
                let done = json!({ "name": name, "arguments": arguments });
                self.event("response.function_call_arguments.done", with(place, done), out);
            }
            Block::Thinking { text, .. } if !text.is_empty() => {
                let done = json!({ "summary_index": 0, "text": text });
                self.event("response.reasoning_summary_text.done", with(place.clone(), done), out);
                let part = json!({ "summary_index": 0, "part": { "type": "summary_text", "text": text } });
                self.event("response.reasoning_summary_part.done", with(place, part), out);
            }
            _ => {}
        }
        let done = json!({ "output_index": i, "item": item(served, i, block) });
        self.event("response.output_item.done", done, out);
    }
}

fn with(mut first: Value, mut second: Value) -> Value {
    if let (Some(first), Some(second)) = (first.as_object_mut(), second.as_object_mut()) {
        first.append(second);
    }
    first
}

/// The part of a message that a block is, with this text.
fn part(block: &Block, text: &str) -> Value {
    match block {
        Block::Refusal(_) => json!({ "type": "refusal", "refusal": text }),
        _ => json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }),
    }
}

fn item_id(served: &Served, i: usize) -> String {
    let prefix = match served.reply.blocks.get(i) {
        Some(Block::ToolUse { .. }) => "fc",
        Some(Block::Text(_) | Block::Refusal(_)) => "msg",
        _ => "rs",
    };
    format!("{prefix}_sim{:020}x{i}", served.number)
}

fn item(served: &Served, i: usize, block: &Block) -> Value {
    let id = item_id(served, i);
    match block {
        Block::Text(text) | Block::Refusal(text) => json!({
            "id": id, "type": "message", "status": "completed", "role": "assistant", "content": [part(block, text)],
        }),
        Block::ToolUse { id: call, name, arguments } => json!({
            "id": id, "type": "function_call", "status": "completed", "call_id": format!("call_{call}"),
            "name": name, "arguments": arguments,
        }),
        Block::Thinking { text, .. } => {
            let summary: Vec<Value> =
                if text.is_empty() { Vec::new() } else { vec![json!({ "type": "summary_text", "text": text })] };
            json!({ "id": id, "type": "reasoning", "summary": summary, "encrypted_content": signature::seal(text) })
        }
        Block::Redacted { data, .. } => {
            json!({ "id": id, "type": "reasoning", "summary": [], "encrypted_content": data })
        }
    }
}

fn items(served: &Served) -> Vec<Value> {
    served.reply.blocks.iter().enumerate().map(|(i, block)| item(served, i, block)).collect()
}

fn status(stop: Stop) -> &'static str {
    match stop {
        Stop::MaxTokens | Stop::ContextExceeded | Stop::Refusal | Stop::Guardrail | Stop::ContentFiltered => {
            "incomplete"
        }
        _ => "completed",
    }
}

impl Wire for Responses {
    fn plain(&self, served: &Served) -> Value {
        self.response(served, status(served.reply.stop), items(served))
    }

    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut) {
        match beat {
            Beat::Start => {
                for kind in ["response.created", "response.in_progress"] {
                    let response = self.response(served, "in_progress", Vec::new());
                    self.event(kind, json!({ "response": response }), out);
                }
            }
            Beat::Open(i, block) => self.open(served, i, block, out),
            Beat::Delta(i, block, text) => self.delta(served, i, block, text, out),
            Beat::Close(i, block) => {
                if let Block::ToolUse { arguments, .. } = block
                    && arguments == "{}"
                {
                    self.delta(served, i, block, "{}", out);
                }
                self.close(served, i, block, out);
            }
            Beat::Finish => {
                let status = status(served.reply.stop);
                let response = self.response(served, status, items(served));
                self.event(&format!("response.{status}"), json!({ "response": response }), out);
            }
        }
    }

    fn fail(&mut self, served: &Served, out: &mut BytesMut) {
        let mut response = self.response(served, "failed", Vec::new());
        response["usage"] = Value::Null;
        response["error"] = json!({ "code": "server_error", "message": "The server had an error." });
        self.event("response.failed", json!({ "response": response }), out);
    }
}
