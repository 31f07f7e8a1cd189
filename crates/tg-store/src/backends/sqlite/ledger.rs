//! Rows of calls: one connection appends, others read.

use super::sheets::Sheets;
use super::{Database, Place, corrections, report, row};
use crate::correction::Correction;
use crate::error::StoreError;
use crate::ledger::{CallFilter, Report, ReportQuery};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;

/// The connection that appends.
#[derive(Debug)]
pub(crate) struct CallWriter {
    connection: Connection,
    place: Place,
    insert: String,
    sheets: Sheets,
}

impl CallWriter {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        let (connection, place) = (database.writer()?, database.place.clone());
        Ok(Self { connection, place, insert: row::insert(), sheets: Sheets::default() })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        let appended = self.try_append(records);
        if appended.is_err() {
            // Ids of a transaction that came to nothing are nobody's.
            self.sheets = Sheets::default();
        }
        appended.map_err(|e| self.place.error(e))
    }

    pub(crate) fn correct(&mut self, corrections: &[Correction]) -> Result<usize, StoreError> {
        // The ids that this batch may make are forgotten with it.
        let mut sheets = Sheets::default();
        let mut correct = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut new = 0;
            for correction in corrections {
                new += usize::from(corrections::append(&transaction, &mut sheets, correction)?);
            }
            transaction.commit()?;
            Ok(new)
        };
        correct().map_err(|e| self.place.error(e))
    }

    fn try_append(&mut self, records: &[Record]) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut new = 0;
        let mut statement = transaction.prepare_cached(&self.insert)?;
        for record in records {
            let rates_id = self.sheets.id(&transaction, record.cost.rates.as_ref())?;
            row::bind(&mut statement, record, rates_id)?;
            new += statement.raw_execute()?;
        }
        drop(statement);
        transaction.commit()?;
        Ok(new)
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
        let mut found = report::run(&transaction, query).map_err(|e| self.place.error(e))?;
        if !query.as_booked {
            corrections::add_to(&transaction, query, &mut found).map_err(|e| self.place.error(e))?;
        }
        Ok(found)
    }

    pub(crate) fn corrections(&mut self, calls: &[CallId]) -> Result<Vec<Correction>, StoreError> {
        let mut read = || {
            let transaction = self.connection.transaction()?;
            let mut found = Vec::new();
            if corrections::made(&transaction)? > 0 {
                for call in calls {
                    found.append(&mut corrections::of(&transaction, *call)?);
                }
            }
            Ok(found)
        };
        read().map_err(|e: rusqlite::Error| self.place.error(e))
    }

    pub(crate) fn corrections_made(&mut self) -> Result<u64, StoreError> {
        corrections::made(&self.connection).map_err(|e| self.place.error(e))
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
