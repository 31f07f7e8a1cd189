//! What a text of a call is to the model: said by the caller, told by a tool, made by the model itself.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where a text of a call stands. What is trusted, and what may be asked of it, differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Instructions of whoever built the application: system and developer turns.
    System,
    /// What the caller says; also whatever no other channel claims.
    User,
    /// What the model says, in an answer or in the history of a request.
    Assistant,
    /// What the model thinks.
    Reasoning,
    /// What the model passes to a tool: its name and arguments.
    ToolArguments,
    /// What a tool answered. Nobody vouches for it.
    ToolResult,
    /// A document, a search result, a citation. Nobody vouches for it.
    Document,
    /// Descriptions of tools and schemas of answers.
    Definition,
    /// Labels of the call that no model reads, but that reach the provider.
    Metadata,
}

impl Channel {
    /// All channels, in the order in which docs list them.
    pub const ALL: [Self; 9] = [
        Self::System,
        Self::User,
        Self::Assistant,
        Self::Reasoning,
        Self::ToolArguments,
        Self::ToolResult,
        Self::Document,
        Self::Definition,
        Self::Metadata,
    ];

    /// The name in configuration, logs and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Reasoning => "reasoning",
            Self::ToolArguments => "tool_arguments",
            Self::ToolResult => "tool_result",
            Self::Document => "document",
            Self::Definition => "definition",
            Self::Metadata => "metadata",
        }
    }

    /// Whether nobody who is known vouches for the text: instructions in it are suspicious in themselves.
    #[must_use]
    pub const fn is_untrusted(self) -> bool {
        matches!(self, Self::ToolResult | Self::Document)
    }
}

/// A stretch of a text, and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Bytes of the text, from its beginning.
    pub range: Range<usize>,
    /// What stands there instead.
    pub text: String,
}

impl Change {
    /// What makes one text of another: what both begin with stays, and what both end with. Its stretch is not empty, unless the
    /// text is, and no backslash is parted from what it escapes. `None` where they say the same.
    #[must_use]
    pub fn between(text: &str, anew: &str) -> Option<Self> {
        if text == anew {
            return None;
        }
        let upto = |at: usize| text.get(..at).unwrap_or_default().trim_end_matches('\\');
        let mut start = upto(common(text.chars(), anew.chars())).len();
        let rest = |text: &str| text.get(start..).map_or_else(String::new, str::to_owned);
        let mut kept = common(rest(text).chars().rev(), rest(anew).chars().rev());
        let first =
            |kept: usize| text.get(text.len() - kept..).and_then(|text| text.chars().next()).map_or(0, char::len_utf8);
        let escapes = |own: &str, kept: usize| own.get(..own.len() - kept).is_some_and(|own| own.ends_with('\\'));
        loop {
            while kept > 0 && (escapes(text, kept) || escapes(anew, kept)) {
                kept -= first(kept);
            }
            if text.is_empty() || start + kept < text.len() {
                break;
            }
            // Something is put between: it stands with the letter in front of it, or behind.
            match text.get(..start).and_then(|text| text.chars().next_back()) {
                Some(letter) => start = upto(start - letter.len_utf8()).len(),
                None => kept -= first(kept),
            }
        }
        let text_of = |end: usize| anew.get(start..end).unwrap_or_default().to_owned();
        Some(Self { range: start..text.len() - kept, text: text_of(anew.len() - kept) })
    }

    /// The same in a text that has so many bytes more in front.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Self {
        Self { range: self.range.start + bytes..self.range.end + bytes, ..self }
    }
}

/// How many bytes two texts begin with that are the same.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).map(|(letter, _)| letter.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_between_two_texts_is_no_longer_than_it_must_be() {
        let between = |text: &str, anew: &str| Change::between(text, anew).map(|change| (change.range, change.text));
        assert_eq!(between("same", "same"), None);
        assert_eq!(between("to Ann Lee now", "to *** now"), Some((3..10, "***".to_owned())));
        assert_eq!(between("a é b", "a è b"), Some((2..4, "è".to_owned())));
        assert_eq!(between("aaa", "aa"), Some((2..3, String::new())));
        assert_eq!(between("all of it", ""), Some((0..9, String::new())));
        // Something is put between, in front and behind.
        assert_eq!(between("a b", "a *b"), Some((1..2, " *".to_owned())));
        assert_eq!(between("éb", "*éb"), Some((0..2, "*é".to_owned())));
        assert_eq!(between("ab", "ab*"), Some((1..2, "b*".to_owned())));
        assert_eq!(between("", "*"), Some((0..0, "*".to_owned())));
        // What a backslash escapes stays with it.
        assert_eq!(between(r"a\nb", r"a\tb"), Some((1..3, r"\t".to_owned())));
        assert_eq!(between(r"a\nb", "anb"), Some((1..3, "n".to_owned())));
        assert_eq!(between(r"a\n", r"a\n*"), Some((1..3, r"\n*".to_owned())));
        for (text, anew) in [
            ("abab", "ab"),
            ("ab", "abab"),
            ("aXbXc", "aYbYc"),
            ("ёж", "ж"),
            ("x", "xx"),
            (r"\\\", r"\"),
            (r"\a", r"a\a"),
        ] {
            let change = Change::between(text, anew).unwrap();
            assert!(!change.range.is_empty());
            let mut own = text.to_owned();
            own.replace_range(change.range, &change.text);
            assert_eq!(own, anew);
        }
    }
}
