//! Rows of revisions: one connection of their own, on which others tell of new ones.

use super::session::{APPEND_MAX, Session};
use super::{Place, Server};
use crate::error::StoreError;
use crate::revision::{Revision, RevisionHead, kept_from};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tg_kernel::clock::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// How often the newest is asked for where no notification came: they are lost with a connection, and a pooler may not
/// pass them on.
const POLL: Duration = Duration::from_secs(1);

const COLUMNS: &str = "number, at, author, note, digest, replaces, restores";

/// The connection.
#[derive(Debug)]
pub(crate) struct RevisionTable {
    session: Session,
    place: Place,
    /// When the newest is to be asked for at the latest.
    ask_at: Instant,
}

impl RevisionTable {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        // A text of 4 MiB may take longer to travel than a row does.
        let session = Session::new(server, APPEND_MAX, "LISTEN tallygate_revisions")?;
        Ok(Self { session, place: server.place.clone(), ask_at: Instant::now() })
    }

    pub(crate) fn corrupt(&self, detail: String) -> StoreError {
        self.place.corrupt(detail)
    }

    pub(crate) fn newest(&mut self) -> Result<Option<Revision>, StoreError> {
        self.session.run(async |client| {
            let sql = format!("SELECT {COLUMNS}, text FROM config_revisions ORDER BY number DESC LIMIT 1");
            let row = client.query_typed_opt(&sql, &[]).await?;
            Ok(row.as_ref().map(revision).transpose()?)
        })
    }

    pub(crate) fn get(&mut self, number: u64) -> Result<Option<Revision>, StoreError> {
        let number = signed(number);
        self.session.run(async |client| {
            let sql = format!("SELECT {COLUMNS}, text FROM config_revisions WHERE number = $1");
            let row = client.query_typed_opt(&sql, &[(&number, Type::INT8)]).await?;
            Ok(row.as_ref().map(revision).transpose()?)
        })
    }

    pub(crate) fn list(&mut self, most: usize) -> Result<Vec<RevisionHead>, StoreError> {
        self.session.run(async |client| {
            let sql = format!("SELECT {COLUMNS} FROM config_revisions ORDER BY number DESC LIMIT {most}");
            let rows = client.query_typed(&sql, &[]).await?;
            Ok(rows.iter().map(head).collect::<Result<Vec<_>, Error>>()?)
        })
    }

    /// Whether the newest is another one than this.
    pub(crate) fn changed(&mut self, seen: Option<(u64, &str)>) -> Result<bool, StoreError> {
        if !self.session.was_notified() && Instant::now() < self.ask_at {
            return Ok(false);
        }
        // Who asks should hear soon that nobody answers: a second later he would have asked again.
        let newest = self.session.glimpse(async |client| {
            let sql = "SELECT number, digest FROM config_revisions ORDER BY number DESC LIMIT 1";
            let row = client.query_typed_opt(sql, &[]).await?;
            Ok(row.map(|row| Ok::<_, Error>((unsigned(row.try_get(0)?), row.try_get::<_, String>(1)?))).transpose()?)
        })?;
        if newest.as_ref().map(|(number, digest)| (*number, digest.as_str())) != seen {
            // Asked again until the newest was read.
            return Ok(true);
        }
        self.ask_at = Instant::now() + POLL;
        Ok(false)
    }

    /// Adds a revision under the next number; answers the newest number where that is not the expected one.
    pub(crate) fn add(
        &mut self,
        new: &Revision,
        expected: Option<u64>,
    ) -> Result<Result<RevisionHead, Option<u64>>, StoreError> {
        let begun = AtomicBool::new(false);
        self.session.run(async |client| {
            let again = begun.swap(true, Ordering::Relaxed);
            // Whoever adds at the same time waits here; readers do not.
            client.batch_execute("BEGIN; LOCK TABLE config_revisions IN SHARE ROW EXCLUSIVE MODE").await?;
            let sql = format!("SELECT {COLUMNS} FROM config_revisions ORDER BY number DESC LIMIT 1");
            let row = client.query_typed_opt(&sql, &[]).await?;
            let newest = row.as_ref().map(head).transpose()?;
            // The connection broke, and by then it may have been done.
            if let Some(newest) = newest.as_ref().filter(|newest| again && is_same(newest, &new.head)) {
                client.batch_execute("ROLLBACK").await?;
                return Ok(Ok(newest.clone()));
            }
            let newest = newest.map(|newest| newest.number);
            if expected.is_some_and(|expected| newest.unwrap_or(0) != expected) {
                client.batch_execute("ROLLBACK").await?;
                return Ok(Err(newest));
            }
            let head = RevisionHead { number: newest.unwrap_or(0) + 1, replaces: newest, ..new.head.clone() };
            insert(client, &head, &new.text).await?;
            Ok(Ok(head))
        })
    }
}

/// Whether a row is the one that is to be added.
fn is_same(row: &RevisionHead, new: &RevisionHead) -> bool {
    row.at == new.at && row.digest == new.digest && row.author == new.author && row.note == new.note
}

/// Writes the row, forgets what is old, and ends the transaction; others hear of it when it is committed.
async fn insert(client: &Client, head: &RevisionHead, text: &str) -> Result<(), Error> {
    let (number, at) = (signed(head.number), head.at.micros());
    let (replaces, restores) = (head.replaces.map(signed), head.restores.map(signed));
    let values: [(&(dyn ToSql + Sync), Type); 8] = [
        (&number, Type::INT8),
        (&at, Type::INT8),
        (&head.author, Type::TEXT),
        (&head.note, Type::TEXT),
        (&head.digest, Type::TEXT),
        (&replaces, Type::INT8),
        (&restores, Type::INT8),
        (&text, Type::TEXT),
    ];
    let sql = "INSERT INTO config_revisions (number, at, author, note, digest, replaces, restores, text) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    client.execute_typed(sql, &values).await?;
    let kept = kept_from(head.number);
    let rest = format!("DELETE FROM config_revisions WHERE number < {kept}; NOTIFY tallygate_revisions; COMMIT");
    client.batch_execute(&rest).await
}

fn revision(row: &Row) -> Result<Revision, Error> {
    Ok(Revision { head: head(row)?, text: row.try_get("text")? })
}

fn head(row: &Row) -> Result<RevisionHead, Error> {
    let number = |name: &str| row.try_get::<_, Option<i64>>(name).map(|number| number.map(unsigned));
    Ok(RevisionHead {
        number: unsigned(row.try_get("number")?),
        at: Timestamp::from_micros(row.try_get("at")?),
        author: row.try_get("author")?,
        note: row.try_get("note")?,
        digest: row.try_get("digest")?,
        replaces: number("replaces")?,
        restores: number("restores")?,
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
