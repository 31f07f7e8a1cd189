//! Reading a streamed Converse answer as canonical events.

use serde_json::Value;
use std::collections::HashMap;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;

use super::{fault, reply};
use crate::dialect::StreamDecoder;
use crate::dialects::anthropic_messages::decoder::truncated;
use crate::framing::eventstream::{FrameDecoder, Kind};

/// Reads event-stream frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    frames: FrameDecoder,
    /// The blocks that are open, by the provider's index. `None` for those without a canonical form.
    open: HashMap<u64, Option<u32>>,
    /// How many parts have begun.
    parts: u32,
    stopped: bool,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        self.frames.push(bytes);
        while let Some(frame) = self.frames.next_frame()? {
            if let Some(fault) = fault::decode_frame(frame.kind(), &frame.payload) {
                return Err(fault);
            }
            if let Kind::Event(event) = frame.kind()
                && !self.ended
            {
                self.event(event, &frame.payload, out)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        if !self.stopped || self.frames.is_torn() {
            return Err(truncated());
        }
        // Whole, but its counts never came.
        self.ended = true;
        out.push(Event::End);
        Ok(())
    }
}

impl Decoder {
    fn event(&mut self, event: &str, payload: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        let garbage = || Fault::upstream_failed("upstream_garbage", "The provider's stream cannot be read.");
        let data: Value = serde_json::from_slice(payload).map_err(|error| garbage().caused_by(error))?;
        let index = data["contentBlockIndex"].as_u64().unwrap_or_default();
        match event {
            "messageStart" => out.push(Event::Start { id: String::new(), model: String::new() }),
            "contentBlockStart" => self.block_start(index, &data["start"], out),
            "contentBlockDelta" => self.block_delta(index, &data["delta"], out),
            "contentBlockStop" => {
                if let Some(Some(part)) = self.open.remove(&index) {
                    out.push(Event::PartStop { index: part });
                }
            }
            "messageStop" => {
                self.stopped = true;
                out.extend(reply::read_stop(&data).map(Event::Finish));
            }
            "metadata" => {
                out.extend(data.get("usage").map(|usage| Event::Usage(reply::read_usage(usage))));
                out.extend(reply::read_tier(&data).map(Event::Tier));
                if self.stopped {
                    self.ended = true;
                    out.push(Event::End);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn block_start(&mut self, index: u64, start: &Value, out: &mut Vec<Event>) {
        let call = &start["toolUse"];
        let text = |name: &str| call.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let is_server_tool = call.get("type").is_some_and(|kind| kind == "server_tool_use");
        match (text("toolUseId"), text("name")) {
            (Some(id), Some(name)) if !is_server_tool => {
                self.part_start(index, PartKind::ToolUse { id, name }, out);
            }
            _ if start.as_object().is_some_and(|start| !start.is_empty()) => {
                self.open.insert(index, None);
            }
            // An empty start says nothing of the kind; the first delta will.
            _ => {}
        }
    }

    fn part_start(&mut self, index: u64, kind: PartKind, out: &mut Vec<Event>) -> u32 {
        let part = self.parts;
        self.parts += 1;
        self.open.insert(index, Some(part));
        out.push(Event::PartStart { index: part, kind });
        part
    }

    fn block_delta(&mut self, index: u64, delta: &Value, out: &mut Vec<Event>) {
        let reasoning = &delta["reasoningContent"];
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        // In a stream the text and its signature stand one level higher than in a whole answer.
        let read = text(&delta["text"])
            .map(Delta::Text)
            .or_else(|| text(&delta["toolUse"]["input"]).map(Delta::Arguments))
            .or_else(|| text(&reasoning["text"]).map(Delta::Reasoning))
            .or_else(|| text(&reasoning["signature"]).map(Delta::Signature))
            .or_else(|| text(&reasoning["redactedContent"]).map(Delta::Redacted));
        let Some(delta) = read else { return };
        let part = match (self.open.get(&index), &delta) {
            (Some(None), _) | (None, Delta::Arguments(_)) => return,
            (Some(Some(part)), _) => *part,
            (None, Delta::Text(_)) => self.part_start(index, PartKind::Text, out),
            (None, _) => self.part_start(index, PartKind::Reasoning, out),
        };
        out.push(Event::Delta { index: part, delta });
    }
}
