//! Opening a store: from a path or an address to its directory and its ledger.

use crate::backends::postgres::{Postgres, Server};
use crate::backends::sqlite::Database;
use crate::backends::{
    CallReader, CallWriter, DirectoryTables, Engine, NoticeTable, RevisionTable, SwitchTable, UpkeepWriter,
};
use crate::directory::Directory;
use crate::error::StoreError;
use crate::ledger::{Ledger, LedgerWriter, Upkeep};
use crate::notices::Notices;
use crate::revision::Revisions;
use crate::seal::SecretsKey;
use crate::switches::Switches;
use std::path::Path;

/// A store that exists and has this binary's schema. Holds no connection: each part opens its own.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
}

impl Store {
    /// Opens the store in this file and brings its schema up to date. Creates what is missing: folders with mode
    /// 0700, the file with mode 0600.
    ///
    /// # Errors
    /// See [`StoreError`]: each kind says how to mend it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Sqlite(Database::open(path.as_ref())?) })
    }

    /// Opens the store in this PostgreSQL database and brings its schema up to date. Waits for a server that is away
    /// as long as the address says; blocks meanwhile.
    ///
    /// # Errors
    /// When the server stays away, refuses the role, or holds what is no store of this binary.
    pub fn connect(address: Postgres) -> Result<Self, StoreError> {
        Ok(Self { engine: Engine::Postgres(Server::open(address)?) })
    }

    /// Where the store is, for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        self.engine.place()
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
        Directory::new(DirectoryTables::open(&self.engine)?, secrets_key)
    }

    /// Opens the ledger for appending. One writer is meant to exist per process, owned by the metering thread.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn ledger_writer(&self) -> Result<LedgerWriter, StoreError> {
        Ok(LedgerWriter::new(CallWriter::open(&self.engine)?))
    }

    /// Opens the ledger for looking after it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn upkeep(&self) -> Result<Upkeep, StoreError> {
        Ok(Upkeep::new(UpkeepWriter::open(&self.engine)?))
    }

    /// Opens what somebody was told of budgets.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn notices(&self) -> Result<Notices, StoreError> {
        Ok(Notices::new(NoticeTable::open(&self.engine)?))
    }

    /// Opens what is known of rules that have switched themselves off.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn switches(&self) -> Result<Switches, StoreError> {
        Ok(Switches::new(SwitchTable::open(&self.engine)?))
    }

    /// Opens the revisions of the configuration.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn revisions(&self) -> Result<Revisions, StoreError> {
        Ok(Revisions::new(RevisionTable::open(&self.engine)?))
    }

    /// Opens the ledger for reading. Readers never block the writer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        Ok(Ledger::new(CallReader::open(&self.engine)?))
    }
}
