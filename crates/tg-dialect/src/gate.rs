//! Holding the frames of a stream back until all that they say is cleared, and changing no other byte of them.
//!
//! The gate stands before the caller and reads the caller's own dialect, so that one gate serves every way in which an
//! answer came. Frames leave in their order. One whose texts are cleared without a change leaves as it came; in any other
//! the changed strings alone are written anew.

mod beside;
mod left;
mod parts;
mod rows;

use crate::cut::{Closing, Cutoff};
use crate::dialect::ReplyFacts;
use crate::dialects::bedrock_converse::padding::Padding;
use crate::dialects::bedrock_invoke::{self, CHUNK};
use crate::framing::eventstream::{self, Kind};
use crate::framing::frames::{Frames, Next};
use crate::framing::sse;
use crate::passages::{Edits, Medium, MediumKind, Part, Passage, Passages, parts_rows};
use bytes::{Bytes, BytesMut};
use parts::{Parts, Segment};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::ops::Range;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
pub use tg_kernel::passage::Change;
use tg_kernel::passage::Channel;
use tg_kernel::usage::Usage;

/// Most bytes that are held back. A check holds back some hundred characters; whole frames around them are larger.
const HELD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most frames that are held back, and texts in them: small ones take more than their bytes.
const HELD_PIECES_MAX: usize = 512 * 1024;

/// What share of both waits for a text that has paused, and may go on: the arguments of a tool behind it may be long.
const WAITS_SHARE: usize = 4;

/// Most parts of one answer. Real ones have a few dozen.
const PARTS_MAX: usize = 65_536;

/// Where the words of a failure stand that come in a header.
const MESSAGE: &str = "message";

/// The name of frames that tell of a failure.
const FAILURE: &str = "error";

/// Who decides what may go on.
pub trait Inspector {
    /// A part of the answer goes on with this text.
    fn grows(&mut self, part: Part, channel: Channel, text: &str);

    /// A part is whole.
    fn ends(&mut self, part: Part);

    /// Something else comes before a part may go on: what is held back of it is to be decided as it stands, or may
    /// wait; told a second time it may not. Whoever judges no texts has nothing to do.
    fn pauses(&mut self, _part: Part) {}

    /// A block of a row has ended, and what comes next is another: each of them is also a text by itself. Whoever judges no
    /// texts has nothing to do.
    fn parts(&mut self, _part: Part) {}

    /// How much of a part may go on: bytes from its beginning, on a character boundary. Where it is blocked, not into what
    /// is stopped.
    fn cleared(&self, part: Part) -> usize;

    /// What is to stand in place of stretches of a part: in order, apart from each other, none of them partly cleared.
    fn changes(&self, part: Part) -> &[Change];

    /// All of a part up to this byte has left: nobody asks any more what is to stand in its place. Whoever keeps nothing has
    /// nothing to do.
    fn leaves(&mut self, _part: Part, _upto: usize) {}

    /// What is to stand in place of a text that stands by itself; `None` for the text as it is.
    fn whole(&mut self, channel: Channel, text: &str) -> Option<String>;

    /// Pictures, sound or a file is in the answer, of which no text can be read. Whether its frame is to wait until all of the
    /// answer is there and was not blocked.
    fn unread(&mut self, kind: MediumKind) -> bool;

    /// Whether nothing more of the answer may go on.
    fn is_blocked(&self) -> bool;
}

/// How a stream stands at its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// It goes on.
    Open,
    /// It is to be ended by [`Gate::end`].
    Blocked,
}

/// The gate of one stream.
pub struct Gate {
    frames: Frames,
    in_chunks: bool,
    padding: Padding,
    held: VecDeque<Held>,
    held_bytes: usize,
    held_pieces: usize,
    /// The frame that left last was written anew.
    was_changed: bool,
    parts: Parts,
    /// All of the answer is there.
    is_whole: bool,
    closing: Closing,
}

