//! InvokeModel: Claude in the Messages format; what the chunks of all families share.

use super::{converse, converse_write, embed, families};
use crate::eventstream;
use crate::exchange::{Outcome, Received};
use crate::personalities::anthropic::read::{Surface, messages};
use crate::personalities::anthropic::write;
use crate::play::{Beat, Served, Wire};
use crate::refusal::Refusal;
use crate::reply::Stop;
use crate::shape::{Flaw, Node};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Value, json};

const METADATA_HEADER: &str = "x-amzn-bedrock-request-metadata";
const METADATA_HEADER_CHARS_MAX: usize = 8500;

pub(crate) fn answer(received: &Received, model: &str, base: &str, streamed: bool) -> Result<Outcome, Refusal> {
    let metadata = header_metadata(received)?;
    let body = received.json()?;
    let root = Node::root(&body);
    if base.contains("embed") {
        if streamed {
            return Err(Refusal::new(400, "The model is unsupported for streaming"));
        }
        return embed::answer(received, &root, model, base);
    }
    if !base.starts_with("anthropic.claude") {
        return families::answer(&root, model, base, streamed);
    }
    let mut ask = messages(&root, surface(&root, base)?, model, false)?;
    ask.streamed = streamed;
    if !metadata.is_null() {
        ask.metadata = metadata;
    }
    Ok(Outcome::Chat(Box::new(ask), Box::new(Invoke)))
}

fn header_metadata(received: &Received) -> Result<Value, Refusal> {
    let text = received.header(METADATA_HEADER);
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let invalid = || Refusal::new(400, format!("{METADATA_HEADER} must be a JSON map of at most 8500 characters"));
    if text.len() > METADATA_HEADER_CHARS_MAX {
        return Err(invalid());
    }
    let map: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    Ok(converse::metadata(&Node::root(&map))?)
}

fn surface(root: &Node<'_>, base: &str) -> Result<Surface, Flaw> {
    let version = root.need("anthropic_version")?;
    match version.text()? {
        "bedrock-2023-05-31" => Ok(Surface::Bedrock),
        // Ids with a date are of the generations before 4.7.
        "2026-10-21" if !base.contains("-202") => Ok(Surface::Bedrock2026),
        other => Err(version.flaw(format!("{other:?} is not a valid anthropic_version for this model"))),
    }
}

/// Input tokens, for CountTokens: the body is base64 inside.
pub(crate) fn count(inner: &Node<'_>) -> Result<u64, Refusal> {
    let node = inner.need("body")?;
    let bytes = crate::media::base64(&node)?;
    let body: Value = serde_json::from_slice(&bytes).map_err(|e| Refusal::new(400, format!("body is no JSON: {e}")))?;
    let root = Node::root(&body);
    let version = if root.get("anthropic_version").is_some_and(|v| v.value == "2026-10-21") {
        Surface::Bedrock2026
    } else {
        Surface::Bedrock
    };
    Ok(messages(&root, version, "", true).map(|ask| ask.meter.total())?)
}

/// The writer: Messages events inside `chunk` frames.
#[derive(Debug)]
struct Invoke;

impl Wire for Invoke {
    fn stream_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn plain(&self, served: &Served) -> Value {
        let mut whole = write::whole(served);
        // What a guardrail says in the model's place has neither an end nor counts.
        if served.reply.stop == Stop::Guardrail {
            whole = json!({ "type": "message", "role": "assistant", "content": whole["content"],
                "amazon-bedrock-guardrailAction": "INTERVENED" });
        }
        whole
    }

    fn headers(&self, served: &Served) -> Vec<(&'static str, String)> {
        count_headers(served)
    }

    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut) {
        for mut event in write::events(served, beat) {
            if event["type"] == "message_stop" && !served.unmetered {
                event["amazon-bedrock-invocationMetrics"] = metrics(served);
            }
            if event["type"] != "ping" {
                chunk(&event, out);
            }
        }
    }

    fn fail(&mut self, served: &Served, out: &mut BytesMut) {
        eventstream::failure(served.fail_as.as_deref(), out);
    }
}

/// The counts in an answer's headers.
pub(crate) fn count_headers(served: &Served) -> Vec<(&'static str, String)> {
    if served.unmetered {
        return Vec::new();
    }
    vec![
        ("x-amzn-bedrock-input-token-count", served.counts.input.to_string()),
        ("x-amzn-bedrock-output-token-count", served.counts.output.to_string()),
        ("x-amzn-bedrock-cache-read-input-token-count", served.counts.cache_read.to_string()),
        ("x-amzn-bedrock-cache-write-input-token-count", served.counts.cache_write().to_string()),
        ("x-amzn-bedrock-invocation-latency", "5".to_owned()),
    ]
}

/// The counts in the last chunk of a stream.
pub(crate) fn metrics(served: &Served) -> Value {
    json!({
        "inputTokenCount": served.counts.input, "outputTokenCount": served.counts.output,
        "invocationLatency": 5, "firstByteLatency": 2,
        "cacheReadInputTokenCount": served.counts.cache_read,
        "cacheWriteInputTokenCount": served.counts.cache_write(),
    })
}

/// Appends a frame with the model's own JSON.
pub(crate) fn chunk(event: &Value, out: &mut BytesMut) {
    let bytes = STANDARD.encode(event.to_string());
    let padding = converse_write::padding(bytes.len());
    eventstream::event("chunk", json!({ "bytes": bytes, "p": padding }).to_string().as_bytes(), out);
}
