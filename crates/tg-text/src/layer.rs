//! A reading of a text with the way back: what was changed, and where each byte of it came from.

use crate::span::Span;
use std::borrow::Cow;

/// A changed reading of a text. Where nothing was changed it borrows the text, and costs nothing.
#[derive(Clone, Debug)]
pub struct Layer<'a> {
    text: Cow<'a, str>,
    /// Where equal runs begin: offset here, offset in the original. Between two entries both run in step, but for the
    /// bytes of a replaced character, which belong to the whole of what they replaced. Empty: the same as the original.
    anchors: Vec<Anchor>,
    original_len: usize,
}

/// One place where the reading and the original part ways, or meet again.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    here: u32,
    origin: u32,
    /// Whether the bytes from here to the next anchor are copied (in step), or stand for the original's stretch as a whole.
    in_step: bool,
}

impl<'a> Layer<'a> {
    /// The text as it is.
    #[must_use]
    pub fn same(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), anchors: Vec::new(), original_len: text.len() }
    }

    /// An ASCII text in lower case: borrowed where it is already, otherwise a copy of the same length.
    #[must_use]
    pub fn lower_ascii(text: &'a str) -> Self {
        let upper = text.bytes().any(|b| b.is_ascii_uppercase());
        let read = if upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
        Self { text: read, anchors: Vec::new(), original_len: text.len() }
    }

    /// Whether it is the original text itself, byte for byte.
    #[must_use]
    pub fn is_borrowed(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// Whether each byte of it stands where it stood in the original.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        self.anchors.is_empty()
    }

    /// What is read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stretch of the original that a stretch of this reading came from; whole characters of the original, so
    /// that what is redacted there leaves nothing of it. Beyond the end: the end.
    #[must_use]
    pub fn origin(&self, span: Span) -> Span {
        if self.anchors.is_empty() {
            return Span::new(span.start.min(self.original_len), span.end.min(self.original_len));
        }
        let start = self.begin_of(span.start);
        let end = if span.is_empty() { start } else { self.end_of(span.end) };
        Span::new(start, end)
    }

    /// Index of the last anchor at or before an offset.
    fn anchor(&self, offset: usize) -> usize {
        self.anchors.partition_point(|a| a.here as usize <= offset).saturating_sub(1)
    }

    fn begin_of(&self, offset: usize) -> usize {
        if offset >= self.text.len() {
            return self.original_len;
        }
        match self.anchors.get(self.anchor(offset)) {
            Some(a) if a.in_step => a.origin as usize + (offset - a.here as usize),
            Some(a) => a.origin as usize,
            None => offset,
        }
    }

    fn end_of(&self, offset: usize) -> usize {
        // The last byte that is in the stretch says where it ends.
        let last = offset.saturating_sub(1);
        let index = self.anchor(last);
        match self.anchors.get(index) {
            Some(a) if a.in_step => (a.origin as usize + (offset - a.here as usize)).min(self.original_len),
            _ => self.anchors.get(index + 1).map_or(self.original_len, |next| next.origin as usize),
        }
    }
}

/// Writes a layer: copies what stays, replaces what does not. Nothing is copied before the first change.
#[derive(Debug)]
pub struct LayerWriter<'a> {
    original: &'a str,
    text: String,
    anchors: Vec<Anchor>,
    read: usize,
    changed: bool,
}

impl<'a> LayerWriter<'a> {
    /// Begins a reading of a text. Offsets are kept in 32 bits: of a text beyond 4 GiB no reading can be made, which
    /// the limits on bodies exclude long before.
    #[must_use]
    pub fn new(original: &'a str) -> Self {
        Self { original, text: String::new(), anchors: Vec::new(), read: 0, changed: false }
    }

    /// Copies the next `bytes` of the original.
    pub fn keep(&mut self, bytes: usize) {
        let end = (self.read + bytes).min(self.original.len());
        if self.changed
            && let Some(kept) = self.original.get(self.read..end)
        {
            self.mark(true);
            self.text.push_str(kept);
        }
        self.read = end;
    }

    /// Writes `with` for the next `bytes` of the original, in the way that costs least.
    pub fn write(&mut self, bytes: usize, with: &str) {
        if self.original.get(self.read..self.read + bytes) == Some(with) {
            self.keep(bytes);
        } else if with.len() == bytes && with.chars().nth(1).is_none() {
            self.swap(with);
        } else {
            self.replace(bytes, with);
        }
    }

    /// Writes `with` for the next bytes of the original, as many as it has itself, character for character.
    pub fn swap(&mut self, with: &str) {
        self.begin();
        self.mark(true);
        self.text.push_str(with);
        self.read = (self.read + with.len()).min(self.original.len());
    }

    /// Writes `with` for the next `bytes` of the original; an empty text leaves them out.
    pub fn replace(&mut self, bytes: usize, with: &str) {
        self.begin();
        if !with.is_empty() {
            self.mark(false);
            self.text.push_str(with);
        }
        self.read = (self.read + bytes).min(self.original.len());
    }

    /// Copies, in lower case, the next `bytes` of the original, which are ASCII.
    pub fn lower_ascii(&mut self, bytes: usize) {
        let end = (self.read + bytes).min(self.original.len());
        let Some(next) = self.original.get(self.read..end) else { return };
        if !self.changed && !next.bytes().any(|b| b.is_ascii_uppercase()) {
            return self.keep(bytes);
        }
        self.begin();
        self.mark(true);
        let from = self.text.len();
        self.text.push_str(next);
        if let Some(written) = self.text.get_mut(from..) {
            written.make_ascii_lowercase();
        }
        self.read = end;
    }

    /// Whether anything differs from the original up to here.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// What was copied so far becomes text of our own.
    fn begin(&mut self) {
        if self.changed {
            return;
        }
        self.changed = true;
        self.text.reserve(self.original.len());
        if self.read > 0 {
            self.anchors.push(Anchor { here: 0, origin: 0, in_step: true });
            self.text.push_str(self.original.get(..self.read).unwrap_or_default());
        }
    }

    fn mark(&mut self, in_step: bool) {
        let anchor = Anchor { here: offset(self.text.len()), origin: offset(self.read), in_step };
        let goes_on = in_step
            && self
                .anchors
                .last()
                .is_some_and(|last| last.in_step && anchor.here - last.here == anchor.origin.wrapping_sub(last.origin));
        if !goes_on {
            self.anchors.push(anchor);
        }
    }

    /// The reading. Where nothing was replaced, the original itself.
    #[must_use]
    pub fn finish(self) -> Layer<'a> {
        if !self.changed {
            return Layer::same(self.original);
        }
        Layer { text: Cow::Owned(self.text), anchors: self.anchors, original_len: self.original.len() }
    }
}

fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_replaced_leads_back_to_all_of_it() {
        let text = "a\u{200b}bﬁc";
        let mut writer = LayerWriter::new(text);
        writer.keep(1);
        writer.replace(3, "");
        writer.keep(1);
        writer.replace("ﬁ".len(), "fi");
        writer.keep(1);
        let layer = writer.finish();
        assert_eq!(layer.text(), "abfic");
        let back = |start, end| &text[layer.origin(Span::new(start, end)).range()];
        assert_eq!(back(0, 1), "a");
        assert_eq!(back(0, 2), "a\u{200b}b");
        assert_eq!(back(1, 2), "b");
        assert_eq!(back(2, 3), "ﬁ");
        assert_eq!(back(3, 4), "ﬁ");
        assert_eq!(back(2, 5), "ﬁc");
        assert_eq!(back(4, 5), "c");
        assert_eq!(back(5, 9), "");
    }
}
