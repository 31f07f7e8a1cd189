//! Ending a relayed stream early, in the forms of the families that InvokeModel serves.

use super::chunk;
use super::envelope::{METRICS, with_metrics};
use super::rewrap::write_metrics;
use crate::cut::{Closer, Cutoff, PART_TOKENS, Sink, note_choice, text_bytes};
use crate::dialect::ReplyFacts;
use crate::dialects::anthropic_messages::closer::MessagesCloser;
use crate::dialects::bedrock_converse::closer::ConverseCloser;
use crate::dialects::bedrock_converse::padding::Padding;
use bytes::BytesMut;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tg_kernel::usage::Usage;

/// Members of a chunk that the model did not make.
const NOT_MADE: [&str; 13] = [
    "id",
    "type",
    "role",
    "object",
    "model",
    "index",
    "stop_reason",
    "finish_reason",
    "stopReason",
    "completionReason",
    "event_type",
    "generation_id",
    "response_id",
];

/// Watches one stream.
pub(crate) struct InvokeCloser {
    claude: MessagesCloser,
    nova: ConverseCloser,
    family: Option<Family>,
    /// Whether a chunk of text has come.
    begun: bool,
    /// Of families that speak as OpenAI does: each choice, and whether it has ended.
    choices: BTreeMap<u64, bool>,
    /// The members that every such chunk has.
    head: Map<String, Value>,
    weighed: Option<Value>,
}

/// Whose stream it is, by its first chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Claude,
    Nova,
    Llama,
    Titan,
    Mistral,
    /// Mistral, DeepSeek, AI21, OpenAI, Qwen and others: `choices`.
    Choices,
    CohereR,
    Cohere,
    /// One that is not known: its stream ends with Bedrock's counts alone.
    Other,
}

impl Family {
    fn of(chunk: &Value) -> Self {
        let has = |name: &str| chunk.get(name).is_some();
        if chunk["type"].as_str().is_some_and(|kind| kind == "message_start") {
            return Self::Claude;
        }
        let marks = [
            ("messageStart", Self::Nova),
            ("contentBlockDelta", Self::Nova),
            ("generation", Self::Llama),
            ("outputText", Self::Titan),
            ("outputs", Self::Mistral),
            ("choices", Self::Choices),
            ("generations", Self::Cohere),
            ("event_type", Self::CohereR),
            ("is_finished", Self::CohereR),
        ];
        marks.into_iter().find(|(mark, _)| has(mark)).map_or(Self::Other, |(_, family)| family)
    }
}

impl InvokeCloser {
    pub(crate) fn new(facts: ReplyFacts) -> Self {
        Self {
            nova: ConverseCloser::new(facts.id),
            claude: MessagesCloser::new(facts),
            family: None,
            begun: false,
            choices: BTreeMap::new(),
            head: Map::new(),
            weighed: None,
        }
    }

    /// The last chunk of a family that has one form for all chunks, without Bedrock's counts.
    fn last(&self, family: Family, usage: &Usage, cutoff: Cutoff) -> Value {
        let word = |at_length, filtered| match cutoff {
            Cutoff::Length => at_length,
            Cutoff::Filter => filtered,
        };
        let (reason, toxic) = (word("length", "content_filter"), word("MAX_TOKENS", "ERROR_TOXIC"));
        match family {
            Family::Llama => json!({
                "generation": "",
                "prompt_token_count": null,
                "generation_token_count": usage.output_tokens,
                "stop_reason": reason,
            }),
            Family::Titan => json!({
                "outputText": "",
                "index": 0,
                "totalOutputTextTokenCount": usage.output_tokens,
                "completionReason": word("LENGTH", "CONTENT_FILTERED"),
                "inputTextTokenCount": null,
            }),
            Family::Mistral => json!({ "outputs": [{ "text": "", "stop_reason": reason }] }),
            Family::CohereR => {
                json!({ "is_finished": true, "event_type": "stream-end", "finish_reason": toxic })
            }
            Family::Cohere => json!({ "generations": [{ "text": "", "finish_reason": toxic }] }),
            Family::Choices => {
                let open = self.choices.iter().filter(|(_, ended)| !**ended);
                let last = open.map(
                    |(index, _)| json!({ "index": index, "delta": {}, "stop_reason": reason, "finish_reason": reason }),
                );
                let mut chunk = self.head.clone();
                chunk.insert("choices".into(), last.collect());
                Value::Object(chunk)
            }
            Family::Claude | Family::Nova | Family::Other => json!({}),
        }
    }
}

impl Closer for InvokeCloser {
    fn weigh(&mut self, _kind: &str, data: &[u8]) -> u64 {
        let chunk: Value = serde_json::from_slice(data).unwrap_or_default();
        let family = *self.family.get_or_insert_with(|| Family::of(&chunk));
        match family {
            Family::Claude => self.claude.weigh("", data),
            Family::Nova => {
                let event = chunk.as_object().and_then(|members| members.iter().find(|(name, _)| *name != METRICS));
                event.map_or(0, |(kind, event)| self.nova.weigh(kind, event.to_string().as_bytes()))
            }
            // Cohere's last chunk repeats the whole answer.
            _ if chunk["is_finished"] == true => 0,
            _ => {
                let tokens = text_bytes(&chunk, &NOT_MADE) + u64::from(!self.begun) * PART_TOKENS;
                self.weighed = Some(chunk);
                tokens
            }
        }
    }

    fn passed(&mut self) {
        self.claude.passed();
        self.nova.passed();
        let Some(mut chunk) = self.weighed.take() else { return };
        self.begun = true;
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let has_ended = choice["finish_reason"].is_string() || choice["stop_reason"].is_string();
            note_choice(&mut self.choices, choice["index"].as_u64().unwrap_or_default(), has_ended);
        }
        if self.head.is_empty()
            && let Some(members) = chunk.as_object_mut()
        {
            for own in ["choices", "usage", METRICS] {
                members.remove(own);
            }
            self.head = std::mem::take(members);
        }
    }

    fn end(&mut self, usage: &Usage, cutoff: Cutoff, sink: Sink<'_>) {
        match self.family.unwrap_or(Family::Other) {
            Family::Claude => self.claude.end(usage, cutoff, sink),
            Family::Nova => self.nova.end(usage, cutoff, &mut |kind, event| {
                let event: Value = serde_json::from_slice(event).unwrap_or_default();
                let mut chunk = json!({ kind: event });
                if kind == "metadata" {
                    chunk[METRICS] = write_metrics(usage);
                }
                sink("", chunk.to_string().as_bytes());
            }),
            family => {
                let mut last = self.last(family, usage, cutoff);
                last[METRICS] = write_metrics(usage);
                sink("", last.to_string().as_bytes());
            }
        }
    }
}

/// Writes a chunk of an end. Claude's last event has Bedrock's counts in it.
pub(crate) fn write_last(kind: &str, data: &[u8], usage: &Usage, padding: &mut Padding, out: &mut BytesMut) {
    if kind == "message_stop" {
        chunk::write(&with_metrics(data, &write_metrics(usage)), padding, out);
    } else {
        chunk::write(data, padding, out);
    }
}
