//! Reading a provider's streamed answer: chunks become canonical events, whatever a server's habits.

use super::reply::{self, Piece};
use super::thoughts;
use super::usage::{self, Holds};
use crate::dialect::StreamDecoder;
use crate::dialects::openai_fault;
use crate::framing::sse::{FRAME_BYTES_MAX, SseReader};
use serde_json::Value;
use tg_kernel::chat::{Stop, StopReason, Thought};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

/// The most tool calls that one answer may hold.
const CALLS_MAX: usize = 1024;

/// Reads one answer.
#[derive(Default)]
pub(super) struct Decoder {
    reader: SseReader,
    answer: Answer,
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        self.reader.push(bytes);
        while let Some(event) = self.reader.next_event()? {
            self.answer.frame(&event.data, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        // Some servers leave out the last blank line. What cannot be read there was torn.
        if let Some(event) = self.reader.finish()
            && (&*event.data == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(&event.data).is_ok())
        {
            self.answer.frame(&event.data, out)?;
        }
        self.answer.close(out)
    }
}

/// What is known of the answer so far.
#[derive(Default)]
struct Answer {
    started: bool,
    ended: bool,
    finished: bool,
    tier: Option<ServiceTier>,
    next_index: u32,
    /// The part that is open, tool calls apart.
    open: Option<OpenPart>,
    calls: Vec<Call>,
    holds: Holds,
}

struct OpenPart {
    index: u32,
    kind: PartKind,
    /// Reasoning text has come in plain: blocks that repeat it only add proof.
    plain: bool,
}

/// A tool call; it has a part once its name is known.
struct Call {
    /// Its `index` in the provider's frames.
    position: u64,
    id: String,
    part: Option<u32>,
    closed: bool,
    /// Arguments that came before the name.
    early: String,
}

impl Answer {
    fn frame(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        if data.trim_ascii() == b"[DONE]" {
            self.end(out);
            return Ok(());
        }
        let chunk: Value = serde_json::from_slice(data).map_err(|e| {
            Fault::upstream_failed("upstream_garbage", "The provider sent a stream event that is not JSON.")
                .caused_by(e)
        })?;
        if let Some(error) = error_of(&chunk) {
            return Err(openai_fault::decode_stream_error(error));
        }
        let choices = chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !self.started && !choices.is_empty() {
            self.started = true;
            let text = |name: &str| chunk.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            out.push(Event::Start { id: text("id"), model: text("model") });
        }
        let tier = chunk.get("service_tier").and_then(Value::as_str).and_then(ServiceTier::parse);
        if let Some(tier) = tier.filter(|tier| self.tier != Some(*tier)) {
            self.tier = Some(tier);
            out.push(Event::Tier(tier));
        }
        let first = |choice: &&Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0;
        for choice in choices.iter().filter(first) {
            self.choice(choice, out)?;
        }
        // Some servers report counts inside the last choice.
        let reported = chunk.get("usage").filter(|u| u.is_object()).or_else(|| chunk.pointer("/choices/0/usage"));
        let counts = reported.map(usage::read).unwrap_or_default();
        if !counts.is_silent() {
            out.push(Event::Usage(counts));
        }
        Ok(())
    }

    fn choice(&mut self, choice: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
        // Servers that do not stream send the whole message in one chunk.
        let delta = choice.get("delta").filter(|delta| delta.is_object()).or_else(|| choice.get("message"));
        if let Some(delta) = delta.filter(|_| !self.finished) {
            self.reasoning(delta, out);
            self.content(delta, out);
            for (place, call) in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate() {
                self.call(place as u64, call, out)?;
            }
        }
        match choice.get("finish_reason").and_then(Value::as_str) {
            Some(word) if !word.is_empty() => self.finish(usage::stop_reason(word), out),
            _ => {}
        }
        Ok(())
    }

    fn reasoning(&mut self, delta: &Value, out: &mut Vec<Event>) {
        let text = thoughts::text_of(delta);
        if let Some(text) = text {
            let part = self.part(&PartKind::Reasoning, out);
            part.plain = true;
            let index = part.index;
            out.push(Event::Delta { index, delta: Delta::Reasoning(text.to_owned()) });
        }
        for block in thoughts::blocks(delta) {
            self.block(block, out);
        }
    }

    fn block(&mut self, block: Thought, out: &mut Vec<Event>) {
        if let Some(data) = block.redacted {
            self.close_open(out);
            let index = self.part(&PartKind::Reasoning, out).index;
            out.push(Event::Delta { index, delta: Delta::Redacted(data) });
            self.close_open(out);
            return;
        }
        let part = self.part(&PartKind::Reasoning, out);
        let (index, plain) = (part.index, part.plain);
        if !plain && !block.text.is_empty() {
            out.push(Event::Delta { index, delta: Delta::Reasoning(block.text) });
        }
        if let Some(signature) = block.signature {
            out.push(Event::Delta { index, delta: Delta::Signature(signature) });
            self.close_open(out);
        }
    }

