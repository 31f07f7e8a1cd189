//! Reading usage from a relayed InvokeModel stream in passing.

use bytes::Bytes;
use serde_json::Value;
use tg_kernel::usage::PartialUsage;

use super::{chunk, envelope::METRICS, usage};
use crate::dialects::anthropic_messages::tap::{EventSummary, kind_of};
use crate::framing::eventstream::{Frame, Kind, PassingFrames};
use crate::tap::{Summary, Tap};

/// Sums up the chunks of a stream, of whatever family.
#[derive(Debug, Default)]
pub(crate) struct ChunkSummary {
    claude: EventSummary,
    /// Claude's first event came. Events of other families have types too.
    is_claude: bool,
    /// The family itself has counted what went in.
    counted_input: bool,
    /// The family itself has counted what came out.
    counted_output: bool,
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
        self.is_claude |= kind == b"message_start";
        if !self.is_claude && kind != b"error" {
            self.see_other(inner);
            return;
        }
        self.claude.see(&kind, inner);
        // Counts of the events themselves win over Bedrock's own.
        if kind == b"message_stop" && !self.summary().usage_final {
            self.counted_input = self.summary().usage_seen;
            self.count(&serde_json::from_slice(inner).unwrap_or_default());
        }
    }

    /// A chunk of another family. Any of them may be the last; the counts come with it. Before it they are running ones
    /// (Llama), or of the input alone (Titan).
    fn see_other(&mut self, inner: &[u8]) {
        let parsed: Value = serde_json::from_slice(inner).unwrap_or_default();
        let summary = self.claude.summary_mut();
        summary.content_seen = true;
        summary.content_bytes += usage::generated(&parsed).unwrap_or(inner.len() as u64);
        summary.stop = usage::read_stop(&parsed).or(summary.stop);
        summary.complete |= parsed.get(METRICS).is_some();
        self.count(&parsed);
    }

    /// The upstream closed. Not every family has a last chunk that is known as such: a reason to stop is an end too.
    pub(crate) fn close(&mut self, torn: bool) {
        let is_claude = self.is_claude;
        let summary = self.claude.summary_mut();
        summary.complete |= !is_claude && summary.stop.is_some();
        summary.complete &= !torn;
    }

    /// The family's own counts win over Bedrock's, which fill in what it leaves open.
    fn count(&mut self, inner: &Value) {
        let summary = self.claude.summary_mut();
        if let Some(own) = usage::read(inner) {
            self.counted_input |= own.input_tokens.is_some();
            self.counted_output |= own.output_tokens.is_some();
            summary.usage.replace(&own);
            summary.usage_seen = true;
        }
        if let Some(metrics) = usage::metrics(inner) {
            let (input, output) = (!self.counted_input, !self.counted_output);
            summary.usage.replace(&PartialUsage {
                input_tokens: metrics.input_tokens.filter(|_| input),
                cache_read_tokens: metrics.cache_read_tokens.filter(|_| input),
                cache_write_5m_tokens: metrics.cache_write_5m_tokens.filter(|_| input),
                output_tokens: metrics.output_tokens.filter(|_| output),
                ..PartialUsage::default()
            });
            summary.usage_seen |= !metrics.is_silent();
        }
        summary.usage_final |= summary.usage_seen && (summary.complete || summary.stop.is_some());
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

    fn close(&mut self, _out: &mut Vec<Bytes>) {
        self.chunks.close(self.frames.is_torn());
    }

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
