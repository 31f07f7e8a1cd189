//! Plays an answer as a stream: beat by beat, at the script's pace, and broken where the script says so.

use crate::books::{Ending, Ticket};
use crate::counts::{Counts, tokens_of};
use crate::directive::{Break, Directive};
use crate::reply::{Block, Reply};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use serde_json::Value;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;

/// Sizes of the pieces that `tear` cuts a stream into, in turn: no frame format has such boundaries.
const TORN_SIZES: [usize; 7] = [1, 2, 3, 5, 7, 11, 13];
const GARBAGE: &[u8] = b"\x00\x01\xfe\xffdata: {not a frame";
const THINKING_PIECE_BYTES: usize = 16;
const ARGUMENT_PIECE_BYTES: usize = 12;
const TOKEN_BYTES: u64 = 4;

/// An accepted chat request with its finished answer.
#[derive(Debug)]
pub(crate) struct Served {
    pub number: u64,
    pub model: String,
    pub created: i64,
    pub reply: Reply,
    pub counts: Counts,
    /// Leave out every usage figure.
    pub unmetered: bool,
    /// As what a stream of Bedrock fails, where the script says so.
    pub fail_as: Option<String>,
}

/// One step of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beat<'a> {
    Start,
    Open(usize, &'a Block),
    Delta(usize, &'a Block, &'a str),
    Close(usize, &'a Block),
    Finish,
}

/// How one API writes answers.
pub(crate) trait Wire: Send + Sync {
    /// The media type of a stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }
    /// A whole answer.
    fn plain(&self, served: &Served) -> Value;
    /// Appends what a stream shows at this beat, perhaps nothing.
    fn beat(&mut self, served: &Served, beat: Beat<'_>, out: &mut BytesMut);
    /// Headers of a whole answer that only this API sends.
    fn headers(&self, _served: &Served) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// Appends the in-stream form of an overloaded provider.
    fn fail(&mut self, served: &Served, out: &mut BytesMut);
}

/// The connection is to be torn.
#[derive(Debug, thiserror::Error)]
#[error("the script tears the connection")]
pub(crate) struct Torn;

#[derive(Clone, Copy, Debug)]
enum Stage {
    Start,
    Open(usize),
    Inside(usize, usize),
    Finish,
    Done,
}

/// What `next_beat` came to.
enum Turn {
    Wrote { delta: bool },
    Broke(Break),
    Done,
}

/// A stream under way.
pub(crate) struct Play {
    wire: Box<dyn Wire>,
    served: Served,
    ticket: Ticket,
    stage: Stage,
    deltas: u64,
    emitted: u64,
    closed_tokens: u64,
    piece_bytes: usize,
    directive: Directive,
    sleep: Option<Pin<Box<Sleep>>>,
    slept: bool,
    paused: bool,
    torn: VecDeque<Bytes>,
    tears: usize,
    flushed: bool,
    out: BytesMut,
}

impl Play {
    pub(crate) fn new(wire: Box<dyn Wire>, served: Served, directive: Directive, ticket: Ticket) -> Self {
        let paused = directive.pause.is_zero();
        let piece = directive.chunk.unwrap_or(1).saturating_mul(TOKEN_BYTES);
        Self {
            wire,
            served,
            ticket,
            stage: Stage::Start,
            deltas: 0,
            emitted: 0,
            closed_tokens: 0,
            piece_bytes: usize::try_from(piece).unwrap_or(usize::MAX),
            directive,
            sleep: None,
            slept: false,
            paused,
            torn: VecDeque::new(),
            tears: 0,
            flushed: false,
            out: BytesMut::new(),
        }
    }

    /// Whether the next beat is a delta, which is what delays and breaks count.
    fn at_delta(&self) -> bool {
        match self.stage {
            Stage::Inside(i, offset) => self.served.reply.blocks.get(i).is_some_and(|b| offset < streamed(b).len()),
            _ => false,
        }
    }

    fn next_beat(&mut self) -> Turn {
        if let Some((how, after)) = self.directive.broken
            && self.deltas >= after
            && !matches!(self.stage, Stage::Start | Stage::Done)
        {
            return Turn::Broke(how);
        }
        let blocks = &self.served.reply.blocks;
        let mut delta = false;
        match self.stage {
            Stage::Start => {
                self.wire.beat(&self.served, Beat::Start, &mut self.out);
                self.stage = after_block(blocks, None);
            }
            Stage::Open(i) => {
                if let Some(block) = blocks.get(i) {
                    self.wire.beat(&self.served, Beat::Open(i, block), &mut self.out);
                }
                self.stage = Stage::Inside(i, 0);
            }
            Stage::Inside(i, offset) => delta = self.inside(i, offset),
            Stage::Finish => {
                self.wire.beat(&self.served, Beat::Finish, &mut self.out);
                self.stage = Stage::Done;
            }
            Stage::Done => return Turn::Done,
        }
        Turn::Wrote { delta }
    }

    fn inside(&mut self, i: usize, offset: usize) -> bool {
        let Some(block) = self.served.reply.blocks.get(i) else {
            self.stage = Stage::Finish;
            return false;
        };
        let text = streamed(block);
        if offset >= text.len() {
            self.wire.beat(&self.served, Beat::Close(i, block), &mut self.out);
            self.closed_tokens += tokens_of(text);
            self.stage = after_block(&self.served.reply.blocks, Some(i));
            return false;
        }
        let step = match block {
            Block::Text(_) => self.piece_bytes,
            Block::ToolUse { .. } => ARGUMENT_PIECE_BYTES,
            _ => THINKING_PIECE_BYTES,
        };
        let mut end = offset.saturating_add(step).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        self.wire.beat(&self.served, Beat::Delta(i, block, &text[offset..end]), &mut self.out);
        self.emitted = self.closed_tokens + tokens_of(&text[..end]);
        self.deltas += 1;
        self.stage = Stage::Inside(i, end);
        true
    }

    fn end(&mut self, ending: Ending) {
        let emitted = if ending == Ending::Complete { self.served.counts.output } else { self.emitted };
        self.ticket.note(|entry| entry.output_emitted = emitted);
        self.ticket.finish(ending);
        self.stage = Stage::Done;
        self.directive.broken = None;
    }

    fn broke(&mut self, how: Break, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Torn>>> {
        match how {
            Break::Hang => {
                let emitted = self.emitted;
                self.ticket.note(|entry| entry.output_emitted = emitted);
                return Poll::Pending;
            }
            // Waiting once makes the server flush what was written before the break.
            Break::Die if !self.flushed => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Break::Die => {
                self.end(Ending::Broken);
                return Poll::Ready(Some(Err(Torn)));
            }
            Break::Fail => self.wire.fail(&self.served, &mut self.out),
            Break::Garbage => self.out.extend_from_slice(GARBAGE),
            Break::Truncate => {}
        }
        self.end(Ending::Broken);
        let last = self.out.split().freeze();
        Poll::Ready(if last.is_empty() { None } else { Some(Ok(Frame::data(last))) })
    }

    fn pace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let delay = if !self.paused && !matches!(self.stage, Stage::Start) {
            self.directive.pause
        } else if self.directive.delay.is_zero() || self.deltas == 0 || self.slept || !self.at_delta() {
            return Poll::Ready(());
        } else {
            self.directive.delay
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(delay)));
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        self.slept = self.paused;
        self.paused = true;
        Poll::Ready(())
    }

    fn tear(&mut self, whole: Bytes) {
        let mut rest = whole;
        while !rest.is_empty() {
            let size = TORN_SIZES.get(self.tears % TORN_SIZES.len()).copied().unwrap_or(1).min(rest.len());
            self.tears += 1;
            self.torn.push_back(rest.split_to(size));
        }
    }
}

use std::future::Future as _;

impl Body for Play {
    type Data = Bytes;
    type Error = Torn;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Torn>>> {
        let this = &mut *self;
        loop {
            if !this.torn.is_empty() {
                // A pending turn between two pieces makes the server write them apart.
                this.flushed = !this.flushed;
                if this.flushed {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(this.torn.pop_front().map(|piece| Ok(Frame::data(piece))));
            }
            ready!(this.pace(cx));
            match this.next_beat() {
                Turn::Done => return Poll::Ready(None),
                Turn::Broke(how) => return this.broke(how, cx),
                Turn::Wrote { delta } => this.slept &= !delta,
            }
            if matches!(this.stage, Stage::Done) {
                this.end(Ending::Complete);
            }
            let whole = this.out.split().freeze();
            if whole.is_empty() {
                continue;
            }
            if this.directive.tear {
                this.tear(whole);
                continue;
            }
            return Poll::Ready(Some(Ok(Frame::data(whole))));
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        let emitted = self.emitted;
        self.ticket.note(|entry| entry.output_emitted = emitted);
    }
}

/// The text of a block that travels in deltas.
fn streamed(block: &Block) -> &str {
    match block {
        Block::Thinking { text, .. } | Block::Text(text) | Block::Refusal(text) => text,
        Block::ToolUse { arguments, .. } if arguments != "{}" => arguments,
        Block::ToolUse { .. } | Block::Redacted { .. } => "",
    }
}

fn after_block(blocks: &[Block], done: Option<usize>) -> Stage {
    let next = done.map_or(0, |i| i + 1);
    if next < blocks.len() { Stage::Open(next) } else { Stage::Finish }
}

/// The beginning of a plain answer, then the break.
pub(crate) struct Stub {
    pub bytes: Option<Bytes>,
    pub then: Break,
    pub flushed: bool,
    pub ticket: Ticket,
}

impl Body for Stub {
    type Data = Bytes;
    type Error = Torn;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Torn>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.then {
            Break::Hang => return Poll::Pending,
            Break::Die | Break::Fail if !self.flushed => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => self.ticket.finish(Ending::Broken),
        }
        Poll::Ready(match self.then {
            Break::Die | Break::Fail => Some(Err(Torn)),
            _ => None,
        })
    }
}

/// Appends an SSE event with a name.
pub(crate) fn named_event(name: &str, data: &Value, out: &mut BytesMut) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\n");
    data_event(data, out);
}

/// Appends an SSE event without a name.
pub(crate) fn data_event(data: &Value, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    append_json(data, out);
    out.extend_from_slice(b"\n\n");
}

/// Appends JSON text.
pub(crate) fn append_json(value: &Value, out: &mut BytesMut) {
    let mut writer = bytes::BufMut::writer(&mut *out);
    // Writing to memory cannot fail, and a `Value` always serialises.
    let written = serde_json::to_writer(&mut writer, value);
    debug_assert!(written.is_ok(), "a JSON value always serialises");
}