/// What a frame is to its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Envelope {
    /// A part of the answer.
    Event,
    /// What a provider says of a failure of its own, by the name of that.
    Exception,
    /// The same outside its model: a code, and words in a header.
    Error,
}

/// A frame, taken apart.
struct Read {
    envelope: Envelope,
    kind: String,
    /// Its JSON; empty where it says nothing.
    json: Vec<u8>,
    /// Nothing stands beside them that has to go.
    is_usual: bool,
}

/// A frame that waits.
struct Held {
    bytes: Bytes,
    envelope: Envelope,
    kind: String,
    /// Its JSON; empty where it says nothing.
    json: Vec<u8>,
    segments: Vec<Segment>,
    /// So many of these were clear when they were last looked at.
    clear: usize,
    edits: Edits,
    echoes: Vec<Range<usize>>,
    /// It leaves when all of the answer is there, and not where that is blocked.
    waits: bool,
    /// What stood beside its data was left out, or its name is another.
    is_bare: bool,
}

impl Held {
    /// It, and the texts that it says.
    const fn pieces(&self) -> usize {
        1 + self.segments.len()
    }

    /// Whether all that it says is cleared. A frame may have very many texts: those that were clear are looked at again only
    /// when all of them are.
    fn is_cleared(&mut self, parts: &Parts, inspector: &dyn Inspector) -> bool {
        let Self { segments, clear, .. } = self;
        let was_clear = *clear;
        let waits = |segment: &Segment| !parts.is_cleared(segment, inspector);
        if let Some(next) = segments.iter().skip(was_clear).position(waits) {
            *clear += next;
            return false;
        }
        if let Some(again) = segments.iter().take(was_clear).position(waits) {
            *clear = again;
            return false;
        }
        true
    }
}

impl Gate {
    /// Before a caller of this dialect.
    #[must_use]
    pub fn new(caller: Dialect, facts: &ReplyFacts) -> Self {
        Self {
            frames: Frames::of(caller),
            in_chunks: caller == Dialect::BedrockInvoke,
            padding: Padding::new(facts.id),
            held: VecDeque::new(),
            held_bytes: 0,
            held_pieces: 0,
            was_changed: false,
            parts: Parts::default(),
            is_whole: false,
            closing: Closing::of(caller, facts),
        }
    }

    /// Takes the next bytes of the stream, and appends those that may leave.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` for what cannot be checked: bytes that are no frames, or frames too large to be held.
    pub fn pass(
        &mut self,
        chunk: &[u8],
        inspector: &mut dyn Inspector,
        out: &mut Vec<Bytes>,
    ) -> Result<Passing, Fault> {
        self.frames.push(chunk);
        while let Some(Next { bytes, is_piece, is_belated }) = self.frames.next()? {
            if is_piece {
                return Err(unread());
            }
            if inspector.is_blocked() {
                break;
            }
            if is_belated {
                self.belongs_to_last(&bytes, out);
                continue;
            }
            self.take(bytes, inspector)?;
        }
        Ok(self.release(inspector, out))
    }

    /// The stream has ended: all parts are whole. What was torn cannot be checked, and does not leave.
    ///
    /// # Errors
    /// As [`Gate::pass`].
    pub fn finish(&mut self, inspector: &mut dyn Inspector, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        let rest = self.frames.rest();
        let is_last = !rest.is_empty() && matches!(self.frames, Frames::Sse { .. }) && sse::read_last(&rest).is_some();
        if is_last && !inspector.is_blocked() {
            self.take(rest, inspector)?;
        }
        self.parts.finish(inspector);
        self.is_whole = true;
        Ok(self.release(inspector, out))
    }

    /// Ends a stream that is blocked: what was held is dropped, and the answer ends as one that was filtered.
    pub fn end(&mut self, usage: &Usage, out: &mut BytesMut) {
        self.held.clear();
        self.held_pieces = 0;
        self.closing.end(usage, Cutoff::Filter, out);
    }

