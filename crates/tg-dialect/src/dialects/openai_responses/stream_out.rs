//! Writing canonical events as a streamed answer: typed events, numbered from 0.

use super::reply_out::{self, Shape, Status, item_id};
use crate::dialect::{ReplyFacts, StreamEncoder};
use crate::dialects::openai_fault;
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tg_kernel::chat::{Stop, Thought, ToolUse};
use tg_kernel::clock::Timestamp;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::{Class, Fault};
use tg_kernel::ids::CallId;
use tg_kernel::usage::{ServiceTier, Usage};

/// How much of an answer is kept for the events that repeat it whole. What lies beyond was streamed all the same.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Writes one answer. Its last event waits for [`Event::End`], when usage is known.
#[derive(Debug)]
pub(super) struct Encoder {
    facts: ReplyFacts,
    id: String,
    frames: Frames,
    started: bool,
    over: bool,
    usage: Option<Usage>,
    tier: Option<ServiceTier>,
    stop: Option<Stop>,
    refuses: bool,
    held: usize,
    /// The output items so far; `null` while one is open.
    output: Vec<Value>,
    /// The message that texts and refusals go into.
    message: Option<Message>,
    /// The parts that are open, by their canonical index.
    open: BTreeMap<u32, OpenPart>,
}

/// Writes numbered events.
#[derive(Debug, Default)]
struct Frames {
    sequence: u64,
}

#[derive(Debug)]
struct Message {
    place: Place,
    /// The content parts that are whole; `null` while one is open.
    content: Vec<Value>,
}

/// An output item: its id and its place.
#[derive(Clone, Debug)]
struct Place {
    id: String,
    index: usize,
}

#[derive(Debug)]
enum OpenPart {
    Text { content: usize, text: String, kind: TextKind },
    Reasoning { place: Place, thought: Thought, shown: bool },
    Call { place: Place, call: ToolUse },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextKind {
    Text,
    Refusal,
}

/// An event that adds to a part: the one written for every token.
#[derive(Serialize)]
struct DeltaFrame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<usize>,
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

impl Frames {
    /// Writes an event with a number of its own.
    fn write(&mut self, kind: &str, mut data: Value, out: &mut BytesMut) {
        let mut frame = json!({ "type": kind, "sequence_number": self.sequence });
        if let (Some(frame), Some(data)) = (frame.as_object_mut(), data.as_object_mut()) {
            frame.append(data);
        }
        self.put(kind, &frame, out);
    }

    /// JSON has no line feeds of its own, so that one `data:` line holds all of it.
    fn put(&mut self, kind: &str, data: &impl Serialize, out: &mut BytesMut) {
        self.sequence += 1;
        out.put_slice(b"event: ");
        out.put_slice(kind.as_bytes());
        out.put_slice(b"\ndata: ");
        // Writing plain data to memory does not fail.
        drop(serde_json::to_writer((&mut *out).writer(), data));
        out.put_slice(b"\n\n");
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: &Event, out: &mut BytesMut) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, .. } => self.start(id, out),
            Event::PartStart { index, kind } => self.part_start(*index, kind, out),
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::PartStop { index } => self.part_stop(*index, Status::Completed, out),
            Event::Usage(counts) => self.usage.get_or_insert_default().replace(counts),
            Event::Tier(tier) => self.tier = Some(*tier),
            Event::Finish(stop) => self.stop = Some(stop.clone()),
            Event::Ping => out.put_slice(b": ping\n\n"),
            Event::End => self.end(out),
        }
    }

    fn fault(&mut self, fault: &Fault, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.over, true) {
            self.started = true;
            write_error(fault, &mut self.frames, out);
            let error = response_error(fault);
            let failed = self.response(Status::Failed, error);
            self.frames.write("response.failed", json!({ "response": failed }), out);
        }
    }
}

