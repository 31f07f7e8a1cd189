//! Holds back the torn end of a relayed stream, so that an error frame never lands inside another frame.

use bytes::Bytes;
use tg_dialect::framing::eventstream;
use tg_dialect::framing::sse::FrameEnds;
use tg_kernel::fault::Fault;

/// Most bytes that are held back. A larger frame goes on in pieces.
const HELD_BYTES_MAX: usize = 256 << 10;

/// Fewest bytes of an event-stream frame: its prelude and its checksum.
const FRAME_BYTES_MIN: usize = 16;
/// Most bytes of an event-stream frame.
const FRAME_BYTES_MAX: usize = eventstream::HEADERS_BYTES_MAX + eventstream::PAYLOAD_BYTES_MAX + FRAME_BYTES_MIN;

/// Ends an event of an SSE stream, wherever in a line it stands.
const EVENT_END: &[u8] = b"\n\n";

/// The torn end of a stream.
#[derive(Debug)]
pub(crate) struct Tail {
    framing: Framing,
    held: Vec<Bytes>,
    held_bytes: usize,
    /// The open frame was too large to be held back: its beginning has gone on.
    begun: bool,
}

#[derive(Debug)]
enum Framing {
    /// Frames end with a blank line.
    Sse(FrameEnds),
    /// Frames begin with their length.
    EventStream {
        /// As much of a length as has come.
        length: [u8; 4],
        length_seen: usize,
        /// Bytes of the frame that are still to come.
        left: usize,
    },
}

impl Tail {
    /// For a stream of this media type.
    pub(crate) fn new(content_type: &str) -> Self {
        let framing = if content_type == eventstream::CONTENT_TYPE {
            Framing::EventStream { length: [0; 4], length_seen: 0, left: 0 }
        } else {
            Framing::Sse(FrameEnds::new())
        };
        Self { framing, held: Vec::new(), held_bytes: 0, begun: false }
    }

    /// Takes the next bytes, and appends those whose frames are whole.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when the bytes are no frames.
    pub(crate) fn pass(&mut self, mut piece: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let end = match &mut self.framing {
            Framing::Sse(ends) => ends.last(&piece),
            Framing::EventStream { length, length_seen, left } => last_frame_end(length, length_seen, left, &piece)?,
        };
        if end > 0 {
            self.flush(out);
            out.push(piece.split_to(end));
            self.begun = false;
        }
        if !piece.is_empty() {
            self.held_bytes += piece.len();
            self.held.push(piece);
            if self.begun || self.held_bytes > HELD_BYTES_MAX {
                self.flush(out);
                self.begun = true;
            }
        }
        Ok(())
    }

    /// Whether the caller has got the beginning of a frame and not its end.
    pub(crate) const fn is_inside(&self) -> bool {
        self.begun
    }

    /// Appends what is held back, and ends the event that it is: only its blank line is missing.
    pub(crate) fn complete(&mut self, out: &mut Vec<Bytes>) {
        self.flush(out);
        if matches!(self.framing, Framing::Sse(_)) {
            out.push(Bytes::from_static(EVENT_END));
            self.begun = false;
        }
    }

    /// Drops what is held back, and ends the frame whose beginning has gone on, so that another may follow. False where
    /// the framing cannot do that: the length of an event-stream frame is a promise.
    ///
    /// An event that is ended like this cannot pass for a whole one: its data is the beginning of a JSON object, which
    /// no reader of JSON takes, unless only the blank line was missing.
    pub(crate) fn break_off(&mut self, out: &mut Vec<Bytes>) -> bool {
        self.held.clear();
        self.held_bytes = 0;
        match self.framing {
            _ if !self.begun => true,
            Framing::Sse(_) => {
                out.push(Bytes::from_static(EVENT_END));
                self.begun = false;
                true
            }
            Framing::EventStream { .. } => false,
        }
    }

    /// Appends what is held back: the stream ended, and this is all that will come.
    pub(crate) fn flush(&mut self, out: &mut Vec<Bytes>) {
        out.append(&mut self.held);
        self.held_bytes = 0;
    }
}

