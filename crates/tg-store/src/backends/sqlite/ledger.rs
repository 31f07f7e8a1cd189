//! Rows of calls: one connection appends, others read.

use super::rollup::{Roller, State};
use super::{Database, Place, report, row};
use crate::error::StoreError;
use crate::ledger::{CallFilter, Report, ReportQuery};
use crate::rollup;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;

/// The connection that appends.
#[derive(Debug)]
pub(crate) struct CallWriter {
    connection: Connection,
    place: Place,
    insert: String,
    roller: Roller,
}

impl CallWriter {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        let (connection, place) = (database.writer()?, database.place.clone());
        Ok(Self { connection, place, insert: row::insert(), roller: Roller::new() })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        self.try_append(records).map_err(|e| {
            self.roller.forget();
            self.place.error(e)
        })
    }

    fn try_append(&mut self, records: &[Record]) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut new = Vec::with_capacity(records.len());
        let mut statement = transaction.prepare_cached(&self.insert)?;
        for record in records {
            row::bind(&mut statement, record)?;
            if statement.raw_execute()? > 0 {
                new.push(record);
            }
        }
        drop(statement);
        let state = State::read(&transaction)?;
        // Earlier ones will be summed with the rest of their time.
        let rolled = new.iter().filter(|record| record.started_at.micros() >= state.rolled_since);
        self.roller.write(&transaction, &state, rolled.map(|record| (*record, rollup::sums(record))))?;
        transaction.commit()?;
        Ok(new.len())
    }
}

/// A connection that only reads.
#[derive(Debug)]
pub(crate) struct CallReader {
    connection: Connection,
    place: Place,
}

impl CallReader {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        Ok(Self { connection: database.reader()?, place: database.place.clone() })
    }

    pub(crate) fn report(&mut self, query: &ReportQuery) -> Result<Report, StoreError> {
        // One transaction, so that rows and totals speak of the same calls.
        let transaction = self.connection.transaction().map_err(|e| self.place.error(e))?;
        report::run(&transaction, query).map_err(|e| self.place.error(e))
    }

    pub(crate) fn calls(&mut self, filter: &CallFilter, limit: usize) -> Result<Vec<Record>, StoreError> {
        let mut conditions = report::Conditions::of(filter.since, filter.until, &filter.filters);
        if let Some(before) = filter.before {
            conditions.push("id < ?", *before.as_bytes());
        }
        let sql = format!("SELECT {} FROM calls{} ORDER BY id DESC LIMIT {limit}", row::columns(), conditions.sql());
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(conditions.values()), row::read)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|e| self.place.error(e))
    }

    pub(crate) fn get(&mut self, id: CallId) -> Result<Option<Record>, StoreError> {
        let sql = format!("SELECT {} FROM calls WHERE id = ?", row::columns());
        let read = || self.connection.prepare_cached(&sql)?.query_row([id.as_bytes()], row::read).optional();
        read().map_err(|e| self.place.error(e))
    }
}
