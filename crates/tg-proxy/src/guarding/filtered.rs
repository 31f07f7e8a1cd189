//! How callers are told that a guardrail stopped their call or its answer: in the words that their own dialect has for it.
//!
//! A call to Converse is answered as Bedrock answers one that a guardrail of its own stopped: `guardrail_intervened`, with
//! the message as the text. Everywhere else a stopped call is an error, which the official SDKs raise and do not repeat. An
//! answer that is stopped is one that its dialect calls filtered.

use super::{CONTENT_BLOCKED, fault_of};
use crate::answer;
use crate::flow;
use crate::outcome::Counts;
use crate::recognise::Head;
use crate::settle::{Closing, Settlement};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::dialects::inbound;
use tg_kernel::chat::{ChatReply, Part, Stop, StopReason};
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;
use tg_kernel::record::Ending;
use tg_kernel::usage::Usage;
use tg_net::body::OutBody;
use tg_policy::guard::Block;

/// A call that is not sent, or of which nothing is answered.
pub(crate) struct Stopped {
    dialect: Dialect,
    operation: Operation,
    stream: bool,
    facts: ReplyFacts,
    block: Block,
    /// What its answer has used, where one had begun.
    used: Option<Counts>,
}

impl Stopped {
    pub(crate) fn of(call: &Head, peek: &Peek, (id, created): (CallId, Timestamp), block: Block) -> Self {
        let (model, include_usage) = (peek.model.clone(), peek.include_usage);
        let facts = ReplyFacts { id, model, created, include_usage };
        Self { dialect: call.dialect, operation: call.operation, stream: peek.stream, facts, block, used: None }
    }

    /// The same of a call that was under way.
    pub(crate) fn having_used(self, used: Option<Counts>) -> Self {
        Self { used, ..self }
    }

    /// How it ends, and what is owed for it: nothing was used, unless the call was under way.
    pub(crate) fn end(&self, settlement: &Settlement) -> (Ending, Counts) {
        let ending = if settlement.is_sent() { Ending::Truncated } else { Ending::Refused };
        (ending, self.used.unwrap_or_else(|| settlement.owed()))
    }

    /// The same for a caller whose answer has begun.
    pub(crate) fn into_fault(self) -> Fault {
        fault_of(&self.block)
    }

    /// Tells the caller, and pays the debt.
    pub(crate) fn answer(self, settlement: Settlement) -> Response<OutBody> {
        let (ending, counts) = self.end(&settlement);
        let Self { dialect, operation, stream, facts, block, .. } = self;
        if dialect != Dialect::BedrockConverse || operation != Operation::Chat {
            return flow::refuse_as((ending, counts), dialect, &fault_of(&block), settlement);
        }
        let mut headers = HeaderMap::new();
        let (usage, said) = (Usage::default(), &*block.message);
        let (content_type, body) = if stream {
            (inbound(dialect).stream_content_type(), streamed(dialect, &facts, said, &usage))
        } else {
            ("application/json", inbound(dialect).encode_reply(&reply(said, &usage), &facts))
        };
        answer::put_content_type(&mut headers, content_type);
        answer::put_id(&mut headers, dialect.family(), facts.id);
        answer::put_code(&mut headers, CONTENT_BLOCKED);
        answer::put_guardrail(&mut headers, &settlement.guardrails());
        let closing = Closing { ending, status: 200, fault: Some(CONTENT_BLOCKED), counts };
        let cost = settlement.close(closing);
        answer::put_cost(&mut headers, &cost);
        let mut response = Response::new(OutBody::from(body));
        *response.status_mut() = StatusCode::OK;
        *response.headers_mut() = headers;
        response
    }
}

/// An answer that was withheld, whole. `None` where the caller's dialect has no such answer: of InvokeModel's families only
/// Claude's is known well enough, and opinions and vectors have none.
pub(super) fn withheld(
    caller: Dialect,
    operation: Operation,
    facts: &ReplyFacts,
    said: &str,
    (usage, answer): (&Usage, &[u8]),
) -> Option<Bytes> {
    let is_claudes = || {
        let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
        answer["type"] == "message"
    };
    let has_one = operation == Operation::Chat && (caller != Dialect::BedrockInvoke || is_claudes());
    has_one.then(|| inbound(caller).encode_reply(&reply(said, usage), facts))
}

/// An answer that says only this.
fn reply(said: &str, usage: &Usage) -> ChatReply {
    let stop = Stop { reason: StopReason::Guardrail, sequence: None };
    ChatReply { parts: vec![Part::text(said)], stop, usage: *usage, ..ChatReply::default() }
}

/// The same as a stream.
pub(super) fn streamed(caller: Dialect, facts: &ReplyFacts, said: &str, usage: &Usage) -> Bytes {
    let stop = Stop { reason: StopReason::Guardrail, sequence: None };
    let mut encoder = inbound(caller).encoder(facts.clone());
    let mut out = BytesMut::new();
    for event in [
        Event::Start { id: String::new(), model: String::new() },
        Event::PartStart { index: 0, kind: PartKind::Text },
        Event::Delta { index: 0, delta: Delta::Text(said.to_owned()) },
        Event::PartStop { index: 0 },
        Event::Usage((*usage).into()),
        Event::Finish(stop),
        Event::End,
    ] {
        encoder.encode(&event, &mut out);
    }
    out.freeze()
}
