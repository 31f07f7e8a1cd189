//! Amazon Bedrock InvokeModel: the model family's own JSON, streamed inside AWS event-stream `chunk` frames.
//!
//! Claude's JSON is that of Anthropic Messages but for its envelope, so it is read and written by that dialect. Bodies
//! of other families travel only to Bedrock itself: they are relayed, and their counts read in passing.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tg_kernel::chat::{ChatReply, ChatRequest};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;

use crate::bound;
use crate::clamp::Clamped;
use crate::dialect::{
    FaultReply, InboundDialect, ReplyFacts, RequestFacts, StreamDecoder, StreamEncoder, UpstreamDialect,
};
use crate::dialects::anthropic_messages::decode_request::{self, Purpose};
use crate::dialects::anthropic_messages::write_blocks::Sources;
use crate::dialects::anthropic_messages::{Version, encode_request, note_betas, peek_metadata, reply};
use crate::dialects::bedrock_converse::fault::{self, StreamOf};
use crate::dialects::bedrock_converse::{ModelFamily, path_model};
use crate::framing::eventstream;
use crate::loss::Encoded;
use crate::reasoning;
use crate::scan::Members;
use crate::tap::{Summary, Tap};
use crate::walk::Fields;

mod async_invoke;
mod bounds;
mod chunk;
pub(crate) mod closer;
mod embed;
mod envelope;
mod intervention;
mod rewrap;
mod stream;
mod tap;
#[cfg(test)]
mod tests;
mod usage;

pub use async_invoke::{Owner, output_uri, start_body};
pub use bounds::OutputBounds;
pub(crate) use chunk::{CHUNK, is_usual as is_usual_chunk, read as read_chunk, write as write_chunk};
pub(crate) use closer::write_last;
pub use embed::BedrockEmbeddings;
pub use envelope::{BEDROCK_VERSION, MessagesRequest, fit_version, invoke_to_messages, messages_to_invoke};
pub use intervention::intervened_message;
pub use rewrap::Rewrap;
pub use usage::usage_from_headers;

/// The dialect of Bedrock's `/model/{id}/invoke` and `/invoke-with-response-stream`.
///
/// The model and the wish for a stream stand in the path: they are read from [`RequestFacts`]. Only Claude's bodies can
/// be carried to and from other dialects.
#[derive(Clone, Copy, Debug, Default)]
pub struct BedrockInvoke;

/// The family of a call: by the model's id, or by the body where the id does not tell (an ARN, a name of ours).
#[must_use]
pub fn family(model: &str, members: &Members<'_>) -> ModelFamily {
    family_of(model, is_claudes(members))
}

fn family_of(model: &str, is_claudes: bool) -> ModelFamily {
    match ModelFamily::of(model) {
        ModelFamily::Opaque | ModelFamily::Other if is_claudes => ModelFamily::Claude,
        family => family,
    }
}

/// Whether a body is one of Claude's.
fn is_claudes(members: &Members<'_>) -> bool {
    members.get("anthropic_version").is_some()
}

/// Decodes an InvokeModel body whose tokens shall be counted.
///
/// # Errors
/// `Class::Malformed` naming the member; `Class::Unsupported` for another family than Claude.
pub(crate) fn decode_count_body(body: &[u8], model: &str) -> Result<ChatRequest, Fault> {
    decode(body, model, Purpose::Count)
}

fn decode(body: &[u8], model: &str, purpose: Purpose) -> Result<ChatRequest, Fault> {
    let mut fields = Fields::body(body)?;
    if !fields.has("anthropic_version") && !ModelFamily::of(model).may_be_claude() {
        return Err(Fault::new(
            Class::Unsupported,
            Origin::Caller,
            "unsupported_body",
            "Only InvokeModel bodies for Anthropic Claude can be carried to another provider. Use Converse for this model.",
        ));
    }
    let version = fields.string("anthropic_version")?;
    let mut betas = Vec::new();
    for beta in fields.array("anthropic_beta")? {
        match beta {
            Value::String(beta) => betas.push(beta),
            _ => return Err(fields.invalid("anthropic_beta", "it must be an array of strings")),
        }
    }
    let mut request = decode_request::decode(fields, Version::of(version.as_deref()), purpose)?;
    note_betas(&betas, &mut request);
    Ok(request)
}

impl InboundDialect for BedrockInvoke {
    fn peek(&self, facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault> {
        // The path of StartAsyncInvoke names no model.
        if facts.path_model.is_none() {
            return async_invoke::peek(members);
        }
        let reasoning = reasoning::asked(members);
        let model = path_model(facts)?;
        Ok(Peek {
            output_tokens_max: OutputBounds::of(members)?.at(&model),
            model,
            stream: facts.path_stream,
            include_usage: false,
            answers: bound::answers(members)?,
            reasons: reasoning.reasons,
            reasoning_tokens_max: reasoning.tokens_max,
            // Only Claude's bodies have such a member.
            metadata: match members.get("anthropic_version") {
                Some(_) => peek_metadata(members, "metadata")?,
                None => Vec::new(),
            },
        })
    }

    fn decode_request(&self, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        let model = path_model(facts)?;
        let mut request = decode(body, &model, Purpose::Chat)?;
        request.model = model;
        request.delivery.stream = facts.path_stream;
        Ok(request)
    }

    fn encode_reply(&self, reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
        reply::encode(reply, facts).to_string().into()
    }

    fn encoder(&self, facts: ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(stream::Encoder::new(facts))
    }

    fn stream_content_type(&self) -> &'static str {
        eventstream::CONTENT_TYPE
    }

    fn encode_fault(&self, fault: &Fault, id: CallId) -> FaultReply {
        fault::encode(fault, id)
    }

    fn encode_stream_fault(&self, fault: &Fault, _id: CallId, out: &mut BytesMut) {
        fault::encode_stream(fault, StreamOf::Invoke, out);
    }

    fn keepalive(&self) -> &'static [u8] {
        b""
    }
}

impl UpstreamDialect for BedrockInvoke {
    fn encode_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        if !ModelFamily::of(model).may_be_claude() {
            let words =
                "Through InvokeModel, only Anthropic Claude can answer this request. Use Converse for this model.";
            let fault = Fault::new(Class::Unsupported, Origin::Gateway, "unsupported_model", words);
            return Err(fault.retry(Retry::Elsewhere));
        }
        let (members, mut encoded) = encode_request::members(request, Sources::Body)?;
        let mut body = serde_json::Map::with_capacity(members.len() + 1);
        body.insert("anthropic_version".into(), BEDROCK_VERSION.into());
        body.extend(members);
        encoded.body = Value::Object(body).to_string().into();
        Ok(encoded)
    }

    fn clamp_output(&self, body: &[u8], model: &str, most: u64) -> Result<Option<Clamped>, Fault> {
        bounds::clamp(&Members::scan(body)?, model, most)
    }

    fn decode_reply(&self, body: &[u8]) -> Result<ChatReply, Fault> {
        reply::decode(body)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn decode_fault(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        fault::decode(status, headers, body)
    }

    fn tap(&self, _strip_usage: bool) -> Box<dyn Tap> {
        Box::new(tap::InvokeTap::default())
    }

    fn read_summary(&self, body: &[u8]) -> Summary {
        usage::summary(body)
    }
}
