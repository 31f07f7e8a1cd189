//! What the dialect promises, from both sides.

use super::OpenaiResponses;
use crate::dialect::{InboundDialect, ReplyFacts, RequestFacts, UpstreamDialect};
use crate::loss::{Encoded, Loss};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tg_kernel::chat::{ChatReply, ChatRequest, Content, Part, Role, Stop, StopReason, Thought, ToolUse};
use tg_kernel::clock::Timestamp;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::ids::CallId;
use tg_kernel::usage::Usage;

mod reply;
mod request;
mod stream;

fn facts() -> ReplyFacts {
    ReplyFacts {
        id: CallId::from_bytes([7; 16]),
        model: "gpt-5".into(),
        created: Timestamp::from_seconds(1_790_000_000),
        include_usage: false,
    }
}

fn decode(body: &Value) -> Result<ChatRequest, Fault> {
    OpenaiResponses.decode_request(&RequestFacts::default(), body.to_string().as_bytes())
}

/// Writes a request for a provider: its body and its losses.
fn encode(request: &ChatRequest) -> (Value, Vec<Loss>) {
    let Encoded { body, losses, .. } = OpenaiResponses.encode_request(request, "gpt-5").unwrap();
    (serde_json::from_slice(&body).unwrap(), losses)
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(Content::ToolUse(ToolUse { id: id.into(), name: name.into(), arguments: arguments.into() }))
}

fn signed(text: &str, signature: &str) -> Thought {
    Thought { text: text.into(), signature: Some(signature.into()), redacted: None }
}
