//! Rows of notices: one connection of their own.

use super::{Database, Place};
use crate::error::StoreError;
use crate::notices::Owed;
use rusqlite::Connection;
use tg_kernel::clock::Timestamp;

/// The connection.
#[derive(Debug)]
pub(crate) struct NoticeTable {
    connection: Connection,
    place: Place,
}

impl NoticeTable {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        Ok(Self { connection: database.writer()?, place: database.place.clone() })
    }

    pub(crate) fn add(&self, owed: &Owed, at: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT OR IGNORE INTO budget_notices (purse, kind, at, notice) VALUES (?, ?, ?, ?)";
        let values = (&owed.purse, &owed.kind, at.micros(), &owed.notice);
        let add = || self.connection.prepare_cached(sql)?.execute(values);
        add().map(|added| added > 0).map_err(|e| self.place.error(e))
    }

    pub(crate) fn delivered(&self, purse: &str, kind: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE budget_notices SET delivered_at = ? WHERE purse = ? AND kind = ?";
        let set = || self.connection.prepare_cached(sql)?.execute((at.micros(), purse, kind));
        set().map(drop).map_err(|e| self.place.error(e))
    }

    pub(crate) fn owed(&self, since: Timestamp, most: usize) -> Result<Vec<Owed>, StoreError> {
        let sql = format!(
            "SELECT purse, kind, notice FROM budget_notices WHERE delivered_at IS NULL AND at >= ? ORDER BY at LIMIT {most}"
        );
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let rows = statement.query_map([since.micros()], |row| {
                Ok(Owed { purse: row.get(0)?, kind: row.get(1)?, notice: row.get(2)? })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|e| self.place.error(e))
    }

    pub(crate) fn forget(&self, before: Timestamp) -> Result<(), StoreError> {
        let forget = || self.connection.execute("DELETE FROM budget_notices WHERE at < ?", [before.micros()]);
        forget().map(drop).map_err(|e| self.place.error(e))
    }
}
