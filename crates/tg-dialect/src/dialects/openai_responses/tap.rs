//! Reading usage from relayed answers in passing. Only the last event of a stream is parsed.

use super::reply_in::{Seen, stop_reason};
use super::usage::Counts;
use crate::framing::sse::{self, PassingFrames};
use crate::tap::{Summary, Tap};
use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use tg_kernel::usage::ServiceTier;

/// Watches server-sent events pass. Bytes leave as they came.
#[derive(Debug, Default)]
pub(super) struct ResponsesTap {
    frames: PassingFrames,
    summary: Summary,
}

impl Tap for ResponsesTap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let summary = &mut self.summary;
        self.frames.feed(&chunk, |frame, _| see_frame(summary, frame));
        out.push(chunk);
    }

    fn close(&mut self, _out: &mut Vec<Bytes>) {
        // A last frame without its blank line counts if it is whole: its JSON can be read.
        let Some(event) = sse::read_frame(self.frames.torn()) else { return };
        if serde_json::from_slice::<IgnoredAny>(&event.data).is_ok() {
            see_event(&mut self.summary, &kind_of(&event.data), &event.data);
        }
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }
}

fn see_frame(summary: &mut Summary, frame: &[u8]) {
    // The usual shape: one `event:` line, one `data:` line.
    if let Some(rest) = frame.strip_prefix(b"event: ")
        && let Some(end) = memchr::memchr(b'\n', rest)
        && let Some(data) = rest[end + 1..].strip_prefix(b"data: ")
        && let Some(data_end) = memchr::memchr(b'\n', data)
        && data[data_end..].trim_ascii().is_empty()
    {
        see_event(summary, rest[..end].trim_ascii_end(), &data[..data_end]);
    } else if let Some(event) = sse::read_frame(frame) {
        see_event(summary, &kind_of(&event.data), &event.data);
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

fn see_event(summary: &mut Summary, kind: &[u8], data: &[u8]) {
    match kind {
        b"response.completed" | b"response.incomplete" | b"response.failed" => {
            #[derive(Deserialize)]
            struct Last {
                response: Response,
            }
            if let Ok(last) = serde_json::from_slice::<Last>(data) {
                last.response.sum_up(summary);
            }
        }
        b"error" => summary.failed = true,
        b"response.output_text.delta"
        | b"response.refusal.delta"
        | b"response.function_call_arguments.delta"
        | b"response.custom_tool_call_input.delta"
        | b"response.reasoning_text.delta"
        | b"response.reasoning_summary_text.delta" => {
            summary.content_seen = true;
            summary.content_bytes += delta_bytes(data);
        }
        b"response.output_item.added" => summary.content_seen = true,
        _ => {}
    }
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

/// The members of a response object that a summary needs.
#[derive(Deserialize)]
struct Response {
    status: Option<String>,
    model: Option<String>,
    service_tier: Option<String>,
    usage: Option<Counts>,
    incomplete_details: Option<Incomplete>,
    error: Option<IgnoredAny>,
    #[serde(default)]
    output: Vec<Item>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    content: Option<Vec<Item>>,
}

impl Item {
    fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

impl Response {
    fn sum_up(self, summary: &mut Summary) {
        let refusals =
            self.output.iter().filter_map(|item| item.content.as_ref()).flatten().any(|part| part.is("refusal"));
        let seen = Seen { calls: self.output.iter().any(|item| item.is("function_call")), refusals };
        let incomplete = self.incomplete_details.and_then(|details| details.reason);
        summary.failed |= self.error.is_some() || matches!(self.status.as_deref(), Some("failed" | "cancelled"));
        if !summary.failed {
            summary.stop = stop_reason(self.status.as_deref(), incomplete.as_deref(), seen);
            summary.complete = summary.stop.is_some();
        }
        summary.model = self.model.or(summary.model.take());
        summary.tier = self.service_tier.as_deref().and_then(ServiceTier::parse).or(summary.tier);
        if let Some(usage) = self.usage {
            summary.usage.replace(&usage.disjoint());
            (summary.usage_seen, summary.usage_final) = (true, true);
        }
    }
}

/// Reads usage, stop reason and model from a whole answer.
pub(super) fn read_summary(body: &[u8]) -> Summary {
    let mut summary = Summary::default();
    if let Ok(response) = serde_json::from_slice::<Response>(body) {
        summary.content_seen = !response.output.is_empty();
        response.sum_up(&mut summary);
        summary.content_bytes = if summary.content_seen { body.len() as u64 } else { 0 };
    }
    summary
}
