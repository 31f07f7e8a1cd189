//! The blocks of an answer that follow each other: one text that was cut, and judged as one.
//!
//! A row goes by the name of its first block, under which it grows. It is whole where something else stands between, or
//! nothing more comes; until then what is held back of it is held, and the frames that end a block and begin the next with
//! it. A block that begins while the one before has not ended begins a row of its own.

use super::left::Left;
use super::{Change, Inspector};
use crate::passages::{Part, Passage};
use std::collections::HashMap;
use std::ops::Range;
use tg_kernel::passage::Channel;

/// A frame that has blocks as a whole comes soon after they have grown: it is looked for so many back.
const REPEATED_WITHIN: usize = 64;

/// How much of all blocks is kept to know them by. Those of longer answers are judged anew where a frame has them as a whole.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// All rows of one answer.
#[derive(Default)]
pub(super) struct Rows {
    blocks: HashMap<Part, Block>,
    /// In which order they began.
    order: Vec<Part>,
    rows: HashMap<Part, Row>,
    /// The row that the next block may go on with.
    open: Option<Part>,
    /// How many rows were told as a whole that had not grown before.
    repeated: usize,
    /// How much of the blocks was to be kept so far.
    kept: usize,
}

struct Block {
    row: Part,
    /// Where it begins in its row.
    start: usize,
    channel: Channel,
    text: String,
    is_over: bool,
}

struct Row {
    channel: Channel,
    bytes: usize,
    /// The block that grows.
    last: Part,
}

impl Rows {
    /// How many were told as a whole.
    pub(super) const fn repeated(&self) -> usize {
        self.repeated
    }

    /// Whether a frame that has blocks as a whole may be known for what has grown.
    pub(super) const fn may_repeat(&self) -> bool {
        self.kept <= KEPT_BYTES_MAX
    }

    /// A block goes on; which row that is, and where in it this text stands.
    pub(super) fn grow(
        &mut self,
        part: Part,
        channel: Channel,
        text: &str,
        inspector: &mut dyn Inspector,
    ) -> (Part, Range<usize>) {
        let name = match self.blocks.get(&part) {
            Some(block) => block.row,
            None => self.begin(part, channel, inspector),
        };
        self.keep(part, text);
        // Its block has begun it.
        let Some(row) = self.rows.get_mut(&name) else { return (name, 0..0) };
        let start = row.bytes;
        row.bytes += text.len();
        let range = start..row.bytes;
        inspector.grows(name, channel, text);
        (name, range)
    }

    /// Keeps the text of a block, while there is room.
    fn keep(&mut self, part: Part, text: &str) {
        let had_room = self.kept <= KEPT_BYTES_MAX;
        self.kept = self.kept.saturating_add(text.len());
        if self.kept <= KEPT_BYTES_MAX {
            if let Some(block) = self.blocks.get_mut(&part) {
                block.text.push_str(text);
            }
        } else if had_room {
            self.blocks.values_mut().for_each(|block| block.text = String::new());
        }
    }

    /// A block begins; the name of its row.
    fn begin(&mut self, part: Part, channel: Channel, inspector: &mut dyn Inspector) -> Part {
        let goes_on = |open: &Part| {
            let row = self.rows.get(open);
            row.is_some_and(|row| row.channel == channel && self.is_over(row.last))
        };
        let name = self.open.filter(goes_on).unwrap_or(part);
        if name == part {
            self.part(inspector);
            self.open = Some(part);
        } else {
            inspector.parts(name);
        }
        let row = self.rows.entry(name).or_insert(Row { channel, bytes: 0, last: part });
        row.last = part;
        let block = Block { row: name, start: row.bytes, channel, text: String::new(), is_over: false };
        self.blocks.insert(part, block);
        self.order.push(part);
        name
    }

    fn is_over(&self, part: Part) -> bool {
        self.blocks.get(&part).is_some_and(|block| block.is_over)
    }

    /// A part is whole; false where it is no block.
    pub(super) fn end(&mut self, part: Part, inspector: &mut dyn Inspector) -> bool {
        let Some(block) = self.blocks.get_mut(&part) else { return false };
        block.is_over = true;
        let name = block.row;
        if self.open != Some(name) && self.rows.get(&name).is_some_and(|row| row.last == part) {
            inspector.ends(name);
        }
        true
    }

    /// Something of this channel begins: no block of another goes on with the row that is open.
    pub(super) fn part_from(&mut self, channel: Channel, inspector: &mut dyn Inspector) {
        if self.open.and_then(|name| self.rows.get(&name)).is_some_and(|row| row.channel != channel) {
            self.part(inspector);
        }
    }

    /// What is left of a block, as far as it has come, where it begins there; elsewhere that has been seen.
    pub(super) fn left(&self, part: Part, at: usize, changes: &[Change]) -> Left {
        let block = self.blocks.get(&part).filter(|block| block.start == at && self.kept <= KEPT_BYTES_MAX);
        block.map_or(Left::Words, |block| Left::of(block.channel, (block.text.as_str(), at), block.is_over, changes))
    }

    /// No block goes on with the row that is open. It is whole once its last block is.
    pub(super) fn part(&mut self, inspector: &mut dyn Inspector) {
        let Some(name) = self.open.take() else { return };
        if self.rows.get(&name).is_some_and(|row| self.is_over(row.last)) {
            inspector.ends(name);
        }
    }

    /// Where blocks stand in their rows that a frame has as a whole. Such as have not grown before are rows by themselves.
    pub(super) fn repeat(
        &mut self,
        blocks: &[Passage<'_>],
        inspector: &mut dyn Inspector,
    ) -> Vec<(Part, Range<usize>)> {
        if let Some(known) = self.known(blocks) {
            return known;
        }
        let mut places = Vec::with_capacity(blocks.len());
        for row in blocks.chunk_by(|one, next| one.row == next.row) {
            let Some(first) = row.first() else { continue };
            let name = first.part.with(b"whole").with(&self.repeated.to_le_bytes());
            self.repeated += 1;
            let mut bytes = 0;
            for (nth, passage) in row.iter().enumerate() {
                if nth > 0 {
                    inspector.parts(name);
                }
                inspector.grows(name, passage.channel, &passage.text);
                places.push((name, bytes..bytes + passage.text.len()));
                bytes += passage.text.len();
            }
            inspector.ends(name);
        }
        places
    }

    /// Where blocks stand that have grown one after another and say the same: of several the last.
    fn known(&self, blocks: &[Passage<'_>]) -> Option<Vec<(Part, Range<usize>)>> {
        let grown = |(part, passage): (&Part, &Passage<'_>)| {
            let block = self.blocks.get(part)?;
            let is_same = block.channel == passage.channel && block.text == *passage.text;
            is_same.then(|| (block.row, block.start..block.start + block.text.len()))
        };
        let all = |parts: &[Part]| parts.iter().zip(blocks).map(grown).collect::<Option<Vec<_>>>();
        let count = Some(blocks.len()).filter(|count| *count > 0 && self.kept <= KEPT_BYTES_MAX)?;
        self.order.windows(count).rev().take(REPEATED_WITHIN).find_map(all)
    }
}
