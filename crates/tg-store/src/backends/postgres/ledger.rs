//! Rows of calls: one connection appends, others read.

use super::conditions::Conditions;
use super::session::{APPEND_MAX, Failure, REPORT_MAX, Session};
use super::sheets::Sheets;
use super::{Place, Server, corrections, report, rollup, row, spent, upkeep};
use crate::correction::Correction;
use crate::error::StoreError;
use crate::ledger::{CallFilter, LedgerSize, Report, ReportQuery, SpentQuery, SpentRow};
use crate::rollup::Addend;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Instant;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

/// What is set for reading. Sums lie in an index by time, which the planner passes by for a walk over all of them where it
/// takes the disk to be one that turns; and compiling a report takes longer than making it. The sums of some ten thousand
/// combinations are to fit into memory, unless the server allows more than that by itself.
const READING: &str = "SET default_transaction_read_only = on; SET random_page_cost = 1.1; SET jit = off; \
    SELECT set_config('work_mem', '64MB', false) FROM pg_settings \
    WHERE name = 'work_mem' AND setting::bigint < 65536";

/// The connection that appends.
#[derive(Debug)]
pub(crate) struct CallWriter {
    session: Session,
    place: Place,
    sheets: Sheets,
}

impl CallWriter {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        let session = Session::new(server, APPEND_MAX, "")?;
        Ok(Self { session, place: server.place.clone(), sheets: Sheets::default() })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        self.sheets.learn(&mut self.session, records.iter().filter_map(|record| record.cost.rates.as_ref()))?;
        let rates = |record: &Record| self.sheets.id(record.cost.rates.as_ref());
        let rows = records.iter().map(|record| row::write(record, rates(record)));
        let rows = rows.collect::<serde_json::Result<Vec<_>>>();
        let rows = rows.map_err(|e| StoreError::Engine { place: self.place.0.clone(), source: e.into() })?;
        let rows = Value::from(rows).to_string();
        let addends: Vec<Addend<'_>> = records.iter().map(|record| Addend::of(record, rates(record))).collect();
        self.session.run(async |client| append(client, &rows, &addends).await)
    }

    /// What is older was deleted by policy.
    pub(crate) fn rows_since(&mut self) -> Result<Timestamp, StoreError> {
        let since = self.session.run(async |client| {
            Ok(client.query_typed_one("SELECT rows_since FROM ledger_state", &[]).await?.try_get(0)?)
        })?;
        Ok(Timestamp::from_micros(since))
    }

    pub(crate) fn correct(&mut self, corrections: &[Correction]) -> Result<usize, StoreError> {
        self.sheets.learn(&mut self.session, corrections.iter().filter_map(|one| one.rates.as_ref()))?;
        let rows = corrections.iter().map(|one| corrections::row(one, self.sheets.id(one.rates.as_ref())));
        let rows = Value::from(rows.collect::<Vec<_>>()).to_string();
        self.session.run(async |client| corrections::append(client, &rows, corrections).await)
    }
}