    fn take(&mut self, bytes: Bytes, inspector: &mut dyn Inspector) -> Result<(), Fault> {
        // What no check reads does not pass: comments and fields that mean nothing.
        let bare =
            Some(&bytes).filter(|_| matches!(self.frames, Frames::Sse { .. })).and_then(|bytes| sse::bare(bytes));
        let mut is_bare = bare.is_some();
        let mut bytes = bare.unwrap_or(bytes);
        let Read { envelope, mut kind, json, is_usual } = self.read(&bytes)?;
        let renamed = beside::renamed(&kind, inspector);
        if renamed.is_some() || !is_usual {
            kind = renamed.unwrap_or(kind);
            (bytes, is_bare) = (self.write(envelope, &kind, &json), true);
        }
        self.held_bytes = self.held_bytes.saturating_add(bytes.len());
        let (segments, edits, echoes) = (Vec::new(), Edits::default(), Vec::new());
        let mut held = Held { bytes, envelope, kind, json, segments, clear: 0, edits, echoes, waits: false, is_bare };
        // Failures are no texts that go on, whatever they are called.
        let name = if envelope == Envelope::Event { &*held.kind } else { FAILURE };
        if let Some(found) = Passages::of_frame(name, &held.json) {
            for kind in found.unread() {
                held.waits |= inspector.unread(kind);
            }
            let Passages { texts, media, echoes, ended, in_a_row, parted, .. } = found;
            let texts = texts.into_iter().map(Passage::into_owned);
            let (growing, whole): (Vec<_>, Vec<_>) = texts.partition(|passage| passage.grows);
            let (blocks, whole): (Vec<_>, Vec<_>) = whole.into_iter().partition(|passage| passage.row.is_some());
            if media.iter().any(Medium::parts_rows) || whole.iter().any(|passage| parts_rows(passage.channel)) {
                self.parts.part_rows(inspector);
            }
            for passage in whole {
                if let Some(text) = inspector.whole(passage.channel, &passage.text) {
                    held.edits.say(&passage, &text);
                }
            }
            held.segments = self.parts.repeat(blocks, inspector);
            held.segments.extend(self.parts.grow(growing, in_a_row, &parted, inspector));
            held.echoes = echoes;
            self.parts.note(&ended, inspector);
        } else if !matches!(held.json.trim_ascii(), b"" | b"[DONE]") {
            return Err(no_json());
        }
        // That which is stopped does not leave, even where it says nothing itself.
        if !inspector.is_blocked() {
            self.held_pieces += held.pieces();
            self.held.push_back(held);
        }
        if self.held_bytes > HELD_BYTES_MAX / WAITS_SHARE || self.held_pieces > HELD_PIECES_MAX / WAITS_SHARE {
            self.parts.wait_no_more(inspector);
        }
        let is_full = self.held_bytes > HELD_BYTES_MAX || self.held_pieces > HELD_PIECES_MAX;
        if is_full || self.parts.is_full() { Err(unread()) } else { Ok(()) }
    }

    /// Takes what belongs to the frame that was taken last, and goes its way.
    fn belongs_to_last(&mut self, bytes: &Bytes, out: &mut Vec<Bytes>) {
        match self.held.back_mut() {
            Some(held) if held.is_bare => {}
            Some(held) => {
                held.bytes = [&held.bytes[..], bytes].concat().into();
                self.held_bytes = self.held_bytes.saturating_add(bytes.len());
            }
            None if self.was_changed => {}
            None => out.push(bytes.clone()),
        }
    }

