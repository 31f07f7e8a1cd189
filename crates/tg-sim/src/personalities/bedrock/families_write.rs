//! InvokeModel answers of other families than Claude: whole, and as chunks in event-stream frames.

use super::families::Family;
use super::invoke;
use crate::counts::{Counts, tokens_of};
use crate::eventstream;
use crate::play::{Beat, Served, Wire};
use crate::reply::Stop;
use bytes::BytesMut;
use serde_json::{Value, json};

/// The writer.
#[derive(Debug)]
pub(crate) struct Writer {
    family: Family,
    /// What was generated so far: Llama counts as it goes.
    generated: String,
}

impl Writer {
    pub(crate) const fn new(family: Family) -> Self {
        Self { family, generated: String::new() }
    }

    fn stop(&self, served: &Served) -> &'static str {
        let most = matches!(served.reply.stop, Stop::MaxTokens | Stop::ContextExceeded);
        match (self.family, most) {
            (Family::Nova, false) => "end_turn",
            (Family::Nova, true) => "max_tokens",
            (Family::Llama | Family::Chat, false) => "stop",
            (Family::Llama | Family::Chat, true) => "length",
            (Family::Cohere, false) => "COMPLETE",
            (Family::Cohere, true) => "MAX_TOKENS",
        }
    }

    fn choice(&self, served: &Served, place: &str, content: &str, stop: Option<&str>) -> Value {
        let object = if place == "delta" { "chat.completion.chunk" } else { "chat.completion" };
        json!({
            "id": format!("sim-{:x}", served.number), "object": object, "created": served.created,
            "model": served.model,
            "choices": [{ "index": 0, place: { "role": "assistant", "content": content }, "finish_reason": stop }],
        })
    }

    fn piece(&mut self, served: &Served, text: &str) -> Value {
        let first = self.generated.is_empty();
        self.generated.push_str(text);
        match self.family {
            Family::Nova => json!({ "contentBlockDelta": { "delta": { "text": text }, "contentBlockIndex": 0 } }),
            Family::Llama => json!({
                "generation": text, "stop_reason": null,
                "prompt_token_count": Some(served.counts.input).filter(|_| first && !served.unmetered),
                "generation_token_count": Some(tokens_of(&self.generated)).filter(|_| !served.unmetered),
            }),
            Family::Cohere => json!({ "is_finished": false, "event_type": "text-generation", "text": text }),
            Family::Chat => self.choice(served, "delta", text, None),
        }
    }

    fn last(&self, served: &Served) -> Vec<Value> {
        let stop = self.stop(served);
        match self.family {
            Family::Nova => vec![
                json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
                json!({ "messageStop": { "stopReason": stop } }),
                match served.unmetered {
                    true => json!({ "metadata": { "metrics": {}, "trace": {} } }),
                    false => json!({ "metadata": { "usage": nova(&served.counts), "metrics": {}, "trace": {} } }),
                },
            ],
            Family::Llama => vec![json!({
                "generation": "", "prompt_token_count": null, "stop_reason": stop,
                "generation_token_count": Some(served.counts.output).filter(|_| !served.unmetered),
            })],
            Family::Cohere => vec![json!({
                "is_finished": true, "event_type": "stream-end", "finish_reason": stop,
                "response": { "text": served.reply.text(), "finish_reason": stop },
            })],
            Family::Chat => vec![self.choice(served, "delta", "", Some(stop))],
        }
    }
}

fn nova(counts: &Counts) -> Value {
    json!({
        "inputTokens": counts.input, "outputTokens": counts.output,
        "totalTokens": counts.input_total() + counts.output,
        "cacheReadInputTokenCount": counts.cache_read, "cacheWriteInputTokenCount": counts.cache_write(),
    })
}

impl Wire for Writer {
    fn stream_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn plain(&self, served: &Served) -> Value {
        let (text, stop, counts) = (served.reply.text(), self.stop(served), &served.counts);
        let (mut whole, usage) = match self.family {
            Family::Nova => {
                let message = json!({ "role": "assistant", "content": [{ "text": text }] });
                (json!({ "output": { "message": message }, "stopReason": stop }), nova(counts))
            }
            // Its counts stand beside the text, not in an object of their own.
            Family::Llama if !served.unmetered => {
                return json!({
                    "generation": text, "stop_reason": stop,
                    "prompt_token_count": counts.input, "generation_token_count": counts.output,
                });
            }
            Family::Llama => return json!({ "generation": text, "stop_reason": stop }),
            // It counts in the answer's headers alone.
            Family::Cohere => {
                return json!({
                    "response_id": format!("sim-{:x}", served.number), "text": text, "finish_reason": stop,
                    "chat_history": [{ "role": "CHATBOT", "message": text }],
                });
            }
            Family::Chat => {
                let usage = json!({
                    "prompt_tokens": counts.input_total(), "completion_tokens": counts.output,
                    "total_tokens": counts.input_total() + counts.output,
                });
                (self.choice(served, "message", &text, Some(stop)), usage)
            }
        };
        if !served.unmetered {
            whole["usage"] = usage;
        }
        whole
    }

    fn headers(&self, served: &Served) -> Vec<(&'static str, String)> {
        invoke::count_headers(served)
    }

    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut) {
        match (beat, self.family) {
            (Beat::Start, Family::Nova) => invoke::chunk(&json!({ "messageStart": { "role": "assistant" } }), out),
            (Beat::Start, Family::Cohere) => {
                invoke::chunk(
                    &json!({ "is_finished": false, "event_type": "stream-start", "generation_id": "x" }),
                    out,
                );
            }
            (Beat::Delta(_, _, text), _) => invoke::chunk(&self.piece(served, text), out),
            (Beat::Finish, _) => {
                let mut events = self.last(served);
                if let Some(last) = events.last_mut().filter(|_| !served.unmetered) {
                    last["amazon-bedrock-invocationMetrics"] = invoke::metrics(served);
                }
                events.iter().for_each(|event| invoke::chunk(event, out));
            }
            (Beat::Start | Beat::Open(..) | Beat::Close(..), _) => {}
        }
    }

    fn fail(&mut self, served: &Served, out: &mut BytesMut) {
        eventstream::failure(served.fail_as.as_deref(), out);
    }
}
