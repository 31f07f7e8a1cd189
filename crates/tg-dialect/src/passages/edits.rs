//! Changing passages where they stand, and leaving every other byte alone.

use super::{EMPTIED, Form, Passage, emptied, leaf, nested};
use crate::splice::json_string;
use bytes::Bytes;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use tg_kernel::passage::Channel;

/// Changes to a body.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    changes: Vec<(Range<usize>, Vec<u8>)>,
    /// Changes within bodies that stand in a string of this one.
    within: Vec<Inner>,
    /// Where blocks of text stand of which nothing is left.
    emptied: HashSet<usize>,
}

/// Changes to a body that stands in a string of base64.
#[derive(Clone, Debug)]
struct Inner {
    range: Range<usize>,
    body: Arc<[u8]>,
    edits: Edits,
}

impl Edits {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.within.is_empty()
    }

    /// Lets a passage say something else. A block of an answer that is to say nothing goes, where another says something beside
    /// it; elsewhere it says a mark. A model that is told what it said takes no empty blocks, nor such of blanks alone.
    pub fn say(&mut self, passage: &Passage<'_>, text: &str) {
        let is_emptied = passage.row.is_some()
            && passage.channel == Channel::Assistant
            && text.trim().is_empty()
            && !passage.text.trim().is_empty();
        if !is_emptied {
            return self.say_piece(passage, text);
        }
        if text.is_empty() {
            self.emptied.insert(passage.place.range.start);
        }
        self.say_piece(passage, &format!("{EMPTIED}{text}"));
    }

    /// Lets a passage of a stream say something else, or nothing.
    pub(crate) fn say_piece(&mut self, passage: &Passage<'_>, text: &str) {
        self.say_at(&passage.place.range, &passage.place.form, text);
    }

    fn say_at(&mut self, range: &Range<usize>, form: &Form, text: &str) {
        let json = match form {
            Form::Text => json_string(text),
            Form::Json => json_string(&nested::written(text)),
            Form::Base64 { prefix } => json_string(&format!("{prefix}{}", leaf::encode(text))),
            Form::Within { body, range: own, form } => return self.inner(range, body).say_at(own, form, text),
        };
        self.changes.push((range.clone(), json));
    }

    /// The changes within the body that stands there.
    fn inner(&mut self, range: &Range<usize>, body: &Arc<[u8]>) -> &mut Self {
        let known = self.within.iter().position(|inner| inner.range == *range);
        let known = known.unwrap_or_else(|| {
            self.within.push(Inner { range: range.clone(), body: Arc::clone(body), edits: Self::default() });
            self.within.len() - 1
        });
        &mut self.within[known].edits
    }

    /// Replaces a value by `null`.
    pub fn blank(&mut self, range: Range<usize>) {
        self.changes.push((range, b"null".to_vec()));
    }

    /// The body with the changes made. Of changes within each other the outer one holds.
    #[must_use]
    pub fn apply(mut self, body: &[u8]) -> Bytes {
        for Inner { range, body, edits } in std::mem::take(&mut self.within) {
            self.changes.push((range, json_string(&leaf::encode_bytes(&edits.apply(&body)))));
        }
        if !self.emptied.is_empty() {
            let gone = emptied::gone(body, &self.emptied);
            self.changes.extend(gone.into_iter().map(|range| (range, Vec::new())));
        }
        self.changes.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let grown: usize = self.changes.iter().map(|(_, json)| json.len()).sum();
        let mut out = Vec::with_capacity(body.len() + grown);
        let mut at = 0;
        for (range, json) in self.changes {
            if range.start < at {
                continue;
            }
            out.extend_from_slice(body.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(&json);
            at = range.end;
        }
        out.extend_from_slice(body.get(at..).unwrap_or_default());
        Bytes::from(out)
    }
}
