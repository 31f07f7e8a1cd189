//! Chat Completions answers: whole, and as unnamed server-sent events.

use super::Vendor;
use crate::counts::Counts;
use crate::play::{Beat, Served, Wire, data_event};
use crate::reply::{Block, Stop};
use bytes::BytesMut;
use serde_json::{Value, json};

/// What obfuscation is taken from.
const OBFUSCATION: &str = "q7Jr0ZtW3xKbYfP2mVnC9sLd5HgAeU8oTi4RkQ1wXzE6";

/// A string that hides the length of its neighbour.
pub(crate) fn obfuscation(length: usize) -> &'static str {
    let shown = 16 - length % 16;
    &OBFUSCATION[..shown]
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Chat {
    pub vendor: Vendor,
    /// Whether the caller asked for usage in the stream.
    pub usage: bool,
    pub obfuscate: bool,
    pub bills_cache_writes: bool,
    /// Calls written so far: their indices count apart from other blocks.
    pub tool_position: usize,
    /// Bytes of deltas written so far, from which obfuscation takes its lengths.
    pub written: usize,
    /// Whether the stream says `[DONE]`.
    pub done: bool,
}

fn finish_word(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::Sequence | Stop::PauseTurn | Stop::MalformedOutput => "stop",
        Stop::MaxTokens | Stop::ContextExceeded => "length",
        Stop::ToolUse => "tool_calls",
        Stop::Refusal | Stop::Guardrail | Stop::ContentFiltered => "content_filter",
    }
}

impl Chat {
    fn id(&self, served: &Served) -> String {
        match self.vendor {
            Vendor::Openai => format!("chatcmpl-sim{:020}", served.number),
            Vendor::Compatible => format!("cmpl-{:x}", served.number),
        }
    }

    fn usage_of(&self, counts: &Counts) -> Value {
        let prompt = counts.input_total();
        let mut usage = json!({
            "prompt_tokens": prompt,
            "completion_tokens": counts.output,
            "total_tokens": prompt + counts.output,
        });
        if self.vendor == Vendor::Openai {
            usage["prompt_tokens_details"] = json!({ "cached_tokens": counts.cache_read, "audio_tokens": 0 });
            if self.bills_cache_writes {
                usage["prompt_tokens_details"]["cache_write_tokens"] = json!(counts.cache_write());
            }
            usage["completion_tokens_details"] = json!({
                "reasoning_tokens": counts.reasoning, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            });
        }
        usage
    }

    fn chunk(&self, served: &Served, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.id(served),
            "object": "chat.completion.chunk",
            "created": served.created,
            "model": served.model,
            "choices": choices,
        });
        if self.vendor == Vendor::Openai {
            chunk["service_tier"] = json!("default");
            chunk["system_fingerprint"] = json!("fp_simulated");
        }
        if self.usage && self.vendor == Vendor::Openai {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    fn delta(&mut self, served: &Served, delta: Value, out: &mut BytesMut) {
        let mut chunk =
            self.chunk(served, json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": null }]));
        if self.obfuscate {
            chunk["obfuscation"] = json!(obfuscation(self.written));
        }
        data_event(&chunk, out);
        self.written += out.len();
    }

    fn finish(&self, served: &Served, out: &mut BytesMut) {
        let reason = finish_word(served.reply.stop);
        let choice = json!([{ "index": 0, "delta": {}, "logprobs": null, "finish_reason": reason }]);
        let mut last = self.chunk(served, choice);
        let metered = self.usage && !served.unmetered;
        if metered && self.vendor == Vendor::Compatible {
            last["usage"] = self.usage_of(&served.counts);
        }
        data_event(&last, out);
        if metered && self.vendor == Vendor::Openai {
            let mut usage = self.chunk(served, json!([]));
            usage["usage"] = self.usage_of(&served.counts);
            data_event(&usage, out);
        }
        if self.done {
            out.extend_from_slice(b"data: [DONE]\n\n");
        }
    }
}

impl Wire for Chat {
    fn plain(&self, served: &Served) -> Value {
        let reply = &served.reply;
        let calls: Vec<Value> = reply
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::ToolUse { id, name, arguments } => Some(json!({
                    "id": format!("call_{id}"), "type": "function",
                    "function": { "name": name, "arguments": arguments },
                })),
                _ => None,
            })
            .collect();
        let text = reply.text();
        let content = if text.is_empty() && !calls.is_empty() { Value::Null } else { json!(text) };
        let mut message = json!({ "role": "assistant", "content": content });
        if let Some(refusal) = reply.refusal() {
            message["refusal"] = json!(refusal);
        }
        if !calls.is_empty() {
            message["tool_calls"] = Value::from(calls);
        }
        match (self.vendor, reply.thinking()) {
            (Vendor::Compatible, Some(thought)) => message["reasoning_content"] = json!(thought),
            (Vendor::Compatible, None) => {}
            (Vendor::Openai, _) => {
                message["refusal"] = json!(reply.refusal());
                message["annotations"] = json!([]);
            }
        }
        let mut whole = json!({
            "id": self.id(served),
            "object": "chat.completion",
            "created": served.created,
            "model": served.model,
            "choices": [{
                "index": 0, "message": message, "logprobs": null, "finish_reason": finish_word(reply.stop),
            }],
        });
        if !served.unmetered {
            whole["usage"] = self.usage_of(&served.counts);
        }
        if self.vendor == Vendor::Openai {
            whole["service_tier"] = json!("default");
            whole["system_fingerprint"] = json!("fp_simulated");
        }
        whole
    }

    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut) {
        match beat {
            Beat::Start => {
                let content = if served.reply.has_tool_use() { Value::Null } else { json!("") };
                self.delta(served, json!({ "role": "assistant", "content": content }), out);
            }
            Beat::Open(_, Block::ToolUse { id, name, .. }) => {
                self.tool_position += 1;
                let call = json!({
                    "index": self.tool_position - 1, "id": format!("call_{id}"), "type": "function",
                    "function": { "name": name, "arguments": "" },
                });
                self.delta(served, json!({ "tool_calls": [call] }), out);
            }
            Beat::Delta(_, Block::Text(_), text) => self.delta(served, json!({ "content": text }), out),
            Beat::Delta(_, Block::Refusal(_), text) => self.delta(served, json!({ "refusal": text }), out),
            Beat::Delta(_, Block::ToolUse { .. }, text) => self.arguments(served, text, out),
            Beat::Delta(_, Block::Thinking { .. }, text) if self.vendor == Vendor::Compatible => {
                self.delta(served, json!({ "reasoning_content": text }), out);
            }
            // OpenAI says `{}` for a call without parameters; compatible servers often say nothing at all.
            Beat::Close(_, Block::ToolUse { arguments, .. }) if arguments == "{}" && self.vendor == Vendor::Openai => {
                self.arguments(served, "{}", out);
            }
            Beat::Finish => self.finish(served, out),
            Beat::Open(..) | Beat::Delta(..) | Beat::Close(..) => {}
        }
    }

    fn fail(&mut self, _served: &Served, out: &mut BytesMut) {
        let error = json!({
            "error": {
                "message": "The server had an error while processing your request. Sorry about that!",
                "type": "server_error", "param": null, "code": "server_error",
            },
        });
        data_event(&error, out);
    }
}

impl Chat {
    fn arguments(&mut self, served: &Served, text: &str, out: &mut BytesMut) {
        let call = json!({ "index": self.tool_position.saturating_sub(1), "function": { "arguments": text } });
        self.delta(served, json!({ "tool_calls": [call] }), out);
    }
}
