//! The gist of a server-sent event that is too large to keep: its name, and the short outer members of its JSON.
//!
//! The last event of a Responses stream repeats the whole answer. What matters in it are a few short members near the
//! top (type, status, counts), wherever they stand. Arrays, deep objects and long strings are told as empty ones.

use memchr::{memchr2, memchr3};

#[cfg(test)]
mod tests;

/// Objects nested deeper are told as empty. The fourth level is that of the details of counts.
const DEPTH_KEPT: usize = 4;

/// Longer strings are told as empty.
const STRING_BYTES_MAX: usize = 1024;

/// The most bytes of a gist. An event that has more short members than that has none.
pub const GIST_BYTES_MAX: usize = 64 * 1024;

/// Takes one event in pieces, and keeps its gist as an event of its own.
#[derive(Debug, Default)]
pub(super) struct Gist {
    kept: Vec<u8>,
    line: Line,
    json: Json,
    overfull: bool,
}

/// What the line is that is being read.
#[derive(Debug, Default)]
enum Line {
    /// The name of a field, kept so far.
    #[default]
    Name,
    Event,
    Data,
    /// One that says nothing.
    Other,
}

/// Where in the JSON the reader stands.
#[derive(Debug, Default)]
struct Json {
    /// Objects around, of those that are kept.
    depth: usize,
    /// Levels inside a value that is told as empty.
    skipped: usize,
    in_string: bool,
    escaped: bool,
    /// The string is told as empty.
    cut: bool,
    /// Where the string's text starts in what is kept.
    string_start: usize,
}

impl Gist {
    /// Takes the next bytes of the event.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.get(self.dull(bytes)..).and_then(<[u8]>::split_first) {
            self.byte(*byte);
            bytes = rest;
        }
    }

    /// What is kept of the event; nothing if it was too much.
    pub(super) fn event(&self) -> &[u8] {
        &self.kept
    }

    /// How many bytes from here on change nothing: most of a large event is inside long strings.
    fn dull(&self, bytes: &[u8]) -> usize {
        let json = &self.json;
        let next = match self.line {
            _ if self.overfull => None,
            Line::Data if json.in_string && !json.escaped && (json.cut || json.skipped > 0) => {
                memchr3(b'"', b'\\', b'\n', bytes)
            }
            Line::Other => memchr2(b'\n', b'\r', bytes),
            _ => Some(0),
        };
        next.unwrap_or(bytes.len())
    }

    fn byte(&mut self, byte: u8) {
        match (&self.line, byte) {
            (line, b'\n' | b'\r') => {
                match line {
                    Line::Name => self.forget_name(),
                    Line::Event | Line::Data => self.kept.push(b'\n'),
                    Line::Other => {}
                }
                self.line = Line::Name;
            }
            (Line::Name, b':') => self.name(),
            (Line::Name | Line::Event, _) => self.kept.push(byte),
            (Line::Data, _) => self.json.byte(byte, &mut self.kept),
            (Line::Other, _) => {}
        }
        if self.kept.len() > GIST_BYTES_MAX {
            (self.kept, self.overfull) = (Vec::new(), true);
        }
    }

    /// The name of a field is whole.
    fn name(&mut self) {
        let start = self.kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.line = match self.kept.get(start..) {
            Some(b"event") => Line::Event,
            Some(b"data") => Line::Data,
            _ => Line::Other,
        };
        match self.line {
            Line::Other => self.forget_name(),
            _ => self.kept.push(b':'),
        }
    }

    fn forget_name(&mut self) {
        let start = self.kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.kept.truncate(start);
    }
}

impl Json {
    fn byte(&mut self, byte: u8, kept: &mut Vec<u8>) {
        if self.in_string {
            self.text(byte, kept);
            return;
        }
        let keeps = self.skipped == 0;
        match byte {
            b'"' => {
                (self.in_string, self.cut) = (true, false);
                if keeps {
                    kept.push(byte);
                    self.string_start = kept.len();
                }
            }
            b'{' | b'[' if !keeps => self.skipped += 1,
            b'{' | b'[' => {
                kept.push(byte);
                if byte == b'[' || self.depth == DEPTH_KEPT { self.skipped = 1 } else { self.depth += 1 }
            }
            b'}' | b']' if !keeps => {
                self.skipped -= 1;
                if self.skipped == 0 {
                    kept.push(byte);
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                kept.push(byte);
            }
            _ if keeps && !byte.is_ascii_whitespace() => kept.push(byte),
            _ => {}
        }
    }

    /// A byte inside a string.
    fn text(&mut self, byte: u8, kept: &mut Vec<u8>) {
        let ends = byte == b'"' && !self.escaped;
        self.escaped = byte == b'\\' && !self.escaped;
        self.in_string = !ends;
        if self.skipped > 0 || (self.cut && !ends) {
            return;
        }
        kept.push(byte);
        if !ends && kept.len() - self.string_start > STRING_BYTES_MAX {
            kept.truncate(self.string_start);
            self.cut = true;
        }
    }
}
