//! Claude's stream events from one framing into the other: `chunk` frames to server-sent events, and back.
//!
//! The events themselves stay as they are; only what belongs to one framing alone is added or taken out.

use bytes::BytesMut;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::usage::Usage;

use super::tap::ChunkSummary;
use super::{chunk, envelope};
use crate::dialects::anthropic_messages::fault as claude_fault;
use crate::dialects::anthropic_messages::tap::kind_of;
use crate::dialects::bedrock_converse::fault;
use crate::dialects::bedrock_converse::padding::Padding;
use crate::framing::eventstream::{FrameDecoder, Kind};
use crate::framing::sse::{self, SseReader};
use crate::tap::Summary;

/// Carries Claude's stream events from one framing into the other, and reads usage in passing.
///
/// A failure that the upstream reports, or bytes that cannot be read, are an error: the caller is to be told, and nothing
/// may follow. A stream that is cut off ends without one: see [`Summary::complete`].
#[derive(Debug)]
pub struct Rewrap {
    source: Source,
    chunks: ChunkSummary,
}

#[derive(Debug)]
enum Source {
    Chunks(FrameDecoder),
    Sse(SseReader, Padding),
}

impl Rewrap {
    /// From Bedrock's `chunk` frames to Anthropic's server-sent events.
    #[must_use]
    pub fn to_sse() -> Self {
        Self { source: Source::Chunks(FrameDecoder::new()), chunks: ChunkSummary::default() }
    }

    /// From Anthropic's server-sent events to Bedrock's `chunk` frames.
    #[must_use]
    pub fn to_chunks(call: CallId) -> Self {
        Self { source: Source::Sse(SseReader::new(), Padding::new(call)), chunks: ChunkSummary::default() }
    }

    /// Takes the next bytes of the upstream, and appends the caller's.
    ///
    /// # Errors
    /// What the stream itself reports, or `Class::UpstreamFailed` for bytes that cannot be read. What could be read
    /// before is in `out`.
    pub fn pass(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let read = match &self.source {
            Source::Chunks(_) => self.frames(bytes, out),
            Source::Sse(..) => self.events(bytes, out),
        };
        read.inspect_err(|_| self.chunks.fail())
    }

    /// The upstream closed: appends what was held back.
    ///
    /// # Errors
    /// What the last event reports.
    pub fn close(&mut self, out: &mut BytesMut) -> Result<(), Fault> {
        let Source::Sse(events, padding) = &mut self.source else { return Ok(()) };
        // A last event without its blank line is whole if it can be read.
        let Some(event) = events.finish() else { return Ok(()) };
        if serde_json::from_slice::<IgnoredAny>(&event.data).is_err() {
            return Ok(());
        }
        write_chunk(&event.data, &mut self.chunks, padding, out).inspect_err(|_| self.chunks.fail())
    }

    /// What was learned so far.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        self.chunks.summary()
    }

    fn frames(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let Source::Chunks(frames) = &mut self.source else { return Ok(()) };
        frames.push(bytes);
        while let Some(frame) = frames.next_frame()? {
            if let Some(fault) = fault::decode_frame(frame.kind(), &frame.payload) {
                return Err(fault);
            }
            if frame.kind() != Kind::Event("chunk") || self.chunks.summary().complete {
                continue;
            }
            let inner = chunk::read(&frame.payload)?;
            let kind = kind(&inner)?;
            self.chunks.see(&inner);
            let name = std::str::from_utf8(&kind).ok();
            if kind == b"message_stop" {
                sse::write_event(name, &envelope::without_metrics(&inner), out);
            } else {
                sse::write_event(name, &inner, out);
            }
        }
        Ok(())
    }

    fn events(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let Source::Sse(events, padding) = &mut self.source else { return Ok(()) };
        events.push(bytes);
        while let Some(event) = events.next_event()? {
            write_chunk(&event.data, &mut self.chunks, padding, out)?;
        }
        Ok(())
    }
}

/// The type of one of Claude's events: what has none is none of them.
fn kind(data: &[u8]) -> Result<Vec<u8>, Fault> {
    let kind = kind_of(data);
    let garbage = || Fault::upstream_failed("upstream_garbage", "The provider's stream cannot be read.");
    if kind.is_empty() { Err(garbage()) } else { Ok(kind) }
}

fn write_chunk(data: &[u8], chunks: &mut ChunkSummary, padding: &mut Padding, out: &mut BytesMut) -> Result<(), Fault> {
    // Some servers send more after the last event, in forms of their own.
    if chunks.summary().complete {
        return Ok(());
    }
    let kind = kind(data)?;
    match kind.as_slice() {
        // Bedrock sends no pings.
        b"ping" => return Ok(()),
        b"error" => return Err(claude_fault::decode_event(&serde_json::from_slice(data).unwrap_or_default())),
        _ => chunks.see(data),
    }
    if kind == b"message_stop" {
        let metrics = write_metrics(&chunks.summary().usage);
        chunk::write(&envelope::with_metrics(data, &metrics), padding, out);
    } else {
        chunk::write(data, padding, out);
    }
    Ok(())
}

/// Bedrock's own counts, as clients of InvokeModel find them in the last chunk.
pub(crate) fn write_metrics(usage: &Usage) -> Value {
    let mut metrics = Map::new();
    metrics.insert("inputTokenCount".into(), usage.input_tokens.into());
    metrics.insert("outputTokenCount".into(), usage.output_tokens.into());
    let written = usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens);
    if usage.cache_read_tokens > 0 || written > 0 {
        metrics.insert("cacheReadInputTokenCount".into(), usage.cache_read_tokens.into());
        metrics.insert("cacheWriteInputTokenCount".into(), written.into());
    }
    Value::Object(metrics)
}
