//! The list of ways in which a store is kept, and the choice between them.

pub(crate) mod postgres;
pub mod redis;
mod spent;
mod sql;
pub(crate) mod sqlite;

use crate::correction::Correction;
use crate::directory::{Change, Contents, DirectoryError};
use crate::error::StoreError;
use crate::ledger::{CallFilter, Glance, LedgerSize, Piece, Report, ReportQuery, SpentQuery, SpentRow};
use crate::notices::Owed;
use crate::revision::{Revision, RevisionHead};
use crate::switches::Switch;
use tg_kernel::clock::Timestamp;
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

    pub(crate) fn rows_since(&mut self) -> Result<Timestamp, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.rows_since(),
            Self::Postgres(calls) => calls.rows_since(),
        }
    }

    pub(crate) fn correct(&mut self, corrections: &[Correction]) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.correct(corrections),
            Self::Postgres(calls) => calls.correct(corrections),
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

    pub(crate) fn spent(&mut self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(calls) => calls.spent(query, each),
            Self::Postgres(calls) => calls.spent(query, each),
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

    pub(crate) fn corrections(&mut self, calls: &[CallId]) -> Result<Vec<Correction>, StoreError> {
        match self {
            Self::Sqlite(reader) => reader.corrections(calls),
            Self::Postgres(reader) => reader.corrections(calls),
        }
    }

    pub(crate) fn rows_since(&mut self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.rows_since(),
            Self::Postgres(calls) => calls.rows_since(),
        }
    }

    pub(crate) fn sums_since(&mut self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.sums_since(),
            Self::Postgres(calls) => calls.sums_since(),
        }
    }

    pub(crate) fn corrections_made(&mut self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.corrections_made(),
            Self::Postgres(calls) => calls.corrections_made(),
        }
    }

    pub(crate) fn size(&mut self) -> Result<LedgerSize, StoreError> {
        match self {
            Self::Sqlite(calls) => calls.size(),
            Self::Postgres(calls) => calls.size(),
        }
    }
}

/// What looks after rows and sums.
#[derive(Debug)]
pub(crate) enum UpkeepWriter {
    Sqlite(sqlite::UpkeepWriter),
    Postgres(postgres::UpkeepWriter),
}

impl UpkeepWriter {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::UpkeepWriter::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::UpkeepWriter::open(server)?),
        })
    }

    /// Sums the latest rows that are in no sums yet. In PostgreSQL there never are any.
    pub(crate) fn roll_up(&mut self) -> Result<Piece, StoreError> {
        match self {
            Self::Sqlite(ledger) => ledger.roll_up(),
            Self::Postgres(_) => Ok(Piece::Nothing),
        }
    }

    /// Deletes rows of the days before this moment, as far as they are in the sums.
    pub(crate) fn delete_rows(&mut self, before: Timestamp) -> Result<Piece, StoreError> {
        match self {
            Self::Sqlite(ledger) => ledger.delete_rows(before),
            Self::Postgres(ledger) => ledger.delete_rows(before),
        }
    }

    /// Deletes sums of the days before this moment, and then the series that no sum has any more.
    pub(crate) fn delete_rollups(&mut self, before: Timestamp) -> Result<Piece, StoreError> {
        match self {
            Self::Sqlite(ledger) => ledger.delete_rollups(before),
            Self::Postgres(ledger) => ledger.delete_rollups(before),
        }
    }

    pub(crate) fn glance(&self) -> Result<Glance, StoreError> {
        match self {
            Self::Sqlite(ledger) => ledger.glance(),
            Self::Postgres(ledger) => ledger.glance(),
        }
    }
}

/// Rows of notices.
#[derive(Debug)]
pub(crate) enum NoticeTable {
    Sqlite(sqlite::NoticeTable),
    Postgres(postgres::NoticeTable),
}

