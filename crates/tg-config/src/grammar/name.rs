//! Names that the file gives, and patterns that match names.

use super::{Refused, quoted, written_as_text};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A name of a provider, team, project or environment: 1 to 64 of `a-z 0-9 _ -`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl FromStr for Name {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(Refused::new(
                format!("{} is not a name", quoted(text)),
                "write 1 to 64 of the characters a-z, 0-9, `_` and `-`",
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    Name,
    "name",
    "Name",
    "A name: 1 to 64 of the characters a-z, 0-9, `_` and `-`.",
    ["search", "team-7"]
);

/// An exact text, or a pattern: `*` as the first character, as the last, or both, stands for any text.
/// 1 to 256 visible ASCII characters. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// The pattern that every text matches.
    #[must_use]
    pub fn any() -> Self {
        Self("*".into())
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when it has no `*`: it matches one text only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether `text` matches. Case counts.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Parts { fixed, open_start, open_end } = self.parts();
        match (open_start, open_end) {
            (false, false) => fixed == text,
            (false, true) => text.starts_with(fixed),
            (true, false) => text.ends_with(fixed),
            (true, true) => text.contains(fixed),
        }
    }

    /// Whether every text that matches `narrower` matches this one too. May answer no where it is yes.
    #[must_use]
    pub fn covers(&self, narrower: &Self) -> bool {
        let (wide, narrow) = (self.parts(), narrower.parts());
        match (wide.open_start, wide.open_end) {
            (true, true) => narrow.fixed.contains(wide.fixed),
            (false, true) => !narrow.open_start && narrow.fixed.starts_with(wide.fixed),
            (true, false) => !narrow.open_end && narrow.fixed.ends_with(wide.fixed),
            (false, false) => self == narrower,
        }
    }

    /// Whether some text may match both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.parts(), other.parts());
        if self.is_exact() || other.is_exact() {
            return self.matches(b.fixed) || other.matches(a.fixed);
        }
        let starts = a.open_start || b.open_start || a.fixed.starts_with(b.fixed) || b.fixed.starts_with(a.fixed);
        let ends = a.open_end || b.open_end || a.fixed.ends_with(b.fixed) || b.fixed.ends_with(a.fixed);
        starts && ends
    }

    fn parts(&self) -> Parts<'_> {
        let (rest, open_start) = self.0.strip_prefix('*').map_or((&*self.0, false), |rest| (rest, true));
        let (fixed, open_end) = rest.strip_suffix('*').map_or((rest, false), |rest| (rest, true));
        // A lone `*` is open at both ends.
        Parts { fixed, open_start, open_end: open_end || &*self.0 == "*" }
    }
}

struct Parts<'a> {
    fixed: &'a str,
    open_start: bool,
    open_end: bool,
}

impl FromStr for Pattern {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = |what: &str, hint: &str| Err(Refused::new(format!("{} {what}", quoted(text)), hint.to_owned()));
        if !(1..=256).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return refused(
                "is not a name or a pattern of names",
                "write 1 to 256 visible ASCII characters without spaces",
            );
        }
        let inner = text.strip_prefix('*').unwrap_or(text);
        let inner = inner.strip_suffix('*').unwrap_or(inner);
        if inner.contains('*') || text == "**" {
            return refused(
                "has `*` in a place where it cannot stand",
                "write `*` first, last or both, as in `claude-*`",
            );
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(
    Pattern,
    "pattern",
    "Pattern",
    "An exact text, or a pattern with `*` first, last or both.",
    ["claude-sonnet", "claude-*"]
);
