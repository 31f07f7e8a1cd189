//! OpenAI Responses: items in, items out, streamed as typed server-sent events.

use super::openai_fault;
use crate::clamp::{self, Clamped, Place};
use crate::dialect::{
    FaultReply, InboundDialect, ReplyFacts, RequestFacts, StreamDecoder, StreamEncoder, UpstreamDialect,
};
use crate::loss::Encoded;
use crate::scan::Members;
use crate::tap::{Summary, Tap};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tg_kernel::chat::{ChatReply, ChatRequest};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;

mod at_once;
pub(crate) mod closer;
mod items_in;
mod items_out;
mod media;
mod reply_in;
mod reply_out;
mod request_in;
mod request_out;
mod seal;
mod stream_in;
mod stream_out;
mod tap;
#[cfg(test)]
mod tests;
mod usage;

pub use at_once::answered_at_once;
pub(crate) use seal::is_foreign_seal;

/// The dialect of `/v1/responses`.
///
/// Calls that lean on what the provider keeps between calls (`previous_response_id`, `conversation`, `prompt`,
/// `background`) cannot be decoded: no other dialect keeps anything. They travel by relay only.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenaiResponses;

impl InboundDialect for OpenaiResponses {
    fn peek(&self, _facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault> {
        request_in::peek(members)
    }

    fn decode_request(&self, _facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        request_in::decode(body)
    }

    fn encode_reply(&self, reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
        reply_out::encode(reply, facts)
    }

    fn encoder(&self, facts: ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(stream_out::Encoder::new(facts))
    }

    fn stream_content_type(&self) -> &'static str {
        "text/event-stream"
    }

    fn encode_fault(&self, fault: &Fault, id: CallId) -> FaultReply {
        openai_fault::encode_fault(fault, id)
    }

    fn encode_stream_fault(&self, fault: &Fault, id: CallId, out: &mut BytesMut) {
        stream_out::write_fault_alone(fault, id, out);
    }

    fn keepalive(&self) -> &'static [u8] {
        b": keepalive\n\n"
    }
}

impl UpstreamDialect for OpenaiResponses {
    fn encode_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        request_out::encode(request, model)
    }

    fn clamp_output(&self, body: &[u8], _model: &str, most: u64) -> Result<Option<Clamped>, Fault> {
        let place = Place::Member("max_output_tokens");
        clamp::lower(&Members::scan(body)?, &[place], Some(place), most)
    }

    fn decode_reply(&self, body: &[u8]) -> Result<ChatReply, Fault> {
        reply_in::decode(body)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_in::Decoder::default())
    }

    fn decode_fault(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        openai_fault::decode_fault(status, headers, body)
    }

    fn tap(&self, _strip_usage: bool) -> Box<dyn Tap> {
        Box::new(tap::ResponsesTap::default())
    }

    fn read_summary(&self, body: &[u8]) -> Summary {
        tap::read_summary(body)
    }
}
