//! Texts written in characters that nobody sees: tags, variation selectors, two zero-width characters as bits.

use super::hidden::Piece;
use crate::span::Span;

/// Fewest unseen characters in a row that can say something; a flag of a region has six.
const RUN_MIN: usize = 4;

/// Finds them. `take` says whether it wants more.
pub(super) fn find(text: &str, take: &mut dyn FnMut(Piece) -> bool) {
    let mut run = Run::default();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        // All of them are beyond ASCII, and begin with one of few bytes.
        let Some(skip) = rest.bytes().position(|b| matches!(b, 0xe2 | 0xef | 0xf3)) else { break };
        if skip > 0 && !run.is_empty() && !run.end(at, take) {
            return;
        }
        at += skip;
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        if !run.push(c, at) && !run.is_empty() && !run.end(at, take) {
            return;
        }
        at += c.len_utf8();
    }
    run.end(at, take);
}

/// Unseen characters in a row.
#[derive(Debug, Default)]
struct Run {
    start: usize,
    tags: String,
    bytes: Vec<u8>,
    /// Zero-width characters: false the first kind, true the second.
    bits: Vec<bool>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.bytes.is_empty() && self.bits.is_empty()
    }

    /// Takes a character if it is one of them.
    fn push(&mut self, c: char, at: usize) -> bool {
        if self.is_empty() {
            self.start = at;
        }
        let n = c as u32;
        match n {
            0xe0020..=0xe007e => self.tags.extend(char::from_u32(n - 0xe0000)),
            0xe0000..=0xe007f => {}
            0xfe00..=0xfe0f => self.bytes.extend(u8::try_from(n - 0xfe00)),
            0xe0100..=0xe01ef => self.bytes.extend(u8::try_from(n - 0xe0100 + 16)),
            0x200b => self.bits.push(false),
            0x200c | 0x200d => self.bits.push(true),
            0x2060..=0x2064 | 0xfeff => {}
            _ => return false,
        }
        true
    }

    /// Ends the run, and tells what it says. Whether there may be more.
    fn end(&mut self, at: usize, take: &mut dyn FnMut(Piece) -> bool) -> bool {
        let run = std::mem::take(self);
        let span = Span::new(run.start, at);
        let mut more = true;
        if run.tags.len() >= RUN_MIN {
            more = take(Piece { text: run.tags, span, places: Vec::new() });
        }
        if more && run.bytes.len() >= RUN_MIN {
            more = take_bytes(run.bytes, span, take);
        }
        if more && run.bits.len() >= 8 * RUN_MIN {
            let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
            let bytes: Vec<u8> = run.bits.chunks_exact(8).map(byte).collect();
            let turned = bytes.iter().map(|b| !b).collect();
            more = take_bytes(bytes, span, take) && take_bytes(turned, span, take);
        }
        more
    }
}

fn take_bytes(bytes: Vec<u8>, span: Span, take: &mut dyn FnMut(Piece) -> bool) -> bool {
    match String::from_utf8(bytes) {
        Ok(text) if super::codes::is_readable(&text) => take(Piece { text, span, places: Vec::new() }),
        _ => true,
    }
}