impl Encoder {
    pub(super) fn new(facts: ReplyFacts) -> Self {
        Self {
            id: reply_out::response_id("", facts.id),
            facts,
            frames: Frames::default(),
            started: false,
            over: false,
            usage: None,
            tier: None,
            stop: None,
            refuses: false,
            held: 0,
            output: Vec::new(),
            message: None,
            open: BTreeMap::new(),
        }
    }

    fn response(&mut self, status: Status, error: Value) -> Value {
        let output = std::mem::take(&mut self.output).into_iter().filter(|item| !item.is_null()).collect();
        let shape = Shape { id: &self.id, status, output, usage: self.usage.as_ref(), tier: self.tier, error };
        shape.write(&self.facts)
    }

    fn start(&mut self, id: &str, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.id = reply_out::response_id(id, self.facts.id);
        let (usage, tier) = (self.usage.take(), self.tier.take());
        for kind in ["response.created", "response.in_progress"] {
            let response = self.response(Status::InProgress, Value::Null);
            self.frames.write(kind, json!({ "response": response }), out);
        }
        (self.usage, self.tier) = (usage, tier);
    }

    fn part_start(&mut self, index: u32, kind: &PartKind, out: &mut BytesMut) {
        self.start("", out);
        let part = match kind {
            PartKind::Text => self.open_text(TextKind::Text, out),
            PartKind::Refusal => self.open_text(TextKind::Refusal, out),
            PartKind::Reasoning => {
                let place = self.reserve("rs");
                let item = reply_out::reasoning_item(&place.id, &Thought::default());
                self.item_event("response.output_item.added", &place, &item, out);
                OpenPart::Reasoning { place, thought: Thought::default(), shown: false }
            }
            PartKind::ToolUse { id, name } => {
                let place = self.reserve("fc");
                let call = ToolUse { id: id.clone(), name: name.clone(), arguments: String::new() };
                let item = reply_out::call_item(&place.id, Status::InProgress, &call);
                self.item_event("response.output_item.added", &place, &item, out);
                OpenPart::Call { place, call }
            }
        };
        self.open.insert(index, part);
        self.close_message_if_over(out);
    }

    /// The next output item's place.
    fn reserve(&mut self, prefix: &str) -> Place {
        let index = self.output.len();
        self.output.push(Value::Null);
        Place { id: item_id(prefix, self.facts.id, index), index }
    }

    fn item_event(&mut self, kind: &str, place: &Place, item: &Value, out: &mut BytesMut) {
        self.frames.write(kind, json!({ "output_index": place.index, "item": item }), out);
    }

    fn open_text(&mut self, kind: TextKind, out: &mut BytesMut) -> OpenPart {
        self.refuses |= kind == TextKind::Refusal;
        let mut message = match self.message.take() {
            Some(message) => message,
            None => {
                let place = self.reserve("msg");
                let item = reply_out::message_item(&place.id, Status::InProgress, Vec::new());
                self.item_event("response.output_item.added", &place, &item, out);
                Message { place, content: Vec::new() }
            }
        };
        let content = message.content.len();
        message.content.push(Value::Null);
        self.frames.write(
            "response.content_part.added",
            content_event(&message.place, content, &kind.content("")),
            out,
        );
        self.message = Some(message);
        OpenPart::Text { content, text: String::new(), kind }
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut BytesMut) {
        let Some(part) = self.open.get_mut(&index) else { return };
        let held = &mut self.held;
        match (part, delta) {
            (OpenPart::Text { content, text, kind }, Delta::Text(more)) if !more.is_empty() => {
                let Some(message) = &self.message else { return };
                hold(text, more, held);
                let frame = DeltaFrame {
                    content_index: Some(*content),
                    logprobs: (*kind == TextKind::Text).then_some([]),
                    ..DeltaFrame::new(kind.delta_event(), &self.frames, &message.place, more)
                };
                self.frames.put(kind.delta_event(), &frame, out);
            }
            (OpenPart::Call { place, call }, Delta::Arguments(more)) if !more.is_empty() => {
                hold(&mut call.arguments, more, held);
                let kind = "response.function_call_arguments.delta";
                self.frames.put(kind, &DeltaFrame::new(kind, &self.frames, place, more), out);
            }
            (OpenPart::Reasoning { place, thought, shown }, Delta::Reasoning(more)) if !more.is_empty() => {
                hold(&mut thought.text, more, held);
                if !std::mem::replace(shown, true) {
                    self.frames.write("response.reasoning_summary_part.added", summary_event(place, ""), out);
                }
                let kind = "response.reasoning_summary_text.delta";
                let frame = DeltaFrame { summary_index: Some(0), ..DeltaFrame::new(kind, &self.frames, place, more) };
                self.frames.put(kind, &frame, out);
            }
            (OpenPart::Reasoning { thought, .. }, Delta::Signature(more)) => {
                hold(thought.signature.get_or_insert_default(), more, held);
            }
            (OpenPart::Reasoning { thought, .. }, Delta::Redacted(more)) => {
                hold(thought.redacted.get_or_insert_default(), more, held);
            }
            _ => {}
        }
    }

