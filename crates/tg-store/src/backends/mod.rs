//! The list of ways in which a store is kept, and the choice between them.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::directory::{Change, Contents, DirectoryError};
use crate::error::StoreError;
use crate::ledger::{CallFilter, Report, ReportQuery};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;

/// A store that exists and has this binary's schema.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite(sqlite::Database),
    Postgres(postgres::Server),
}

impl Engine {
    pub(crate) fn place(&self) -> &str {
        match self {
            Self::Sqlite(database) => database.place(),
            Self::Postgres(server) => server.place(),
        }
    }
}

/// Rows of teams and keys.
#[derive(Debug)]
pub(crate) enum DirectoryTables {
    Sqlite(sqlite::DirectoryTables),
    Postgres(postgres::DirectoryTables),
}

impl DirectoryTables {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::DirectoryTables::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::DirectoryTables::open(server)?),
        })
    }

    /// Everything.
    pub(crate) fn load(&mut self) -> Result<Contents, StoreError> {
        match self {
            Self::Sqlite(tables) => tables.load(),
            Self::Postgres(tables) => tables.load(),
        }
    }

    /// Whether another process has edited the directory since it was last read.
    pub(crate) fn changed(&mut self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(tables) => tables.changed(),
            Self::Postgres(tables) => tables.changed(),
        }
    }

    /// Shows the present contents to `decide` and writes what it wants changed, in one transaction.
    pub(crate) fn edit<T>(
        &mut self,
        decide: impl FnOnce(&mut Contents) -> Result<(Vec<Change>, T), DirectoryError>,
    ) -> Result<(Contents, T), DirectoryError> {
        match self {
            Self::Sqlite(tables) => tables.edit(decide),
            Self::Postgres(tables) => tables.edit(decide),
        }
    }
}

/// What appends rows of calls.
#[derive(Debug)]
pub(crate) enum CallWriter {
    Sqlite(sqlite::CallWriter),
    Postgres(postgres::CallWriter),
}

impl CallWriter {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::CallWriter::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::CallWriter::open(server)?),
        })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.append(records),
            Self::Postgres(calls) => calls.append(records),
        }
    }
}

/// What reads rows of calls.
#[derive(Debug)]
pub(crate) enum CallReader {
    Sqlite(sqlite::CallReader),
    Postgres(postgres::CallReader),
}

impl CallReader {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::CallReader::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::CallReader::open(server)?),
        })
    }

    pub(crate) fn report(&mut self, query: &ReportQuery) -> Result<Report, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.report(query),
            Self::Postgres(calls) => calls.report(query),
        }
    }

    pub(crate) fn calls(&mut self, filter: &CallFilter, limit: usize) -> Result<Vec<Record>, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.calls(filter, limit),
            Self::Postgres(calls) => calls.calls(filter, limit),
        }
    }

    pub(crate) fn get(&mut self, id: CallId) -> Result<Option<Record>, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.get(id),
            Self::Postgres(calls) => calls.get(id),
        }
    }
}
