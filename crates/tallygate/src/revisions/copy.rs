//! This machine's copy of the revision that was in force last: for a start that cannot use the newest one.

use super::shown;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs::{DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tg_config::document::Store;
use tg_kernel::clock::Timestamp;
use tg_store::revision::{Revision, RevisionHead, TEXT_BYTES_MAX};

/// A text of control characters takes six times its size in JSON; nothing larger is a copy.
const COPY_BYTES_MAX: u64 = 6 * TEXT_BYTES_MAX as u64 + (64 << 10);

/// Where the copy is, and of which store.
#[derive(Debug)]
pub(super) struct LocalCopy {
    path: PathBuf,
    place: String,
}

impl LocalCopy {
    /// The copy beside the journal, of a revision of this store.
    pub(super) fn beside(store: &Store, place: &str) -> Self {
        let mut name = store.journal_directory().into_os_string();
        name.push(".revision");
        Self { path: PathBuf::from(name), place: place.to_owned() }
    }

    /// Writes the copy: whole, or the old one stays. Only its owner can read it.
    pub(super) fn keep(&self, revision: &Revision) -> Result<()> {
        let mut value = shown(&revision.head);
        value.insert("store".to_owned(), Value::from(self.place.as_str()));
        value.insert("text".to_owned(), Value::from(revision.text.as_str()));
        let write = || -> std::io::Result<()> {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // Made with mode 0600.
            let mut file = NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, &value)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            File::open(folder)?.sync_all()
        };
        write().with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    /// The revision of the copy; `None` where there is none, or it is damaged, or of another store.
    pub(super) fn read(&self) -> Option<Revision> {
        let mut bytes = Vec::new();
        File::open(&self.path).ok()?.take(COPY_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        if text("store")? != self.place {
            return None;
        }
        let head = RevisionHead {
            number: number("number")?,
            at: Timestamp::parse(&text("at")?)?,
            author: text("author")?,
            note: text("note")?,
            digest: text("sha256")?,
            replaces: number("replaces"),
            restores: number("restores"),
        };
        Some(Revision { head, text: text("text")? }).filter(Revision::is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::LocalCopy;
    use std::os::unix::fs::PermissionsExt as _;
    use tg_config::document::Store;
    use tg_kernel::clock::Timestamp;
    use tg_store::revision::{Revision, RevisionHead, digest};

    fn revision(number: u64, text: &str) -> Revision {
        let head = RevisionHead {
            number,
            at: Timestamp::from_micros(1_800_000_000_123_456),
            author: "ada".to_owned(),
            note: String::new(),
            digest: digest(text),
            replaces: number.checked_sub(1).filter(|before| *before > 0),
            restores: None,
        };
        Revision { head, text: text.to_owned() }
    }

    #[test]
    fn a_copy_is_for_its_owner_alone_and_read_as_it_was_kept() {
        let folder = tempfile::TempDir::new().unwrap();
        let journal = Some(folder.path().join("a/journal"));
        let copy = LocalCopy::beside(&Store { journal, ..Store::default() }, "here");
        assert_eq!(copy.read(), None);
        for kept in [revision(1, "a: 1\n"), revision(2, "# söarch\n")] {
            copy.keep(&kept).unwrap();
            assert_eq!(copy.read().unwrap(), kept);
        }
        assert_eq!(copy.path, folder.path().join("a/journal.revision"));
        assert_eq!(std::fs::metadata(&copy.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_damaged_copy_and_that_of_another_store_are_none() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Store { journal: Some(folder.path().join("journal")), ..Store::default() };
        let copy = LocalCopy::beside(&store, "here");
        copy.keep(&revision(1, "a: 1\n")).unwrap();
        assert_eq!(LocalCopy::beside(&store, "there").read(), None);
        let text = std::fs::read_to_string(&copy.path).unwrap();
        for damaged in [text.replace("a: 1", "a: 2"), text[..text.len() / 2].to_owned(), String::new()] {
            std::fs::write(&copy.path, damaged).unwrap();
            assert_eq!(copy.read(), None);
        }
    }
}
