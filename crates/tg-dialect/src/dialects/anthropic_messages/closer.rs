//! Ending a relayed stream early: the open blocks are stopped, then `message_delta` with `max_tokens` or `refusal`.

use super::{encoder::EventEncoder, reply, usage};
use crate::cut::{Closer, Cutoff, OPEN_MAX, PART_TOKENS, Sink, text_bytes};
use crate::dialect::ReplyFacts;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::event::Event;
use tg_kernel::usage::Usage;

/// Members of a block or a delta that the model did not make.
const NOT_MADE: [&str; 6] = ["type", "id", "tool_use_id", "signature", "citation", "citations"];

/// Watches one stream.
#[derive(Debug)]
pub(crate) struct MessagesCloser {
    facts: ReplyFacts,
    started: bool,
    open: BTreeSet<u64>,
    weighed: Option<Value>,
}

impl MessagesCloser {
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self { facts, started: false, open: BTreeSet::new(), weighed: None }
    }
}

impl Closer for MessagesCloser {
    fn weigh(&mut self, _kind: &str, data: &[u8]) -> u64 {
        let event: Value = serde_json::from_slice(data).unwrap_or_default();
        let tokens = match event["type"].as_str() {
            Some("content_block_start") => {
                let block = &event["content_block"];
                // What a tool of the provider found is read by the model, not written by it.
                let found = block["type"].as_str().is_some_and(|kind| kind.ends_with("_tool_result"));
                if found { 0 } else { PART_TOKENS + text_bytes(block, &NOT_MADE) }
            }
            Some("content_block_delta") => text_bytes(&event["delta"], &NOT_MADE),
            _ => 0,
        };
        self.weighed = Some(event);
        tokens
    }

    fn passed(&mut self) {
        let Some(event) = self.weighed.take() else { return };
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str() {
            Some("message_start") => self.started = true,
            Some("content_block_start") if self.open.len() < OPEN_MAX => {
                self.open.insert(index);
            }
            Some("content_block_stop") => {
                self.open.remove(&index);
            }
            _ => {}
        }
    }

    fn end(&mut self, usage: &Usage, cutoff: Cutoff, sink: Sink<'_>) {
        let reason = match cutoff {
            Cutoff::Length => StopReason::MaxTokens,
            Cutoff::Filter => StopReason::ContentFilter,
        };
        let stop = Stop { reason, ..Stop::default() };
        if !self.started {
            let mut events = EventEncoder::new(self.facts.clone());
            for event in [Event::Usage((*usage).into()), Event::Finish(stop), Event::End] {
                events.event(&event, &mut |kind, data| sink(kind, data.to_string().as_bytes()));
            }
            return;
        }
        for index in std::mem::take(&mut self.open) {
            let stop = json!({ "type": "content_block_stop", "index": index });
            sink("content_block_stop", stop.to_string().as_bytes());
        }
        let mut delta = Map::new();
        reply::write_stop(&stop, false, &mut delta);
        let last = json!({ "type": "message_delta", "delta": delta, "usage": usage::write(usage, None) });
        sink("message_delta", last.to_string().as_bytes());
        sink("message_stop", br#"{"type":"message_stop"}"#);
    }
}
