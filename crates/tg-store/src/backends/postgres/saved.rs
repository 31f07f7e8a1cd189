//! The engine's own way to sum what the cache of answers saved.

use crate::ledger::Saved;
use tg_kernel::units::Money;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

const SAVED: &str = "SELECT team, count(*), \
         coalesce(sum((decided::json #>> '{cache,hit,saved,amount}')::bigint), 0)::bigint AS amount \
     FROM calls WHERE started_at >= $1 AND started_at < $2 AND decided::json #> '{cache,hit}' IS NOT NULL \
     GROUP BY team ORDER BY amount DESC, team";

pub(super) async fn run(client: &Client, since: i64, until: i64) -> Result<Vec<Saved>, Error> {
    let rows = client.query_typed(SAVED, &[(&since, Type::INT8), (&until, Type::INT8)]).await?;
    let saved = rows.iter().map(|row| {
        let (hits, amount): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Saved { team: row.try_get(0)?, hits: u64::try_from(hits).unwrap_or(0), amount: Money::from_nanos(amount) })
    });
    saved.collect()
}
