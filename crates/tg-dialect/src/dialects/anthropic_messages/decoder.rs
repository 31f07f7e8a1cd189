//! Reading a streamed Anthropic answer as canonical events.

use serde_json::Value;
use std::collections::HashMap;
use tg_kernel::chat::Stop;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;

use super::usage::{self, UsageReader};
use super::{fault, reply};
use crate::dialect::StreamDecoder;
use crate::framing::sse::SseReader;

/// Reads the dialect's own events, whatever frames they came in.
#[derive(Debug, Default)]
pub(crate) struct EventDecoder {
    usage: UsageReader,
    /// The blocks that are open, by the provider's index. Blocks without a canonical form are not in it.
    open: HashMap<u64, OpenBlock>,
    /// How many parts have begun.
    parts: u32,
    ended: bool,
}

#[derive(Debug)]
struct OpenBlock {
    part: u32,
    /// Arguments that stood in the block's start; they count only if no fragment follows.
    whole_input: Option<String>,
}

impl EventDecoder {
    /// Reads the data of one event.
    ///
    /// # Errors
    /// What an error event says, or `Class::UpstreamFailed` for data that cannot be read.
    pub(crate) fn event(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let data: Value = serde_json::from_slice(data).map_err(|error| garbage().caused_by(error))?;
        match data.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => self.message_start(&data["message"], out),
            "content_block_start" => self.block_start(&data, out),
            "content_block_delta" => self.block_delta(&data, out),
            "content_block_stop" => self.block_stop(&data, out),
            "message_delta" => self.message_delta(&data, out),
            "message_stop" => {
                self.ended = true;
                out.push(Event::End);
            }
            "ping" => out.push(Event::Ping),
            "error" => return Err(fault::decode_event(&data)),
            _ => {}
        }
        Ok(())
    }

    /// The stream closed.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when it did so before its end.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(truncated()) }
    }

    fn message_start(&mut self, message: &Value, out: &mut Vec<Event>) {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        out.push(Event::Start { id: text("id"), model: text("model") });
        let Some(usage) = message.get("usage") else { return };
        out.push(Event::Usage(self.usage.read(usage)));
        out.extend(usage::tier(usage).map(Event::Tier));
    }

    fn block_start(&mut self, data: &Value, out: &mut Vec<Event>) {
        let block = &data["content_block"];
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, first) = match block["type"].as_str().unwrap_or_default() {
            "text" => (PartKind::Text, [Some(Delta::Text(text("text"))), None]),
            "thinking" => {
                let deltas = [Some(Delta::Reasoning(text("thinking"))), Some(Delta::Signature(text("signature")))];
                (PartKind::Reasoning, deltas)
            }
            "redacted_thinking" => (PartKind::Reasoning, [Some(Delta::Redacted(text("data"))), None]),
            "tool_use" => (PartKind::ToolUse { id: text("id"), name: text("name") }, [None, None]),
            _ => return,
        };
        let (index, part) = (self.parts, data["index"].as_u64().unwrap_or_default());
        self.parts += 1;
        let input = block.get("input").and_then(Value::as_object).filter(|input| !input.is_empty());
        let whole_input = input.map(|_| block["input"].to_string());
        self.open.insert(part, OpenBlock { part: index, whole_input });
        out.push(Event::PartStart { index, kind });
        let said = |delta: &Delta| match delta {
            Delta::Text(text)
            | Delta::Arguments(text)
            | Delta::Reasoning(text)
            | Delta::Signature(text)
            | Delta::Redacted(text) => !text.is_empty(),
        };
        out.extend(first.into_iter().flatten().filter(said).map(|delta| Event::Delta { index, delta }));
    }

    fn block_delta(&mut self, data: &Value, out: &mut Vec<Event>) {
        let Some(block) = data["index"].as_u64().and_then(|index| self.open.get_mut(&index)) else { return };
        let delta = &data["delta"];
        let text = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let delta = match delta["type"].as_str().unwrap_or_default() {
            "text_delta" => Delta::Text(text("text")),
            "input_json_delta" => {
                let fragment = text("partial_json");
                if !fragment.is_empty() {
                    block.whole_input = None;
                }
                Delta::Arguments(fragment)
            }
            "thinking_delta" => Delta::Reasoning(text("thinking")),
            "signature_delta" => Delta::Signature(text("signature")),
            _ => return,
        };
        out.push(Event::Delta { index: block.part, delta });
    }

    fn block_stop(&mut self, data: &Value, out: &mut Vec<Event>) {
        let Some(block) = data["index"].as_u64().and_then(|index| self.open.remove(&index)) else { return };
        let index = block.part;
        out.extend(block.whole_input.map(|input| Event::Delta { index, delta: Delta::Arguments(input) }));
        out.push(Event::PartStop { index });
    }

    fn message_delta(&mut self, data: &Value, out: &mut Vec<Event>) {
        if let Some(usage) = data.get("usage") {
            let report = self.usage.read(usage);
            if !report.is_silent() {
                out.push(Event::Usage(report));
            }
        }
        let delta = &data["delta"];
        if let Some(reason) = delta["stop_reason"].as_str() {
            let sequence = delta["stop_sequence"].as_str().map(ToOwned::to_owned);
            out.push(Event::Finish(Stop { reason: reply::read_reason(reason), sequence }));
        }
    }
}

/// Reads server-sent events.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    frames: SseReader,
    events: EventDecoder,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        self.frames.push(bytes);
        while let Some(frame) = self.frames.next_event()? {
            self.events.event(&frame.data, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        // A last frame without its blank line is whole if it can be read.
        if let Some(frame) = self.frames.finish() {
            let whole = self.events.event(&frame.data, out);
            whole.map_err(|fault| if fault.code == "upstream_garbage" { truncated() } else { fault })?;
        }
        self.events.finish()
    }
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's stream cannot be read.")
}

/// The stream was cut off.
pub(crate) fn truncated() -> Fault {
    Fault::upstream_failed("upstream_truncated", "The provider's stream ended before it was complete.")
}
