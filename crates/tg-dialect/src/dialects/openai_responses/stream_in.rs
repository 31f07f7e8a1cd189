//! Reading a provider's streamed answer as canonical events.

use super::reply_in::{self, Seen};
use crate::dialect::StreamDecoder;
use crate::dialects::openai_fault;
use crate::framing::sse::SseReader;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;

/// Reads the typed events of one answer.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    frames: SseReader,
    started: bool,
    ended: bool,
    seen: Seen,
    /// How many parts have begun.
    parts: u32,
    /// The parts that are open, by their place in the answer.
    open: BTreeMap<Place, OpenPart>,
    /// The parts that were told and are closed: when their item comes whole, it is no news.
    told: BTreeSet<Place>,
}

/// Where a part stands: output item, and content part within a message (0 for other items).
type Place = (u64, u64);

#[derive(Debug)]
struct OpenPart {
    index: u32,
    /// Whether any of it came yet.
    begun: bool,
    /// Of reasoning: the family of events that tells it (`summary` or `content`). The other repeats it.
    family: &'static str,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        self.frames.push(bytes);
        while let Some(frame) = self.frames.next_event()? {
            let data = serde_json::from_slice(&frame.data);
            self.event(&data.map_err(|error| garbage().caused_by(error))?, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        // A last frame without its blank line is whole if it can be read.
        let last: Option<Value> = self.frames.finish().and_then(|frame| serde_json::from_slice(&frame.data).ok());
        if let Some(data) = last {
            self.event(&data, out)?;
        }
        if self.ended { Ok(()) } else { Err(truncated()) }
    }
}

impl Decoder {
    fn event(&mut self, data: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let place = (number(data, "output_index"), number(data, "content_index"));
        let item = (place.0, 0);
        let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "response.created" | "response.in_progress" | "response.queued" => self.start(&data["response"], out),
            "response.output_item.added" => self.item_added(place.0, &data["item"], out),
            "response.output_item.done" => self.item_done(place.0, &data["item"], out),
            "response.output_text.delta" => self.tell(place, PartKind::Text, text("delta"), out),
            "response.output_text.done" => self.tell_whole(place, PartKind::Text, text("text"), out),
            "response.refusal.delta" => self.tell(place, PartKind::Refusal, text("delta"), out),
            "response.refusal.done" => self.tell_whole(place, PartKind::Refusal, text("refusal"), out),
            "response.content_part.added" => self.content_added(place, &data["part"], out),
            "response.content_part.done" if data["part"]["type"] != "reasoning_text" => self.stop(place, out),
            "response.reasoning_summary_part.added" if number(data, "summary_index") > 0 => {
                self.think(item, "summary", "\n\n", out);
            }
            "response.reasoning_summary_text.delta" => self.think(item, "summary", text("delta"), out),
            "response.reasoning_text.delta" => self.think(item, "content", text("delta"), out),
            "response.function_call_arguments.delta" => self.argue(item, text("delta"), out),
            "response.function_call_arguments.done" if self.open.get(&item).is_some_and(|part| !part.begun) => {
                self.argue(item, text("arguments"), out);
            }
            "response.completed" | "response.incomplete" => self.end(&data["response"], out)?,
            "response.failed" => return Err(reply_in::read_failure(&data["response"])),
            "error" => {
                let nested = data.get("error").filter(|error| error.is_object());
                return Err(openai_fault::decode_stream_error(nested.unwrap_or(data)));
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: &Value, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let text = |name: &str| response.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            out.push(Event::Start { id: text("id"), model: text("model") });
        }
    }

    fn open(&mut self, place: Place, kind: PartKind, out: &mut Vec<Event>) -> &mut OpenPart {
        let parts = &mut self.parts;
        self.open.entry(place).or_insert_with(|| {
            let index = *parts;
            *parts += 1;
            out.push(Event::PartStart { index, kind });
            OpenPart { index, begun: false, family: "" }
        })
    }

    fn stop(&mut self, place: Place, out: &mut Vec<Event>) {
        if let Some(part) = self.open.remove(&place) {
            self.told.insert(place);
            out.push(Event::PartStop { index: part.index });
        }
    }

    fn tell(&mut self, place: Place, kind: PartKind, text: &str, out: &mut Vec<Event>) {
        self.seen.refusals |= kind == PartKind::Refusal;
        let part = self.open(place, kind, out);
        part.begun = true;
        out.push(Event::Delta { index: part.index, delta: Delta::Text(text.to_owned()) });
    }

