//! Work on the ledger that is done in small pieces beside the metering: deletion by policy. Of several gateways one at a
//! time does it.

use super::rollup::SERIES_LOCK;
use super::session::{STATEMENT_MAX, Session};
use super::{Server, corrections};
use crate::error::StoreError;
use crate::ledger::{Glance, LedgerSize, Piece};
use crate::rollup::{DAY_MICROS, Grain, HOUR_MICROS, whole_days};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// Rows, or sums, of one piece: what bounds how long others wait for it.
const PIECE: i64 = 500;

/// Held by who deletes. Any number does (`tgup`).
const UPKEEP_LOCK: i64 = 0x7467_7570;

/// The connection that does it.
#[derive(Debug)]
pub(crate) struct UpkeepWriter {
    session: Mutex<Session>,
}

impl UpkeepWriter {
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        Ok(Self { session: Mutex::new(Session::new(server, STATEMENT_MAX, "")?) })
    }

    /// Deletes rows of the days before this moment.
    pub(crate) fn delete_rows(&mut self, before: Timestamp) -> Result<Piece, StoreError> {
        let before = whole_days(before);
        let deleted = self.session().run(async |client| Ok(delete_rows(client, before).await?))?;
        Ok(if deleted == 0 { Piece::Nothing } else { Piece::DeletedRows(deleted) })
    }

    /// Deletes sums of the days before this moment, and then the series that no sum has any more.
    pub(crate) fn delete_rollups(&mut self, before: Timestamp) -> Result<Piece, StoreError> {
        let before = whole_days(before);
        let mut session = self.session();
        for grain in Grain::ALL {
            let deleted = session.run(async |client| Ok(delete_rollups(client, grain, before).await?))?;
            if deleted > 0 {
                return Ok(Piece::DeletedRollups(deleted));
            }
        }
        let deleted = session.run(async |client| Ok(delete_series(client, before / DAY_MICROS).await?))?;
        Ok(if deleted == 0 { Piece::Nothing } else { Piece::DeletedRollups(deleted) })
    }

    /// Cheap enough to be asked each minute.
    pub(crate) fn glance(&self) -> Result<Glance, StoreError> {
        self.session().run(async |client| {
            Ok(Glance {
                bytes: number(client, BYTES).await?,
                oldest_row: moment(client, "SELECT min(started_at) FROM calls", 1).await?,
                corrections: u64::try_from(corrections::made(client).await?).unwrap_or(0),
            })
        })
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        // A panic in between has left a connection, which is given up with the next failure.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a piece. False where another gateway is at it.
async fn begin(client: &Client) -> Result<bool, Error> {
    client.batch_execute("BEGIN").await?;
    let sql = format!("SELECT pg_try_advisory_xact_lock({UPKEEP_LOCK})");
    client.query_typed_one(&sql, &[]).await?.try_get(0)
}

/// Ends a piece in which this many were deleted.
async fn end(client: &Client, deleted: u64) -> Result<usize, Error> {
    client.batch_execute(if deleted == 0 { "ROLLBACK" } else { "COMMIT" }).await?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}

async fn delete_rows(client: &Client, before: i64) -> Result<usize, Error> {
    if !begin(client).await? {
        return end(client, 0).await;
    }
    let limits = [(&before as &(dyn tokio_postgres::types::ToSql + Sync), Type::INT8), (&PIECE, Type::INT8)];
    let wanted = "SELECT id FROM calls WHERE started_at < $1 ORDER BY started_at, id LIMIT $2";
    let rows = client.query_typed(&format!("DELETE FROM calls WHERE id IN ({wanted}) RETURNING id"), &limits).await?;
    let ids = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Vec<u8>>, _>>()?;
    // Afterwards, so that those are seen which somebody added while this waited for their calls.
    let corrections = "DELETE FROM corrections WHERE call_id = ANY($1)";
    client.execute_typed(corrections, &[(&ids, Type::BYTEA_ARRAY)]).await?;
    let deleted = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    if deleted > 0 {
        let state = format!("UPDATE ledger_state SET rows_since = greatest(rows_since, {before})");
        client.batch_execute(&state).await?;
    }
    end(client, deleted).await
}

async fn delete_rollups(client: &Client, grain: Grain, before: i64) -> Result<usize, Error> {
    if !begin(client).await? {
        return end(client, 0).await;
    }
    let (number, until) = (grain.number(), before / grain.micros());
    let deleted = client
        .execute_typed(
            "DELETE FROM rollups WHERE (grain, start, series) IN (SELECT grain, start, series FROM rollups \
             WHERE grain = $1 AND start < $2 ORDER BY grain, start, series LIMIT $3)",
            &[(&number, Type::INT8), (&until, Type::INT8), (&PIECE, Type::INT8)],
        )
        .await?;
    if deleted > 0 {
        let sql = format!(
            "DELETE FROM rollup_spans WHERE grain = {number} AND start < {until}; \
             UPDATE ledger_state SET rollups_since = greatest(rollups_since, {before})"
        );
        client.batch_execute(&sql).await?;
    }
    end(client, deleted).await
}

async fn delete_series(client: &Client, before: i64) -> Result<usize, Error> {
    let limits = [(&before as &(dyn tokio_postgres::types::ToSql + Sync), Type::INT8), (&PIECE, Type::INT8)];
    let wanted = "SELECT id FROM rollup_series WHERE last_day < $1 ORDER BY id LIMIT $2";
    let ids = client.query_typed(wanted, &limits).await?;
    if ids.is_empty() || !begin(client).await? {
        return end(client, 0).await;
    }
    // Whoever appends at this moment may be about to use one: afterwards its day says so.
    client.batch_execute(&format!("SELECT pg_advisory_xact_lock({SERIES_LOCK})")).await?;
    let ids = ids.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    let sql = "DELETE FROM rollup_series WHERE id = ANY($1) AND last_day < $2";
    let deleted = client.execute_typed(sql, &[(&ids, Type::INT8_ARRAY), (&before, Type::INT8)]).await?;
    end(client, deleted).await
}

/// All that Tallygate keeps, indexes included.
const BYTES: &str = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class \
    WHERE relnamespace = 'tallygate'::regnamespace AND relkind = 'r'";

async fn number(client: &Client, sql: &str) -> Result<u64, Error> {
    let number: i64 = client.query_typed_one(sql, &[]).await?.try_get(0)?;
    Ok(u64::try_from(number).unwrap_or(0))
}

async fn moment(client: &Client, sql: &str, unit: i64) -> Result<Option<Timestamp>, Error> {
    let number: Option<i64> = client.query_typed_one(sql, &[]).await?.try_get(0)?;
    Ok(number.map(|number| Timestamp::from_micros(number.saturating_mul(unit))))
}

/// How large everything is. Counts rows one by one.
pub(super) async fn size(client: &Client) -> Result<LedgerSize, Error> {
    Ok(LedgerSize {
        rows: number(client, "SELECT count(*) FROM calls").await?,
        oldest_row: moment(client, "SELECT min(started_at) FROM calls", 1).await?,
        rollups: number(client, "SELECT count(*) FROM rollups").await?,
        series: number(client, "SELECT count(*) FROM rollup_series").await?,
        oldest_rollup: moment(client, "SELECT min(start) FROM rollups WHERE grain = 0", HOUR_MICROS).await?,
        rolled_up_since: None,
        bytes: number(client, BYTES).await?,
        // The engine does not tell without reading everything.
        free_bytes: 0,
    })
}