    fn content(&mut self, delta: &Value, out: &mut Vec<Event>) {
        match delta.get("content") {
            Some(Value::String(text)) => self.say(&PartKind::Text, text, out),
            Some(Value::Array(items)) => {
                for piece in items.iter().filter_map(reply::listed) {
                    match piece {
                        Piece::Text(text) => self.say(&PartKind::Text, &text, out),
                        Piece::Reasoning(text) => {
                            let index = self.part(&PartKind::Reasoning, out).index;
                            out.push(Event::Delta { index, delta: Delta::Reasoning(text) });
                        }
                    }
                }
            }
            _ => {}
        }
        if let Some(text) = delta.get("refusal").and_then(Value::as_str) {
            self.say(&PartKind::Refusal, text, out);
        }
    }

    fn say(&mut self, kind: &PartKind, text: &str, out: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        self.holds.refusal |= *kind == PartKind::Refusal;
        let index = self.part(kind, out).index;
        out.push(Event::Delta { index, delta: Delta::Text(text.to_owned()) });
    }

    fn call(&mut self, place: u64, call: &Value, out: &mut Vec<Event>) -> Result<(), Fault> {
        let position = call.get("index").and_then(Value::as_u64).unwrap_or(place);
        let function = call.get("function");
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, name) = (text(call.get("id")), text(function.and_then(|f| f.get("name"))));
        let arguments = function.and_then(|f| f.get("arguments")).map(reply::arguments_text).unwrap_or_default();
        // Some servers give every call the same index: another id with a name is another call.
        let same =
            |c: &Call| c.position == position && (id.is_empty() || c.id.is_empty() || c.id == id || name.is_empty());
        let at = match self.calls.iter().rposition(same) {
            Some(at) => at,
            None if self.calls.len() >= CALLS_MAX => {
                return Err(Fault::upstream_failed("upstream_garbage", "The provider sent too many tool calls."));
            }
            None => {
                self.calls.push(Call { position, id: String::new(), part: None, closed: false, early: String::new() });
                self.calls.len() - 1
            }
        };
        if self.calls.get(at).is_some_and(|call| call.part.is_none() && !name.is_empty()) {
            self.close_open(out);
        }
        let Some(call) = self.calls.get_mut(at) else { return Ok(()) };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.part.is_none() && !name.is_empty() {
            if call.id.is_empty() {
                call.id = reply::fresh_id();
            }
            let index = self.next_index;
            self.next_index += 1;
            self.holds.tool_calls = true;
            call.part = Some(index);
            out.push(Event::PartStart { index, kind: PartKind::ToolUse { id: call.id.clone(), name } });
            if !call.early.is_empty() {
                out.push(Event::Delta { index, delta: Delta::Arguments(std::mem::take(&mut call.early)) });
            }
        }
        match call.part {
            _ if arguments.is_empty() => {}
            Some(_) if call.closed => return Err(late()),
            Some(index) => out.push(Event::Delta { index, delta: Delta::Arguments(arguments) }),
            None if call.early.len() + arguments.len() > FRAME_BYTES_MAX => {
                return Err(Fault::upstream_failed(
                    "upstream_garbage",
                    "The provider sent a tool call without a name.",
                ));
            }
            None => call.early.push_str(&arguments),
        }
        Ok(())
    }

    /// The open part of this kind; opened if there is none, after what else is open was closed.
    fn part(&mut self, kind: &PartKind, out: &mut Vec<Event>) -> &mut OpenPart {
        if self.open.as_ref().is_none_or(|open| open.kind != *kind) {
            self.close_open(out);
            self.close_calls(out);
            let index = self.next_index;
            self.next_index += 1;
            out.push(Event::PartStart { index, kind: kind.clone() });
            return self.open.insert(OpenPart { index, kind: kind.clone(), plain: false });
        }
        let index = self.next_index;
        self.open.get_or_insert_with(|| OpenPart { index, kind: kind.clone(), plain: false })
    }

    fn close_open(&mut self, out: &mut Vec<Event>) {
        out.extend(self.open.take().map(|open| Event::PartStop { index: open.index }));
    }

    fn close_calls(&mut self, out: &mut Vec<Event>) {
        for call in self.calls.iter_mut().filter(|call| !call.closed) {
            if let Some(index) = call.part {
                call.closed = true;
                out.push(Event::PartStop { index });
            }
        }
    }

    fn finish(&mut self, said: StopReason, out: &mut Vec<Event>) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.close_open(out);
        self.close_calls(out);
        out.push(Event::Finish(Stop { reason: usage::meant(said, self.holds), sequence: None }));
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.finish(StopReason::Unknown, out);
        self.ended = true;
        out.push(Event::End);
    }

    /// The connection closed. Many servers never send `[DONE]`: a reason to finish is a clean end too.
    fn close(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        if self.finished {
            self.end(out);
            return Ok(());
        }
        Err(Fault::upstream_failed(
            "upstream_truncated",
            "The provider's stream broke off before the answer was whole.",
        ))
    }
}

fn late() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider went on with a tool call that it had left.")
}

/// The error that a frame reports, in either of the two known forms.
pub(super) fn error_of(chunk: &Value) -> Option<&Value> {
    if chunk.get("object").and_then(Value::as_str) == Some("error") {
        return Some(chunk);
    }
    chunk.get("error").filter(|error| !error.is_null())
}