    /// The whole text of a part: news only where nothing of it came before.
    fn tell_whole(&mut self, place: Place, kind: PartKind, text: &str, out: &mut Vec<Event>) {
        let told = self.open.get(&place).map_or_else(|| self.told.contains(&place), |part| part.begun);
        if !told && !text.is_empty() {
            self.tell(place, kind, text, out);
        }
    }

    fn content_added(&mut self, place: Place, part: &Value, out: &mut Vec<Event>) {
        match part.get("type").and_then(Value::as_str) {
            Some("output_text") => {
                self.open(place, PartKind::Text, out);
            }
            Some("refusal") => {
                self.seen.refusals = true;
                self.open(place, PartKind::Refusal, out);
            }
            _ => {}
        }
    }

    fn think(&mut self, item: Place, family: &'static str, text: &str, out: &mut Vec<Event>) {
        let part = self.open(item, PartKind::Reasoning, out);
        if !part.begun {
            (part.begun, part.family) = (true, family);
        }
        if part.family == family && !text.is_empty() {
            out.push(Event::Delta { index: part.index, delta: Delta::Reasoning(text.to_owned()) });
        }
    }

    fn argue(&mut self, item: Place, fragment: &str, out: &mut Vec<Event>) {
        let Some(part) = self.open.get_mut(&item) else { return };
        if !fragment.is_empty() {
            part.begun = true;
            out.push(Event::Delta { index: part.index, delta: Delta::Arguments(fragment.to_owned()) });
        }
    }

    fn item_added(&mut self, item: u64, value: &Value, out: &mut Vec<Event>) {
        if value["type"] == "function_call" {
            self.seen.calls = true;
            let call = reply_in::read_call(value);
            self.open((item, 0), PartKind::ToolUse { id: call.id, name: call.name }, out);
        }
    }

    /// An item is whole: tells what did not come in pieces.
    fn item_done(&mut self, item: u64, value: &Value, out: &mut Vec<Event>) {
        match value["type"].as_str() {
            Some("function_call") => {
                self.item_added(item, value, out);
                if self.open.get(&(item, 0)).is_some_and(|part| !part.begun) {
                    self.argue((item, 0), &reply_in::read_call(value).arguments, out);
                }
            }
            Some("reasoning") => self.thought_done((item, 0), value, out),
            Some("message") => {
                for (index, part) in (0..).zip(value["content"].as_array().into_iter().flatten()) {
                    let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
                    match text("type") {
                        "output_text" => self.tell_whole((item, index), PartKind::Text, text("text"), out),
                        "refusal" => self.tell_whole((item, index), PartKind::Refusal, text("refusal"), out),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        while let Some((place, _)) = self.open.range((item, 0)..=(item, u64::MAX)).next() {
            self.stop(*place, out);
        }
    }

    fn thought_done(&mut self, place: Place, value: &Value, out: &mut Vec<Event>) {
        let thought = reply_in::read_thought(value);
        if thought.text.is_empty() && thought.signature.is_none() && thought.redacted.is_none() {
            return;
        }
        let part = self.open(place, PartKind::Reasoning, out);
        let text = (!part.begun && !thought.text.is_empty()).then_some(Delta::Reasoning(thought.text));
        let deltas = [text, thought.signature.map(Delta::Signature), thought.redacted.map(Delta::Redacted)];
        let index = part.index;
        out.extend(deltas.into_iter().flatten().map(|delta| Event::Delta { index, delta }));
    }

    fn end(&mut self, response: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(object) = response.as_object() else { return Err(garbage()) };
        self.start(response, out);
        let ending = reply_in::read_ending(object, self.seen)?;
        for (_, part) in std::mem::take(&mut self.open) {
            out.push(Event::PartStop { index: part.index });
        }
        out.extend(ending.tier.map(Event::Tier));
        if !ending.usage.is_silent() {
            out.push(Event::Usage(ending.usage));
        }
        out.push(Event::Finish(ending.stop));
        out.push(Event::End);
        self.ended = true;
        Ok(())
    }
}

fn number(data: &Value, name: &str) -> u64 {
    data.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's stream cannot be read.")
}

fn truncated() -> Fault {
    Fault::upstream_failed("upstream_truncated", "The provider's stream ended before it was complete.")
}
