//! What stands beside the words of a frame: its name, and headers and members of its envelope.
//!
//! A name that is none of a dialect's is read as a label. Of envelopes of event streams only that goes on which Bedrock writes.

use super::Inspector;
use crate::dialects::bedrock_invoke::{CHUNK, is_usual_chunk};
use crate::framing::eventstream::{Frame, HeaderValue, Kind};
use tg_kernel::passage::Channel;

/// Names of events and exceptions that are not read; those of Responses begin alike.
const KNOWN: [&str; 24] = [
    "",
    CHUNK,
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
    "throttlingException",
    "validationException",
    "message",
    "message_start",
    "message_delta",
    "message_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "ping",
    "error",
    "done",
];

/// What is to stand in place of the name of a frame; `None` for the name as it is.
pub(super) fn renamed(name: &str, inspector: &mut dyn Inspector) -> Option<String> {
    if KNOWN.contains(&name) || name.starts_with("response.") {
        return None;
    }
    inspector.whole(Channel::Metadata, name)
}

/// Whether a frame says nothing beside its name and its JSON. One that does is written anew, without it.
pub(super) fn is_usual(frame: &Frame, in_chunks: bool) -> bool {
    let own: &[&str] = match frame.kind() {
        Kind::Event(_) => &[":event-type", ":content-type", ":message-type"],
        Kind::Exception(_) => &[":exception-type", ":content-type", ":message-type"],
        Kind::Error { .. } => &[":error-code", ":error-message", ":message-type"],
    };
    let is_own = |(name, value): &(String, HeaderValue)| match (name.as_str(), value) {
        (":content-type", HeaderValue::String(text)) => text == "application/json",
        (":message-type", HeaderValue::String(text)) => matches!(text.as_str(), "event" | "exception" | "error"),
        (name, HeaderValue::String(_)) => own.contains(&name),
        _ => false,
    };
    let is_once = own.iter().all(|name| frame.headers.iter().filter(|(other, _)| other == name).count() <= 1);
    let is_plain = match frame.kind() {
        // Its words stand in its headers.
        Kind::Error { .. } => frame.payload.is_empty(),
        Kind::Event(CHUNK) if in_chunks => is_usual_chunk(&frame.payload),
        _ => true,
    };
    is_once && is_plain && frame.headers.iter().all(is_own)
}
