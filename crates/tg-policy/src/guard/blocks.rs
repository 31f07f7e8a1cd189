//! A text that comes in pieces, scored in overlapping blocks that lie at fixed places.

use super::window::{backward, forward};

/// Characters of a block. What is scored are two of them, and each is scored with the one before and the one behind.
pub(super) const BLOCK: usize = 256;

/// A text on its way.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The last block that was scored, and what came behind.
    text: String,
    base: usize,
    /// Up to where it was scored.
    seen: usize,
    /// Up to where no block can be scored again.
    decided: usize,
}

impl Blocks {
    /// Bytes of the whole text that will not be scored again.
    pub(super) const fn decided(&self) -> usize {
        self.decided
    }

    /// Takes a piece; `score` is given each stretch of two blocks, and says whether the text goes on.
    pub(super) fn push(&mut self, piece: &str, score: &mut dyn FnMut(&str) -> bool) {
        self.text.push_str(piece);
        while let Some(frontier) = forward(&self.text, self.seen, BLOCK) {
            if !score(self.text.get(..frontier).unwrap_or_default()) {
                return;
            }
            let from = backward(&self.text, frontier, BLOCK);
            self.decided = self.base + from;
            self.text.drain(..from);
            self.base += from;
            self.seen = frontier - from;
        }
    }

    pub(super) fn finish(&mut self, score: &mut dyn FnMut(&str) -> bool) {
        if self.text.len() > self.seen && !score(&self.text) {
            return;
        }
        self.decided = self.base + self.text.len();
        self.seen = self.text.len();
    }
}