    fn part_stop(&mut self, index: u32, status: Status, out: &mut BytesMut) {
        match self.open.remove(&index) {
            None => {}
            Some(OpenPart::Text { content, text, kind }) => self.stop_text(content, &text, kind, out),
            Some(OpenPart::Reasoning { place, thought, shown }) => self.stop_reasoning(&place, &thought, shown, out),
            Some(OpenPart::Call { place, call }) => self.stop_call(&place, call, status, out),
        }
    }

    fn stop_text(&mut self, content: usize, text: &str, kind: TextKind, out: &mut BytesMut) {
        let Some(message) = &mut self.message else { return };
        let whole = kind.content(text);
        let place =
            json!({ "item_id": message.place.id, "output_index": message.place.index, "content_index": content });
        let (name, mut done) = match kind {
            TextKind::Text => ("response.output_text.done", json!({ "text": text, "logprobs": [] })),
            TextKind::Refusal => ("response.refusal.done", json!({ "refusal": text })),
        };
        if let (Some(done), Value::Object(mut place)) = (done.as_object_mut(), place) {
            done.append(&mut place);
        }
        self.frames.write(name, done, out);
        self.frames.write("response.content_part.done", content_event(&message.place, content, &whole), out);
        if let Some(slot) = message.content.get_mut(content) {
            *slot = whole;
        }
        let others = self.open.values().any(|part| !matches!(part, OpenPart::Text { .. }));
        if others {
            self.close_message_if_over(out);
        }
    }

    fn stop_reasoning(&mut self, place: &Place, thought: &Thought, shown: bool, out: &mut BytesMut) {
        if shown {
            let done = json!({
                "item_id": place.id, "output_index": place.index, "summary_index": 0, "text": thought.text,
            });
            self.frames.write("response.reasoning_summary_text.done", done, out);
            self.frames.write("response.reasoning_summary_part.done", summary_event(place, &thought.text), out);
        }
        self.item_done(place, reply_out::reasoning_item(&place.id, thought), out);
    }

    fn stop_call(&mut self, place: &Place, mut call: ToolUse, status: Status, out: &mut BytesMut) {
        if status == Status::Completed && call.arguments.trim().is_empty() {
            // A tool without parameters: clients that collect the fragments shall find an object in them.
            let kind = "response.function_call_arguments.delta";
            self.frames.put(kind, &DeltaFrame::new(kind, &self.frames, place, "{}"), out);
            call.arguments = "{}".into();
        }
        let done = json!({
            "item_id": place.id, "output_index": place.index, "name": call.name, "arguments": call.arguments,
        });
        self.frames.write("response.function_call_arguments.done", done, out);
        self.item_done(place, reply_out::call_item(&place.id, status, &call), out);
    }

    fn item_done(&mut self, place: &Place, item: Value, out: &mut BytesMut) {
        self.item_event("response.output_item.done", place, &item, out);
        if let Some(slot) = self.output.get_mut(place.index) {
            *slot = item;
        }
    }

