//! OpenAI Chat Completions, as callers and as providers speak it.

pub(crate) mod closer;
mod messages_in;
mod messages_out;
mod reply;
mod request_in;
mod request_out;
mod stream_in;
mod stream_out;
mod tap;
#[cfg(test)]
mod tests;
mod thoughts;
pub(crate) mod usage;

use crate::bound;
use crate::clamp::{self, Clamped, Place};
use crate::dialect::{
    FaultReply, InboundDialect, ReplyFacts, RequestFacts, StreamDecoder, StreamEncoder, UpstreamDialect,
};
use crate::dialects::openai_fault;
use crate::loss::Encoded;
use crate::scan::Members;
use crate::tap::{Summary, Tap};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tg_kernel::chat::{ChatReply, ChatRequest};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;

/// The dialect. Its fields say in what servers differ; for callers they mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenaiChat {
    /// The member that bounds the output.
    pub output_limit: OutputLimit,
    /// Whose server it is.
    pub vendor: Vendor,
}

/// Whose server speaks the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// OpenAI's own.
    Openai,
    /// Another one, which may refuse what only OpenAI has.
    Other,
}

/// The member that bounds the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputLimit {
    /// OpenAI itself; its reasoning models refuse the older one.
    MaxCompletionTokens,
    /// Servers that know only the older one.
    MaxTokens,
}

impl OpenaiChat {
    /// As OpenAI itself reads it.
    pub const OPENAI: Self = Self { output_limit: OutputLimit::MaxCompletionTokens, vendor: Vendor::Openai };

    /// As most compatible servers read it.
    pub const COMPATIBLE: Self = Self { output_limit: OutputLimit::MaxTokens, vendor: Vendor::Other };

    /// As compatible servers read it that have taken over the newer name of the output limit.
    pub const COMPATIBLE_NEWER: Self = Self { vendor: Vendor::Other, ..Self::OPENAI };
}

impl InboundDialect for OpenaiChat {
    fn peek(&self, _facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault> {
        request_in::peek(members)
    }

    fn decode_request(&self, _facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault> {
        request_in::decode(body)
    }

    fn encode_reply(&self, reply: &ChatReply, facts: &ReplyFacts) -> Bytes {
        reply::encode(reply, facts)
    }

    fn encoder(&self, facts: ReplyFacts) -> Box<dyn StreamEncoder> {
        Box::new(stream_out::Encoder::new(facts))
    }

    fn stream_content_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }

    fn encode_fault(&self, fault: &Fault, id: CallId) -> FaultReply {
        openai_fault::encode_fault(fault, id)
    }

    fn encode_stream_fault(&self, fault: &Fault, _id: CallId, out: &mut BytesMut) {
        stream_out::write_fault(fault, out);
    }

    fn keepalive(&self) -> &'static [u8] {
        stream_out::KEEPALIVE
    }
}

impl UpstreamDialect for OpenaiChat {
    fn encode_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
        request_out::encode(*self, request, model)
    }

    fn clamp_output(&self, body: &[u8], _model: &str, most: u64) -> Result<Option<Clamped>, Fault> {
        let members = Members::scan(body)?;
        let each = most / bound::answers(&members)?.unwrap_or(1).max(1);
        if each == 0 {
            return Err(clamp::no_room(
                "The caller's limits leave less room than a token for each of the answers asked for.",
            ));
        }
        clamp::check_reasoning(&members, each)?;
        let (older, newer) = (Place::Member("max_tokens"), Place::Member("max_completion_tokens"));
        let absent = match self.output_limit {
            OutputLimit::MaxCompletionTokens => newer,
            OutputLimit::MaxTokens => older,
        };
        clamp::lower(&members, &[older, newer], Some(absent), each)
    }

    fn decode_reply(&self, body: &[u8]) -> Result<ChatReply, Fault> {
        reply::decode(body)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_in::Decoder::default())
    }

    fn decode_fault(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        openai_fault::decode_fault(status, headers, body)
    }

    fn tap(&self, strip_usage: bool) -> Box<dyn Tap> {
        Box::new(tap::ChatTap::new(strip_usage))
    }

    fn read_summary(&self, body: &[u8]) -> Summary {
        reply::summary(body)
    }
}
