//! Rows of calls: one connection appends, others read.

use super::{Database, Place, report, row, spent};
use crate::error::StoreError;
use crate::ledger::{CallFilter, Report, ReportQuery, SpentQuery, SpentRow};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;

/// The connection that appends.
#[derive(Debug)]
pub(crate) struct CallWriter {
    connection: Connection,
    place: Place,
    insert: String,
}

impl CallWriter {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        Ok(Self { connection: database.writer()?, place: database.place.clone(), insert: row::insert() })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        append(&mut self.connection, &self.insert, records).map_err(|e| self.place.error(e))
    }
}

fn append(connection: &mut Connection, insert: &str, records: &[Record]) -> rusqlite::Result<usize> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut new = 0;
    let mut statement = transaction.prepare_cached(insert)?;
    for record in records {
        row::bind(&mut statement, record)?;
        new += statement.raw_execute()?;
    }
    drop(statement);
    transaction.commit()?;
    Ok(new)
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

    pub(crate) fn spent(&mut self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), StoreError> {
        spent::run(&self.connection, query, each).map_err(|e| self.place.error(e))
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
