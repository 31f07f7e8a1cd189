//! Writing canonical events as a streamed Anthropic answer.

use bytes::BytesMut;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use tg_kernel::chat::Stop;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::usage::Usage;

use super::{fault, reply, usage};
use crate::dialect::{ReplyFacts, StreamEncoder};
use crate::framing::sse;

/// Writes the dialect's events one after the other; how they are framed is for the caller.
#[derive(Debug)]
pub(crate) struct EventEncoder {
    facts: ReplyFacts,
    started: bool,
    usage: Usage,
    stop: Option<Stop>,
    blocks: u32,
    /// The parts that have begun and not ended, by their canonical index.
    open: HashMap<u32, OpenBlock>,
    calls_tools: bool,
}

#[derive(Debug)]
enum OpenBlock {
    /// Whether it is shown or encrypted is known only when its first delta comes.
    ReasoningToCome,
    /// Encrypted reasoning: whole in its start.
    Redacted {
        block: u32,
    },
    Text {
        block: u32,
    },
    Reasoning {
        block: u32,
    },
    /// Whether any of the arguments was written yet.
    ToolUse {
        block: u32,
        written: bool,
    },
}

/// Where the events go: their type and their data.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&'static str, Value);

impl EventEncoder {
    /// At the start of an answer.
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self {
            facts,
            started: false,
            usage: Usage::default(),
            stop: None,
            blocks: 0,
            open: HashMap::new(),
            calls_tools: false,
        }
    }

    /// What is known of the answer's usage.
    pub(crate) const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Which call this is.
    pub(crate) const fn facts(&self) -> &ReplyFacts {
        &self.facts
    }

    /// Writes what `event` becomes. The end of the message waits for [`Event::End`], when its counts are known.
    pub(crate) fn event(&mut self, event: &Event, sink: Sink<'_>) {
        match event {
            Event::Start { id, .. } => self.start(id, sink),
            Event::PartStart { index, kind } => self.part_start(*index, kind, sink),
            Event::Delta { index, delta } => self.delta(*index, delta, sink),
            Event::PartStop { index } => self.part_stop(*index, sink),
            Event::Usage(report) => self.usage.replace(report),
            Event::Finish(stop) => self.stop = Some(stop.clone()),
            Event::Ping => sink("ping", json!({ "type": "ping" })),
            Event::End => self.end(sink),
            Event::Tier(_) => {}
        }
    }

    fn start(&mut self, id: &str, sink: Sink<'_>) {
        if self.started {
            return;
        }
        self.started = true;
        let message = json!({
            "id": reply::message_id(id, self.facts.id),
            "type": "message",
            "role": "assistant",
            "model": self.facts.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage::write(&self.usage, None),
        });
        sink("message_start", json!({ "type": "message_start", "message": message }));
    }

    fn part_start(&mut self, index: u32, kind: &PartKind, sink: Sink<'_>) {
        let open = match kind {
            PartKind::Text | PartKind::Refusal => {
                OpenBlock::Text { block: self.block_start(json!({ "type": "text", "text": "" }), sink) }
            }
            PartKind::Reasoning => OpenBlock::ReasoningToCome,
            PartKind::ToolUse { id, name } => {
                self.calls_tools = true;
                let id = reply::tool_id(id, &self.facts.id, self.blocks as usize);
                let start = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
                OpenBlock::ToolUse { block: self.block_start(start, sink), written: false }
            }
        };
        self.open.insert(index, open);
    }

    fn block_start(&mut self, content: Value, sink: Sink<'_>) -> u32 {
        self.start("", sink);
        let index = self.blocks;
        self.blocks += 1;
        let data = json!({ "type": "content_block_start", "index": index, "content_block": content });
        sink("content_block_start", data);
        index
    }

    fn delta(&mut self, index: u32, delta: &Delta, sink: Sink<'_>) {
        if matches!(self.open.get(&index), Some(OpenBlock::ReasoningToCome)) {
            let open = match delta {
                Delta::Redacted(data) => {
                    let start = json!({ "type": "redacted_thinking", "data": data });
                    OpenBlock::Redacted { block: self.block_start(start, sink) }
                }
                _ => {
                    let start = json!({ "type": "thinking", "thinking": "", "signature": "" });
                    OpenBlock::Reasoning { block: self.block_start(start, sink) }
                }
            };
            self.open.insert(index, open);
        }
        let (block, delta) = match (self.open.get_mut(&index), delta) {
            (Some(OpenBlock::Text { block }), Delta::Text(text)) => {
                (*block, json!({ "type": "text_delta", "text": text }))
            }
            (Some(OpenBlock::Reasoning { block }), Delta::Reasoning(text)) => {
                (*block, json!({ "type": "thinking_delta", "thinking": text }))
            }
            (Some(OpenBlock::Reasoning { block }), Delta::Signature(text)) => {
                (*block, json!({ "type": "signature_delta", "signature": text }))
            }
            (Some(OpenBlock::ToolUse { block, written }), Delta::Arguments(text)) => {
                *written |= !text.is_empty();
                (*block, json!({ "type": "input_json_delta", "partial_json": text }))
            }
            _ => return,
        };
        sink("content_block_delta", json!({ "type": "content_block_delta", "index": block, "delta": delta }));
    }

    fn part_stop(&mut self, index: u32, sink: Sink<'_>) {
        let block = match self.open.remove(&index) {
            None | Some(OpenBlock::ReasoningToCome) => return,
            Some(OpenBlock::ToolUse { block, written }) => {
                if !written {
                    // A tool without parameters: clients that collect the text shall find an object in it.
                    let delta = json!({ "type": "input_json_delta", "partial_json": "{}" });
                    let data = json!({ "type": "content_block_delta", "index": block, "delta": delta });
                    sink("content_block_delta", data);
                }
                block
            }
            Some(OpenBlock::Redacted { block } | OpenBlock::Text { block } | OpenBlock::Reasoning { block }) => block,
        };
        sink("content_block_stop", json!({ "type": "content_block_stop", "index": block }));
    }

    fn end(&mut self, sink: Sink<'_>) {
        self.start("", sink);
        let mut open: Vec<u32> = self.open.keys().copied().collect();
        open.sort_unstable();
        for index in open {
            self.part_stop(index, sink);
        }
        let mut delta = Map::new();
        reply::write_stop(&self.stop.take().unwrap_or_default(), self.calls_tools, &mut delta);
        let usage = usage::write(&self.usage, None);
        sink("message_delta", json!({ "type": "message_delta", "delta": delta, "usage": usage }));
        sink("message_stop", json!({ "type": "message_stop" }));
    }
}

/// Writes server-sent events.
#[derive(Debug)]
pub(crate) struct Encoder {
    events: EventEncoder,
}

impl Encoder {
    /// At the start of an answer.
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self { events: EventEncoder::new(facts) }
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, out: &mut BytesMut) {
        self.events.event(event, &mut |kind, data| sse::write_event(Some(kind), data.to_string().as_bytes(), out));
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        fault::encode_stream(fault, self.events.facts().id, out);
    }
}
