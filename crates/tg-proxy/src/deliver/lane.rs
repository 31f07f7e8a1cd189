//! The three ways in which a streamed answer's bytes become the caller's.

use crate::deliver::tail::Tail;
use bytes::{Bytes, BytesMut};
use tg_dialect::dialect::{StreamDecoder, StreamEncoder};
use tg_dialect::dialects::bedrock_invoke::Rewrap;
use tg_dialect::tap::{Summary, Tap};
use tg_dialect::tool_names::ToolNames;
use tg_kernel::chat::{Stop, StopReason};
use tg_kernel::event::Event;
use tg_kernel::fault::Fault;
use tg_kernel::usage::Usage;

/// How a streamed answer travels. Chosen once, when the upstream's head arrives.
pub(crate) enum Lane {
    /// The same dialect: frames pass untouched, a tap reads along.
    Relay(Box<Relay>),
    /// The same JSON in another envelope.
    Rewrap(Box<Rewrap>),
    /// Another dialect: frames to events to frames.
    Transcode(Box<Transcode>),
}

/// Frames that pass untouched, once they are whole.
pub(crate) struct Relay {
    tap: Box<dyn Tap>,
    tail: Tail,
    /// What the tap let through; empty between calls.
    passed: Vec<Bytes>,
    /// The provider's own error has gone on to the caller.
    told: bool,
}

impl Relay {
    /// Of a stream of this media type.
    pub(crate) fn new(tap: Box<dyn Tap>, content_type: &str) -> Self {
        Self { tap, tail: Tail::new(content_type), passed: Vec::new(), told: false }
    }

    fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.tap.pass(chunk, &mut self.passed);
        self.passed.drain(..).try_for_each(|piece| self.tail.pass(piece, out))?;
        self.told = self.tap.summary().failed;
        Ok(())
    }

    /// Whether the provider's own error has gone on.
    pub(crate) const fn has_told(&self) -> bool {
        self.told
    }

    /// Ends a frame that has begun; false where its framing cannot.
    pub(crate) fn break_off(&mut self, out: &mut Vec<Bytes>) -> bool {
        self.tail.break_off(out)
    }

    /// What is held back goes on only if it is the rest of a whole answer, or an error that lacks no more than its
    /// blank line.
    fn close(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.tap.close(&mut self.passed);
        self.passed.drain(..).try_for_each(|piece| self.tail.pass(piece, out))?;
        let summary = self.tap.summary();
        if summary.failed && !self.told {
            self.tail.complete(out);
            self.told = true;
        } else if summary.complete {
            self.tail.flush(out);
        } else if self.tail.is_inside() {
            return Err(truncated());
        }
        Ok(())
    }
}

/// Frames to events to frames.
pub(crate) struct Transcode {
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    names: ToolNames,
    events: Vec<Event>,
    buffer: BytesMut,
    summary: Summary,
}

impl Transcode {
    pub(crate) fn new(decoder: Box<dyn StreamDecoder>, encoder: Box<dyn StreamEncoder>, names: ToolNames) -> Self {
        Self { decoder, encoder, names, events: Vec::new(), buffer: BytesMut::new(), summary: Summary::default() }
    }

    /// Takes the next bytes of the upstream and appends what becomes of their events, up to the first that `keep` does not
    /// let pass. Answers whether it let all of them pass.
    ///
    /// # Errors
    /// As [`Lane::pass`].
    pub(crate) fn pass_while(
        &mut self,
        chunk: &[u8],
        mut keep: impl FnMut(&Event) -> bool,
        out: &mut Vec<Bytes>,
    ) -> Result<bool, Fault> {
        let read = self.decoder.decode(chunk, &mut self.events);
        let kept = self.events.iter().position(|event| !keep(event));
        self.events.truncate(kept.unwrap_or(self.events.len()));
        self.encode_events(out);
        if kept.is_some() {
            return Ok(false);
        }
        self.summary.failed |= read.is_err();
        read.map(|()| true)
    }

