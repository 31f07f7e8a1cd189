//! How long a text may be.

use super::Flaw;
use crate::span::Span;

/// Limits on a text; `None`: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Most characters (Unicode scalar values).
    pub characters_max: Option<usize>,
    /// Most lines.
    pub lines_max: Option<usize>,
    /// Most characters of one word (between white space).
    pub word_max: Option<usize>,
}

impl Length {
    pub(super) fn flaw(self) -> Option<Flaw> {
        let limits = [self.characters_max, self.lines_max, self.word_max];
        if limits.iter().all(Option::is_none) {
            let mend = "set characters_max, lines_max or word_max".to_owned();
            return Some(("it limits nothing".to_owned(), mend));
        }
        let zero = limits.contains(&Some(0));
        zero.then(|| ("a limit is 0, which no text meets".to_owned(), "use 1 and more, or leave it out".to_owned()))
    }

    /// What of a text is beyond the limits: from where the first of them is passed to the end, or the word that is too long.
    #[must_use]
    pub fn beyond(self, text: &str) -> Option<Span> {
        let from = |at: usize| Span::new(at, text.len());
        // No text has more characters than bytes.
        let characters =
            self.characters_max.filter(|max| text.len() > *max).and_then(|max| text.char_indices().nth(max));
        let line = self.lines_max.and_then(|max| {
            let next = memchr::memchr_iter(b'\n', text.as_bytes()).nth(max - 1)? + 1;
            (next < text.len()).then_some(next)
        });
        let first = characters.map(|(at, _)| at).into_iter().chain(line).min();
        first.map(from).or_else(|| self.long_word(text))
    }

    fn long_word(self, text: &str) -> Option<Span> {
        let max = self.word_max?;
        let word = text.split_whitespace().find(|word| word.len() > max && word.chars().nth(max).is_some())?;
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        Some(Span::new(start, start + word.len()))
    }
}