fn last_frame_end(
    length: &mut [u8; 4],
    length_seen: &mut usize,
    left: &mut usize,
    piece: &[u8],
) -> Result<usize, Fault> {
    let (mut at, mut end) = (0, 0);
    while at < piece.len() {
        if *left == 0 {
            length[*length_seen] = piece[at];
            *length_seen += 1;
            at += 1;
            if *length_seen < length.len() {
                continue;
            }
            let total = u32::from_be_bytes(*length) as usize;
            if !(FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&total) {
                let message = "The provider sent bytes that are no frames of an event stream.";
                return Err(Fault::upstream_failed("upstream_garbage", message));
            }
            (*length_seen, *left) = (0, total - length.len());
            continue;
        }
        let step = (*left).min(piece.len() - at);
        at += step;
        *left -= step;
        if *left == 0 {
            end = at;
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes on at once, and what is held back at the end.
    fn passed(tail: &mut Tail, pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let (mut out, mut held) = (Vec::new(), Vec::new());
        for piece in pieces {
            tail.pass(Bytes::copy_from_slice(piece), &mut out).unwrap();
        }
        tail.flush(&mut held);
        (out.concat(), held.concat())
    }

    #[test]
    fn only_whole_events_go_on() {
        for (pieces, whole, torn) in [
            (vec!["data: a\n\n"], "data: a\n\n", ""),
            (vec!["data: a\n", "\n"], "data: a\n\n", ""),
            (vec!["data: a\r\n\r", "\nda"], "data: a\r\n\r\n", "da"),
            (vec!["data: a\r", "\n", "\r", "\n"], "data: a\r\n\r\n", ""),
            (vec!["data: a\n\ndata: b\n\ndata: c"], "data: a\n\ndata: b\n\n", "data: c"),
            (vec!["data: a", "\n\nx"], "data: a\n\n", "x"),
            (vec!["d", "a", "t", "a\r\rb"], "data\r\r", "b"),
            (vec!["data\n\rb", "c\n", "\r"], "data\n\rbc\n\r", ""),
            (vec!["data\r", "", "\nb"], "", "data\r\nb"),
            (vec!["data\r\r", "", "\n", "\nb"], "data\r\r\n\n", "b"),
            (vec!["data: a"], "", "data: a"),
        ] {
            let pieces: Vec<&[u8]> = pieces.into_iter().map(str::as_bytes).collect();
            let got = passed(&mut Tail::new("text/event-stream"), &pieces);
            assert_eq!(got, (whole.into(), torn.into()), "{pieces:?}");
        }
    }

    #[test]
    fn only_whole_frames_go_on_however_they_are_torn() {
        let mut frames = bytes::BytesMut::new();
        eventstream::write_event("messageStart", b"{}", &mut frames);
        eventstream::write_event("contentBlockDelta", br#"{"delta":{"text":"a"}}"#, &mut frames);
        let whole = frames.len();
        frames.extend_from_slice(&frames.clone()[..20]);
        for size in 1..=frames.len() {
            let pieces: Vec<&[u8]> = frames.chunks(size).collect();
            let (out, held) = passed(&mut Tail::new(eventstream::CONTENT_TYPE), &pieces);
            assert_eq!((out.as_slice(), held.as_slice()), (&frames[..whole], &frames[whole..]), "by {size}");
        }
        let mut tail = Tail::new(eventstream::CONTENT_TYPE);
        assert!(tail.pass(Bytes::from_static(b"\0\0\0\x02xx"), &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_held_back_has_a_limit() {
        let mut tail = Tail::new("text/event-stream");
        let mut out = Vec::new();
        tail.pass(Bytes::from(vec![b'x'; HELD_BYTES_MAX + 1]), &mut out).unwrap();
        assert_eq!(out.concat().len(), HELD_BYTES_MAX + 1);
        // From then on nothing of that frame is held back, and all of the next one is.
        for (piece, passed, inside) in [(&b"x"[..], 1, true), (b"x\n\ny", 3, false), (b"y", 0, false)] {
            out.clear();
            tail.pass(Bytes::from_static(piece), &mut out).unwrap();
            assert_eq!((out.concat().len(), tail.is_inside()), (passed, inside), "{piece:?}");
        }
    }

    #[test]
    fn a_frame_that_has_begun_is_ended_where_its_framing_can_end_it() {
        let large = vec![b'x'; HELD_BYTES_MAX + 1];
        let frame = [&u32::to_be_bytes(1 << 20)[..], &large].concat();
        for (content_type, bytes, inside, possible, last) in [
            ("text/event-stream", &large[..], true, true, "\n\n"),
            ("text/event-stream", b"data: {", false, true, ""),
            (eventstream::CONTENT_TYPE, &frame, true, false, ""),
            (eventstream::CONTENT_TYPE, &frame[..100], false, true, ""),
        ] {
            let (mut tail, mut out) = (Tail::new(content_type), Vec::new());
            tail.pass(Bytes::copy_from_slice(bytes), &mut Vec::new()).unwrap();
            assert_eq!(tail.is_inside(), inside, "{content_type} {}", bytes.len());
            assert_eq!(tail.break_off(&mut out), possible, "{content_type} {}", bytes.len());
            assert_eq!(out.concat(), last.as_bytes(), "{content_type} {}", bytes.len());
        }
    }
}
