//! Reading usage from a relayed Converse stream in passing.

use bytes::Bytes;
use serde_json::Value;
use tg_kernel::chat::StopReason;

use super::reply;
use crate::framing::eventstream::{Frame, Kind, PassingFrames};
use crate::tap::{Summary, Tap};

/// What a payload of `contentBlockDelta` holds besides generated text, roughly: names, index and mean padding.
const DELTA_OVERHEAD: u64 = 80;

/// Watches frames pass. Bytes leave as they came.
#[derive(Debug, Default)]
pub(crate) struct ConverseTap {
    frames: PassingFrames,
    summary: Summary,
}

impl Tap for ConverseTap {
    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        let summary = &mut self.summary;
        self.frames.feed(&chunk, |frame| see(summary, &frame));
        out.push(chunk);
    }

    fn close(&mut self, _out: &mut Vec<Bytes>) {
        // Whole, but its counts never came; or cut off within them.
        self.summary.complete = self.summary.stop.is_some() && !self.frames.is_torn();
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }
}

fn see(summary: &mut Summary, frame: &Frame) {
    let Kind::Event(event) = frame.kind() else {
        summary.failed = true;
        return;
    };
    match event {
        "contentBlockDelta" => {
            summary.content_seen = true;
            summary.content_bytes += (frame.payload.len() as u64).saturating_sub(DELTA_OVERHEAD).max(1);
        }
        "contentBlockStart" => summary.content_seen = true,
        "messageStop" => {
            let data: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
            summary.stop = Some(reply::read_stop(&data).map_or(StopReason::Unknown, |stop| stop.reason));
        }
        "metadata" => {
            let data: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
            if let Some(usage) = data.get("usage") {
                summary.usage.replace(&reply::read_usage(usage));
                (summary.usage_seen, summary.usage_final) = (true, true);
            }
            summary.tier = reply::read_tier(&data).or(summary.tier);
            summary.complete = summary.stop.is_some();
        }
        _ => {}
    }
}
