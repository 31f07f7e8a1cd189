//! The engine's own way to sum what caches saved.

use crate::ledger::Saved;
use rusqlite::Connection;
use tg_kernel::units::Money;

const SAVED: &str = "SELECT team, count(json_extract(decided, '$.cache.hit')), \
         coalesce(sum(json_extract(decided, '$.cache.hit.saved.amount')), 0) AS amount, \
         count(json_extract(decided, '$.prompt_cache')), \
         coalesce(sum(json_extract(decided, '$.prompt_cache.saved')), 0) AS by_points \
     FROM calls WHERE started_at >= ?1 AND started_at < ?2 AND \
         (json_extract(decided, '$.cache.hit') IS NOT NULL OR json_extract(decided, '$.prompt_cache') IS NOT NULL) \
     GROUP BY team ORDER BY amount + by_points DESC, team";

pub(super) fn run(connection: &Connection, since: i64, until: i64) -> rusqlite::Result<Vec<Saved>> {
    let mut statement = connection.prepare_cached(SAVED)?;
    let rows = statement.query_map([since, until], |row| {
        let count = |column| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
        let money = |column| row.get(column).map(Money::from_nanos);
        let (hits, amount, pointed, by_points) = (count(1)?, money(2)?, count(3)?, money(4)?);
        Ok(Saved { team: row.get(0)?, hits, amount, pointed, by_points })
    })?;
    rows.collect()
}
