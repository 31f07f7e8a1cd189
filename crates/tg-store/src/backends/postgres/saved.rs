//! The engine's own way to sum what caches saved.

use crate::ledger::Saved;
use tg_kernel::units::Money;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

const SAVED: &str = "SELECT team, hits, amount, pointed, by_points FROM ( \
         SELECT team, count(decided::json #> '{cache,hit}') AS hits, \
             coalesce(sum((decided::json #>> '{cache,hit,saved,amount}')::bigint), 0)::bigint AS amount, \
             count(decided::json #> '{prompt_cache}') AS pointed, \
             coalesce(sum((decided::json #>> '{prompt_cache,saved}')::bigint), 0)::bigint AS by_points \
         FROM calls WHERE started_at >= $1 AND started_at < $2 AND \
             (decided::json #> '{cache,hit}' IS NOT NULL OR decided::json #> '{prompt_cache}' IS NOT NULL) \
         GROUP BY team) AS saved ORDER BY amount + by_points DESC, team";

pub(super) async fn run(client: &Client, since: i64, until: i64) -> Result<Vec<Saved>, Error> {
    let rows = client.query_typed(SAVED, &[(&since, Type::INT8), (&until, Type::INT8)]).await?;
    let saved = rows.iter().map(|row| {
        let count = |column| row.try_get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
        let money = |column| row.try_get(column).map(Money::from_nanos);
        let (hits, amount, pointed, by_points) = (count(1)?, money(2)?, count(3)?, money(4)?);
        Ok(Saved { team: row.try_get(0)?, hits, amount, pointed, by_points })
    });
    saved.collect()
}
