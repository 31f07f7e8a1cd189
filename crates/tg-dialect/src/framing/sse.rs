//! Server-sent events: torn bytes in, whole events out.
//!
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>.

use super::gist::Gist;
use bytes::{BufMut, Bytes, BytesMut};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use tg_kernel::fault::Fault;

#[cfg(test)]
mod tests;

/// The largest frame that is read. A frame carries one delta, or at most one whole tool call or image.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A buffer that grew larger than this for one frame is given back after it: most streams never need as much.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// Names of events are no longer; the longest that the dialects here read has 44 characters.
const NAME_MAX: usize = 64;

/// What a stream may begin with, and clients pass by.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The event's name, where it has one.
    pub event: Option<&'a str>,
    /// Its data; several data lines are joined by line feeds.
    pub data: Cow<'a, [u8]>,
}

/// Reads one frame (its closing blank line may be missing). `None` when it has no data: a comment, or blank lines.
#[must_use]
pub fn read_frame(frame: &[u8]) -> Option<SseEvent<'_>> {
    let mut event = None;
    let mut data: Option<Cow<'_, [u8]>> = None;
    for line in lines(frame) {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default()),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => event = std::str::from_utf8(value).ok(),
            b"data" => match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(lines) => {
                    let lines = lines.to_mut();
                    lines.push(b'\n');
                    lines.extend_from_slice(value);
                }
            },
            _ => {}
        }
    }
    data.map(|data| SseEvent { event, data })
}

/// The lines of a frame that have anything, whatever ends them.
fn lines(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = frame.strip_prefix(MARK).unwrap_or(frame);
    let next = move || {
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = rest.get(..end).filter(|_| !rest.is_empty())?;
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    };
    std::iter::from_fn(next).filter(|line| !line.is_empty())
}

/// Reads what stands at the end of a stream without its blank line. `None` where it is torn: its data is not JSON.
#[must_use]
pub fn read_last(frame: &[u8]) -> Option<SseEvent<'_>> {
    read_frame(frame).filter(|event| serde_json::from_slice::<IgnoredAny>(&event.data).is_ok())
}

/// A frame without what stands beside its data and says nothing to a client: comments, ids, other fields, and a name that looks
/// like none of a dialect, that another takes the place of, or that no data follow. Of a frame that has nothing else a comment
/// is left, as a sign of life. `None` where there is nothing to leave out.
#[must_use]
pub fn bare(frame: &[u8]) -> Option<Bytes> {
    let is_data = |line: &[u8]| line.starts_with(b"data:") || line == b"data";
    let is_event = |line: &[u8]| line.starts_with(b"event:") || line == b"event";
    let has_data = lines(frame).any(is_data);
    let named = lines(frame).filter(|line| is_event(line)).last().filter(|line| {
        let name = line.strip_prefix(b"event:");
        has_data && name.is_some_and(|name| is_name(name.strip_prefix(b" ").unwrap_or(name)))
    });
    let stays = |line: &&[u8]| match is_event(line) {
        true => named.is_some_and(|named| std::ptr::eq(*line, named)),
        false => is_data(line) || *line == b":",
    };
    if lines(frame).all(|line| stays(&line)) {
        return None;
    }
    let mut out = BytesMut::with_capacity(frame.len());
    for line in lines(frame).filter(stays) {
        out.put_slice(line);
        out.put_u8(b'\n');
    }
    if out.is_empty() {
        out.put_slice(b":\n");
    }
    out.put_u8(b'\n');
    Some(out.freeze())
}

/// Whether events of a dialect may be called so: no value is spelt out in such a name.
fn is_name(name: &[u8]) -> bool {
    let digits = name.iter().filter(|b| b.is_ascii_digit()).count();
    name.len() <= NAME_MAX
        && digits <= 2
        && name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-'))
}

