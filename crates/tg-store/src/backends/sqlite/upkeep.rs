//! Work on the ledger that is done in small pieces beside the metering: old rows into sums, and deletion by policy.

use super::rollup::{Roller, State};
use super::{Database, Place, corrections, row};
use crate::error::StoreError;
use crate::ledger::{Glance, LedgerSize, Piece};
use crate::rollup::{Addend, DAY_MICROS, Grain, HOUR_MICROS, whole_days};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tg_kernel::clock::Timestamp;

/// Rows, or sums, of one piece: what bounds how long the metering waits for it.
const PIECE: i64 = 500;

/// Pages after which its changes are moved into the file: few, as whoever moves them holds the metering up.
const CHECKPOINT_PAGES: i64 = 256;

/// The connection that does it.
#[derive(Debug)]
pub(crate) struct UpkeepWriter {
    connection: Connection,
    place: Place,
    roller: Roller,
}

impl UpkeepWriter {
    pub(crate) fn open(database: &Database) -> Result<Self, StoreError> {
        let (connection, place) = (database.writer()?, database.place.clone());
        let set = connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES);
        set.map_err(|e| place.error(e))?;
        Ok(Self { connection, place, roller: Roller::new() })
    }

    /// Sums the latest rows that are in no sums yet.
    pub(crate) fn roll_up(&mut self) -> Result<Piece, StoreError> {
        let rolled = self.try_roll_up();
        if rolled.is_err() {
            self.roller.forget();
        }
        rolled.map_err(|e| self.place.error(e))
    }

    fn try_roll_up(&mut self) -> rusqlite::Result<Piece> {
        if State::read(&self.connection)?.rolled_since == 0 {
            return Ok(Piece::Nothing);
        }
        let transaction = immediate(&mut self.connection)?;
        let state = State::read(&transaction)?;
        let since = piece_start(&transaction, state.rolled_since)?;
        let span = "started_at >= ? AND started_at < ?";
        let rows = row::with_rates(&transaction, span, [since, state.rolled_since])?;
        let mut addends: Vec<Addend<'_>> = rows.iter().map(|(call, rates_id)| Addend::of(call, *rates_id)).collect();
        if corrections::made(&transaction)? > 0 {
            for (call, rates_id) in &rows {
                let corrections = corrections::of(&transaction, call.id)?;
                addends.extend(corrections.iter().map(|c| Addend::correcting(call, *rates_id, c)));
            }
        }
        self.roller.write(&transaction, &state, &addends)?;
        transaction.execute("UPDATE rollup_state SET rolled_since = ?", [since])?;
        transaction.commit()?;
        Ok(Piece::RolledUp(rows.len()))
    }

    /// Deletes rows of the days before this moment, as far as they are in the sums.
    pub(crate) fn delete_rows(&mut self, before: Timestamp) -> Result<Piece, StoreError> {
        self.try_delete_rows(whole_days(before)).map_err(|e| self.place.error(e))
    }

    fn try_delete_rows(&mut self, before: i64) -> rusqlite::Result<Piece> {
        let oldest = "SELECT min(started_at) FROM calls";
        let oldest: Option<i64> = self.connection.prepare_cached(oldest)?.query_row([], |row| row.get(0))?;
        let is_due = oldest.is_some_and(|oldest| oldest < before);
        if !is_due || State::read(&self.connection)?.rolled_since != 0 {
            return Ok(Piece::Nothing);
        }
        let transaction = immediate(&mut self.connection)?;
        let state = "UPDATE rollup_state SET rows_since = max(rows_since, ?)";
        transaction.execute(state, [before])?;
        let wanted = "SELECT id FROM calls WHERE started_at < ?1 ORDER BY started_at LIMIT ?2";
        let corrections = format!("DELETE FROM corrections WHERE call_id IN ({wanted})");
        transaction.execute(&corrections, [before, PIECE])?;
        let deleted = transaction.execute(&format!("DELETE FROM calls WHERE id IN ({wanted})"), [before, PIECE])?;
        transaction.commit()?;
        Ok(Piece::DeletedRows(deleted))
    }

    /// Deletes sums of the days before this moment, and then the series that no sum has any more.
    pub(crate) fn delete_rollups(&mut self, before: Timestamp) -> Result<Piece, StoreError> {
        self.try_delete_rollups(whole_days(before)).map_err(|e| self.place.error(e))
    }

    fn try_delete_rollups(&mut self, before: i64) -> rusqlite::Result<Piece> {
        if State::read(&self.connection)?.rolled_since != 0 {
            return Ok(Piece::Nothing);
        }
        for grain in Grain::ALL {
            let place = params![grain.number(), before / grain.micros(), PIECE];
            let there = "SELECT 1 FROM rollups WHERE grain = ? AND start < ? LIMIT 1";
            let there = self.connection.prepare_cached(there)?.exists(&place[..2])?;
            if !there {
                continue;
            }
            let transaction = immediate(&mut self.connection)?;
            transaction.execute("UPDATE rollup_state SET rollups_since = max(rollups_since, ?)", [before])?;
            let deleted = transaction.execute(
                "DELETE FROM rollups WHERE (grain, start, series) IN \
                 (SELECT grain, start, series FROM rollups WHERE grain = ?1 AND start < ?2 LIMIT ?3)",
                place,
            )?;
            transaction.execute("DELETE FROM rollup_spans WHERE grain = ?1 AND start < ?2", &place[..2])?;
            transaction.commit()?;
            return Ok(Piece::DeletedRollups(deleted));
        }
        self.delete_series(before / DAY_MICROS)
    }

    /// Looked up before the transaction: the search may be long, the deletion is not.
    fn delete_series(&mut self, before: i64) -> rusqlite::Result<Piece> {
        let wanted = "SELECT id FROM rollup_series WHERE last_day < ? LIMIT ?";
        let mut statement = self.connection.prepare_cached(wanted)?;
        let ids = statement.query_map([before, PIECE], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        drop(statement);
        if ids.is_empty() {
            return Ok(Piece::Nothing);
        }
        let transaction = immediate(&mut self.connection)?;
        let mut deleted = 0;
        for id in ids {
            // It may have been used since.
            let sql = "DELETE FROM rollup_series WHERE id = ? AND last_day < ?";
            deleted += transaction.prepare_cached(sql)?.execute([id, before])?;
        }
        // Whoever remembers ids of series must look them up again.
        transaction.execute("UPDATE rollup_state SET generation = generation + 1", [])?;
        transaction.commit()?;
        self.roller.forget();
        Ok(Piece::DeletedRollups(deleted))
    }
}

