//! OpenAI chat in both roles.

mod properties;
mod replies;
mod requests_in;
mod requests_out;
mod streams_in;
mod streams_out;
mod taps;

use crate::dialect::ReplyFacts;
use serde_json::Value;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;

fn facts(include_usage: bool) -> ReplyFacts {
    ReplyFacts {
        id: CallId::from_bytes([7; 16]),
        model: "asked-model".into(),
        created: Timestamp::from_seconds(1_700_000_000),
        include_usage,
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}
