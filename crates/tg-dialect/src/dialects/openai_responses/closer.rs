//! Ending a relayed stream early: what is open is closed as incomplete, then `response.incomplete` repeats it all.

use super::reply_out::{Shape, Status};
use super::usage;
use crate::cut::{Closer, Cutoff, OPEN_MAX, PART_TOKENS, Sink, audio_tokens, text_bytes};
use crate::dialect::ReplyFacts;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tg_kernel::usage::Usage;

/// Members of an item that the model did not make.
const NOT_MADE: [&str; 10] =
    ["id", "type", "status", "role", "call_id", "encrypted_content", "output", "results", "annotations", "logprobs"];

/// How much of an answer is kept for the events that repeat it whole. What lies beyond was streamed all the same.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The pieces that are kept.
const KEPT: [&str; 8] = [
    "response.output_text.delta",
    "response.reasoning_text.delta",
    "response.refusal.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
    "response.mcp_call_arguments.delta",
    "response.custom_tool_call_input.delta",
    "response.code_interpreter_call_code.delta",
];

/// No identifier and no word of an item is longer.
const NAME_BYTES_MAX: usize = 256;

/// Watches one stream.
#[derive(Debug)]
pub(crate) struct ResponsesCloser {
    facts: ReplyFacts,
    /// The response as it was announced.
    response: Option<Map<String, Value>>,
    sequence: u64,
    /// The output items, as far as they came.
    items: BTreeMap<u64, Item>,
    held: usize,
    /// The event that was weighed last, and how large it is.
    weighed: Option<(Value, usize)>,
}

#[derive(Debug, Default)]
struct Item {
    value: Value,
    whole: bool,
    /// How much is kept of it.
    bytes: usize,
    /// There was no room for some of it, and no more of its texts is kept.
    torn: bool,
    /// The parts that are whole: in which list, and where in it.
    parts: BTreeSet<(&'static str, usize)>,
}

impl ResponsesCloser {
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self { facts, response: None, sequence: 0, items: BTreeMap::new(), held: 0, weighed: None }
    }

    /// The whole response, as the last event shows it.
    fn whole(&mut self, usage: &Usage, reason: &'static str) -> Value {
        let status = Status::Incomplete(reason);
        let output: Vec<Value> = self.items.values().map(|item| item.value.clone()).collect();
        let Some(mut response) = self.response.take() else {
            let id = super::reply_out::response_id("", self.facts.id);
            let shape = Shape { id: &id, status, output, usage: Some(usage), tier: None, error: Value::Null };
            return shape.write(&self.facts);
        };
        response.insert("status".into(), status.word().into());
        response.insert("incomplete_details".into(), json!({ "reason": reason }));
        response.insert("output".into(), output.into());
        response.insert("usage".into(), usage::write(usage));
        Value::Object(response)
    }
}

fn number(event: &Value, name: &str) -> u64 {
    event[name].as_u64().unwrap_or_default()
}

fn place(event: &Value, name: &str) -> usize {
    usize::try_from(number(event, name)).unwrap_or(usize::MAX)
}

/// Most parts of an item that are kept apart. Providers send a handful.
const PARTS_MAX: usize = 1024;

