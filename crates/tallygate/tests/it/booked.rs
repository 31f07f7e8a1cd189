//! Everything that a gateway has written down of its calls, as bytes on the disk.

use crate::world::until;
use std::path::Path;

/// What stands in the files of the store in this folder: the database, what is yet to be moved into it, and the journal.
pub(crate) struct Written {
    files: Vec<(String, Vec<u8>)>,
}

impl Written {
    /// Reads it, once `mark` is found: something that every row has, so that one knows that the rows are looked at.
    pub(crate) fn with(folder: &Path, mark: &str) -> Self {
        until(&format!("'{mark}' is written down"), || {
            let written = Self { files: files(folder) };
            written.holds(mark).map(drop)?;
            Some(written)
        })
    }

    /// The file that holds this, if one does.
    pub(crate) fn holds(&self, text: &str) -> Option<&str> {
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        self.files.iter().find(|(_, bytes)| has(bytes)).map(|(name, _)| name.as_str())
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let journal = std::fs::read_dir(folder.join("tallygate.db.journal")).unwrap();
    let journal = journal.map(|entry| entry.unwrap().path());
    let store = ["tallygate.db", "tallygate.db-wal"].map(|name| folder.join(name));
    // A segment of the journal may go while one looks.
    let read = |path: std::path::PathBuf| Some((path.display().to_string(), std::fs::read(&path).ok()?));
    store.into_iter().chain(journal).filter_map(read).collect()
}
