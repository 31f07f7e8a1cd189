//! Ending a stream before its provider does, as its dialect ends an answer that has reached its length, or was filtered.
//!
//! What a stream may have used is counted so that it is never too little: a token is at least a byte of what is shown, and
//! what surrounds a part of an answer without being shown is allowed for. Frames are looked at whole, one after the other,
//! so that a stream is cut at the same place however its bytes come.

use crate::dialect::ReplyFacts;
use crate::dialects::anthropic_messages::closer::MessagesCloser;
use crate::dialects::bedrock_converse::closer::ConverseCloser;
use crate::dialects::bedrock_converse::padding::Padding;
use crate::dialects::bedrock_invoke::{self, closer::InvokeCloser};
use crate::dialects::openai_chat::closer::ChatCloser;
use crate::dialects::openai_responses::closer::ResponsesCloser;
use crate::framing::eventstream::{self, Kind};
use crate::framing::frames::{Frames, Next};
use crate::framing::sse;
use bytes::{Bytes, BytesMut};
use serde_json::Value;
use std::collections::BTreeMap;
use tg_kernel::dialect::Dialect;
use tg_kernel::event::{Delta, Event, PartKind};
use tg_kernel::fault::Fault;
use tg_kernel::usage::Usage;

#[cfg(test)]
mod tests;

/// Tokens that a part of an answer has besides those that are shown: what opens and closes a message or a tool call. More
/// than any vendor's template has.
pub const PART_TOKENS: u64 = 16;

/// Most blocks, choices or items of an answer that are remembered, to be closed. Real answers have a few dozen; what lies beyond
/// has gone on all the same.
pub(crate) const OPEN_MAX: usize = 65_536;

/// Base64 of spoken output for one token, at most: of 24 kHz PCM some 3 200 bytes are one.
const AUDIO_BYTES_PER_TOKEN: u64 = 256;

/// Why a stream is ended before its provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cutoff {
    /// It has reached its length.
    Length,
    /// Its content is not to go on.
    Filter,
}

/// Where the frames that end a stream go: their kind (empty where the dialect names none) and their JSON.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&str, &[u8]);

/// What of a relayed stream must be known to end it.
pub(crate) trait Closer: Send {
    /// Reads a frame that is about to go on, and answers how many output tokens it may stand for, at most.
    fn weigh(&mut self, kind: &str, data: &[u8]) -> u64;

    /// The frame that was weighed last has gone on.
    fn passed(&mut self);

    /// Writes what ends the answer after the frames that have gone on.
    fn end(&mut self, usage: &Usage, cutoff: Cutoff, sink: Sink<'_>);

    /// Whether frames that are too large to be read only repeat what came before.
    fn repeats_at_large(&self) -> bool {
        false
    }
}

/// A whole frame of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes as they came.
    pub bytes: Bytes,
    /// Output tokens that it may stand for, at most.
    pub tokens: u64,
}

/// Takes a relayed (or rewrapped) stream apart into frames, and can end it after any of them.
pub struct Cutter {
    frames: Frames,
    /// Of InvokeModel: the model's own JSON stands inside.
    in_chunks: bool,
    closing: Closing,
}

/// How the caller's frames are written.
enum Target {
    Sse,
    EventStream,
    Chunks(Padding),
}

/// Ends a stream in the caller's dialect.
pub(crate) struct Closing {
    target: Target,
    pub(crate) closer: Box<dyn Closer>,
}

impl Closing {
    /// Of a stream to a caller of this dialect.
    pub(crate) fn of(caller: Dialect, facts: &ReplyFacts) -> Self {
        let (target, closer): (_, Box<dyn Closer>) = match caller {
            Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => (Target::Sse, Box::new(ChatCloser::new(facts.clone()))),
            Dialect::OpenaiResponses => (Target::Sse, Box::new(ResponsesCloser::new(facts.clone()))),
            Dialect::AnthropicMessages => (Target::Sse, Box::new(MessagesCloser::new(facts.clone()))),
            Dialect::BedrockConverse => (Target::EventStream, Box::new(ConverseCloser::new(facts.id))),
            Dialect::BedrockInvoke => {
                (Target::Chunks(Padding::new(facts.id)), Box::new(InvokeCloser::new(facts.clone())))
            }
        };
        Self { target, closer }
    }

