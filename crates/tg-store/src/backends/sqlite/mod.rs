//! The embedded store: one SQLite file for the directory and the ledger.

mod conditions;
mod corrections;
mod directory;
mod ledger;
mod migrate;
mod notices;
mod report;
mod revisions;
mod rollup;
mod row;
mod sheets;
mod spent;
mod switches;
mod tally;
mod upkeep;

pub(crate) use directory::DirectoryTables;
pub(crate) use ledger::{CallReader, CallWriter};
pub(crate) use notices::NoticeTable;
pub(crate) use revisions::RevisionTable;
pub(crate) use switches::SwitchTable;
pub(crate) use upkeep::UpkeepWriter;

use crate::error::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before the change of mode is tried again.
const MODE_PAUSE: Duration = Duration::from_millis(10);

/// A file that exists and has this binary's schema.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    path: Arc<Path>,
    place: Place,
}

/// The store's name in messages, and the one place where the engine's errors become ours.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<str>);

impl Place {
    pub(crate) fn error(&self, source: rusqlite::Error) -> StoreError {
        let place = self.0.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { place },
            Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { place },
            Some(ErrorCode::DiskFull) => StoreError::Full { place },
            Some(ErrorCode::DatabaseCorrupt) => self.corrupt("the file is damaged"),
            Some(ErrorCode::NotADatabase) => self.corrupt("the file is not a database"),
            _ => StoreError::Engine { place, source: Box::new(source) },
        }
    }

    pub(crate) fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt { place: self.0.clone(), detail: detail.into() }
    }

    fn io(&self, doing: &'static str, source: std::io::Error) -> StoreError {
        let place = self.0.clone();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { place },
            ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { place },
            _ => StoreError::Io { place, doing, source },
        }
    }
}

impl Database {
    /// Opens the file, makes it if it is missing, and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Self { path: Arc::from(path), place: Place(Arc::from(path.to_string_lossy())) };
        database.create_missing()?;
        let mut connection = database.writer()?;
        migrate::run(&mut connection, &database.place)?;
        Ok(database)
    }

    pub(crate) fn place(&self) -> &str {
        &self.place.0
    }

    fn create_missing(&self) -> Result<(), StoreError> {
        if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|e| self.place.io("making its folder", e))?;
        }
        // SQLite gives its own files the mode of this one.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(self.place.io("creating the file", e)),
            _ => Ok(()),
        }
    }

    /// A connection that may write. Every commit reaches the disk: a revoked key must stay revoked, and the journal
    /// forgets a call as soon as the ledger has it.
    fn writer(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = self.connect(flags)?;
        self.write_ahead(&connection)?;
        let set = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "wal_autocheckpoint", 4096)
        };
        set().map_err(|e| self.place.error(e))?;
        Ok(connection)
    }

    /// Switches the file to write-ahead logging. Of several that switch a new file at once, SQLite refuses some without
    /// waiting (its busy timeout does not cover the change of mode), so this waits in its place.
    fn write_ahead(&self, connection: &Connection) -> Result<(), StoreError> {
        let mut waited = Duration::ZERO;
        loop {
            let switched = connection.pragma_update(None, "journal_mode", "WAL").map_err(|e| self.place.error(e));
            match switched {
                Err(StoreError::Locked { .. }) if waited < BUSY_TIMEOUT => {
                    std::thread::sleep(MODE_PAUSE);
                    waited += MODE_PAUSE;
                }
                done => return done,
            }
        }
    }

    /// A connection that cannot write.
    fn reader(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        self.connect(flags)
    }

    fn connect(&self, flags: OpenFlags) -> Result<Connection, StoreError> {
        let connection = Connection::open_with_flags(&self.path, flags).map_err(|e| self.place.error(e))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| self.place.error(e))?;
        Ok(connection)
    }
}

#[cfg(test)]
mod tests;
