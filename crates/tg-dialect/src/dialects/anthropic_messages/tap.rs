//! Reading usage from a relayed Anthropic stream in passing.

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::reply;
use super::usage::{self, UsageReader};
use crate::framing::sse::{self, PassingFrames};
use crate::tap::{Summary, Tap};

/// Sums up the dialect's own events, whatever frames they came in. Only the few that carry counts are parsed.
#[derive(Debug, Default)]
pub(crate) struct EventSummary {
    summary: Summary,
    usage: UsageReader,
}

impl EventSummary {
    /// What was learned so far.
    pub(crate) const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What was learned so far, to add to it.
    pub(crate) const fn summary_mut(&mut self) -> &mut Summary {
        &mut self.summary
    }

    /// Takes note of one event, of type `kind`.
    pub(crate) fn see(&mut self, kind: &[u8], data: &[u8]) {
        match kind {
            b"content_block_delta" => {
                self.summary.content_seen = true;
                self.summary.content_bytes += delta_bytes(data);
            }
            b"content_block_start" => self.summary.content_seen = true,
            b"message_start" => self.message_start(data),
            b"message_delta" => self.message_delta(data),
            b"message_stop" => self.summary.complete = true,
            b"error" => self.summary.failed = true,
            _ => {}
        }
    }

    fn message_start(&mut self, data: &[u8]) {
        let Ok(data) = serde_json::from_slice::<Value>(data) else { return };
        let message = &data["message"];
        self.summary.model = message["model"].as_str().map(ToOwned::to_owned);
        self.report(message.get("usage"));
    }

    fn message_delta(&mut self, data: &[u8]) {
        let Ok(data) = serde_json::from_slice::<Value>(data) else { return };
        if let Some(reason) = data["delta"]["stop_reason"].as_str() {
            self.summary.stop = Some(reply::read_reason(reason));
        }
        self.summary.usage_final |= self.report(data.get("usage"));
    }

    fn report(&mut self, usage: Option<&Value>) -> bool {
        let Some(usage) = usage else { return false };
        let report = self.usage.read(usage);
        if report.is_silent() {
            return false;
        }
        self.summary.usage.replace(&report);
        self.summary.usage_seen = true;
        self.summary.tier = usage::tier(usage).or(self.summary.tier);
        true
    }
}

/// How much generated text a `content_block_delta` carries.
///
/// The usual shape is read by position, because this runs for every token; any other shape is parsed.
fn delta_bytes(data: &[u8]) -> u64 {
    usual_delta_bytes(data).unwrap_or_else(|| {
        let data: Value = serde_json::from_slice(data).unwrap_or_default();
        let text = |name: &str| data["delta"][name].as_str().map_or(0, str::len);
        (text("text") + text("partial_json") + text("thinking")) as u64
    })
}

fn usual_delta_bytes(data: &[u8]) -> Option<u64> {
    const DELTA: &[u8] = br#""delta":{"type":""#;
    let at = memmem::find(data, DELTA)? + DELTA.len();
    let rest = data.get(at..)?.trim_ascii_end().strip_suffix(br#""}}"#)?;
    let prefixes: [(&[u8], bool); 4] = [
        (br#"text_delta","text":""#, true),
        (br#"input_json_delta","partial_json":""#, true),
        (br#"thinking_delta","thinking":""#, true),
        (br#"signature_delta","signature":""#, false),
    ];
    let (text, counts) = prefixes.iter().find_map(|(prefix, counts)| Some((rest.strip_prefix(*prefix)?, *counts)))?;
    Some(if counts { text.len() as u64 } else { 0 })
}

/// The type of an event, from its data.
pub(crate) fn kind_of(data: &[u8]) -> Vec<u8> {
    if let Some(rest) = data.strip_prefix(br#"{"type":""#)
        && let Some(end) = memchr::memchr(b'"', rest)
    {
        return rest[..end].to_vec();
    }
    let data: Value = serde_json::from_slice(data).unwrap_or_default();
    data["type"].as_str().unwrap_or_default().as_bytes().to_vec()
}

/// Watches server-sent events pass. Bytes leave as they came.
#[derive(Debug, Default)]
pub(crate) struct SseTap {
    frames: PassingFrames,
    events: EventSummary,
}

impl Tap for SseTap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let events = &mut self.events;
        self.frames.feed(&chunk, |frame, _| see_frame(events, frame));
        out.push(chunk);
    }

    fn close(&mut self, _out: &mut Vec<Bytes>) {
        if let Some(event) = sse::read_last(self.frames.torn()) {
            self.events.see(&kind_of(&event.data), &event.data);
        }
    }

    fn summary(&self) -> &Summary {
        &self.events.summary
    }
}

fn see_frame(events: &mut EventSummary, frame: &[u8]) {
    // The usual shape: one `event:` line, one `data:` line.
    if let Some(rest) = frame.strip_prefix(b"event: ")
        && let Some(end) = memchr::memchr(b'\n', rest)
        && let Some(data) = rest[end + 1..].strip_prefix(b"data: ")
        && let Some(data_end) = memchr::memchr(b'\n', data)
        && data[data_end..].trim_ascii().is_empty()
    {
        events.see(rest[..end].trim_ascii_end(), &data[..data_end]);
        return;
    }
    if let Some(event) = sse::read_frame(frame) {
        events.see(&kind_of(&event.data), &event.data);
    }
}
