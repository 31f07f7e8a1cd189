//! The engine's own way to sum what was spent.

use super::report::{self, big};
use crate::backends::spent::{Speech, costing, sql, wanted};
use crate::ledger::{SpentBy, SpentQuery, SpentRow};
use crate::rollup::{Plan, join};
use tg_kernel::units::Money;
use tokio_postgres::{Client, Error, Row};

/// The engine's sums of whole numbers are wider than 64 bits.
const SPEECH: Speech =
    Speech { number: big, sum: |column| format!("least(coalesce(sum({column}), 0), {})::bigint", i64::MAX) };

/// How many groups are read at once.
const PAGE: usize = 1_000;

/// The first groups that cost something, read in a transaction, so that all statements speak of the same calls; and whether
/// there may be more. Then [`next`] is to be asked on the same connection until there is no more.
pub(super) async fn begin(client: &Client, query: &SpentQuery) -> Result<(Vec<SpentRow>, bool), Error> {
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let (known, _) = report::known(client).await?;
    let Some(sql) = sql(query, &Plan::of(wanted(query), &known), &SPEECH) else {
        client.batch_execute("COMMIT").await?;
        return Ok((Vec::new(), false));
    };
    // All of them will be read: a plan that has the first ones soon is not the better one.
    let open = format!("SET LOCAL cursor_tuple_fraction = 1; DECLARE spent NO SCROLL CURSOR FOR {sql}");
    client.batch_execute(&open).await?;
    next(client, &query.by).await
}

/// The next groups that cost something, and whether there may be more.
pub(super) async fn next(client: &Client, by: &[SpentBy]) -> Result<(Vec<SpentRow>, bool), Error> {
    let rows = client.query_typed(&format!("FETCH {PAGE} FROM spent"), &[]).await?;
    let has_more = rows.len() == PAGE;
    if !has_more {
        client.batch_execute("COMMIT").await?;
    }
    let read = rows.iter().map(|row| read(row, by));
    let dear = read.filter(|row| row.as_ref().map_or(true, |row| row.cost != Money::ZERO));
    Ok((dear.collect::<Result<_, _>>()?, has_more))
}

fn read(row: &Row, by: &[SpentBy]) -> Result<SpentRow, Error> {
    let mut spent = costing(join(row.try_get(0)?, row.try_get(1)?));
    for (column, by) in (2..).zip(by) {
        match by {
            SpentBy::Hour => spent.set_hour(row.try_get(column)?),
            by => spent.set(*by, row.try_get(column)?),
        }
    }
    Ok(spent)
}
