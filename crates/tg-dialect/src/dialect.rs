//! The seams: what every dialect can do for a caller ([`InboundDialect`]) and for a provider ([`UpstreamDialect`]).

use crate::clamp::Clamped;
use crate::loss::Encoded;
use crate::tap::Tap;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tg_kernel::chat::{ChatReply, ChatRequest};
use tg_kernel::clock::Timestamp;
use tg_kernel::event::Event;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;

use crate::scan::Members;

/// Facts from the request line and headers that matter to reading a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// Bedrock: the model from the path, percent-decoded.
    pub path_model: Option<String>,
    /// Bedrock: whether the path asks for a stream.
    pub path_stream: bool,
    /// Anthropic: `anthropic-version`.
    pub api_version: Option<String>,
    /// Anthropic: the values of `anthropic-beta`, comma-separated lists split.
    pub betas: Vec<String>,
}

/// What an answer's encoder must know of the call.
#[derive(Clone, Debug)]
pub struct ReplyFacts {
    /// The call, for ids where the provider gave none.
    pub id: CallId,
    /// The model name to show: the one that the caller asked for.
    pub model: String,
    /// When the call arrived (`created`).
    pub created: Timestamp,
    /// OpenAI chat: whether the caller asked for the usage chunk.
    pub include_usage: bool,
}

/// A fault in a dialect's own shape.
#[derive(Clone, Debug)]
pub struct FaultReply {
    /// The HTTP status.
    pub status: http::StatusCode,
    /// Headers of that dialect (`content-type`, `x-amzn-errortype`, `x-should-retry`, `retry-after`, …).
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A dialect that callers speak.
pub trait InboundDialect: Send + Sync {
    /// Reads the cheap facts of a body from its top-level members. Refuses members of the wrong type.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    fn peek(&self, facts: &RequestFacts, members: &Members<'_>) -> Result<Peek, Fault>;

    /// Decodes a whole chat request into the canonical form.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    fn decode_request(&self, facts: &RequestFacts, body: &[u8]) -> Result<ChatRequest, Fault>;

    /// Writes a whole answer.
    fn encode_reply(&self, reply: &ChatReply, facts: &ReplyFacts) -> Bytes;

    /// A state machine that writes a streamed answer.
    fn encoder(&self, facts: ReplyFacts) -> Box<dyn StreamEncoder>;

    /// The `content-type` of a streamed answer.
    fn stream_content_type(&self) -> &'static str;

    /// Writes a fault as an HTTP answer.
    fn encode_fault(&self, fault: &Fault, id: CallId) -> FaultReply;

    /// Writes a fault as the last frame of a stream that has already begun.
    fn encode_stream_fault(&self, fault: &Fault, id: CallId, out: &mut BytesMut);

    /// A frame that keeps a connection alive before the first token and that clients ignore; empty if there is none.
    fn keepalive(&self) -> &'static [u8];
}

/// A dialect that providers speak.
pub trait UpstreamDialect: Send + Sync {
    /// Writes a chat request for `model` of the target. What cannot be expressed is in `losses`.
    ///
    /// # Errors
    /// `Class::Unsupported` or `Class::Malformed` only where leaving the thing out would be absurd (an image for
    /// a dialect without images is a loss; a request without any turn is an error).
    fn encode_request(&self, request: &ChatRequest, model: &str) -> Result<Encoded, Fault>;

    /// Lowers the bound on output tokens of a written request to `most` for all its answers together; a request that
    /// has none gets one. `None` where it allows no more as it is.
    ///
    /// # Errors
    /// `Class::Limited` where the request could not be sent with that (its reasoning budget, its many answers);
    /// `Class::Unsupported` where it is not known how the model's requests are bounded.
    fn clamp_output(&self, body: &[u8], model: &str, most: u64) -> Result<Option<Clamped>, Fault>;

    /// Reads a whole answer (status 2xx).
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when the body is not what the dialect promises.
    fn decode_reply(&self, body: &[u8]) -> Result<ChatReply, Fault>;

    /// A state machine that reads a streamed answer.
    fn decoder(&self) -> Box<dyn StreamDecoder>;

    /// Reads an error answer (status not 2xx): class, retry, a message safe for the caller.
    fn decode_fault(&self, status: http::StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault;

    /// A passive reader of a relayed stream. `strip_usage`: drop the usage chunk that the caller did not ask for.
    fn tap(&self, strip_usage: bool) -> Box<dyn Tap>;

    /// Reads usage, stop reason and ids from a whole relayed answer (status 2xx) without decoding the rest.
    fn read_summary(&self, body: &[u8]) -> crate::tap::Summary;
}

/// Writes canonical events as the bytes of a dialect's stream.
pub trait StreamEncoder: Send {
    /// Appends what `event` becomes. May hold back terminal frames until usage or [`Event::End`] arrives.
    fn encode(&mut self, event: &Event, out: &mut BytesMut);

    /// Appends the dialect's error frame; nothing may follow it.
    fn fault(&mut self, fault: &Fault, out: &mut BytesMut);
}

/// Reads the bytes of a dialect's stream as canonical events. Torn frames are kept until they are whole, up to a limit.
pub trait StreamDecoder: Send {
    /// Reads the next bytes; appends the events that they complete.
    ///
    /// # Errors
    /// What the stream itself reports (an error event), or `Class::UpstreamFailed` for bytes that cannot be read.
    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Event>) -> Result<(), Fault>;

    /// The upstream closed. Appends what is owed (`Event::End` if the stream was whole).
    ///
    /// # Errors
    /// `Class::UpstreamFailed` with code `upstream_truncated` when the stream was cut off.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault>;
}
