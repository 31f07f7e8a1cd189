//! Ending a relayed stream early: a last chunk for each choice that is open, the counts, `[DONE]`.

use super::{reply, usage};
use crate::cut::{Closer, Cutoff, PART_TOKENS, Sink, audio_tokens, note_choice, text_bytes};
use crate::dialect::ReplyFacts;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tg_kernel::usage::Usage;

/// Members of a choice that the model did not make.
const NOT_MADE: [&str; 9] = ["role", "id", "type", "index", "finish_reason", "logprobs", "signature", "format", "data"];

/// Watches one stream.
pub(crate) struct ChatCloser {
    facts: ReplyFacts,
    /// The members that every chunk has, once one has passed.
    head: Option<Map<String, Value>>,
    /// Each choice, and whether it has ended.
    choices: BTreeMap<u64, bool>,
    weighed: Option<Value>,
}

impl ChatCloser {
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self { facts, head: None, choices: BTreeMap::new(), weighed: None }
    }

    fn first_head(&self) -> Map<String, Value> {
        let head = json!({
            "id": reply::shown_id("", &self.facts),
            "object": "chat.completion.chunk",
            "created": self.facts.created.seconds(),
            "model": self.facts.model,
        });
        match head {
            Value::Object(head) => head,
            _ => Map::new(),
        }
    }

    fn chunk(&self, choices: &Value, usage: &Value, sink: Sink<'_>) {
        let mut chunk = self.head.clone().unwrap_or_else(|| self.first_head());
        chunk.insert("choices".into(), choices.clone());
        if self.facts.include_usage {
            chunk.insert("usage".into(), usage.clone());
        }
        sink("", Value::Object(chunk).to_string().as_bytes());
    }
}

fn choices(chunk: &Value) -> &[Value] {
    chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn weigh(choice: &Value) -> u64 {
    let delta = &choice["delta"];
    let calls = delta["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default();
    let opens = usize::from(delta["role"].is_string()) + calls.iter().filter(|call| call["id"].is_string()).count();
    let spoken = delta["audio"]["data"].as_str().map_or(0, audio_tokens);
    opens as u64 * PART_TOKENS + text_bytes(choice, &NOT_MADE) + spoken
}

impl Closer for ChatCloser {
    fn weigh(&mut self, _kind: &str, data: &[u8]) -> u64 {
        self.weighed = serde_json::from_slice(data).ok();
        self.weighed.as_ref().map_or(0, |chunk| choices(chunk).iter().map(weigh).sum())
    }

    fn passed(&mut self) {
        let Some(chunk) = self.weighed.take() else { return };
        for choice in choices(&chunk) {
            let index = choice["index"].as_u64().unwrap_or_default();
            note_choice(&mut self.choices, index, choice["finish_reason"].is_string());
        }
        if self.head.is_none()
            && let Value::Object(mut head) = chunk
            && head.contains_key("choices")
        {
            // `obfuscation` pads one chunk.
            for own in ["choices", "usage", "obfuscation"] {
                head.remove(own);
            }
            self.head = Some(head);
        }
    }

    fn end(&mut self, usage: &Usage, cutoff: Cutoff, sink: Sink<'_>) {
        if self.choices.is_empty() {
            let first = json!([{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }]);
            self.chunk(&first, &Value::Null, sink);
            self.choices.insert(0, false);
        }
        let reason = match cutoff {
            Cutoff::Length => "length",
            Cutoff::Filter => "content_filter",
        };
        for (index, _) in self.choices.iter().filter(|(_, ended)| !**ended) {
            let last = json!([{ "index": index, "delta": {}, "logprobs": null, "finish_reason": reason }]);
            self.chunk(&last, &Value::Null, sink);
        }
        if self.facts.include_usage {
            self.chunk(&json!([]), &usage::write(usage), sink);
        }
        sink("", b"[DONE]");
    }
}
