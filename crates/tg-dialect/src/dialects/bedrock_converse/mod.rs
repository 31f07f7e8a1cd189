//! Amazon Bedrock Converse: JSON, streamed as AWS event-stream frames.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tg_kernel::chat::{ChatReply, ChatRequest};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;

use crate::clamp::{self, Clamped, Place};
use crate::dialect::{
    FaultReply, InboundDialect, ReplyFacts, RequestFacts, StreamDecoder, StreamEncoder, UpstreamDialect,
};
use crate::dialects::anthropic_messages::peek_metadata;
use crate::framing::eventstream;
use crate::loss::Encoded;
use crate::reasoning;
use crate::scan::Members;
use crate::tap::{Summary, Tap};
use crate::walk::Fields;

pub(crate) mod closer;
mod count;
mod decode_request;
mod decoder;
mod encode_request;
mod encoder;
mod family;
pub(crate) mod fault;
mod formats;
mod guardrail;
pub(crate) mod padding;
mod read_blocks;
pub(crate) mod reply;
mod request_metadata;
mod tap;
#[cfg(test)]
mod tests;
mod write_blocks;

pub use family::ModelFamily;
pub use guardrail::Guardrail;
pub use request_metadata::RequestMetadata;

/// The dialect of Bedrock's `/model/{id}/converse` and `/converse-stream`.
///
/// The model and the wish for a stream stand in the path: they are read from [`RequestFacts`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BedrockConverse;

impl BedrockConverse {
    /// Decodes the body of `/model/{id}/count-tokens`, in either of its two forms.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member; `Class::Unsupported` for an InvokeModel body of an unknown family.
    pub fn decode_count_request(&self, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        let model = path_model(facts)?;
        let mut request = count::decode_request(body, &model)?;
        request.model = model;
        Ok(request)
    }

    /// Writes the body of a CountTokens request for `model`, in Converse's form.
    ///
    /// # Errors
    /// `Class::Malformed` when there is no turn.
    pub fn encode_count_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        count::encode_request(request, model)
    }

    /// Writes the answer to a CountTokens request.
    #[must_use]
    pub fn encode_count_reply(&self, input_tokens: u64) -> Bytes {
        count::encode_reply(input_tokens)
    }

    /// Reads the answer to a CountTokens request: its input tokens.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when the body is not what the dialect promises.
    pub fn decode_count_reply(&self, body: &[u8]) -> Result<u64, Fault> {
        count::decode_reply(body)
    }
}

/// The model that the path names.
///
/// # Errors
/// `Class::Malformed` when it names none.
pub(crate) fn path_model(facts: &RequestFacts) -> Result<String, Fault> {
    let model = facts.path_model.clone().filter(|model| !model.is_empty());
    model.ok_or_else(|| Fault::malformed_at("modelId", "The path names no model."))
}

impl InboundDialect for BedrockConverse {
    fn peek(&self, facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault> {
        let limit = match members.object("inferenceConfig")? {
            None => None,
            Some(config) => config.u64("maxTokens")?,
        };
        let fields = members.object("additionalModelRequestFields").ok().flatten();
        let reasoning = fields.map(|fields| reasoning::asked(&fields)).unwrap_or_default();
        Ok(Peek {
            model: path_model(facts)?,
            stream: facts.path_stream,
            include_usage: false,
            output_tokens_max: limit,
            answers: None,
            reasons: reasoning.reasons,
            reasoning_tokens_max: reasoning.tokens_max,
            metadata: peek_metadata(members, "requestMetadata")?,
        })
    }

    fn decode_request(&self, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        let mut request = decode_request::decode(Fields::body(body)?)?;
        request.model = path_model(facts)?;
        request.delivery.stream = facts.path_stream;
        Ok(request)
    }

    fn encode_reply(&self, reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
        reply::encode(reply, facts).to_string().into()
    }

    fn encoder(&self, facts: ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(encoder::Encoder::new(facts))
    }

    fn stream_content_type(&self) -> &'static str {
        eventstream::CONTENT_TYPE
    }

    fn encode_fault(&self, fault: &Fault, id: CallId) -> FaultReply {
        fault::encode(fault, id)
    }

    fn encode_stream_fault(&self, fault: &Fault, _id: CallId, out: &mut BytesMut) {
        fault::encode_stream(fault, fault::StreamOf::Converse, out);
    }

    fn keepalive(&self) -> &'static [u8] {
        b""
    }
}

impl UpstreamDialect for BedrockConverse {
    fn encode_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        encode_request::encode(request, model)
    }

    fn clamp_output(&self, body: &[u8], _model: &str, most: u64) -> Result<Option<Clamped>, Fault> {
        let members = Members::scan(body)?;
        if let Some(fields) = members.object("additionalModelRequestFields")? {
            clamp::check_reasoning(&fields, most)?;
        }
        let place = Place::In("inferenceConfig", "maxTokens");
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
        Box::new(tap::ConverseTap::default())
    }

    fn read_summary(&self, body: &[u8]) -> Summary {
        reply::summary(body)
    }
}
