//! Anthropic Messages: JSON, streamed as typed server-sent events.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tg_kernel::chat::{ChatReply, ChatRequest};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;

use crate::clamp::{self, Clamped, Place};
use crate::dialect::{
    FaultReply, InboundDialect, ReplyFacts, RequestFacts, StreamDecoder, StreamEncoder, UpstreamDialect,
};
use crate::loss::Encoded;
use crate::reasoning;
use crate::scan::Members;
use crate::tap::{Summary, Tap};
use crate::walk::Fields;

pub(crate) mod blocks;
pub(crate) mod closer;
pub(crate) mod decode_request;
pub(crate) mod decoder;
pub(crate) mod encode_request;
pub(crate) mod encoder;
pub(crate) mod fault;
pub(crate) mod reply;
pub(crate) mod tap;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod usage;
mod version;
pub(crate) mod write_blocks;

use decode_request::Purpose;
pub use encode_request::OUTPUT_TOKENS_DEFAULT;
pub use version::Version;
use write_blocks::Sources;

/// The most pairs of body metadata that are looked at.
const METADATA_PAIRS_MAX: usize = 16;

/// The dialect of Anthropic's `/v1/messages`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnthropicMessages;

impl AnthropicMessages {
    /// Decodes the body of `/v1/messages/count_tokens`: a chat request that needs no output limit.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    pub fn decode_count_request(&self, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        decode(facts, body, Purpose::Count)
    }

    /// Writes the body of a count request for `model`: a chat request without what only shapes the answer.
    ///
    /// # Errors
    /// `Class::Malformed` when there is no turn.
    pub fn encode_count_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        let (members, mut encoded) = encode_request::members(request, Sources::Anywhere)?;
        let counted = ["system", "messages", "tools", "tool_choice", "thinking"];
        let mut body = serde_json::Map::from_iter([("model".to_owned(), Value::from(model))]);
        body.extend(members.into_iter().filter(|(name, _)| counted.contains(&name.as_str())));
        encoded.body = Value::Object(body).to_string().into();
        Ok(encoded)
    }

    /// Writes the answer to a count request.
    #[must_use]
    pub fn encode_count_reply(&self, input_tokens: u64) -> Bytes {
        json!({ "input_tokens": input_tokens }).to_string().into()
    }

    /// Reads the answer to a count request: its input tokens.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when the body is not what the dialect promises.
    pub fn decode_count_reply(&self, body: &[u8]) -> Result<u64, Fault> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let garbage = || Fault::upstream_failed("upstream_garbage", "The provider's answer is not a token count.");
        body["input_tokens"].as_u64().ok_or_else(garbage)
    }
}

fn decode(facts: &RequestFacts, body: &[u8], purpose: Purpose) -> Result<ChatRequest, Fault> {
    let mut fields = Fields::body(body)?;
    let model = fields.required_string("model")?;
    let mut request = decode_request::decode(fields, Version::of(facts.api_version.as_deref()), purpose)?;
    request.model = model;
    note_betas(&facts.betas, &mut request);
    Ok(request)
}

/// Keeps the beta flags that the caller switched on: other dialects have none.
pub(crate) fn note_betas(betas: &[String], request: &mut ChatRequest) {
    if !betas.is_empty() {
        request.extra.push(("anthropic-beta".into(), json!(betas)));
    }
}

/// Pairs of a metadata object whose values are strings.
///
/// # Errors
/// `Class::Malformed` when the member is not an object.
pub(crate) fn peek_metadata(members: &Members<'_>, name: &str) -> Result<Vec<(String, String)>, Fault> {
    let Some(metadata) = members.object(name)? else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for key in metadata.names().take(METADATA_PAIRS_MAX) {
        let Ok(Some(text)) = metadata.string(key) else { continue };
        // Who it is stays out of the ledger; which of a coding agent's sessions it is does not.
        match key {
            "user_id" => pairs.extend(session(&text).map(|session| ("session".to_owned(), session))),
            _ => pairs.push((key.to_owned(), text.into_owned())),
        }
    }
    Ok(pairs)
}

/// The session in Claude Code's `user_id`: `user_…_account_…_session_…`, or JSON with a `session_id`.
fn session(user_id: &str) -> Option<String> {
    let session = match user_id.rsplit_once("_session_") {
        Some((_, session)) => session.to_owned(),
        None => {
            let parts: serde_json::Value = serde_json::from_str(user_id).ok()?;
            parts.get("session_id")?.as_str()?.to_owned()
        }
    };
    Some(session).filter(|session| !session.is_empty())
}

impl InboundDialect for AnthropicMessages {
    fn peek(&self, _facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault> {
        let Some(model) = members.string("model")? else {
            return Err(Fault::malformed_at("model", "Missing required parameter: 'model'."));
        };
        let reasoning = reasoning::asked(members);
        Ok(Peek {
            model: model.into_owned(),
            stream: members.bool("stream")?.unwrap_or(false),
            include_usage: false,
            output_tokens_max: members.u64("max_tokens")?,
            answers: None,
            reasons: reasoning.reasons,
            reasoning_tokens_max: reasoning.tokens_max,
            metadata: peek_metadata(members, "metadata")?,
        })
    }

    fn decode_request(&self, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        decode(facts, body, Purpose::Chat)
    }

    fn encode_reply(&self, reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
        reply::encode(reply, facts).to_string().into()
    }

    fn encoder(&self, facts: ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(encoder::Encoder::new(facts))
    }

    fn stream_content_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    fn encode_fault(&self, fault: &Fault, id: CallId) -> FaultReply {
        fault::encode(fault, id)
    }

    fn encode_stream_fault(&self, fault: &Fault, id: CallId, out: &mut BytesMut) {
        fault::encode_stream(fault, id, out);
    }

    fn keepalive(&self) -> &'static [u8] {
        b": keepalive\n\n"
    }
}

impl UpstreamDialect for AnthropicMessages {
    fn encode_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        encode_request::encode(request, model)
    }

    fn clamp_output(&self, body: &[u8], _model: &str, most: u64) -> Result<Option<Clamped>, Fault> {
        let members = Members::scan(body)?;
        clamp::check_reasoning(&members, most)?;
        let place = Place::Member("max_tokens");
        clamp::lower(&members, &[place], Some(place), most)
    }

    fn decode_reply(&self, body: &[u8]) -> Result<ChatReply, Fault> {
        reply::decode(body)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(decoder::Decoder::default())
    }

    fn decode_fault(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        fault::decode(status, headers, body)
    }

    fn tap(&self, _strip_usage: bool) -> Box<dyn Tap> {
        Box::new(tap::SseTap::default())
    }

    fn read_summary(&self, body: &[u8]) -> Summary {
        reply::summary(body)
    }
}
