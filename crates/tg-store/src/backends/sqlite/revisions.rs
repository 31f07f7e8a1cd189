//! Rows of revisions: one connection of their own.

use super::{Database, Place};
use crate::error::StoreError;
use crate::revision::{Revision, RevisionHead, kept_from};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use tg_kernel::clock::Timestamp;

const COLUMNS: &str = "number, at, author, note, digest, replaces, restores";

/// The connection.
#[derive(Debug)]
pub(crate) struct RevisionTable {
    connection: Connection,
    place: Place,
}

impl RevisionTable {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        Ok(Self { connection: database.writer()?, place: database.place.clone() })
    }

    pub(crate) fn corrupt(&self, detail: String) -> StoreError {
        self.place.corrupt(detail)
    }

    pub(crate) fn newest(&self) -> Result<Option<Revision>, StoreError> {
        self.one("ORDER BY number DESC LIMIT 1", [])
    }

    pub(crate) fn get(&self, number: u64) -> Result<Option<Revision>, StoreError> {
        self.one("WHERE number = ?", [signed(number)])
    }

    fn one(&self, which: &str, values: impl rusqlite::Params) -> Result<Option<Revision>, StoreError> {
        let sql = format!("SELECT {COLUMNS}, text FROM config_revisions {which}");
        let read = || {
            self.connection
                .prepare_cached(&sql)?
                .query_row(values, |row| Ok(Revision { head: head(row)?, text: row.get(7)? }))
                .optional()
        };
        read().map_err(|e| self.place.error(e))
    }

    pub(crate) fn list(&self, most: usize) -> Result<Vec<RevisionHead>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM config_revisions ORDER BY number DESC LIMIT {most}");
        let read = || self.connection.prepare_cached(&sql)?.query_map([], head)?.collect::<rusqlite::Result<Vec<_>>>();
        read().map_err(|e| self.place.error(e))
    }

    /// Whether the newest is another one than this. Everything in the file moves its version, so the row is asked.
    pub(crate) fn changed(&self, seen: Option<(u64, &str)>) -> Result<bool, StoreError> {
        let sql = "SELECT number, digest FROM config_revisions ORDER BY number DESC LIMIT 1";
        let read = || {
            let read = |row: &Row<'_>| Ok((unsigned(row.get(0)?), row.get::<_, String>(1)?));
            self.connection.prepare_cached(sql)?.query_row([], read).optional()
        };
        let newest = read().map_err(|e| self.place.error(e))?;
        Ok(newest.as_ref().map(|(number, digest)| (*number, digest.as_str())) != seen)
    }

    /// Adds a revision under the next number; answers the newest number where that is not the expected one.
    pub(crate) fn add(
        &mut self,
        new: &Revision,
        expected: Option<u64>,
    ) -> Result<Result<RevisionHead, Option<u64>>, StoreError> {
        let sql = |e| self.place.error(e);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let newest = transaction
            .query_row("SELECT max(number) FROM config_revisions", [], |row| row.get::<_, Option<i64>>(0))
            .map_err(sql)?
            .map(unsigned);
        if expected.is_some_and(|expected| newest.unwrap_or(0) != expected) {
            return Ok(Err(newest));
        }
        let head = RevisionHead { number: newest.unwrap_or(0) + 1, replaces: newest, ..new.head.clone() };
        transaction
            .execute(
                "INSERT INTO config_revisions (number, at, author, note, digest, replaces, restores, text) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    signed(head.number),
                    head.at.micros(),
                    head.author,
                    head.note,
                    head.digest,
                    head.replaces.map(signed),
                    head.restores.map(signed),
                    new.text,
                ],
            )
            .map_err(sql)?;
        let forget = [signed(kept_from(head.number))];
        transaction.execute("DELETE FROM config_revisions WHERE number < ?", forget).map_err(sql)?;
        transaction.commit().map_err(sql)?;
        Ok(Ok(head))
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<RevisionHead> {
    Ok(RevisionHead {
        number: unsigned(row.get(0)?),
        at: Timestamp::from_micros(row.get(1)?),
        author: row.get(2)?,
        note: row.get(3)?,
        digest: row.get(4)?,
        replaces: row.get::<_, Option<i64>>(5)?.map(unsigned),
        restores: row.get::<_, Option<i64>>(6)?.map(unsigned),
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