/// Appends one event: `event:` line if named, one `data:` line for each line of `data`, a blank line.
pub fn write_event(event: Option<&str>, data: &[u8], out: &mut BytesMut) {
    out.reserve(data.len() + 32);
    if let Some(event) = event {
        out.put_slice(b"event: ");
        out.put_slice(event.as_bytes());
        out.put_u8(b'\n');
    }
    for line in data.split(|b| *b == b'\n') {
        out.put_slice(b"data: ");
        out.put_slice(line);
        out.put_u8(b'\n');
    }
    out.put_u8(b'\n');
}

/// Finds where frames end in bytes that come torn anywhere, also between CR and LF.
#[derive(Clone, Copy, Debug)]
pub struct FrameEnds {
    /// The line so far is empty.
    line_empty: bool,
    /// The last byte was a CR that ended a line: a LF that follows belongs to it.
    after_cr: bool,
    /// The last byte ended a frame.
    between: bool,
}

impl Default for FrameEnds {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameEnds {
    /// At the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        // A blank line before the first event ends a frame without data, which nobody minds.
        Self { line_empty: true, after_cr: false, between: true }
    }

    /// How many of the next bytes of the stream belong to frames that are whole.
    pub fn last(&mut self, bytes: &[u8]) -> usize {
        // The rest of a CR LF that ended a frame.
        let mut end = usize::from(self.between && self.is_belated(bytes));
        while let Some(next) = self.next(bytes, end) {
            end = next;
        }
        self.between = end == bytes.len() && (self.between || end > 0);
        end
    }

    /// Whether these bytes, which come right behind the end of a frame, begin with the LF of the CR that ended it; it is taken
    /// then.
    pub(crate) fn is_belated(&mut self, bytes: &[u8]) -> bool {
        let is_one = self.after_cr && bytes.first() == Some(&b'\n');
        self.after_cr &= !is_one;
        is_one
    }

    /// Looks through `bytes` from `from`, and answers where the frame that is open there ends.
    pub(crate) fn next(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        if self.after_cr && at < bytes.len() {
            self.after_cr = false;
            if bytes.get(at) == Some(&b'\n') {
                at += 1;
            }
        }
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line_empty = false;
                return None;
            };
            let blank = self.line_empty && length == 0;
            self.line_empty = true;
            at += length + 1;
            if rest.get(length) == Some(&b'\r') {
                match rest.get(length + 1) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if blank {
                return Some(at);
            }
        }
        None
    }
}

/// Reads events from torn bytes: [`SseReader::push`], then [`SseReader::next_event`] until it answers `None`.
#[derive(Debug)]
pub struct SseReader {
    buffer: Vec<u8>,
    ends: FrameEnds,
    /// Where the frame starts that was not handed out yet.
    start: usize,
    /// How far `ends` has looked.
    looked: usize,
    /// Nothing was handed out yet: a byte-order mark may come.
    first: bool,
}

impl Default for SseReader {
    fn default() -> Self {
        Self::new()
    }
}

impl SseReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), ends: FrameEnds::new(), start: 0, looked: 0, first: true }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.looked -= self.start;
            self.start = 0;
            if self.buffer.capacity() > KEPT_BYTES_MAX {
                self.buffer.shrink_to(KEPT_BYTES_MAX);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when a frame passes [`FRAME_BYTES_MAX`].
    pub fn next_event(&mut self) -> Result<Option<SseEvent<'_>>, Fault> {
        loop {
            let end = self.ends.next(&self.buffer, self.looked);
            self.looked = end.unwrap_or(self.buffer.len());
            if self.looked - self.start > FRAME_BYTES_MAX {
                return Err(Fault::upstream_failed(
                    "upstream_garbage",
                    format!("The provider sent a stream event of more than {FRAME_BYTES_MAX} bytes."),
                ));
            }
            let Some(end) = end else { return Ok(None) };
            let start = std::mem::replace(&mut self.start, end);
            let first = std::mem::replace(&mut self.first, false);
            // Asked twice, because a borrow that is returned from a loop would last for all of it.
            if read_frame(unmarked(self.buffer.get(start..end).unwrap_or_default(), first)).is_some() {
                return Ok(read_frame(unmarked(self.buffer.get(start..end).unwrap_or_default(), first)));
            }
        }
    }

    /// The stream ended: what stands there without its closing blank line, read as an event. It may be torn.
    pub fn finish(&mut self) -> Option<SseEvent<'_>> {
        let start = std::mem::replace(&mut self.start, self.buffer.len());
        self.looked = self.start;
        read_frame(unmarked(self.buffer.get(start..).unwrap_or_default(), self.first))
    }
}

