//! A whole answer: read, summed up, handed over in the caller's dialect.

use crate::prepare::{Kind, Prepared};
use bytes::Bytes;
use http::HeaderMap;
use tg_dialect::count;
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::dialects::openai_embeddings::OpenaiEmbeddings;
use tg_dialect::dialects::{bedrock_invoke, inbound, read_summary};
use tg_dialect::tap::Summary;
use tg_kernel::chat::{ChatReply, Content, StopReason, Thought};
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_upstream::road::{Mode, Road};

/// A whole answer in the caller's dialect, and what it says of itself.
pub(crate) struct Whole {
    pub(crate) body: Bytes,
    pub(crate) summary: Summary,
}

/// Turns a provider's whole answer (status 2xx) into the caller's.
///
/// # Errors
/// `Class::UpstreamFailed` when the answer is not what its dialect promises.
pub(crate) fn read(
    caller: Dialect,
    prepared: &Prepared,
    headers: &HeaderMap,
    body: Bytes,
    facts: &ReplyFacts,
) -> Result<Whole, Fault> {
    let spoken = prepared.road.dialect;
    match (&prepared.kind, prepared.road.mode) {
        (Kind::Count, Mode::Relay | Mode::Rewrap) => {
            count::decode_reply(spoken, &body)?;
            Ok(Whole { body, summary: counted() })
        }
        // Billed by units of text, or by what comes later: without tokens, and without a price.
        (Kind::Opinion | Kind::Started(_), _) => Ok(Whole { body, summary: counted() }),
        (Kind::Chat, Mode::Relay | Mode::Rewrap) => {
            if let Some(body) = intervened(caller, prepared, &body, facts) {
                let usage = read_summary(Dialect::AnthropicMessages, &body);
                let stop = Some(StopReason::Guardrail);
                return Ok(Whole { body, summary: Summary { stop, ..usage } });
            }
            let mut summary = read_summary(spoken, &body);
            if spoken == Dialect::BedrockInvoke && !summary.usage_seen {
                note_headers(headers, &mut summary);
            }
            if is_answer(&summary, prepared.road, &body) { Ok(Whole { body, summary }) } else { Err(garbage()) }
        }
        (Kind::Chat, Mode::Transcode) => {
            let mut reply = prepared.spoken.decode_reply(&body)?;
            prepared.names.restore_reply(&mut reply);
            let summary = summary_of(&reply);
            Ok(Whole { body: inbound(caller).encode_reply(&reply, facts), summary })
        }
        (Kind::Count, Mode::Transcode) => {
            let count = count::decode_reply(spoken, &body)?;
            Ok(Whole { body: count::encode_reply(caller, count), summary: counted() })
        }
        (Kind::Embed { request, upstream }, _) => {
            let reply = upstream.decode_reply(headers, &body)?;
            let reported = reply.usage.total_tokens() > 0;
            let summary = Summary { usage: reply.usage, usage_seen: reported, usage_final: reported, ..counted() };
            Ok(Whole { body: OpenaiEmbeddings.encode_reply(&reply, request.encoding, &facts.model), summary })
        }
    }
}

/// What a guardrail answered in the model's place, for a caller who does not know InvokeModel's way to say so.
fn intervened(caller: Dialect, prepared: &Prepared, body: &[u8], facts: &ReplyFacts) -> Option<Bytes> {
    if caller != Dialect::AnthropicMessages || prepared.road.dialect != Dialect::BedrockInvoke {
        return None;
    }
    bedrock_invoke::intervened_message(body, &format!("msg_{}", facts.id), &facts.model)
}

/// Whether a relayed body is what its dialect calls an answer. What is no object, or an object that says nothing, is
/// not. A response has a shape of its own: it is an answer before it has anything to say, and when it has failed.
fn is_answer(summary: &Summary, road: Road, body: &[u8]) -> bool {
    let says = match (road.mode, road.dialect) {
        (_, Dialect::OpenaiEmbeddings | Dialect::OpenaiResponses) => true,
        (Mode::Rewrap, _) => summary.usage_seen || summary.stop.is_some(),
        _ => summary.usage_seen || summary.content_seen,
    };
    summary.complete && says && body.trim_ascii_start().starts_with(b"{")
}

/// Some of Bedrock's models count only in the answer's headers.
fn note_headers(headers: &HeaderMap, summary: &mut Summary) {
    if let Some(counts) = bedrock_invoke::usage_from_headers(headers) {
        summary.usage.replace(&counts);
        summary.usage_seen = true;
        summary.usage_final = true;
    }
}

/// Counting tokens uses none, nor does a guardrail, nor the start of an invocation.
fn counted() -> Summary {
    Summary { usage_final: true, usage_seen: true, complete: true, ..Summary::default() }
}

/// An answer that counts nothing has not been counted: its row is estimated.
fn summary_of(reply: &ChatReply) -> Summary {
    let reported = reply.usage.total_tokens() > 0;
    let generated = |content: &Content| match content {
        Content::Text(text) | Content::Refusal(text) | Content::Reasoning(Thought { text, .. }) => text.len(),
        Content::ToolUse(call) => call.name.len() + call.arguments.len(),
        _ => 0,
    };
    Summary {
        usage: reply.usage,
        usage_final: reported,
        usage_seen: reported,
        content_bytes: reply.parts.iter().map(|part| generated(&part.content) as u64).sum(),
        stop: Some(reply.stop.reason),
        tier: reply.tier,
        model: Some(reply.model.clone()).filter(|model| !model.is_empty()),
        complete: true,
        ..Summary::default()
    }
}

fn garbage() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer could not be read.")
}