/// Appends rows and adds them to the sums. One statement and one parameter for the rows of a batch: the server takes
/// them apart by the columns' own types.
async fn append(client: &Client, rows: &str, addends: &[Addend<'_>]) -> Result<usize, Failure> {
    client.batch_execute("BEGIN").await?;
    let columns = row::COLUMNS;
    let insert = format!(
        "INSERT INTO calls ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::calls, $1::json) \
         ON CONFLICT (id) DO NOTHING RETURNING id"
    );
    let mut new = HashSet::new();
    for row in client.query_typed(&insert, &[(&rows, Type::TEXT)]).await? {
        new.insert(row.try_get::<_, Vec<u8>>(0)?);
    }
    let count = new.len();
    // Of two with one id the first was taken.
    let taken = addends.iter().filter(|addend| new.remove(addend.record.id.as_bytes().as_slice())).cloned();
    rollup::write(client, &taken.collect::<Vec<_>>()).await?;
    client.batch_execute("COMMIT").await?;
    Ok(count)
}

/// A connection that only reads.
#[derive(Debug)]
pub(crate) struct CallReader {
    session: Session,
    place: Place,
}

impl CallReader {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        let session = Session::new(server, REPORT_MAX, READING)?;
        Ok(Self { session, place: server.place.clone() })
    }

    pub(crate) fn report(&mut self, query: &ReportQuery) -> Result<Report, StoreError> {
        self.session.run(async |client| at_one_moment(client, report::run(client, query)).await)
    }

    pub(crate) fn corrections(&mut self, calls: &[CallId]) -> Result<Vec<Correction>, StoreError> {
        let rows = self.session.run(async |client| Ok(corrections::of(client, calls).await?))?;
        let corrupt = |detail| self.place.corrupt(format!("a correction cannot be read: {detail}"));
        rows.iter().map(|row| corrections::read(row).map_err(corrupt)).collect()
    }

    /// Rows before, in microseconds since 1970, were deleted.
    pub(crate) fn rows_since(&mut self) -> Result<i64, StoreError> {
        self.state("rows_since")
    }

    /// Sums before, in microseconds since 1970, were deleted.
    pub(crate) fn sums_since(&mut self) -> Result<i64, StoreError> {
        self.state("rollups_since")
    }

    fn state(&mut self, column: &str) -> Result<i64, StoreError> {
        let read = format!("SELECT {column} FROM ledger_state");
        self.session.run(async |client| Ok(client.query_typed_one(&read, &[]).await?.try_get(0)?))
    }

    pub(crate) fn corrections_made(&mut self) -> Result<u64, StoreError> {
        let made = self.session.run(async |client| Ok(corrections::made(client).await?))?;
        Ok(u64::try_from(made).unwrap_or(0))
    }

    pub(crate) fn spent(&mut self, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> Result<(), StoreError> {
        let end = Instant::now() + REPORT_MAX;
        // All the summing is done for the first page; of that nothing was handed on, so that it may be begun again.
        let (mut page, mut has_more) = self.session.run(async |client| Ok(spent::begin(client, query).await?))?;
        // Page by page, on the thread that asked: there may be as many groups as calls.
        loop {
            page.into_iter().for_each(&mut *each);
            if !has_more {
                return Ok(());
            }
            let next = async |client: &Client| Ok(spent::next(client, &query.by).await?);
            (page, has_more) = self.session.go_on_until(end, next)?;
        }
    }

    pub(crate) fn size(&mut self) -> Result<LedgerSize, StoreError> {
        self.session.run(async |client| Ok(upkeep::size(client).await?))
    }

    pub(crate) fn calls(&mut self, filter: &CallFilter, limit: usize) -> Result<Vec<Record>, StoreError> {
        let rows = self.session.run(async |client| list(client, filter, limit).await)?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    pub(crate) fn get(&mut self, id: CallId) -> Result<Option<Record>, StoreError> {
        let sql = format!("SELECT {} FROM calls WHERE id = $1", row::selected());
        let id = id.as_bytes().to_vec();
        let found = self.session.run(async |client| Ok(client.query_typed_opt(&sql, &[(&id, Type::BYTEA)]).await?))?;
        found.as_ref().map(|row| self.read(row)).transpose()
    }

    fn read(&self, row: &Row) -> Result<Record, StoreError> {
        row::read(row).map_err(|detail| self.place.corrupt(format!("a call cannot be read: {detail}")))
    }
}

/// Reads in one transaction, so that all of its statements speak of the same calls.
async fn at_one_moment<T>(client: &Client, read: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let read = read.await?;
    client.batch_execute("COMMIT").await?;
    Ok(read)
}

/// A page, in the order of the indexes by time and by team: it is read, not sorted.
async fn list(client: &Client, filter: &CallFilter, limit: usize) -> Result<Vec<Row>, Failure> {
    let mut conditions = Conditions::of(filter.since, filter.until, &filter.filters);
    filter.decided.iter().for_each(|part| conditions.decided(part));
    conditions.decided_any(&filter.decided_any);
    if let Some(before) = filter.before {
        let id = before.as_bytes().to_vec();
        let sql = "SELECT started_at FROM calls WHERE id = $1";
        let found = client.query_typed_opt(sql, &[(&id, Type::BYTEA)]).await?;
        // A call that is not there, or not any more, is known by the time in its id.
        let at: i64 = match found {
            Some(row) => row.try_get(0)?,
            None => before.made_at().micros(),
        };
        conditions.before(at, id);
    }
    let (columns, conditions_sql) = (row::selected(), conditions.sql());
    let sql = format!("SELECT {columns} FROM calls{conditions_sql} ORDER BY started_at DESC, id DESC LIMIT {limit}");
    Ok(client.query_typed(&sql, &conditions.values()).await?)
}
