//! Writing a streamed answer: canonical events become chunks; the end is held back until it is certain.

use super::usage::{self, Holds};
use super::{reply, thoughts};
use crate::dialect::{ReplyFacts, StreamEncoder};
use crate::dialects::openai_fault;
use crate::framing::sse;
use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};
use tg_kernel::chat::{Stop, Thought};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::usage::{ServiceTier, Usage};

/// A frame that clients ignore.
pub(super) const KEEPALIVE: &[u8] = b": keepalive\n\n";

/// Writes one answer.
pub(super) struct Encoder {
    facts: ReplyFacts,
    /// The members that every chunk starts with, as JSON text up to `"choices":`. Empty until the answer starts.
    head: Vec<u8>,
    parts: Vec<OpenPart>,
    holds: Holds,
    /// Tool calls and thinking blocks begun so far: their positions in this dialect.
    calls: u32,
    blocks: u32,
    usage: Usage,
    tier: Option<ServiceTier>,
    stop: Stop,
    ended: bool,
}

struct OpenPart {
    index: u32,
    kind: OpenKind,
}

enum OpenKind {
    Text,
    Refusal,
    Reasoning(Thought),
    /// At this position among the calls; whether any argument was written.
    Call {
        position: u32,
        argued: bool,
    },
}

impl Encoder {
    pub(super) fn new(facts: ReplyFacts) -> Self {
        Self {
            facts,
            head: Vec::new(),
            parts: Vec::new(),
            holds: Holds::default(),
            calls: 0,
            blocks: 0,
            usage: Usage::default(),
            tier: None,
            stop: Stop::default(),
            ended: false,
        }
    }

    fn start(&mut self, id: &str, out: &mut BytesMut) {
        if !self.head.is_empty() {
            return;
        }
        let id = Value::from(reply::shown_id(id, &self.facts));
        let model = Value::from(self.facts.model.as_str());
        let created = self.facts.created.seconds();
        self.head =
            format!(r#"{{"id":{id},"object":"chat.completion.chunk","created":{created},"model":{model},"choices":"#)
                .into_bytes();
        self.delta(&json!({ "role": "assistant", "content": "", "refusal": null }), out);
    }

    /// Writes a chunk with one delta.
    fn delta(&self, delta: &Value, out: &mut BytesMut) {
        self.choice(delta, None, out);
    }

    fn choice(&self, delta: &Value, finish: Option<&'static str>, out: &mut BytesMut) {
        out.put_slice(b"data: ");
        out.put_slice(&self.head);
        out.put_slice(br#"[{"index":0,"delta":"#);
        out.put_slice(delta.to_string().as_bytes());
        out.put_slice(br#","logprobs":null,"finish_reason":"#);
        out.put_slice(json!(finish).to_string().as_bytes());
        out.put_slice(b"}]");
        self.close_chunk(&Value::Null, out);
    }

    fn close_chunk(&self, usage: &Value, out: &mut BytesMut) {
        if let Some(tier) = self.tier {
            out.put_slice(format!(r#","service_tier":"{}""#, usage::tier_word(tier)).as_bytes());
        }
        if self.facts.include_usage {
            out.put_slice(format!(r#","usage":{usage}"#).as_bytes());
        }
        out.put_slice(b"}\n\n");
    }

    fn part_start(&mut self, index: u32, kind: &PartKind, out: &mut BytesMut) {
        let kind = match kind {
            PartKind::Text => OpenKind::Text,
            PartKind::Refusal => {
                self.holds.refusal = true;
                OpenKind::Refusal
            }
            PartKind::Reasoning => OpenKind::Reasoning(Thought::default()),
            PartKind::ToolUse { id, name } => {
                let position = self.calls;
                self.calls += 1;
                self.holds.tool_calls = true;
                let function = json!({ "name": name, "arguments": "" });
                let call = json!({ "index": position, "id": id, "type": "function", "function": function });
                self.delta(&json!({ "tool_calls": [call] }), out);
                OpenKind::Call { position, argued: false }
            }
        };
        self.parts.push(OpenPart { index, kind });
    }

    fn part_delta(&mut self, index: u32, delta: &Delta, out: &mut BytesMut) {
        let Some(part) = self.parts.iter_mut().find(|part| part.index == index) else { return };
        let written = match (&mut part.kind, delta) {
            (OpenKind::Text, Delta::Text(text)) if !text.is_empty() => json!({ "content": text }),
            (OpenKind::Refusal, Delta::Text(text)) if !text.is_empty() => json!({ "refusal": text }),
            (OpenKind::Reasoning(thought), Delta::Reasoning(text)) if !text.is_empty() => {
                thought.text.push_str(text);
                json!({ "reasoning_content": text })
            }
            (OpenKind::Reasoning(thought), Delta::Signature(more)) => {
                thought.signature.get_or_insert_default().push_str(more);
                return;
            }
            (OpenKind::Reasoning(thought), Delta::Redacted(more)) => {
                thought.redacted.get_or_insert_default().push_str(more);
                return;
            }
            (OpenKind::Call { position, argued }, Delta::Arguments(text)) if !text.is_empty() => {
                *argued = true;
                json!({ "tool_calls": [{ "index": position, "function": { "arguments": text } }] })
            }
            _ => return,
        };
        self.delta(&written, out);
    }

    fn part_stop(&mut self, index: u32, out: &mut BytesMut) {
        let Some(at) = self.parts.iter().position(|part| part.index == index) else { return };
        match self.parts.remove(at).kind {
            OpenKind::Reasoning(thought) => {
                if let Some(mut block) = thoughts::block(&thought) {
                    // The official clients join list items by their `index`, and fail on items without one.
                    if let Some(block) = block.as_object_mut() {
                        block.insert("index".into(), self.blocks.into());
                    }
                    self.blocks += 1;
                    self.delta(&json!({ "thinking_blocks": [block] }), out);
                }
            }
            OpenKind::Call { position, argued: false } => {
                self.delta(&json!({ "tool_calls": [{ "index": position, "function": { "arguments": "{}" } }] }), out);
            }
            OpenKind::Text | OpenKind::Refusal | OpenKind::Call { .. } => {}
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        while let Some(open) = self.parts.first() {
            self.part_stop(open.index, out);
        }
        self.choice(&json!({}), Some(usage::finish_reason(self.stop.reason, self.holds)), out);
        if self.facts.include_usage {
            out.put_slice(b"data: ");
            out.put_slice(&self.head);
            out.put_slice(b"[]");
            self.close_chunk(&usage::write(&self.usage), out);
        }
        sse::write_event(None, b"[DONE]", out);
        self.ended = true;
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, .. } => self.start(id, out),
            Event::PartStart { index, kind } => {
                self.start("", out);
                self.part_start(*index, kind, out);
            }
            Event::Delta { index, delta } => self.part_delta(*index, delta, out),
            Event::PartStop { index } => self.part_stop(*index, out),
            Event::Usage(counts) => self.usage.replace(counts),
            Event::Tier(tier) => self.tier = Some(*tier),
            // Usage may still come, and the upstream may still break off: nothing final before the end.
            Event::Finish(stop) => self.stop = stop.clone(),
            Event::Ping => out.put_slice(KEEPALIVE),
            Event::End => {
                self.start("", out);
                self.end(out);
            }
        }
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !self.ended {
            self.ended = true;
            write_fault(fault, out);
        }
    }
}

/// The last frame of a stream that failed; no `[DONE]` follows.
pub(super) fn write_fault(fault: &Fault, out: &mut BytesMut) {
    sse::write_event(None, json!({ "error": openai_fault::error_object(fault) }).to_string().as_bytes(), out);
}
