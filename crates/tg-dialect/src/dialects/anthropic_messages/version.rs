//! The versions of the Anthropic API, and what they change.

use std::fmt;

/// A version of the API, as far as its rules differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by their date")]
pub enum Version {
    #[default]
    V2023_06_01,
    V2026_10_21,
}

impl Version {
    /// The rules that hold for a value of `anthropic-version` (or of the body member `anthropic_version`).
    ///
    /// Versions are dates; an unknown one has the rules of the newest known one before it. Bedrock's own
    /// `bedrock-2023-05-31` has the rules of `2023-06-01`.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        let is_date = |text: &str| text.len() == 10 && text.starts_with("20");
        match text {
            Some(text) if is_date(text) && text >= "2026-10-21" => Self::V2026_10_21,
            _ => Self::V2023_06_01,
        }
    }

    /// The value of `anthropic-version`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2023_06_01 => "2023-06-01",
            Self::V2026_10_21 => "2026-10-21",
        }
    }

    /// Says that this version does not allow `what`.
    pub(crate) fn refuses(self, what: &str) -> impl fmt::Display {
        format!("API version {} does not allow {what}", self.as_str())
    }
}
