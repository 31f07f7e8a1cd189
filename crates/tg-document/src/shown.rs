//! A text as it is written, and beside it as it is shown, where hidden pieces part what is shown.

use crate::budget::Budget;
use crate::{Layers, Unread};

/// Two readings that grow side by side.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    all: String,
    shown: String,
}

impl Readings {
    /// More of it.
    pub(crate) fn say(&mut self, text: &str, is_shown: bool, budget: &mut Budget) -> Result<(), Unread> {
        budget.say(&mut self.all, text)?;
        if is_shown {
            self.shown.push_str(text);
        }
        Ok(())
    }

    /// Something ends, or begins: a line, a cell.
    pub(crate) fn part(&mut self, with: char, is_shown: bool) {
        for text in std::iter::once(&mut self.all).chain(is_shown.then_some(&mut self.shown)) {
            // A line's end is more than that of a cell.
            if with == '\n' && text.ends_with('\t') {
                text.pop();
            }
            if !text.is_empty() && !text.ends_with(['\n', '\t']) || with == ' ' {
                text.push(with);
            }
        }
    }

    /// What was read.
    pub(crate) fn finish(mut self, layers: &mut Layers, budget: &mut Budget) -> Result<(), Unread> {
        self.part('\n', true);
        layers.text.push_str(&self.all);
        if self.all != self.shown {
            budget.say(&mut layers.text, &self.shown)?;
        }
        Ok(())
    }
}
