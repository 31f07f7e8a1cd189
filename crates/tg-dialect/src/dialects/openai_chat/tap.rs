//! Reading usage, ends and errors from chunks that pass by. Only frames that say something of these are parsed.

use super::stream_in::error_of;
use super::usage::{self, Holds};
use crate::framing::sse::{self, PassingFrames};
use crate::tap::{Summary, Tap};
use bytes::Bytes;
use memchr::{memchr2, memmem};
use serde_json::Value;
use tg_kernel::usage::ServiceTier;

/// Watches one stream.
#[derive(Default)]
pub(super) struct ChatTap {
    frames: PassingFrames,
    watch: Watch,
    strip_usage: bool,
    /// Pieces of the open frame, held back until it is known whether it is dropped.
    held: Vec<Bytes>,
}

impl ChatTap {
    pub(super) fn new(strip_usage: bool) -> Self {
        Self { strip_usage, ..Self::default() }
    }

    /// Passes on all but the frames to be dropped; the end of the chunk is held back if it is torn.
    fn strip(&mut self, chunk: &Bytes, out: &mut Vec<Bytes>) {
        let (mut kept_from, mut frame_from) = (0, self.frames.belated(chunk));
        let Self { frames, watch, held, .. } = self;
        frames.feed(chunk, |frame, end| {
            if watch.frame(frame) == Fate::Drop {
                forward(chunk, kept_from, frame_from, out);
                kept_from = end;
            } else {
                out.append(held);
            }
            held.clear();
            frame_from = end;
        });
        forward(chunk, kept_from, frame_from, out);
        forward(chunk, frame_from, chunk.len(), held);
        // Too large to be a usage frame: it goes on as it comes.
        if frames.torn().is_empty() {
            out.append(held);
        }
    }
}

fn forward(chunk: &Bytes, from: usize, to: usize, out: &mut Vec<Bytes>) {
    if from < to {
        out.push(chunk.slice(from..to));
    }
}

impl Tap for ChatTap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        if self.strip_usage {
            self.strip(&chunk, out);
        } else {
            let watch = &mut self.watch;
            self.frames.feed(&chunk, |frame, _| {
                watch.frame(frame);
            });
            out.push(chunk);
        }
    }

    fn close(&mut self, out: &mut Vec<Bytes>) {
        if !self.frames.torn().is_empty() && self.watch.frame(self.frames.torn()) == Fate::Drop {
            self.held.clear();
        }
        out.append(&mut self.held);
        // Many servers never send `[DONE]`: a reason to finish is a clean end too.
        if self.watch.summary.stop.is_some() && !self.watch.summary.failed {
            self.watch.summary.complete = true;
            self.watch.summary.usage_final = self.watch.summary.usage_seen;
        }
    }

    fn summary(&self) -> &Summary {
        &self.watch.summary
    }
}

/// Whether a frame goes on to a caller who did not ask for usage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Drop,
}

#[derive(Default)]
struct Watch {
    summary: Summary,
    /// A chunk was parsed: the model is known, if it is ever told.
    opened: bool,
    holds: Holds,
}

impl Watch {
    fn frame(&mut self, frame: &[u8]) -> Fate {
        let speaks = self.count_content(frame);
        let tells = |name: &[u8]| value_after(frame, name).is_some_and(|value| !value.starts_with(b"null"));
        if self.opened && speaks && !tells(b"\"finish_reason\"") && !tells(b"\"usage\"") && !tells(b"\"error\"") {
            return Fate::Keep;
        }
        let Some(event) = sse::read_frame(frame) else { return Fate::Keep };
        if event.data.trim_ascii() == b"[DONE]" {
            self.summary.complete = !self.summary.failed;
            self.summary.usage_final = self.summary.usage_seen && self.summary.complete;
            return Fate::Keep;
        }
        match serde_json::from_slice::<Value>(&event.data) {
            Ok(chunk) => self.chunk(&chunk),
            Err(_) => Fate::Keep,
        }
    }

    fn chunk(&mut self, chunk: &Value) -> Fate {
        if error_of(chunk).is_some() {
            self.summary.failed = true;
            return Fate::Keep;
        }
        let choices = chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |name: &str| chunk.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(model) = text("model").filter(|_| self.summary.model.is_none()) {
            self.summary.model = Some(model.to_owned());
        }
        self.opened |= !choices.is_empty();
        self.summary.tier = text("service_tier").and_then(ServiceTier::parse).or(self.summary.tier);
        for choice in choices {
            if let Some(word) = choice.get("finish_reason").and_then(Value::as_str).filter(|word| !word.is_empty()) {
                self.summary.stop = Some(usage::meant(usage::stop_reason(word), self.holds));
            }
        }
        let reported = chunk.get("usage").filter(|u| u.is_object());
        let inside = || chunk.pointer("/choices/0/usage");
        let Some(reported) = reported.or_else(inside) else { return Fate::Keep };
        let counts = usage::read(reported);
        if counts.is_silent() {
            return Fate::Keep;
        }
        self.summary.usage.replace(&counts);
        self.summary.usage_seen = true;
        self.summary.usage_final = self.summary.stop.is_some();
        let only_usage = chunk.get("choices").is_some_and(|list| list.as_array().is_some_and(Vec::is_empty));
        if only_usage { Fate::Drop } else { Fate::Keep }
    }

    /// Adds the bytes of generated text in the frame's delta, and answers whether there is a delta at all.
    fn count_content(&mut self, frame: &[u8]) -> bool {
        let Some(mut rest) = value_after(frame, b"\"delta\"").filter(|delta| delta.starts_with(b"{")) else {
            return false;
        };
        let (mut depth, mut key): (i32, &[u8]) = (0, b"");
        while let Some(at) = rest.iter().position(|b| matches!(b, b'"' | b'{' | b'}')) {
            let byte = rest.get(at).copied();
            rest = rest.get(at + 1..).unwrap_or_default();
            match byte {
                Some(b'{') => depth += 1,
                Some(b'}') => depth -= 1,
                _ => {
                    let text;
                    (text, rest) = split_string(rest);
                    if rest.trim_ascii_start().starts_with(b":") {
                        key = text;
                    } else {
                        self.count_text(key, text);
                    }
                }
            }
            if depth == 0 {
                break;
            }
        }
        true
    }

    fn count_text(&mut self, key: &[u8], text: &[u8]) {
        match key {
            b"content" | b"reasoning_content" | b"reasoning" | b"text" | b"thinking" => {}
            b"refusal" => self.holds.refusal |= !text.is_empty(),
            b"arguments" | b"name" => self.holds.tool_calls = true,
            _ => return,
        }
        if !text.is_empty() {
            self.summary.content_seen = true;
            self.summary.content_bytes += text.len() as u64;
        }
    }
}

/// What follows `name` and its colon. Quotes inside JSON strings are escaped, so that content cannot pass for a name.
fn value_after<'a>(frame: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memmem::find(frame, name)?;
    frame.get(at + name.len()..)?.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start)
}

/// The raw text up to the closing quote, and what comes after it.
fn split_string(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|tail| memchr2(b'"', b'\\', tail)) {
        at += found;
        if rest.get(at) == Some(&b'"') {
            return (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        }
        at += 2;
    }
    (rest, b"")
}
