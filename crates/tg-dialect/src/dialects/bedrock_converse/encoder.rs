//! Writing canonical events as a streamed Converse answer.

use bytes::BytesMut;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use tg_kernel::chat::Stop;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::usage::{ServiceTier, Usage};

use super::fault::{self, StreamOf};
use super::padding::Padding;
use super::reply;
use crate::dialect::{ReplyFacts, StreamEncoder};
use crate::dialects::anthropic_messages::reply::tool_id;
use crate::framing::eventstream;

/// Writes event-stream frames.
#[derive(Debug)]
pub(crate) struct Encoder {
    facts: ReplyFacts,
    padding: Padding,
    started: bool,
    usage: Usage,
    tier: Option<ServiceTier>,
    stop: Option<Stop>,
    blocks: u32,
    /// The parts that have begun and not ended, by their canonical index.
    open: HashMap<u32, OpenBlock>,
    calls_tools: bool,
}

#[derive(Clone, Copy, Debug)]
enum OpenBlock {
    /// Text and reasoning have no start of their own: the first delta is it.
    ToCome,
    Begun(u32),
    /// Whether any of the arguments was written yet.
    ToolUse {
        block: u32,
        written: bool,
    },
}

impl Encoder {
    /// At the start of an answer.
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self {
            padding: Padding::new(facts.id),
            facts,
            started: false,
            usage: Usage::default(),
            tier: None,
            stop: None,
            blocks: 0,
            open: HashMap::new(),
            calls_tools: false,
        }
    }

    fn frame(&mut self, event: &str, mut payload: Value, out: &mut BytesMut) {
        payload["p"] = self.padding.next().into();
        eventstream::write_event(event, payload.to_string().as_bytes(), out);
    }

    fn start(&mut self, out: &mut BytesMut) {
        if !self.started {
            self.started = true;
            self.frame("messageStart", json!({ "role": "assistant" }), out);
        }
    }

    fn next_block(&mut self) -> u32 {
        let block = self.blocks;
        self.blocks += 1;
        block
    }

    fn part_start(&mut self, index: u32, kind: &PartKind, out: &mut BytesMut) {
        let open = match kind {
            PartKind::Text | PartKind::Refusal | PartKind::Reasoning => OpenBlock::ToCome,
            PartKind::ToolUse { id, name } => {
                self.start(out);
                self.calls_tools = true;
                let block = self.next_block();
                let id = tool_id(id, &self.facts.id, block as usize);
                let start = json!({ "toolUse": { "toolUseId": id, "name": name } });
                self.frame("contentBlockStart", json!({ "start": start, "contentBlockIndex": block }), out);
                OpenBlock::ToolUse { block, written: false }
            }
        };
        self.open.insert(index, open);
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut BytesMut) {
        let Some(mut open) = self.open.get(&index).copied() else { return };
        if let OpenBlock::ToCome = open {
            self.start(out);
            open = OpenBlock::Begun(self.next_block());
        }
        let (block, delta) = match (&mut open, delta) {
            (OpenBlock::Begun(block), Delta::Text(text)) => (*block, json!({ "text": text })),
            (OpenBlock::Begun(block), Delta::Reasoning(text)) => {
                (*block, json!({ "reasoningContent": { "text": text } }))
            }
            (OpenBlock::Begun(block), Delta::Signature(text)) => {
                (*block, json!({ "reasoningContent": { "signature": text } }))
            }
            (OpenBlock::Begun(block), Delta::Redacted(data)) => {
                (*block, json!({ "reasoningContent": { "redactedContent": reply::redacted_blob(data) } }))
            }
            (OpenBlock::ToolUse { block, written }, Delta::Arguments(text)) => {
                *written |= !text.is_empty();
                (*block, json!({ "toolUse": { "input": text } }))
            }
            _ => return,
        };
        self.open.insert(index, open);
        self.frame("contentBlockDelta", json!({ "delta": delta, "contentBlockIndex": block }), out);
    }

    fn part_stop(&mut self, index: u32, out: &mut BytesMut) {
        let block = match self.open.remove(&index) {
            None | Some(OpenBlock::ToCome) => return,
            Some(OpenBlock::Begun(block)) => block,
            Some(OpenBlock::ToolUse { block, written }) => {
                if !written {
                    // A tool without parameters: clients parse what they collected.
                    let delta = json!({ "toolUse": { "input": "{}" } });
                    self.frame("contentBlockDelta", json!({ "delta": delta, "contentBlockIndex": block }), out);
                }
                block
            }
        };
        self.frame("contentBlockStop", json!({ "contentBlockIndex": block }), out);
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.start(out);
        let mut open: Vec<u32> = self.open.keys().copied().collect();
        open.sort_unstable();
        for index in open {
            self.part_stop(index, out);
        }
        let mut stop = Map::new();
        reply::write_stop(&self.stop.take().unwrap_or_default(), self.calls_tools, &mut stop);
        self.frame("messageStop", Value::Object(stop), out);
        let mut metadata = json!({ "usage": reply::write_usage(&self.usage), "metrics": { "latencyMs": 0 } });
        if let Some(tier) = self.tier {
            metadata["serviceTier"] = json!({ "type": tier.as_str() });
        }
        self.frame("metadata", metadata, out);
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start { .. } => self.start(out),
            Event::PartStart { index, kind } => self.part_start(*index, kind, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::PartStop { index } => self.part_stop(*index, out),
            Event::Usage(report) => self.usage.replace(report),
            Event::Tier(tier) => self.tier = Some(*tier),
            // Told at the end: a provider that dies in between must not look as if it had been done.
            Event::Finish(stop) => self.stop = Some(stop.clone()),
            Event::End => self.end(out),
            Event::Ping => {}
        }
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        fault::encode_stream(fault, StreamOf::Converse, out);
    }
}
