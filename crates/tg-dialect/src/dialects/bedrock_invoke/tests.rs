//! Checks of the InvokeModel dialect.

use crate::dialect::{ReplyFacts, RequestFacts};
use crate::framing::eventstream::{Frame, FrameDecoder};
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;

use super::chunk;
use crate::dialects::bedrock_converse::padding::Padding;

mod embed;
mod envelope;
mod stream;
mod usage;

pub(crate) const CLAUDE: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

pub(crate) fn call_id() -> CallId {
    CallId::from_bytes([1; 16])
}

pub(crate) fn facts() -> ReplyFacts {
    ReplyFacts { id: call_id(), model: "claude-demo".into(), created: Timestamp::default(), include_usage: false }
}

pub(crate) fn path(model: &str) -> RequestFacts {
    RequestFacts { path_model: Some(model.into()), ..RequestFacts::default() }
}

pub(crate) fn chunks(events: &[Value]) -> Bytes {
    let (mut out, mut padding) = (BytesMut::new(), Padding::new(call_id()));
    for event in events {
        chunk::write(event.to_string().as_bytes(), &mut padding, &mut out);
    }
    out.freeze()
}

pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new();
    decoder.push(bytes);
    std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
}

/// The model's own JSON in every chunk.
pub(crate) fn inner(bytes: &[u8]) -> Vec<Value> {
    let each = frames(bytes).into_iter().map(|frame| serde_json::from_slice(&chunk::read(&frame.payload).unwrap()));
    each.collect::<Result<_, _>>().unwrap()
}
