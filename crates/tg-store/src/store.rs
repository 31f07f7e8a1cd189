//! Opening a store: from a path to its directory and its ledger.

use crate::backends::sqlite::{self, Database};
use crate::directory::Directory;
use crate::error::StoreError;
use crate::ledger::{Ledger, LedgerWriter, Upkeep};
use crate::seal::SecretsKey;
use std::path::Path;

/// A store that exists and has this binary's schema. Holds no connection: each part opens its own.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the store in this file and brings its schema up to date. Creates what is missing: folders with mode
    /// 0700, the file with mode 0600.
    ///
    /// # Errors
    /// See [`StoreError`]: each kind says how to mend it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path.as_ref())? })
    }

    /// Where the store is, for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        self.database.place()
    }

    /// Opens the teams and keys, and reads them into memory. Without the operator's secrets key, see
    /// [`Store::directory_with`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn directory(&self) -> Result<Directory, StoreError> {
        self.directory_with(None)
    }

    /// Opens the teams and keys, and reads them into memory. Access keys can be made and used only with the secrets
    /// key under which their secrets are kept; everything else works without.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn directory_with(&self, secrets_key: Option<SecretsKey>) -> Result<Directory, StoreError> {
        Directory::new(sqlite::DirectoryTables::open(&self.database)?, secrets_key)
    }

    /// Opens the ledger for appending. One writer is meant to exist per process, owned by the metering thread.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn ledger_writer(&self) -> Result<LedgerWriter, StoreError> {
        Ok(LedgerWriter::new(sqlite::CallWriter::open(&self.database)?))
    }

    /// Opens the ledger for looking after it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn upkeep(&self) -> Result<Upkeep, StoreError> {
        Ok(Upkeep::new(sqlite::UpkeepWriter::open(&self.database)?))
    }

    /// Opens the ledger for reading. Readers never block the writer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        Ok(Ledger::new(sqlite::CallReader::open(&self.database)?))
    }
}
