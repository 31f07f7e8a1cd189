//! The engine's own way to sum what the cache of answers saved.

use crate::ledger::Saved;
use rusqlite::Connection;
use tg_kernel::units::Money;

const SAVED: &str = "SELECT team, count(*), coalesce(sum(json_extract(decided, '$.cache.hit.saved.amount')), 0) AS amount \
     FROM calls WHERE started_at >= ?1 AND started_at < ?2 AND json_extract(decided, '$.cache.hit') IS NOT NULL \
     GROUP BY team ORDER BY amount DESC, team";

pub(super) fn run(connection: &Connection, since: i64, until: i64) -> rusqlite::Result<Vec<Saved>> {
    let mut statement = connection.prepare_cached(SAVED)?;
    let rows = statement.query_map([since, until], |row| {
        let (hits, amount): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(Saved { team: row.get(0)?, hits: u64::try_from(hits).unwrap_or(0), amount: Money::from_nanos(amount) })
    })?;
    rows.collect()
}
