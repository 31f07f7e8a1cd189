//! Stretches of texts that are replaced, gathered and applied.

use super::Said;
use std::collections::BTreeMap;
use tg_kernel::passage::Change;

/// What is changed, by the index of what was said; in order within each.
#[derive(Debug, Default)]
pub(super) struct Edits(BTreeMap<usize, Vec<Change>>);

impl Edits {
    /// A stretch is to be another.
    pub(super) fn say(&mut self, index: usize, change: Change) {
        self.0.entry(index).or_default().push(change);
    }

    /// The new texts.
    pub(super) fn apply(self, said: &[Said<'_>]) -> Vec<(usize, String)> {
        let changed = |(index, changes): (usize, Vec<Change>)| Some((index, apply(&said.get(index)?.text, &changes)));
        self.0.into_iter().filter_map(changed).collect()
    }
}

/// A text with changes made, which are in order and apart.
pub(super) fn apply(text: &str, changes: &[Change]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for Change { range, text: with } in changes {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(with);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}
