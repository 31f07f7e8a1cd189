//! Bytes of a stream to the JSON of its events: server-sent events, or AWS event stream.

use serde_json::Value;

/// Bytes before a message's headers: lengths and their checksum.
const PRELUDE: usize = 12;
/// Bytes after a message's payload: its checksum.
const TRAILER: usize = 4;

/// How a stream is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Sse,
    /// `application/vnd.amazon.eventstream`.
    EventStream,
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// One with JSON.
    Json(Value),
    /// OpenAI's `[DONE]`.
    Done,
    /// Something else; how it begins.
    Other(String),
}

/// Collects bytes and gives events.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    waiting: Vec<u8>,
}

impl Frames {
    /// A reader of one stream.
    pub const fn new(framing: Framing) -> Self {
        Self { framing, waiting: Vec::new() }
    }

    /// Takes bytes, gives the events that are whole by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.waiting.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some((used, event)) = self.next() {
            self.waiting.drain(..used);
            events.extend(event);
        }
        events
    }

    /// Whether bytes of an unfinished event are left.
    pub fn is_torn(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn next(&self) -> Option<(usize, Option<Event>)> {
        match self.framing {
            Framing::Sse => {
                let end = self.waiting.windows(2).position(|pair| pair == b"\n\n")?;
                Some((end + 2, sse(&String::from_utf8_lossy(&self.waiting[..end]))))
            }
            Framing::EventStream => {
                let word = |at: usize| {
                    let bytes = self.waiting.get(at..at + 4)?.try_into().ok()?;
                    usize::try_from(u32::from_be_bytes(bytes)).ok()
                };
                let (total, headers) = (word(0)?, word(4)?);
                let message = self.waiting.get(..total)?;
                let payload = message.get(PRELUDE + headers..total.checked_sub(TRAILER)?)?;
                Some((total, Some(json(&String::from_utf8_lossy(payload)))))
            }
        }
    }
}

/// An event's data; `None` for a comment.
fn sse(event: &str) -> Option<Event> {
    let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    match data.join("\n").trim() {
        "" => None,
        "[DONE]" => Some(Event::Done),
        text => Some(json(text)),
    }
}

fn json(text: &str) -> Event {
    serde_json::from_str(text).map_or_else(|_| Event::Other(text.chars().take(80).collect()), Event::Json)
}

#[cfg(test)]
mod tests {
    use super::{Event, Frames, Framing};
    use serde_json::json;

    #[test]
    fn sse_is_read_in_any_pieces() {
        let text = b": hello\n\nevent: a\ndata: {\"n\":1}\n\ndata: [DONE]\n\n";
        for size in 1..text.len() {
            let mut frames = Frames::new(Framing::Sse);
            let events: Vec<Event> = text.chunks(size).flat_map(|piece| frames.push(piece)).collect();
            assert_eq!(events, [Event::Json(json!({"n": 1})), Event::Done], "pieces of {size}");
            assert!(!frames.is_torn());
        }
    }

    #[test]
    fn event_stream_is_read_in_any_pieces() {
        let mut message = Vec::new();
        for word in [12u32 + 3 + 7 + 4, 3, 0] {
            message.extend(word.to_be_bytes());
        }
        message.extend(b"abc{\"n\":1}\0\0\0\0");
        for size in 1..message.len() {
            let mut frames = Frames::new(Framing::EventStream);
            let events: Vec<Event> = message.chunks(size).flat_map(|piece| frames.push(piece)).collect();
            assert_eq!(events, [Event::Json(json!({"n": 1}))], "pieces of {size}");
        }
    }
}
