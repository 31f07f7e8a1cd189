//! Reading usage from a relayed InvokeModel stream in passing.

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::{chunk, envelope::METRICS, usage};
use crate::dialects::anthropic_messages::tap::{EventSummary, kind_of};
use crate::framing::eventstream::{Frame, Kind, PassingFrames};
use crate::tap::{Summary, Tap};

/// Sums up the chunks of a stream, of whatever family.
#[derive(Debug, Default)]
pub(crate) struct ChunkSummary {
    claude: EventSummary,
}

impl ChunkSummary {
    /// What was learned so far.
    pub(crate) const fn summary(&self) -> &Summary {
        self.claude.summary()
    }

    /// The stream carried a failure.
    pub(crate) const fn fail(&mut self) {
        self.claude.summary_mut().failed = true;
    }

    /// Takes note of the model's own JSON in a chunk.
    pub(crate) fn see(&mut self, inner: &[u8]) {
        let kind = kind_of(inner);
        if kind.is_empty() {
            self.see_other(inner);
            return;
        }
        self.claude.see(&kind, inner);
        // Counts of the events themselves win over Bedrock's own.
        if kind == b"message_stop" && !self.summary().usage_seen {
            self.count(inner);
        }
    }

    /// A chunk of another family. Any of them may be the last; the counts come with it.
    fn see_other(&mut self, inner: &[u8]) {
        let parsed: Value = serde_json::from_slice(inner).unwrap_or_default();
        let summary = self.claude.summary_mut();
        summary.content_seen = true;
        summary.content_bytes += inner.len() as u64;
        if let Some(stop) = usage::read_stop(&parsed) {
            summary.stop = Some(stop);
            summary.complete = true;
        }
        summary.complete |= memmem::find(inner, METRICS.as_bytes()).is_some();
        self.count(inner);
    }

    fn count(&mut self, inner: &[u8]) {
        let parsed: Value = serde_json::from_slice(inner).unwrap_or_default();
        if let Some(report) = usage::read(&parsed) {
            let summary = self.claude.summary_mut();
            summary.usage.replace(&report);
            (summary.usage_seen, summary.usage_final) = (true, true);
        }
    }
}

/// Watches frames pass. Bytes leave as they came.
#[derive(Debug, Default)]
pub(crate) struct InvokeTap {
    frames: PassingFrames,
    chunks: ChunkSummary,
}

impl Tap for InvokeTap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let chunks = &mut self.chunks;
        self.frames.feed(&chunk, |frame| see_frame(chunks, &frame));
        out.push(chunk);
    }

    fn close(&mut self, _out: &mut Vec<Bytes>) {}

    fn summary(&self) -> &Summary {
        self.chunks.summary()
    }
}

fn see_frame(chunks: &mut ChunkSummary, frame: &Frame) {
    match (frame.kind(), chunk::read(&frame.payload)) {
        (Kind::Event(_), Ok(inner)) => chunks.see(&inner),
        (Kind::Event(_), Err(_)) => {}
        (Kind::Exception(_) | Kind::Error { .. }, _) => chunks.fail(),
    }
}
