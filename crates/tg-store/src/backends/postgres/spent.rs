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

/// Each group that cost something. Run it within a transaction, so that its statements speak of the same calls.
pub(super) async fn run(client: &Client, query: &SpentQuery) -> Result<Vec<SpentRow>, Error> {
    let (known, _) = report::known(client).await?;
    let Some(sql) = sql(query, &Plan::of(wanted(query), &known), &SPEECH) else { return Ok(Vec::new()) };
    let rows = client.query_typed(&sql, &[]).await?;
    let read = rows.iter().map(|row| read(row, &query.by));
    read.filter(|row| row.as_ref().map_or(true, |row| row.cost != Money::ZERO)).collect()
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
