//! What is wrong with a configuration: where, why, and how to mend it.

use std::fmt;
use std::sync::Arc;

/// One thing that is wrong. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the document: `providers[1].api_key`. Empty: the document as a whole.
    pub path: Path,
    /// In which of several texts that were read together.
    pub origin: Option<Arc<str>>,
    /// Where in the file, where that is known.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl Problem {
    pub(crate) fn new(path: Path, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { path, origin: None, position: None, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {}", self.message, self.hint)
    }
}

/// A place in a file. Both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The way from the document's root to a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// To the member of this name.
    Member(String),
    /// To the element of this number, counted from 0.
    Element(usize),
}

impl Path {
    pub(crate) fn root() -> Self {
        Self::default()
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn member(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Member(name.to_owned()));
        Self(steps)
    }

    pub(crate) fn element(&self, number: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Element(number));
        Self(steps)
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether `other` is this path or one beneath it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Member(name) if number == 0 => f.write_str(name)?,
                Step::Member(name) => write!(f, ".{name}")?,
                Step::Element(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Everything that is wrong, in the order of the file. Never empty where it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// What was read: the file's path, or what stands in its place.
    pub origin: String,
    /// The problems.
    pub all: Vec<Problem>,
}

/// How many problems are shown; a file of another format has one on each line.
const SHOWN_MAX: usize = 50;

impl Problems {
    pub(crate) fn one(origin: &str, problem: Problem) -> Self {
        Self { origin: origin.to_owned(), all: vec![problem] }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.all.len();
        write!(f, "{}: {count} problem{}", self.origin, if count == 1 { "" } else { "s" })?;
        for problem in self.all.iter().take(SHOWN_MAX) {
            write!(f, "\n  {problem}")?;
        }
        if count > SHOWN_MAX {
            write!(f, "\n  … and {} more", count - SHOWN_MAX)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