    /// Ends the message when something else begins, unless a text of it is still open.
    fn close_message_if_over(&mut self, out: &mut BytesMut) {
        let open_text = self.open.values().any(|part| matches!(part, OpenPart::Text { .. }));
        if !open_text {
            self.close_message(Status::Completed, out);
        }
    }

    fn close_message(&mut self, status: Status, out: &mut BytesMut) {
        if let Some(message) = self.message.take() {
            let item = reply_out::message_item(&message.place.id, status, message.content);
            self.item_done(&message.place, item, out);
        }
    }

    fn end(&mut self, out: &mut BytesMut) {
        self.start("", out);
        let status = Status::of_stop(&self.stop.take().unwrap_or_default(), self.refuses);
        while let Some((index, _)) = self.open.first_key_value() {
            // A call that is cut short is not one to be made.
            self.part_stop(*index, status, out);
        }
        self.close_message(status, out);
        let kind = match status {
            Status::Incomplete(_) => "response.incomplete",
            Status::Completed | Status::InProgress | Status::Failed => "response.completed",
        };
        let response = self.response(status, Value::Null);
        self.frames.write(kind, json!({ "response": response }), out);
        self.over = true;
    }
}

impl<'a> DeltaFrame<'a> {
    fn new(kind: &'a str, frames: &Frames, place: &'a Place, delta: &'a str) -> Self {
        Self {
            kind,
            sequence_number: frames.sequence,
            item_id: &place.id,
            output_index: place.index,
            content_index: None,
            summary_index: None,
            delta,
            logprobs: None,
        }
    }
}

impl TextKind {
    fn content(self, text: &str) -> Value {
        match self {
            Self::Text => reply_out::text_content(text),
            Self::Refusal => reply_out::refusal_content(text),
        }
    }

    const fn delta_event(self) -> &'static str {
        match self {
            Self::Text => "response.output_text.delta",
            Self::Refusal => "response.refusal.delta",
        }
    }
}

fn content_event(place: &Place, content: usize, part: &Value) -> Value {
    json!({ "item_id": place.id, "output_index": place.index, "content_index": content, "part": part })
}

fn summary_event(place: &Place, text: &str) -> Value {
    let part = json!({ "type": "summary_text", "text": text });
    json!({ "item_id": place.id, "output_index": place.index, "summary_index": 0, "part": part })
}

/// Keeps a fragment for the events that repeat the whole, up to the limit.
fn hold(text: &mut String, more: &str, held: &mut usize) {
    *held = held.saturating_add(more.len());
    if *held <= HELD_BYTES_MAX {
        text.push_str(more);
    }
}

/// Writes a fault into a stream whose earlier events were not ours (a relay): their numbers and id are not known.
pub(super) fn write_fault_alone(fault: &Fault, id: CallId, out: &mut BytesMut) {
    let created = Timestamp::from_seconds(0);
    let mut encoder = Encoder::new(ReplyFacts { id, model: String::new(), created, include_usage: false });
    encoder.fault(fault, out);
}

/// The event `error`. The SDKs raise on its member `error`; the members beside it are the documented form.
fn write_error(fault: &Fault, frames: &mut Frames, out: &mut BytesMut) {
    let error = openai_fault::error_object(fault);
    let data = json!({
        "code": error["code"], "message": error["message"], "param": error["param"], "error": error,
    });
    frames.write("error", data, out);
}

/// The member `error` of a failed response, whose codes are a closed list.
fn response_error(fault: &Fault) -> Value {
    let code = match fault.class {
        Class::Limited | Class::OverBudget => "rate_limit_exceeded",
        Class::Malformed | Class::Blocked | Class::Unsupported | Class::UpstreamRefused | Class::TooLarge => {
            "invalid_prompt"
        }
        _ => "server_error",
    };
    json!({ "code": code, "message": fault.message })
}
