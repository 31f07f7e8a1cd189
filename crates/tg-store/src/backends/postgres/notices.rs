//! Rows of notices: one connection of their own.

use super::Server;
use super::session::{STATEMENT_MAX, Session};
use crate::error::StoreError;
use crate::notices::Owed;
use tg_kernel::clock::Timestamp;
use tokio_postgres::types::Type;

/// The connection.
#[derive(Debug)]
pub(crate) struct NoticeTable {
    session: Session,
}

impl NoticeTable {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        Ok(Self { session: Session::new(server, STATEMENT_MAX, "")? })
    }

    pub(crate) fn add(&mut self, owed: &Owed, at: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT INTO budget_notices (purse, kind, at, notice) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING \
                   RETURNING 1";
        let at = at.micros();
        let added = self.session.run(async |client| {
            let values = [
                (&owed.purse as _, Type::TEXT),
                (&owed.kind as _, Type::TEXT),
                (&at as _, Type::INT8),
                (&owed.notice as _, Type::TEXT),
            ];
            Ok(client.query_typed_opt(sql, &values).await?)
        })?;
        Ok(added.is_some())
    }

    pub(crate) fn delivered(&mut self, purse: &str, kind: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE budget_notices SET delivered_at = $1 WHERE purse = $2 AND kind = $3";
        let at = at.micros();
        self.session.run(async |client| {
            let values = [(&at as _, Type::INT8), (&purse as _, Type::TEXT), (&kind as _, Type::TEXT)];
            client.query_typed(sql, &values).await?;
            Ok(())
        })
    }

    pub(crate) fn owed(&mut self, since: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
        let sql = format!(
            "SELECT purse, kind, notice FROM budget_notices WHERE delivered_at IS NULL AND at >= $1 ORDER BY at LIMIT {most}"
        );
        let since = since.micros();
        self.session.run(async |client| {
            let rows = client.query_typed(&sql, &[(&since, Type::INT8)]).await?;
            let read = rows
                .iter()
                .map(|row| Ok(Owed { purse: row.try_get(0)?, kind: row.try_get(1)?, notice: row.try_get(2)? }));
            Ok(read.collect::<Result<Vec<_>, tokio_postgres::Error>>()?)
        })
    }

    pub(crate) fn forget(&mut self, before: Timestamp) -> Result<(), StoreError> {
        let before = before.micros();
        self.session.run(async |client| {
            client.query_typed("DELETE FROM budget_notices WHERE at < $1", &[(&before, Type::INT8)]).await?;
            Ok(())
        })
    }
}
