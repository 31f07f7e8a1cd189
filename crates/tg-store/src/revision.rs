//! The seam to revisions of the configuration: a history that only grows, whose newest revision is the one in force.
//!
//! Nothing is ever edited: who goes back to an earlier revision adds its text once more.

use crate::backends::RevisionTable;
use crate::error::StoreError;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use tg_kernel::clock::Timestamp;

/// How many revisions are kept: the newest ones.
pub const REVISIONS_MAX: u64 = 1_000;

/// Most bytes of a revision's text: 4 MiB, as of a file.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Most characters of an author's name.
pub const AUTHOR_MAX: usize = 128;

/// Most characters of a note.
pub const NOTE_MAX: usize = 1_000;

/// What is known of a revision but for its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionHead {
    /// Counts from 1, without gaps.
    pub number: u64,
    /// When it was added.
    pub at: Timestamp,
    /// Who added it, in his own words.
    pub author: String,
    /// What he had to say.
    pub note: String,
    /// SHA-256 of the text, in hexadecimal digits.
    pub digest: String,
    /// The revision that was in force before.
    pub replaces: Option<u64>,
    /// The earlier revision whose text this is once more.
    pub restores: Option<u64>,
}

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What is known of it.
    pub head: RevisionHead,
    /// The document, as it was written.
    pub text: String,
}

impl Revision {
    /// Whether the text is the one that the digest was made of.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        digest(&self.text) == self.head.digest
    }
}

/// A revision that is to be added.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// Who adds it.
    pub author: String,
    /// What he has to say.
    pub note: String,
    /// The document, as it was written. Whether it is a good one is for the caller to find out.
    pub text: String,
    /// The earlier revision whose text this is once more.
    pub restores: Option<u64>,
}

/// Why a revision was not added.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody was faster.
    #[error("the newest revision is {}, not {expected}: somebody was faster; look at what it changes, and try again", shown(*.newest))]
    Raced {
        /// The revision that was to be the newest; 0: none.
        expected: u64,
        /// The one that is; `None`: there is none.
        newest: Option<u64>,
    },
    /// What was given cannot be kept.
    #[error("{0}")]
    Invalid(String),
}

fn shown(newest: Option<u64>) -> String {
    newest.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

/// SHA-256 of a text, in hexadecimal digits.
#[must_use]
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The revisions of a store. Reads and writes on a connection of its own.
#[derive(Debug)]
pub struct Revisions {
    table: RevisionTable,
}

impl Revisions {
    pub(crate) const fn new(table: RevisionTable) -> Self {
        Self { table }
    }

    /// The newest revision: the one in force.
    ///
    /// # Errors
    /// When the store cannot be read, or the text is not the one that was added.
    pub fn newest(&mut self) -> Result<Option<Revision>, StoreError> {
        let newest = self.newest_as_it_is()?;
        newest.map(|revision| self.whole(revision)).transpose()
    }

    /// The newest revision, also where its text is damaged: see [`Revision::is_whole`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn newest_as_it_is(&mut self) -> Result<Option<Revision>, StoreError> {
        self.table.newest()
    }

    /// This revision; `None` where there is none, or it is older than what is kept.
    ///
    /// # Errors
    /// As [`Revisions::newest`].
    pub fn get(&mut self, number: u64) -> Result<Option<Revision>, StoreError> {
        let found = self.table.get(number)?;
        found.map(|revision| self.whole(revision)).transpose()
    }

    /// The newest revisions, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&mut self, most: usize) -> Result<Vec<RevisionHead>, StoreError> {
        self.table.list(most)
    }

    /// The newest revision, if it is another one than that which was seen last. Cheap where nothing has changed; waits
    /// for nothing. Its text may be damaged: see [`Revision::is_whole`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn other_than(&mut self, seen: Option<&RevisionHead>) -> Result<Option<Revision>, StoreError> {
        if !self.table.changed(seen.map(|head| (head.number, head.digest.as_str())))? {
            return Ok(None);
        }
        let newest = self.newest_as_it_is()?;
        Ok(newest.filter(|newest| seen.is_none_or(|seen| *seen != newest.head)))
    }

    /// Adds a revision, which is then in force; forgets those beyond [`REVISIONS_MAX`]. With `expected`, only if that is
    /// the newest one by then; 0 stands for none.
    ///
    /// # Errors
    /// See [`RevisionError`].
    pub fn add(
        &mut self,
        new: &NewRevision,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<RevisionHead, RevisionError> {
        check(new)?;
        let head = RevisionHead {
            number: 0,
            at: now,
            author: new.author.clone(),
            note: new.note.clone(),
            digest: digest(&new.text),
            replaces: None,
            restores: new.restores,
        };
        match self.table.add(&Revision { head, text: new.text.clone() }, expected)? {
            Ok(head) => Ok(head),
            Err(newest) => Err(RevisionError::Raced { expected: expected.unwrap_or(0), newest }),
        }
    }

    fn whole(&self, revision: Revision) -> Result<Revision, StoreError> {
        if revision.is_whole() {
            return Ok(revision);
        }
        let number = revision.head.number;
        Err(self
            .table
            .corrupt(format!("the text of revision {number} is not the one that was added (its SHA-256 differs)")))
    }
}

fn check(new: &NewRevision) -> Result<(), RevisionError> {
    let refuse = |message: &str| Err(RevisionError::Invalid(message.to_owned()));
    if new.text.len() > TEXT_BYTES_MAX {
        return refuse("the configuration is larger than 4 MiB; split it up");
    }
    if new.text.contains('\0') {
        return refuse("the configuration holds a NUL character; remove it");
    }
    if new.author.is_empty() || new.author.chars().count() > AUTHOR_MAX || new.author.chars().any(char::is_control) {
        return refuse("the author's name is empty, longer than 128 characters, or has control characters");
    }
    if new.note.chars().count() > NOTE_MAX || new.note.chars().any(|c| c.is_control() && c != '\n') {
        return refuse("the note is longer than 1000 characters, or has control characters");
    }
    Ok(())
}

/// The oldest number that is kept, where this is the newest.
pub(crate) const fn kept_from(newest: u64) -> u64 {
    newest.saturating_sub(REVISIONS_MAX) + 1
}