impl Item {
    /// The text at `member` of the part in `list` that `at` names, to be added to.
    fn text(&mut self, list: &'static str, at: usize, member: &'static str) -> Option<&mut String> {
        let part = self.part(list, at)?;
        let text = part.as_object_mut()?.entry(member).or_insert_with(|| Value::String(String::new()));
        match text {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn part(&mut self, list: &'static str, at: usize) -> Option<&mut Value> {
        let parts = self.value.as_object_mut()?.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if parts.is_null() {
            *parts = Value::Array(Vec::new());
        }
        let parts = parts.as_array_mut().filter(|_| at < PARTS_MAX)?;
        while parts.len() <= at {
            parts.push(json!({}));
        }
        parts.get_mut(at)
    }

    fn member(&mut self, member: &'static str) -> Option<&mut String> {
        match self.value.as_object_mut()?.entry(member).or_insert_with(|| Value::String(String::new())) {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is room for so much more of it, which is kept then.
    fn has_room(&mut self, bytes: usize, held: &mut usize) -> bool {
        self.torn |= held.saturating_add(bytes) > HELD_BYTES_MAX;
        if !self.torn {
            *held += bytes;
            self.bytes += bytes;
        }
        !self.torn
    }

    /// Takes all of it in place of what is kept; where there is no room, no more than what says what it is.
    fn replace(&mut self, mut value: Value, bytes: usize, held: &mut usize) {
        *held -= std::mem::take(&mut self.bytes);
        self.torn = false;
        if !self.has_room(bytes, held)
            && let Some(members) = value.as_object_mut()
        {
            let is_name = |value: &Value| value.as_str().is_some_and(|text| text.len() <= NAME_BYTES_MAX);
            members.retain(|name, value| NOT_MADE.contains(&name.as_str()) && is_name(value));
        }
        self.value = value;
    }

    /// Takes note of an event of this item, of so many bytes.
    fn see(&mut self, kind: &str, event: &mut Value, bytes: usize, held: &mut usize) {
        let (content, summary) = (place(event, "content_index"), place(event, "summary_index"));
        let more = event["delta"].as_str().map_or(0, str::len);
        if KEPT.contains(&kind) && !self.has_room(more, held) {
            return;
        }
        let text = match kind {
            "response.output_item.added" => {
                self.replace(event["item"].take(), bytes, held);
                return;
            }
            "response.output_item.done" => {
                self.whole = true;
                self.replace(event["item"].take(), bytes, held);
                return;
            }
            "response.content_part.added" | "response.reasoning_summary_part.added" => {
                let is_content = kind == "response.content_part.added";
                let (list, at) = if is_content { ("content", content) } else { ("summary", summary) };
                if self.has_room(bytes, held)
                    && let Some(part) = self.part(list, at)
                {
                    *part = event["part"].take();
                }
                return;
            }
            "response.content_part.done" | "response.reasoning_text.done" => {
                self.parts.extend(Some(("content", content)).filter(|_| content < PARTS_MAX));
                return;
            }
            "response.reasoning_summary_part.done" => {
                self.parts.extend(Some(("summary", summary)).filter(|_| summary < PARTS_MAX));
                return;
            }
            "response.output_text.delta" | "response.reasoning_text.delta" => self.text("content", content, "text"),
            "response.refusal.delta" => self.text("content", content, "refusal"),
            "response.reasoning_summary_text.delta" => self.text("summary", summary, "text"),
            "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => self.member("arguments"),
            "response.custom_tool_call_input.delta" => self.member("input"),
            "response.code_interpreter_call_code.delta" => self.member("code"),
            _ => None,
        };
        if let (Some(text), Some(more)) = (text, event["delta"].as_str()) {
            text.push_str(more);
        }
    }

    /// Writes what closes it.
    fn close(&mut self, index: u64, write: &mut dyn FnMut(&str, Value)) {
        let id = self.value["id"].clone();
        let at = |mut event: Value| {
            event["item_id"] = id.clone();
            event["output_index"] = index.into();
            event
        };
        match self.value["type"].as_str() {
            Some("function_call") => {
                let done = json!({ "name": self.value["name"], "arguments": self.value["arguments"] });
                write("response.function_call_arguments.done", at(done));
            }
            Some("custom_tool_call") => {
                write("response.custom_tool_call_input.done", at(json!({ "input": self.value["input"] })));
            }
            _ => {}
        }
        for (list, name) in [("summary", "summary_index"), ("content", "content_index")] {
            for (number, part) in self.value[list].as_array().into_iter().flatten().enumerate() {
                if self.parts.contains(&(list, number)) {
                    continue;
                }
                let at = |mut event: Value| {
                    event[name] = number.into();
                    at(event)
                };
                let (kind, text) = match part["type"].as_str() {
                    Some("output_text") => {
                        ("response.output_text.done", json!({ "text": part["text"], "logprobs": [] }))
                    }
                    Some("refusal") => ("response.refusal.done", json!({ "refusal": part["refusal"] })),
                    Some("summary_text") => ("response.reasoning_summary_text.done", json!({ "text": part["text"] })),
                    Some("reasoning_text") => ("response.reasoning_text.done", json!({ "text": part["text"] })),
                    _ => continue,
                };
                write(kind, at(text));
                let whole = if list == "summary" {
                    "response.reasoning_summary_part.done"
                } else {
                    "response.content_part.done"
                };
                write(whole, at(json!({ "part": part })));
            }
        }
        if let Some(item) = self.value.as_object_mut() {
            item.insert("status".into(), "incomplete".into());
        }
        write("response.output_item.done", json!({ "output_index": index, "item": self.value }));
    }
}

impl Closer for ResponsesCloser {
    fn weigh(&mut self, _kind: &str, data: &[u8]) -> u64 {
        let event: Value = serde_json::from_slice(data).unwrap_or_default();
        let item = || self.items.get(&number(&event, "output_index")).map(|item| text_bytes(&item.value, &NOT_MADE));
        let tokens = match event["type"].as_str().unwrap_or_default() {
            "response.output_item.added" => PART_TOKENS + text_bytes(&event["item"], &NOT_MADE),
            // What did not come in pieces comes now.
            "response.output_item.done" => {
                text_bytes(&event["item"], &NOT_MADE).saturating_sub(item().unwrap_or_default())
            }
            "response.audio.delta" => event["delta"].as_str().map_or(0, audio_tokens),
            kind if kind.ends_with(".delta") => text_bytes(&event["delta"], &NOT_MADE),
            _ => 0,
        };
        self.weighed = Some((event, data.len()));
        tokens
    }

    fn passed(&mut self) {
        let Some((mut event, bytes)) = self.weighed.take() else { return };
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        if let Some(sequence) = event["sequence_number"].as_u64() {
            self.sequence = self.sequence.max(sequence.saturating_add(1));
        }
        if matches!(kind.as_str(), "response.created" | "response.in_progress" | "response.queued")
            && let Value::Object(response) = event["response"].take()
        {
            self.response = Some(response);
        }
        if event["output_index"].is_u64() {
            let index = number(&event, "output_index");
            if self.items.len() < OPEN_MAX || self.items.contains_key(&index) {
                self.items.entry(index).or_default().see(&kind, &mut event, bytes, &mut self.held);
            }
        }
    }

    fn end(&mut self, usage: &Usage, cutoff: Cutoff, sink: Sink<'_>) {
        let mut sequence = self.sequence;
        let mut write = |kind: &str, mut event: Value| {
            event["type"] = kind.into();
            event["sequence_number"] = sequence.into();
            sequence += 1;
            sink(kind, event.to_string().as_bytes());
        };
        for (index, item) in self.items.iter_mut().filter(|(_, item)| !item.whole) {
            item.close(*index, &mut write);
        }
        let reason = match cutoff {
            Cutoff::Length => "max_output_tokens",
            Cutoff::Filter => "content_filter",
        };
        let response = self.whole(usage, reason);
        write("response.incomplete", json!({ "response": response }));
    }

    fn repeats_at_large(&self) -> bool {
        true
    }
}