/// Without a byte-order mark, if this is the stream's first frame.
fn unmarked(frame: &[u8], first: bool) -> &[u8] {
    if first { frame.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(frame) } else { frame }
}

/// Shows whole frames of a passing stream without owning it: only a frame that is torn across chunks is copied.
#[derive(Debug)]
pub struct PassingFrames {
    ends: FrameEnds,
    torn: Vec<u8>,
    /// The open frame passed [`FRAME_BYTES_MAX`]: no more of it is kept than its gist, where that is wanted.
    oversized: Option<Box<Gist>>,
    gleans: bool,
}

impl Default for PassingFrames {
    fn default() -> Self {
        Self::new()
    }
}

impl PassingFrames {
    /// At the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self::with(false)
    }

    /// At the start of a stream whose largest frames matter: of one that passes [`FRAME_BYTES_MAX`] its gist is shown, a
    /// frame of at most [`GIST_BYTES_MAX`](super::gist::GIST_BYTES_MAX) with its name and its short outer members.
    #[must_use]
    pub const fn gleaning() -> Self {
        Self::with(true)
    }

    const fn with(gleans: bool) -> Self {
        Self { ends: FrameEnds::new(), torn: Vec::new(), oversized: None, gleans }
    }

    /// How many bytes at the start of the next chunk still belong to the frame shown last: the LF of a CR LF that was
    /// torn apart.
    #[must_use]
    pub fn belated(&self, chunk: &[u8]) -> usize {
        let between = self.torn.is_empty() && self.oversized.is_none();
        usize::from(between && self.ends.after_cr && chunk.first() == Some(&b'\n'))
    }

    /// Takes the next chunk, and calls `see` for each frame that ends in it, with the frame (blank line included) and
    /// the offset in `chunk` just after it. A torn frame larger than [`FRAME_BYTES_MAX`] is shown as an empty one, or by
    /// its gist.
    pub fn feed(&mut self, chunk: &[u8], mut see: impl FnMut(&[u8], usize)) {
        let mut start = self.belated(chunk);
        if start > 0 {
            self.ends.after_cr = false;
        }
        while let Some(end) = self.ends.next(chunk, start) {
            let piece = chunk.get(start..end).unwrap_or_default();
            if let Some(mut gist) = self.oversized.take() {
                gist.feed(if self.gleans { piece } else { b"" });
                see(gist.event(), end);
            } else if self.torn.is_empty() {
                see(piece, end);
            } else {
                self.torn.extend_from_slice(piece);
                see(&self.torn, end);
            }
            self.torn.clear();
            self.torn.shrink_to(KEPT_BYTES_MAX);
            start = end;
        }
        self.keep(chunk.get(start..).unwrap_or_default());
    }

    /// The frame that is open: what came of it so far; once it is larger than [`FRAME_BYTES_MAX`] nothing, or its gist.
    #[must_use]
    pub fn torn(&self) -> &[u8] {
        self.oversized.as_deref().map_or(&self.torn, Gist::event)
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.oversized.is_none() && self.torn.len() + piece.len() <= FRAME_BYTES_MAX {
            self.torn.extend_from_slice(piece);
            return;
        }
        let gist = self.oversized.get_or_insert_default();
        if self.gleans {
            gist.feed(&std::mem::take(&mut self.torn));
            gist.feed(piece);
        } else {
            self.torn = Vec::new();
        }
    }
}
