//! Changing passages where they stand, and leaving every other byte alone.

use super::{Form, Passage, leaf, nested};
use crate::splice::json_string;
use bytes::Bytes;
use std::ops::Range;

/// Changes to a body.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    changes: Vec<(Range<usize>, Vec<u8>)>,
}

impl Edits {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Lets a passage say something else.
    pub fn say(&mut self, passage: &Passage<'_>, text: &str) {
        let json = match &passage.place.form {
            Form::Text => json_string(text),
            Form::Json => json_string(&nested::written(text)),
            Form::Base64 { prefix } => json_string(&format!("{prefix}{}", leaf::encode(text))),
        };
        self.changes.push((passage.place.range.clone(), json));
    }

    /// Replaces a value by `null`.
    pub fn blank(&mut self, range: Range<usize>) {
        self.changes.push((range, b"null".to_vec()));
    }

    /// The body with the changes made. Of changes within each other the outer one holds.
    #[must_use]
    pub fn apply(mut self, body: &[u8]) -> Bytes {
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
