//! Reading usage from relayed answers in passing. Only the last event of a stream is parsed.

use super::reply_in::{Seen, stop_reason};
use super::usage;
use crate::framing::sse::{self, PassingFrames};
use crate::tap::{Summary, Tap};
use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tg_kernel::usage::ServiceTier;

/// Watches server-sent events pass. Bytes leave as they came.
#[derive(Debug)]
pub(super) struct ResponsesTap {
    frames: PassingFrames,
    watch: Watch,
}

impl Default for ResponsesTap {
    fn default() -> Self {
        // The last event repeats the whole answer, pictures and all: it may be larger than any buffer.
        Self { frames: PassingFrames::gleaning(), watch: Watch::default() }
    }
}

impl Tap for ResponsesTap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let watch = &mut self.watch;
        self.frames.feed(&chunk, |frame, _| watch.frame(frame));
        out.push(chunk);
    }

    fn close(&mut self, _out: &mut Vec<Bytes>) {
        if let Some(event) = sse::read_last(self.frames.torn()) {
            self.watch.event(&kind_of(&event.data), &event.data);
        }
    }

    fn summary(&self) -> &Summary {
        &self.watch.summary
    }
}

#[derive(Debug, Default)]
struct Watch {
    summary: Summary,
    /// What was announced: the gist of a large last event does not say it.
    seen: Seen,
}

impl Watch {
    fn frame(&mut self, frame: &[u8]) {
        // The usual shape: one `event:` line, one `data:` line.
        if let Some(rest) = frame.strip_prefix(b"event: ")
            && let Some(end) = memchr::memchr(b'\n', rest)
            && let Some(data) = rest[end + 1..].strip_prefix(b"data: ")
            && let Some(data_end) = memchr::memchr(b'\n', data)
            && data[data_end..].trim_ascii().is_empty()
        {
            self.event(rest[..end].trim_ascii_end(), &data[..data_end]);
        } else if let Some(event) = sse::read_frame(frame) {
            self.event(&kind_of(&event.data), &event.data);
        }
    }

    fn event(&mut self, kind: &[u8], data: &[u8]) {
        let summary = &mut self.summary;
        match kind {
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                #[derive(Deserialize)]
                struct Last<'a> {
                    #[serde(borrow)]
                    response: Response<'a>,
                }
                if let Ok(last) = serde_json::from_slice::<Last<'_>>(data) {
                    last.response.sum_up(self.seen, summary);
                }
            }
            b"error" => summary.failed = true,
            b"response.output_text.delta"
            | b"response.refusal.delta"
            | b"response.function_call_arguments.delta"
            | b"response.custom_tool_call_input.delta"
            | b"response.reasoning_text.delta"
            | b"response.reasoning_summary_text.delta" => {
                self.seen.refusals |= kind == b"response.refusal.delta";
                summary.content_seen = true;
                summary.content_bytes += delta_bytes(data);
            }
            b"response.output_item.added" => {
                self.seen.calls |= memmem::find(data, br#""function_call""#).is_some();
                summary.content_seen = true;
            }
            _ => {}
        }
    }
}

/// The type of an event, from its data.
fn kind_of(data: &[u8]) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    serde_json::from_slice::<Kind<'_>>(data).map_or_else(|_| Vec::new(), |kind| kind.kind.as_bytes().to_vec())
}

/// How much generated text a delta carries: the length of the member `delta`, escapes and all.
fn delta_bytes(data: &[u8]) -> u64 {
    let find = || {
        let at = memmem::find(data, br#""delta":"#)? + br#""delta":"#.len();
        let text = data.get(at..)?.trim_ascii_start().strip_prefix(b"\"")?;
        let mut from = 0;
        loop {
            let quote = from + memchr::memchr(b'"', text.get(from..)?)?;
            let slashes = text.get(..quote)?.iter().rev().take_while(|byte| **byte == b'\\').count();
            if slashes % 2 == 0 {
                return Some(quote as u64);
            }
            from = quote + 1;
        }
    };
    find().unwrap_or(0)
}

/// The members of a response object that a summary needs. One of an unexpected type must not hide the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    id: Value,
    object: Value,
    status: Value,
    model: Value,
    service_tier: Value,
    usage: Value,
    incomplete_details: Value,
    error: Value,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    store: Value,
}

/// An output item, or a part of a message's content.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: Value,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
}

/// The items of a list that can be read.
fn items(list: Option<&RawValue>) -> impl Iterator<Item = Item<'_>> {
    let items: Vec<&RawValue> = list.and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    items.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok())
}

impl Response<'_> {
    fn sum_up(&self, mut seen: Seen, summary: &mut Summary) {
        for item in items(self.output) {
            seen.calls |= item.kind == "function_call";
            seen.refusals |= items(item.content).any(|part| part.kind == "refusal");
        }
        let status = self.status.as_str();
        summary.failed |= !self.error.is_null() || matches!(status, Some("failed" | "cancelled"));
        if !summary.failed {
            let incomplete = self.incomplete_details.get("reason").and_then(Value::as_str);
            summary.stop = stop_reason(status, incomplete, seen);
            summary.complete = summary.stop.is_some();
        }
        // What is not kept can be named by no later call.
        let id = self.id.as_str().filter(|_| self.store.as_bool() != Some(false));
        summary.id = id.map(str::to_owned).or(summary.id.take());
        summary.model = self.model.as_str().map(str::to_owned).or(summary.model.take());
        summary.tier = self.service_tier.as_str().and_then(ServiceTier::parse).or(summary.tier);
        summary.report(&usage::read(&self.usage));
    }
}

/// Reads usage, stop reason and model from a whole answer. A response that waits in the background or has failed is an
/// answer too; what its tokens were it says if it can.
pub(super) fn read_summary(body: &[u8]) -> Summary {
    let mut summary = Summary::default();
    if let Ok(response) = serde_json::from_slice::<Response<'_>>(body) {
        response.sum_up(Seen::default(), &mut summary);
        summary.complete = response.object == "response" || response.output.is_some();
        summary.content_seen = items(response.output).next().is_some();
        summary.content_bytes = if summary.content_seen { body.len() as u64 } else { 0 };
    }
    summary
}
