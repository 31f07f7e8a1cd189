//! Where a secret is found. The file never holds the secret itself.

use super::{Refused, written_as_text};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A reference to a secret: `env:NAME` (environment variable) or `file:PATH` (whole file, last newline cut off).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretRef {
    /// The value of this environment variable.
    Env(String),
    /// The content of this file.
    File(PathBuf),
}

impl FromStr for SecretRef {
    type Err = Refused;

    // What is refused may be a secret, so no message repeats any of it.
    fn from_str(text: &str) -> Result<Self, Refused> {
        if let Some(name) = text.strip_prefix("env:") {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            return if (1..=128).contains(&name.len()) && name.bytes().all(allowed) {
                Ok(Self::Env(name.to_owned()))
            } else {
                Err(Refused::new(
                    "what follows `env:` is not a name of an environment variable",
                    "write letters, digits and `_` only, as in `env:ANTHROPIC_API_KEY`",
                ))
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            return if (1..=4096).contains(&path.len()) && !path.chars().any(char::is_control) {
                Ok(Self::File(Path::new(path).to_path_buf()))
            } else {
                Err(Refused::new("what follows `file:` is not a path", "write `file:` and the path of a file"))
            };
        }
        Err(Refused::new(
            "a secret does not belong in this file",
            "put it into an environment variable or a file, and write `env:NAME` or `file:PATH` here",
        ))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

written_as_text!(
    SecretRef,
    "secret",
    "SecretReference",
    "A reference to a secret: `env:NAME` or `file:PATH`. A secret itself is refused.",
    ["env:ANTHROPIC_API_KEY", "file:/run/secrets/anthropic"]
);

/// The value of a header: a reference to a secret (`env:NAME`, `file:PATH`), or else the text itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum HeaderText {
    /// The text itself: at most 8 KiB of visible ASCII and spaces.
    Literal(String),
    /// The value of a secret.
    Secret(SecretRef),
}

impl fmt::Debug for HeaderText {
    // A literal may hold what its writer did not take for a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(***)"),
            Self::Secret(reference) => write!(f, "Secret({reference})"),
        }
    }
}

impl FromStr for HeaderText {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if text.starts_with("env:") || text.starts_with("file:") {
            return text.parse().map(Self::Secret);
        }
        let allowed = |b: u8| b.is_ascii_graphic() || b == b' ' || b == b'\t';
        if text.len() <= 8192 && text.bytes().all(allowed) && text.trim() == text {
            Ok(Self::Literal(text.to_owned()))
        } else {
            Err(Refused::new(
                "this is not a value of an HTTP header",
                "write at most 8 KiB of visible ASCII, without space at either end",
            ))
        }
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Secret(reference) => reference.fmt(f),
        }
    }
}

written_as_text!(
    HeaderText,
    "header",
    "HeaderValue",
    "The value of a header: a reference to a secret (`env:NAME`, `file:PATH`), or else the text itself.",
    ["eu-team-7", "env:COLLECTOR_TOKEN"]
);
