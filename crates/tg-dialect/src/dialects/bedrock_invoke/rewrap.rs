//! Claude's stream events from one framing into the other: `chunk` frames to server-sent events, and back.
//!
//! The events themselves stay as they are; only what belongs to one framing alone is added or taken out.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::usage::Usage;

use super::tap::ChunkSummary;
use super::{chunk, envelope};
use crate::dialects::anthropic_messages::fault as claude_fault;
use crate::dialects::anthropic_messages::tap::kind_of;
use crate::dialects::bedrock_converse::fault::{self, StreamOf};
use crate::dialects::bedrock_converse::padding::Padding;
use crate::framing::eventstream::{FrameDecoder, Kind};
use crate::framing::sse::{self, SseReader};
use crate::tap::{Summary, Tap};

/// Carries Claude's stream events from one framing into the other, and reads usage in passing.
///
/// It has the shape of a [`Tap`], but its bytes are new ones. A failure that the upstream reports, or bytes that cannot
/// be read, leave as an error in the other framing; nothing follows it. A stream that is cut off ends without one: see
/// [`Summary::complete`].
#[derive(Debug)]
pub struct Rewrap {
    source: Source,
    call: CallId,
    chunks: ChunkSummary,
    /// The caller has got its error; nothing may follow.
    over: bool,
}

#[derive(Debug)]
enum Source {
    Chunks(FrameDecoder),
    Sse(SseReader, Padding),
}

impl Rewrap {
    /// From Bedrock's `chunk` frames to Anthropic's server-sent events.
    #[must_use]
    pub fn to_sse(call: CallId) -> Self {
        Self::new(Source::Chunks(FrameDecoder::new()), call)
    }

    /// From Anthropic's server-sent events to Bedrock's `chunk` frames.
    #[must_use]
    pub fn to_chunks(call: CallId) -> Self {
        Self::new(Source::Sse(SseReader::new(), Padding::new(call)), call)
    }

    fn new(source: Source, call: CallId) -> Self {
        Self { source, call, chunks: ChunkSummary::default(), over: false }
    }

    fn frames(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let Source::Chunks(frames) = &mut self.source else { return Ok(()) };
        frames.push(bytes);
        while let Some(frame) = frames.next_frame()? {
            if let Some(fault) = fault::decode_frame(frame.kind(), &frame.payload) {
                return Err(fault);
            }
            if frame.kind() != Kind::Event("chunk") {
                continue;
            }
            let inner = chunk::read(&frame.payload)?;
            self.chunks.see(&inner);
            let kind = kind_of(&inner);
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

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.over = true;
        self.chunks.fail();
        match &self.source {
            Source::Chunks(_) => claude_fault::encode_stream(fault, self.call, out),
            Source::Sse(..) => fault::encode_stream(fault, StreamOf::Invoke, out),
        }
    }
}

fn write_chunk(data: &[u8], chunks: &mut ChunkSummary, padding: &mut Padding, out: &mut BytesMut) -> Result<(), Fault> {
    let kind = kind_of(data);
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

impl Tap for Rewrap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        if self.over {
            return;
        }
        let mut written = BytesMut::with_capacity(chunk.len() * 2);
        let result = match &self.source {
            Source::Chunks(_) => self.frames(&chunk, &mut written),
            Source::Sse(..) => self.events(&chunk, &mut written),
        };
        if let Err(fault) = result {
            self.fail(&fault, &mut written);
        }
        if !written.is_empty() {
            out.push(written.freeze());
        }
    }

    fn close(&mut self, out: &mut Vec<Bytes>) {
        let Source::Sse(events, padding) = &mut self.source else { return };
        let mut written = BytesMut::new();
        // A last event without its blank line is whole if it can be read.
        if let Some(event) = events.finish()
            && !self.over
            && serde_json::from_slice::<Value>(&event.data).is_ok()
            && let Err(fault) = write_chunk(&event.data, &mut self.chunks, padding, &mut written)
        {
            self.fail(&fault, &mut written);
        }
        if !written.is_empty() {
            out.push(written.freeze());
        }
    }

    fn summary(&self) -> &Summary {
        self.chunks.summary()
    }
}
