//! The blocks of which what an answer says consists: those that follow each other are one text, whoever reads it.

use super::{Medium, MediumKind};
use tg_kernel::passage::Channel;

/// The rows of an answer, or of a frame.
#[derive(Default)]
pub(super) struct Rows {
    /// The channel of the one that is open.
    open: Option<Channel>,
    count: u32,
    /// What has begun since the last block that is none, if anything did.
    parted: Option<Channel>,
}

impl Rows {
    /// The row of the next text, where that is a block.
    pub(super) fn take(&mut self, is_block: bool, channel: Channel) -> Option<u32> {
        if !is_block {
            self.open = self.open.filter(|_| !parts_rows(channel));
            return None;
        }
        self.parted = None;
        if self.open != Some(channel) {
            self.open = Some(channel);
            self.count += 1;
        }
        Some(self.count)
    }

    /// An object begins, which is of this channel. Whether it parts rows, shown or not, and none of its kind did just before.
    pub(super) fn enter(&mut self, channel: Channel) -> bool {
        let is_new = (parts_rows(channel) || channel == Channel::Reasoning) && self.parted != Some(channel);
        if is_new {
            self.parted = Some(channel);
            self.open = self.open.filter(|open| *open == channel);
        }
        is_new
    }

    /// Another answer begins.
    pub(super) fn part(&mut self) {
        self.open = None;
    }

    /// Something that is no text.
    pub(super) fn pass(&mut self, medium: &Medium) {
        self.open = self.open.filter(|_| !medium.parts_rows());
    }
}

impl Medium {
    /// Whether it parts what is said before from what is said behind: a picture does, a source that is cited does not.
    pub(crate) fn parts_rows(&self) -> bool {
        self.channel != Channel::Document && !matches!(self.kind, MediumKind::Reference | MediumKind::Tokens)
    }
}

/// Whether texts of this channel part what is said before from what is said behind.
pub(crate) const fn parts_rows(channel: Channel) -> bool {
    matches!(channel, Channel::ToolArguments | Channel::ToolResult)
}

/// Members on the way to the blocks of an answer, and in them. What stands under others is no block of what an answer says:
/// results of a search, other answers to the same question.
pub(super) fn leads_to_blocks(name: &str) -> bool {
    matches!(
        name,
        "response"
            | "item"
            | "part"
            | "output"
            | "message"
            | "content"
            | "content_block"
            | "contentBlockDelta"
            | "delta"
            | "reasoningContent"
            | "reasoningText"
            | "citationsContent"
            | "summary"
            | "text"
            | "thinking"
    )
}

/// Whether a text that stands under this name, and to which no other name leads, is a block.
pub(super) fn is_block(channel: Channel, name: &str) -> bool {
    matches!(channel, Channel::Assistant | Channel::Reasoning) && matches!(name, "text" | "thinking" | "delta")
}

/// Whether the pieces in events of Responses of this name are those of a block.
pub(super) fn grows_in(stem: &str) -> bool {
    matches!(stem, "response.output_text" | "response.reasoning_text" | "response.reasoning_summary_text")
}