impl NoticeTable {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::NoticeTable::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::NoticeTable::open(server)?),
        })
    }

    /// Notes a notice; true if it is new.
    pub(crate) fn add(&mut self, owed: &Owed, at: Timestamp) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(table) => table.add(owed, at),
            Self::Postgres(table) => table.add(owed, at),
        }
    }

    pub(crate) fn delivered(&mut self, purse: &str, kind: &str, at: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(table) => table.delivered(purse, kind, at),
            Self::Postgres(table) => table.delivered(purse, kind, at),
        }
    }

    /// Those that were not delivered, the oldest first.
    pub(crate) fn owed(&mut self, since: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
        match self {
            Self::Sqlite(table) => table.owed(since, most),
            Self::Postgres(table) => table.owed(since, most),
        }
    }

    pub(crate) fn forget(&mut self, before: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(table) => table.forget(before),
            Self::Postgres(table) => table.forget(before),
        }
    }
}

/// Rows of revisions of the configuration.
#[derive(Debug)]
pub(crate) enum RevisionTable {
    Sqlite(sqlite::RevisionTable),
    Postgres(postgres::RevisionTable),
}

impl RevisionTable {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::RevisionTable::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::RevisionTable::open(server)?),
        })
    }

    /// That the store holds what nobody put there.
    pub(crate) fn corrupt(&self, detail: String) -> StoreError {
        match self {
            Self::Sqlite(table) => table.corrupt(detail),
            Self::Postgres(table) => table.corrupt(detail),
        }
    }

    pub(crate) fn newest(&mut self) -> Result<Option<Revision>, StoreError> {
        match self {
            Self::Sqlite(table) => table.newest(),
            Self::Postgres(table) => table.newest(),
        }
    }

    pub(crate) fn get(&mut self, number: u64) -> Result<Option<Revision>, StoreError> {
        match self {
            Self::Sqlite(table) => table.get(number),
            Self::Postgres(table) => table.get(number),
        }
    }

    /// The newest ones, the newest first.
    pub(crate) fn list(&mut self, most: usize) -> Result<Vec<RevisionHead>, StoreError> {
        match self {
            Self::Sqlite(table) => table.list(most),
            Self::Postgres(table) => table.list(most),
        }
    }

    /// Whether the newest is another one than this, by number and digest.
    pub(crate) fn changed(&mut self, seen: Option<(u64, &str)>) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(table) => table.changed(seen),
            Self::Postgres(table) => table.changed(seen),
        }
    }

    /// Adds a revision under the next number; answers the newest number where that is not the expected one.
    pub(crate) fn add(
        &mut self,
        new: &Revision,
        expected: Option<u64>,
    ) -> Result<Result<RevisionHead, Option<u64>>, StoreError> {
        match self {
            Self::Sqlite(table) => table.add(new, expected),
            Self::Postgres(table) => table.add(new, expected),
        }
    }
}

/// Rows of rules that were switched off and on.
#[derive(Debug)]
pub(crate) enum SwitchTable {
    Sqlite(sqlite::SwitchTable),
    Postgres(postgres::SwitchTable),
}

impl SwitchTable {
    pub(crate) fn open(engine: &Engine) -> Result<Self, StoreError> {
        Ok(match engine {
            Engine::Sqlite(database) => Self::Sqlite(sqlite::SwitchTable::open(database)?),
            Engine::Postgres(server) => Self::Postgres(postgres::SwitchTable::open(server)?),
        })
    }

    pub(crate) fn get(&mut self, rule: &str) -> Result<Option<Switch>, StoreError> {
        match self {
            Self::Sqlite(table) => table.get(rule),
            Self::Postgres(table) => table.get(rule),
        }
    }

    /// Sets the row, unless it is off already or on since later; forgets the oldest beyond so many.
    pub(crate) fn switch_off(&mut self, off: &Switch, most: usize) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(table) => table.switch_off(off, most),
            Self::Postgres(table) => table.switch_off(off, most),
        }
    }

    /// Switches a rule on that is off, at a moment after it was switched off; whether it was.
    pub(crate) fn switch_on(&mut self, rule: &str, now: Timestamp) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(table) => table.switch_on(rule, now),
            Self::Postgres(table) => table.switch_on(rule, now),
        }
    }
}
