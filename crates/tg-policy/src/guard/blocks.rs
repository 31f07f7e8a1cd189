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
        let mut rest = piece;
        // A long piece in portions: what was scored is cut off the front of what is kept, which must be little.
        while !rest.is_empty() {
            let portion = forward(rest, 0, BLOCK).unwrap_or(rest.len());
            let (next, later) = rest.split_at_checked(portion).unwrap_or((rest, ""));
            self.text.push_str(next);
            rest = later;
            while let Some(frontier) = forward(&self.text, self.seen, BLOCK) {
                if !self.go_on(frontier, score) {
                    return;
                }
            }
        }
    }

    fn go_on(&mut self, frontier: usize, score: &mut dyn FnMut(&str) -> bool) -> bool {
        if !score(self.text.get(..frontier).unwrap_or_default()) {
            return false;
        }
        let from = backward(&self.text, frontier, BLOCK);
        self.decided = self.decided.max(self.base + from);
        self.text.drain(..from);
        self.base += from;
        self.seen = frontier - from;
        true
    }

    /// All that came is decided as it stands; the text goes on later, and its blocks lie where they would have lain.
    pub(super) fn pause(&mut self, score: &mut dyn FnMut(&str) -> bool) {
        let end = self.base + self.text.len();
        let is_new = self.text.len() > self.seen && self.decided < end;
        if !is_new || score(&self.text) {
            self.decided = end;
        }
    }

    pub(super) fn finish(&mut self, score: &mut dyn FnMut(&str) -> bool) {
        if self.text.len() > self.seen && !score(&self.text) {
            return;
        }
        self.decided = self.base + self.text.len();
        (self.text, self.base, self.seen) = (String::new(), self.decided, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_held_at_a_pause_and_the_blocks_lie_where_they_would_have_lain() {
        let text = "é".repeat(4 * BLOCK);
        for pause in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7] {
            let (first, second) = text.split_at(2 * pause);
            let (mut blocks, mut stretches) = (Blocks::default(), Vec::new());
            let mut score = |stretch: &str| {
                stretches.push(stretch.len());
                true
            };
            blocks.push(first, &mut score);
            blocks.pause(&mut score);
            assert_eq!(blocks.decided(), first.len(), "{pause}");
            blocks.pause(&mut score);
            blocks.push(second, &mut score);
            assert!(blocks.decided() >= first.len());
            blocks.finish(&mut score);
            assert_eq!(blocks.decided(), text.len());
            // What is scored at the pause comes on top, and once.
            let whole = [1, 2, 2, 2].map(|count| 2 * count * BLOCK);
            let more = stretches.len() - whole.len();
            assert_eq!(more, usize::from(pause % BLOCK != 0), "{stretches:?}");
            assert!(whole.iter().all(|length| stretches.contains(length)));
        }
        let mut stopped = Blocks::default();
        stopped.push("ab", &mut |_| true);
        stopped.pause(&mut |_| false);
        assert_eq!(stopped.decided(), 0);
    }

    #[test]
    fn a_long_piece_is_not_kept_whole() {
        let mut blocks = Blocks::default();
        let (mut scored, mut longest) = (0, 0);
        blocks.push(&"é".repeat(200_000), &mut |stretch| {
            scored += 1;
            longest = longest.max(stretch.chars().count());
            true
        });
        assert_eq!((scored, longest), (200_000 / BLOCK, 2 * BLOCK));
        assert!(blocks.text.capacity() <= 32 * BLOCK, "{}", blocks.text.capacity());
    }
}
