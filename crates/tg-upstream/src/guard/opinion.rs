//! What a service thinks of texts: nothing, something, or that it could not be asked. Names and counts, never values.

use std::fmt;
use std::sync::Arc;

/// Most categories that are kept of one answer.
const CATEGORIES_MAX: usize = 16;

/// Longest name of a category that is kept.
const CATEGORY_BYTES_MAX: usize = 64;

/// Whose words are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The caller's: on their way to a model.
    Input,
    /// The model's: on their way to the caller.
    Output,
}

impl Way {
    /// The name in requests to webhooks, in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// What a service thinks of all the texts that it was asked about together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It has nothing against any of them.
    Clear,
    /// It has something against at least one.
    Flagged {
        /// What: names of the service's own, sorted.
        categories: Vec<Arc<str>>,
        /// The texts that take the place of those with these numbers, where the service has taken out all that it
        /// objects to. `None`: of at least one text it did not, so that only blocking keeps it away.
        redacted: Option<Vec<(usize, String)>>,
    },
    /// It is not known.
    Failed(Failure),
}

/// What a service thinks of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Clear,
    Flagged { categories: Vec<Arc<str>>, text: Option<Arc<str>> },
}

impl Answer {
    /// Something is wrong with the text, and the service has not taken it out.
    pub(super) fn flagged(categories: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self::Flagged { categories: cleaned(categories), text: None }
    }

    /// About how much memory it takes.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Clear => 0,
            Self::Flagged { categories, text } => {
                let text = text.as_ref().map_or(0, |text| text.len());
                categories.iter().map(|name| name.len() + size_of::<Arc<str>>()).sum::<usize>() + text
            }
        }
    }
}

/// Names as a service writes them, as far as they can be names: what else it may say does not reach a log.
fn cleaned(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Arc<str>> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | ' ' | ':');
    let mut all: Vec<Arc<str>> = Vec::new();
    for name in names {
        let name: String = name.as_ref().trim().chars().map(|c| if is_part(c) { c } else { '_' }).collect();
        let name = &name[..name.floor_char_boundary(CATEGORY_BYTES_MAX)];
        if !name.is_empty() && !all.iter().any(|known| &**known == name) {
            all.push(Arc::from(name));
        }
        if all.len() == CATEGORIES_MAX {
            break;
        }
    }
    all.sort();
    all
}

/// Why an opinion is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In which way.
    pub kind: FailureKind,
    /// What is known beside, for the log: neither a text nor a credential nor an address.
    pub detail: String,
}

/// In which way a service could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// There is no connection, or it broke.
    Unreachable,
    /// It did not answer in time.
    TimedOut,
    /// It answers that it cannot now: a status of 429 or from 500 on.
    Unable,
    /// It answers that it will not: another status that is no success.
    Refused,
    /// Its answer is too long, or not what it should be.
    Unreadable,
    /// It failed several times in a row, and is not asked for some seconds.
    Resting,
    /// Too many questions to it were open, so that its time was over before its turn came, or soon after.
    Crowded,
    /// There is more text than is asked about.
    TooLong,
    /// The gateway has no credentials for it.
    NoCredentials,
}

impl FailureKind {
    /// All, in the order in which docs list them.
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Unable,
        Self::Refused,
        Self::Unreadable,
        Self::Resting,
        Self::Crowded,
        Self::TooLong,
        Self::NoCredentials,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Unable => "unable",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Resting => "resting",
            Self::Crowded => "crowded",
            Self::TooLong => "too_long",
            Self::NoCredentials => "no_credentials",
        }
    }

    /// Whether it is the service that is away. What one text can bring about is not, so that nobody can make it rest by
    /// what he writes.
    pub(super) const fn is_outage(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Unable)
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(super) fn unreadable(detail: &'static str) -> Self {
        Self::new(FailureKind::Unreadable, detail)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq)]
pub struct Hearing {
    /// What the service thinks.
    pub opinion: Opinion,
    /// Questions that were sent.
    pub asked: usize,
    /// Texts, or parts of them, about which it was known before.
    pub remembered: usize,
}

#[cfg(test)]
mod tests {
    use super::{Answer, CATEGORIES_MAX};

    #[test]
    fn names_of_categories_are_names() {
        let Answer::Flagged { categories, .. } =
            Answer::flagged(["S2", " S1 ", "", "S1", "a\nb=\"c\"", &"x".repeat(99)])
        else {
            panic!()
        };
        let names: Vec<&str> = categories.iter().map(|name| &**name).collect();
        assert_eq!(names, ["S1", "S2", "a_b__c_", &"x".repeat(64)]);
        let Answer::Flagged { categories, .. } = Answer::flagged((0..99).map(|n| n.to_string())) else { panic!() };
        assert_eq!(categories.len(), CATEGORIES_MAX);
    }
}
