//! Rows of calls: one connection appends, others read.

use super::session::{APPEND_MAX, REPORT_MAX, Session};
use super::{Place, Server, report, row};
use crate::error::StoreError;
use crate::ledger::{CallFilter, Report, ReportQuery};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// The connection that appends.
#[derive(Debug)]
pub(crate) struct CallWriter {
    session: Session,
    place: Place,
    insert: String,
}

impl CallWriter {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        // One statement and one parameter for a batch: the server takes the rows apart by the columns' own types.
        let columns = row::COLUMNS;
        let insert = format!(
            "INSERT INTO calls ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::calls, $1::json) \
             ON CONFLICT (id) DO NOTHING"
        );
        Ok(Self { session: Session::new(server, APPEND_MAX, "")?, place: server.place.clone(), insert })
    }

    pub(crate) fn append(&mut self, records: &[Record]) -> Result<usize, StoreError> {
        let rows = records.iter().map(row::write).collect::<serde_json::Result<Vec<_>>>();
        let rows = rows.and_then(|rows| serde_json::to_string(&rows));
        let rows = rows.map_err(|e| StoreError::Engine { place: self.place.0.clone(), source: e.into() })?;
        let insert = &self.insert;
        let new = self.session.run(async |client| client.execute_typed(insert, &[(&rows, Type::TEXT)]).await)?;
        Ok(usize::try_from(new).unwrap_or(usize::MAX))
    }
}

/// A connection that only reads.
#[derive(Debug)]
pub(crate) struct CallReader {
    session: Session,
    place: Place,
}

impl CallReader {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        let session = Session::new(server, REPORT_MAX, "SET default_transaction_read_only = on")?;
        Ok(Self { session, place: server.place.clone() })
    }

    pub(crate) fn report(&mut self, query: &ReportQuery) -> Result<Report, StoreError> {
        let answers = self.session.run(async |client| {
            // One transaction, so that rows and totals speak of the same calls.
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
            let answers = report::ask(client, query).await?;
            client.batch_execute("COMMIT").await?;
            Ok(answers)
        })?;
        answers.report(query).map_err(|e| self.place.error(e))
    }

    pub(crate) fn calls(&mut self, filter: &CallFilter, limit: usize) -> Result<Vec<Record>, StoreError> {
        let mut conditions = report::Conditions::of(filter.since, filter.until, &filter.filters);
        if let Some(before) = filter.before {
            conditions.push(|mark| format!("id < {mark}"), before.as_bytes().to_vec(), Type::BYTEA);
        }
        let columns = row::COLUMNS;
        let sql = format!("SELECT {columns} FROM calls{} ORDER BY id DESC LIMIT {limit}", conditions.sql());
        let rows = self.session.run(async |client| client.query_typed(&sql, &conditions.values()).await)?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    pub(crate) fn get(&mut self, id: CallId) -> Result<Option<Record>, StoreError> {
        let sql = format!("SELECT {} FROM calls WHERE id = $1", row::COLUMNS);
        let id = id.as_bytes().to_vec();
        let found = self.session.run(async |client| client.query_typed_opt(&sql, &[(&id, Type::BYTEA)]).await)?;
        found.as_ref().map(|row| self.read(row)).transpose()
    }

    fn read(&self, row: &Row) -> Result<Record, StoreError> {
        row::read(row).map_err(|detail| self.place.corrupt(format!("a call cannot be read: {detail}")))
    }
}
