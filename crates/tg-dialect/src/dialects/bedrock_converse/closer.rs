//! Ending a relayed stream early: the open blocks are stopped, then `messageStop` and `metadata`.

use super::padding::Padding;
use super::reply;
use crate::cut::{Closer, Cutoff, OPEN_MAX, PART_TOKENS, Sink, text_bytes};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tg_kernel::ids::CallId;
use tg_kernel::usage::Usage;

/// Watches one stream.
#[derive(Debug)]
pub(crate) struct ConverseCloser {
    padding: Padding,
    started: bool,
    /// The blocks that came, and whether they are open.
    blocks: BTreeMap<u64, bool>,
    weighed: Option<(String, Value)>,
}

impl ConverseCloser {
    pub(crate) fn new(call: CallId) -> Self {
        Self { padding: Padding::new(call), started: false, blocks: BTreeMap::new(), weighed: None }
    }
}

fn block(event: &Value) -> u64 {
    event["contentBlockIndex"].as_u64().unwrap_or_default()
}

impl Closer for ConverseCloser {
    fn weigh(&mut self, kind: &str, data: &[u8]) -> u64 {
        let event: Value = serde_json::from_slice(data).unwrap_or_default();
        let tokens = match kind {
            "contentBlockStart" => PART_TOKENS + text_bytes(&event["start"], &["toolUseId", "type"]),
            "contentBlockDelta" => {
                let opens = !self.blocks.contains_key(&block(&event));
                u64::from(opens) * PART_TOKENS + text_bytes(&event["delta"], &["signature", "citation"])
            }
            _ => 0,
        };
        self.weighed = Some((kind.to_owned(), event));
        tokens
    }

    fn passed(&mut self) {
        let Some((kind, event)) = self.weighed.take() else { return };
        let is_open = match kind.as_str() {
            "contentBlockStart" | "contentBlockDelta" => true,
            "contentBlockStop" => false,
            _ => {
                self.started |= kind == "messageStart";
                return;
            }
        };
        let index = block(&event);
        if self.blocks.len() < OPEN_MAX || self.blocks.contains_key(&index) {
            self.blocks.insert(index, is_open);
        }
    }

    fn end(&mut self, usage: &Usage, cutoff: Cutoff, sink: Sink<'_>) {
        let padding = &mut self.padding;
        let mut write = |kind: &str, mut event: Value| {
            event["p"] = padding.next().into();
            sink(kind, event.to_string().as_bytes());
        };
        if !self.started {
            write("messageStart", json!({ "role": "assistant" }));
        }
        let open: BTreeSet<u64> = self.blocks.iter().filter(|(_, open)| **open).map(|(index, _)| *index).collect();
        for index in open {
            write("contentBlockStop", json!({ "contentBlockIndex": index }));
        }
        let reason = match cutoff {
            Cutoff::Length => "max_tokens",
            Cutoff::Filter => "guardrail_intervened",
        };
        write("messageStop", json!({ "stopReason": reason }));
        write("metadata", json!({ "usage": reply::write_usage(usage), "metrics": { "latencyMs": 0 } }));
    }
}