impl UpkeepWriter {
    /// Cheap enough to be asked each minute.
    pub(crate) fn glance(&self) -> Result<Glance, StoreError> {
        glance(&self.connection).map_err(|e| self.place.error(e))
    }
}

fn immediate(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// From when on the rows before this moment make a piece; the beginning where they are fewer.
fn piece_start(connection: &Connection, until: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT started_at FROM calls WHERE started_at >= 0 AND started_at < ? \
        ORDER BY started_at DESC LIMIT 1 OFFSET ?";
    let start = connection.prepare_cached(sql)?.query_row([until, PIECE - 1], |row| row.get(0)).optional()?;
    Ok(start.unwrap_or(0))
}

/// How large everything is. Counts rows one by one: about a second for ten million.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<LedgerSize> {
    let state = State::read(connection)?;
    let number = |sql: &str| -> rusqlite::Result<u64> {
        let number: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let moment = |sql: &str, unit: i64| -> rusqlite::Result<Option<Timestamp>> {
        let number: Option<i64> = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(number.map(|number| Timestamp::from_micros(number.saturating_mul(unit))))
    };
    let page = number("SELECT page_size FROM pragma_page_size")?;
    Ok(LedgerSize {
        rows: number("SELECT count(*) FROM calls")?,
        oldest_row: moment("SELECT min(started_at) FROM calls", 1)?,
        rollups: number("SELECT count(*) FROM rollups")?,
        series: number("SELECT count(*) FROM rollup_series")?,
        oldest_rollup: moment("SELECT min(start) FROM rollups WHERE grain = 0", HOUR_MICROS)?,
        rolled_up_since: (state.rolled_since != 0).then(|| Timestamp::from_micros(state.rolled_since)),
        bytes: page * number("SELECT page_count FROM pragma_page_count")?,
        free_bytes: page * number("SELECT freelist_count FROM pragma_freelist_count")?,
    })
}

fn glance(connection: &Connection) -> rusqlite::Result<Glance> {
    let pages = "SELECT page_size * page_count FROM pragma_page_size, pragma_page_count";
    let bytes: i64 = connection.prepare_cached(pages)?.query_row([], |row| row.get(0))?;
    let oldest = "SELECT min(started_at) FROM calls";
    let oldest: Option<i64> = connection.prepare_cached(oldest)?.query_row([], |row| row.get(0))?;
    Ok(Glance {
        bytes: u64::try_from(bytes).unwrap_or(0),
        oldest_row: oldest.map(Timestamp::from_micros),
        corrections: corrections::made(connection)?,
    })
}