    /// Ends the stream after what has gone on.
    pub(crate) fn end(&mut self, usage: &Usage, cutoff: Cutoff, out: &mut BytesMut) {
        let Self { target, closer } = self;
        closer.end(usage, cutoff, &mut |kind, data| match target {
            Target::Sse => sse::write_event(Some(kind).filter(|kind| !kind.is_empty()), data, out),
            Target::EventStream => eventstream::write_event(kind, data, out),
            Target::Chunks(padding) => bedrock_invoke::write_last(kind, data, usage, padding, out),
        });
    }
}

impl Cutter {
    /// For a stream that a provider of `spoken` sends to a caller of `caller`: of the same dialect, or Claude's in another
    /// envelope.
    #[must_use]
    pub fn new(spoken: Dialect, caller: Dialect, facts: &ReplyFacts) -> Self {
        let closing = Closing::of(caller, facts);
        Self { frames: Frames::of(spoken), in_chunks: spoken == Dialect::BedrockInvoke, closing }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, chunk: &[u8]) {
        self.frames.push(chunk);
    }

    /// The next whole frame, or the LF of a CR LF that ended the last one and came later. Of one that is too large to be held,
    /// pieces as they come.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` for bytes that are no frames.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Fault> {
        let Some(Next { bytes, is_piece, is_belated }) = self.frames.next()? else { return Ok(None) };
        let tokens = match is_piece {
            _ if is_belated => 0,
            true if self.closing.closer.repeats_at_large() => 0,
            true => bytes.len() as u64,
            false => self.weigh(&bytes),
        };
        Ok(Some(Piece { bytes, tokens }))
    }

    /// The piece that came last has gone on to the caller.
    pub fn passed(&mut self) {
        self.closing.closer.passed();
    }

    /// The upstream closed: what is left without its end.
    pub fn rest(&mut self) -> Bytes {
        self.frames.rest()
    }

    /// Ends the stream after what has gone on: the answer is whole, and was cut at its length.
    pub fn end(&mut self, usage: &Usage, out: &mut BytesMut) {
        self.closing.end(usage, Cutoff::Length, out);
    }

    fn weigh(&mut self, bytes: &Bytes) -> u64 {
        let whole = bytes.len() as u64;
        match &self.frames {
            Frames::Sse { .. } => sse::read_frame(bytes)
                .map_or(0, |event| self.closing.closer.weigh(event.event.unwrap_or_default(), &event.data)),
            Frames::EventStream(_) => {
                let Ok(frame) = eventstream::parse(bytes) else { return whole };
                let Kind::Event(kind) = frame.kind() else { return 0 };
                if !self.in_chunks {
                    return self.closing.closer.weigh(kind, &frame.payload);
                }
                bedrock_invoke::read_chunk(&frame.payload).map_or(whole, |inner| self.closing.closer.weigh("", &inner))
            }
        }
    }
}

/// Output tokens that a canonical event may stand for, at most.
#[must_use]
pub fn weigh_event(event: &Event) -> u64 {
    match event {
        Event::PartStart { kind: PartKind::ToolUse { name, .. }, .. } => PART_TOKENS + name.len() as u64,
        Event::PartStart { .. } => PART_TOKENS,
        Event::Delta { delta: Delta::Text(text) | Delta::Arguments(text) | Delta::Reasoning(text), .. } => {
            text.len() as u64
        }
        Event::Delta { delta: Delta::Redacted(data), .. } => data.len() as u64,
        Event::Delta { delta: Delta::Signature(_), .. }
        | Event::Start { .. }
        | Event::PartStop { .. }
        | Event::Usage(_)
        | Event::Tier(_)
        | Event::Finish(_)
        | Event::Ping
        | Event::End => 0,
    }
}

/// Bytes of all texts in a value, but for members that are named in `skipped`.
pub(crate) fn text_bytes(value: &Value, skipped: &[&str]) -> u64 {
    match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(|item| text_bytes(item, skipped)).sum(),
        Value::Object(members) => {
            let counted = members.iter().filter(|(name, _)| !skipped.contains(&name.as_str()));
            counted.map(|(_, value)| text_bytes(value, skipped)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Takes note of choices of a chunk: which there are, and which have ended.
pub(crate) fn note_choice(choices: &mut BTreeMap<u64, bool>, index: u64, has_ended: bool) {
    if choices.len() < OPEN_MAX || choices.contains_key(&index) {
        *choices.entry(index).or_default() |= has_ended;
    }
}

/// Tokens of a piece of spoken output, in base64.
pub(crate) const fn audio_tokens(base64: &str) -> u64 {
    (base64.len() as u64).div_ceil(AUDIO_BYTES_PER_TOKEN)
}