    /// Lets go what is cleared; only then it says that no more may.
    fn release(&mut self, inspector: &mut dyn Inspector, out: &mut Vec<Bytes>) -> Passing {
        while let Some(first) = self.held.front_mut() {
            if first.waits && (!self.is_whole || inspector.is_blocked()) {
                break;
            }
            if !first.is_cleared(&self.parts, inspector) {
                break;
            }
            let Some(held) = self.held.pop_front() else { break };
            self.held_bytes = self.held_bytes.saturating_sub(held.bytes.len());
            self.held_pieces -= held.pieces();
            self.leave(held, inspector, out);
        }
        if inspector.is_blocked() { Passing::Blocked } else { Passing::Open }
    }

    fn leave(&mut self, held: Held, inspector: &mut dyn Inspector, out: &mut Vec<Bytes>) {
        let Held { bytes, envelope, kind, mut json, segments, mut edits, echoes, is_bare, .. } = held;
        for segment in segments {
            if let Some(changed) = self.parts.leave(&segment, inspector) {
                edits.say_piece(&segment.passage, &changed);
            }
        }
        let is_changed = !edits.is_empty();
        self.was_changed = is_changed || is_bare;
        if is_changed {
            echoes.into_iter().for_each(|echo| edits.blank(echo));
            json = edits.apply(&json).to_vec();
        }
        if envelope == Envelope::Event {
            self.closing.closer.weigh(if self.in_chunks { "" } else { &kind }, &json);
            self.closing.closer.passed();
        }
        out.push(if is_changed { self.write(envelope, &kind, &json) } else { bytes });
    }

    /// What a frame is, its name and its JSON.
    fn read(&self, bytes: &Bytes) -> Result<Read, Fault> {
        if matches!(self.frames, Frames::Sse { .. }) {
            let event = sse::read_frame(bytes);
            let (kind, json) = event.map_or_else(Default::default, |event| {
                (event.event.unwrap_or_default().to_owned(), event.data.into_owned())
            });
            return Ok(Read { envelope: Envelope::Event, kind, json, is_usual: true });
        }
        let frame = eventstream::parse(bytes)?;
        let (envelope, kind, json) = match frame.kind() {
            Kind::Event(kind @ CHUNK) if self.in_chunks => {
                let inner = bedrock_invoke::read_chunk(&frame.payload);
                (Envelope::Event, kind.to_owned(), inner.unwrap_or_else(|_| frame.payload.to_vec()))
            }
            Kind::Event(kind) => (Envelope::Event, kind.to_owned(), frame.payload.to_vec()),
            Kind::Exception(kind) => (Envelope::Exception, kind.to_owned(), frame.payload.to_vec()),
            Kind::Error { code, message } => {
                let words = json!({ MESSAGE: message });
                (Envelope::Error, code.to_owned(), words.to_string().into_bytes())
            }
        };
        let is_usual = beside::is_usual(&frame, self.in_chunks);
        Ok(Read { envelope, kind, json, is_usual })
    }

    /// A frame with other JSON.
    fn write(&mut self, envelope: Envelope, kind: &str, json: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        match (&self.frames, envelope) {
            (Frames::Sse { .. }, _) => {
                sse::write_event(Some(kind).filter(|kind| !kind.is_empty()), json, &mut out);
            }
            (_, Envelope::Exception) => eventstream::write_exception(kind, json, &mut out),
            (_, Envelope::Error) => {
                let words: Value = serde_json::from_slice(json).unwrap_or_default();
                let message = words.get(MESSAGE).and_then(Value::as_str).unwrap_or_default();
                eventstream::write_error(kind, message, &mut out);
            }
            (_, Envelope::Event) if self.in_chunks && kind == CHUNK => {
                bedrock_invoke::write_chunk(json, &mut self.padding, &mut out);
            }
            (_, Envelope::Event) => eventstream::write_event(kind, json, &mut out),
        }
        out.freeze()
    }
}

fn no_json() -> Fault {
    Fault::upstream_failed(
        "upstream_garbage",
        "The provider's stream has a frame that cannot be read, and so not be checked.",
    )
}

fn unread() -> Fault {
    Fault::upstream_failed("upstream_too_large", "The provider's stream has a frame too large to be checked.")
}