    /// Appends the end of an answer that has reached its length.
    pub(crate) fn end_at_length(&mut self, usage: &Usage, out: &mut BytesMut) {
        let stop = Stop { reason: StopReason::MaxTokens, ..Stop::default() };
        for event in [Event::Usage((*usage).into()), Event::Finish(stop), Event::End] {
            self.encoder.encode(&event, out);
        }
    }

    fn encode_events(&mut self, out: &mut Vec<Bytes>) {
        for event in &mut self.events {
            self.summary.observe(event);
            self.names.restore_event(event);
            self.encoder.encode(event, &mut self.buffer);
        }
        self.events.clear();
        if !self.buffer.is_empty() {
            out.push(self.buffer.split().freeze());
        }
    }
}

impl Lane {
    /// Takes the next bytes of the upstream and appends the caller's.
    ///
    /// # Errors
    /// What the stream itself reports, or bytes that cannot be read. What could be read before is in `out`.
    pub(crate) fn pass(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match self {
            Self::Relay(relay) => relay.pass(chunk, out)?,
            Self::Rewrap(rewrap) => rewritten(out, |buffer| rewrap.pass(&chunk, buffer))?,
            Self::Transcode(transcode) => {
                transcode.pass_while(&chunk, |_| true, out)?;
            }
        }
        Ok(())
    }

    /// The upstream closed. Appends what was held back.
    ///
    /// # Errors
    /// When the stream was cut off.
    pub(crate) fn close(&mut self, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match self {
            Self::Relay(relay) => relay.close(out)?,
            Self::Rewrap(rewrap) => rewritten(out, |buffer| rewrap.close(buffer))?,
            Self::Transcode(transcode) => {
                let read = transcode.decoder.finish(&mut transcode.events);
                transcode.encode_events(out);
                read?;
            }
        }
        let summary = self.summary();
        if summary.complete || summary.failed {
            return Ok(());
        }
        Err(truncated())
    }

    /// The error frame with which a stream ends that cannot go on, unless the provider's own has been passed on. False
    /// where none can be said any more.
    pub(crate) fn fault(&mut self, fault: &Fault, inbound: &InboundEnd, out: &mut Vec<Bytes>) -> bool {
        if let Self::Relay(relay) = self {
            let possible = relay.tail.break_off(out);
            if !possible || relay.told {
                return possible;
            }
        }
        let mut buffer = BytesMut::new();
        match self {
            Self::Transcode(transcode) => transcode.encoder.fault(fault, &mut buffer),
            Self::Relay(_) | Self::Rewrap(_) => inbound.dialect.encode_stream_fault(fault, inbound.id, &mut buffer),
        }
        if !buffer.is_empty() {
            out.push(buffer.freeze());
        }
        true
    }

    /// Whether the caller has got the beginning of a frame and not its end: nothing of ours may be said now.
    pub(crate) fn is_inside(&self) -> bool {
        matches!(self, Self::Relay(relay) if relay.tail.is_inside())
    }

    /// What was learned so far.
    pub(crate) fn summary(&self) -> &Summary {
        match self {
            Self::Relay(relay) => relay.tap.summary(),
            Self::Rewrap(rewrap) => rewrap.summary(),
            Self::Transcode(transcode) => &transcode.summary,
        }
    }
}

/// Appends what `write` writes, also where it fails.
fn rewritten(out: &mut Vec<Bytes>, write: impl FnOnce(&mut BytesMut) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut buffer = BytesMut::new();
    let read = write(&mut buffer);
    if !buffer.is_empty() {
        out.push(buffer.freeze());
    }
    read
}

/// The caller's end of a stream.
#[derive(Clone, Copy)]
pub(crate) struct InboundEnd {
    pub(crate) dialect: &'static dyn tg_dialect::dialect::InboundDialect,
    pub(crate) id: tg_kernel::ids::CallId,
}

/// The provider's stream stopped before its end.
pub(crate) fn truncated() -> Fault {
    Fault::upstream_failed("upstream_truncated", "The provider's stream ended before the answer was complete.")
}
