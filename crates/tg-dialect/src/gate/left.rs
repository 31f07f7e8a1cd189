//! Blocks of which nothing is left where what they said has been changed: what reaches over several blocks stands in the first.
//!
//! A block that has begun cannot be taken back, and a model that is told what it said takes no empty ones. So it says a mark.

use super::Change;
use tg_kernel::passage::Channel;

/// Blanks beyond so many count as words: nobody looks through all of them each time.
const BLANKS_MAX: usize = 4096;

/// What is left of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Words, or it never had any; or it is a thought, which may be empty.
    Words,
    /// Nothing of the words that it had.
    Nothing,
    /// Nothing so far, and it has not ended.
    Open,
}

impl Left {
    /// Of a block of this text, which begins so far into its row.
    pub(super) fn of(channel: Channel, (text, start): (&str, usize), is_over: bool, changes: &[Change]) -> Self {
        let may_be_blank = channel != Channel::Assistant || is_over && is_blank(text);
        if may_be_blank || !is_left_blank(text, start, changes) {
            Self::Words
        } else if is_over {
            Self::Nothing
        } else {
            Self::Open
        }
    }
}

/// Whether nothing but blanks is left of a text with the changes made. What a change puts stands where that begins.
fn is_left_blank(text: &str, start: usize, changes: &[Change]) -> bool {
    let end = start + text.len();
    let within = |from: usize, to: usize| text.get(from - start..to - start).unwrap_or_default();
    let first = changes.partition_point(|change| change.range.end <= start);
    let own = changes.get(first..).unwrap_or_default().iter().take_while(|change| change.range.start < end);
    let mut at = start;
    for change in own {
        let begins = change.range.start;
        if begins >= start && !(is_blank(within(at, begins)) && is_blank(&change.text)) {
            return false;
        }
        at = change.range.end.min(end);
    }
    is_blank(within(at, end))
}

fn is_blank(text: &str) -> bool {
    text.len() <= BLANKS_MAX && text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_says_nothing_where_all_of_it_is_taken_out() {
        let taken = |range: std::ops::Range<usize>, text: &str| Change { range, text: text.to_owned() };
        let left = |text: &str, is_over, changes: &[Change]| Left::of(Channel::Assistant, (text, 10), is_over, changes);
        let over = [taken(2..20, "****")];
        assert_eq!(left("1234567890", true, &over), Left::Nothing);
        assert_eq!(left("1234567890", false, &over), Left::Open);
        assert_eq!(left("1234567890 \n", true, &over), Left::Nothing);
        assert_eq!(left("1234567890 and", false, &over), Left::Words);
        assert_eq!(left("12345", true, &over), Left::Nothing);
        // What takes its place stands in it, or in one before.
        assert_eq!(left("1234567890", true, &[taken(2..12, "*"), taken(12..20, "*")]), Left::Words);
        assert_eq!(left("1234567890", true, &[taken(2..12, "*"), taken(12..20, "")]), Left::Nothing);
        assert_eq!(left("1234567890", true, &[taken(2..12, "*"), taken(13..20, "")]), Left::Words);
        assert_eq!(left("1234567890", true, &[taken(2..10, "*"), taken(20..30, "*")]), Left::Words);
        // It never said anything, or need not.
        assert_eq!(left(" ", true, &over), Left::Words);
        assert_eq!(left(" ", true, &[]), Left::Words);
        assert_eq!(left(" ", false, &[]), Left::Open);
        assert_eq!(Left::of(Channel::Reasoning, ("1234567890", 10), true, &over), Left::Words);
        assert_eq!(left(&" ".repeat(BLANKS_MAX + 1), false, &[]), Left::Words);
    }
}
