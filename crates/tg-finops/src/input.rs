//! What is wrong with a file that was given, and how to mend it.

use std::fmt::Display;
use std::path::Path;

/// A file or folder that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct BadInput {
    place: String,
    problem: String,
}

impl BadInput {
    /// A problem with a file or folder.
    pub(crate) fn of(path: &Path, problem: impl Into<String>) -> Self {
        Self { place: path.display().to_string(), problem: problem.into() }
    }

    /// A problem with a line or row of a file, counted from 1.
    pub(crate) fn at(path: &Path, what: &str, number: u64, problem: impl Display) -> Self {
        Self::of(path, format!("{what} {number}: {problem}"))
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let problem = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                "it ends in the middle of its compressed data; copy the whole file".to_owned()
            }
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                format!("its compressed data is broken ({error}); copy the file again")
            }
            _ => format!("it cannot be read ({error})"),
        };
        Self::of(path, problem)
    }
}

/// A text of a file as it may stand in a message: short, and without characters that a terminal obeys.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("'{short}'")
}
