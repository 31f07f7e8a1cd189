//! Rows of calls: one connection appends, others read.

use super::conditions::Conditions;
use super::rollup::{Roller, State};
use super::sheets::Sheets;
use super::{Database, Place, corrections, report, row, spent, upkeep};
use crate::correction::Correction;
use crate::error::StoreError;
use crate::ledger::{CallFilter, LedgerSize, Report, ReportQuery, SpentQuery, SpentRow};
use crate::rollup::Addend;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params_from_iter};
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;

/// Pages that the appending connection may keep in memory: those of the current day's sums.
const CACHE_KIB: i64 = 8 * 1024;

/// The connection that appends.
#[derive(Debug)]
pub(crate) struct CallWriter {
    connection: Connection,
    place: Place,
    insert: String,
    sheets: Sheets,
    roller: Roller,
}

impl CallWriter {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        let (connection, place) = (database.writer()?, database.place.clone());
        let cached = connection.pragma_update(None, "cache_size", -CACHE_KIB);
        cached.map_err(|e| place.error(e))?;
        Ok(Self { connection, place, insert: row::insert(), sheets: Sheets::default(), roller: Roller::new() })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        let appended = self.try_append(records);
        if appended.is_err() {
            // Ids of a transaction that came to nothing are nobody's.
            self.sheets = Sheets::default();
            self.roller.forget();
        }
        appended.map_err(|e| self.place.error(e))
    }

    /// What is older was deleted by policy.
    pub(crate) fn rows_since(&mut self) -> Result<Timestamp, StoreError> {
        let state = State::read(&self.connection).map_err(|e| self.place.error(e))?;
        Ok(Timestamp::from_micros(state.rows_since))
    }

    pub(crate) fn correct(&mut self, corrections: &[Correction]) -> Result<usize, StoreError> {
        // The ids that this batch may make are forgotten with it.
        let corrected = self.try_correct(&mut Sheets::default(), corrections);
        if corrected.is_err() {
            self.roller.forget();
        }
        corrected.map_err(|e| self.place.error(e))
    }

    fn try_correct(&mut self, sheets: &mut Sheets, corrections: &[Correction]) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut new = Vec::new();
        for correction in corrections {
            if corrections::append(&transaction, sheets, correction)? {
                let call = row::with_rates(&transaction, "id = ?", [correction.call.as_bytes()])?;
                new.extend(call.into_iter().map(|call| (call, correction)));
            }
        }
        let state = State::read(&transaction)?;
        let rolled = new.iter().filter(|((call, _), _)| call.started_at.micros() >= state.rolled_since);
        let addends: Vec<Addend<'_>> = rolled.map(|((call, id), c)| Addend::correcting(call, *id, c)).collect();
        self.roller.write(&transaction, &state, &addends)?;
        transaction.commit()?;
        Ok(new.len())
    }

    fn try_append(&mut self, records: &[Record]) -> rusqlite::Result<usize> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let state = State::read(&transaction)?;
        let (mut new, mut addends) = (0, Vec::with_capacity(records.len()));
        let mut statement = transaction.prepare_cached(&self.insert)?;
        for record in records {
            let rates_id = self.sheets.id(&transaction, record.cost.rates.as_ref())?;
            row::bind(&mut statement, record, rates_id)?;
            if statement.raw_execute()? == 0 {
                continue;
            }
            new += 1;
            // Earlier ones will be summed with the rest of their time.
            if record.started_at.micros() >= state.rolled_since {
                addends.push(Addend::of(record, rates_id));
            }
        }
        drop(statement);
        self.roller.write(&transaction, &state, &addends)?;
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
        report::run(&transaction, query).map_err(|e| self.place.error(e))
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

    /// Rows before, in microseconds since 1970, were deleted.
    pub(crate) fn rows_since(&mut self) -> Result<i64, StoreError> {
        Ok(self.state()?.rows_since)
    }

    /// Sums before, in microseconds since 1970, were deleted.
    pub(crate) fn sums_since(&mut self) -> Result<i64, StoreError> {
        Ok(self.state()?.rollups_since)
    }

    fn state(&self) -> Result<State, StoreError> {
        State::read(&self.connection).map_err(|e| self.place.error(e))
    }

    pub(crate) fn corrections_made(&mut self) -> Result<u64, StoreError> {
        corrections::made(&self.connection).map_err(|e| self.place.error(e))
    }

    pub(crate) fn spent(&mut self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), StoreError> {
        let transaction = self.connection.transaction().map_err(|e| self.place.error(e))?;
        spent::run(&transaction, query, each).map_err(|e| self.place.error(e))
    }

    pub(crate) fn size(&mut self) -> Result<LedgerSize, StoreError> {
        let transaction = self.connection.transaction().map_err(|e| self.place.error(e))?;
        upkeep::size(&transaction).map_err(|e| self.place.error(e))
    }

    pub(crate) fn calls(&mut self, filter: &CallFilter, limit: usize) -> Result<Vec<Record>, StoreError> {
        list(&self.connection, filter, limit).map_err(|e| self.place.error(e))
    }

    pub(crate) fn get(&mut self, id: CallId) -> Result<Option<Record>, StoreError> {
        let sql = format!("SELECT {} FROM calls WHERE id = ?", row::columns());
        let read = || self.connection.prepare_cached(&sql)?.query_row([id.as_bytes()], row::read).optional();
        read().map_err(|e| self.place.error(e))
    }
}

fn list(connection: &Connection, filter: &CallFilter, limit: usize) -> rusqlite::Result<Vec<Record>> {
    let (sql, conditions) = listing(connection, filter, limit)?;
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(conditions.values()), row::read)?;
    rows.collect()
}

/// The statement of a listing, in the order of the indexes by time and by team: a page is read, not sorted.
pub(super) fn listing(
    connection: &Connection,
    filter: &CallFilter,
    limit: usize,
) -> rusqlite::Result<(String, Conditions)> {
    let mut conditions = Conditions::of(filter.since, filter.until, &filter.filters);
    filter.decided.iter().for_each(|part| conditions.decided(part));
    conditions.decided_any(&filter.decided_any);
    if let Some(before) = filter.before {
        let sql = "SELECT started_at FROM calls WHERE id = ?";
        let found = connection.prepare_cached(sql)?.query_row([before.as_bytes()], |row| row.get(0)).optional()?;
        // A call that is not there, or not any more, is known by the time in its id.
        let at: i64 = found.unwrap_or_else(|| before.made_at().micros());
        conditions.before(at, *before.as_bytes());
    }
    let (columns, conditions_sql) = (row::columns(), conditions.sql());
    let sql = format!("SELECT {columns} FROM calls{conditions_sql} ORDER BY started_at DESC, id DESC LIMIT {limit}");
    Ok((sql, conditions))
}
