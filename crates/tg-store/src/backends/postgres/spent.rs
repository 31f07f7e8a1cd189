//! What was spent, summed by what budgets count by.

use crate::ledger::{SpentBy, SpentQuery, SpentRow};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Attribution;
use tg_kernel::units::Money;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

const HOUR_SECONDS: i64 = 3_600;

const fn expression(by: SpentBy) -> &'static str {
    match by {
        SpentBy::Team => "team",
        SpentBy::Project => "project",
        SpentBy::Environment => "environment",
        SpentBy::Key => "key_id",
        SpentBy::AskedModel => "asked_model",
        SpentBy::Tags => "tags",
        SpentBy::Hour => "started_at / 3600000000",
    }
}

/// Each group that cost something.
pub(super) async fn run(client: &Client, query: &SpentQuery) -> Result<Vec<SpentRow>, Error> {
    let columns: Vec<&str> = query.by.iter().map(|by| expression(*by)).collect();
    let positions: Vec<String> = (2..2 + columns.len()).map(|position| position.to_string()).collect();
    let shown = columns.iter().fold(String::new(), |all, column| format!("{all}, {column}"));
    let groups = if columns.is_empty() { String::new() } else { format!(" GROUP BY {}", positions.join(", ")) };
    // The engine's sums of whole numbers are wider than 64 bits.
    let sql = format!(
        "SELECT least(coalesce(sum(cost_nanos::numeric + earlier_nanos), 0), {})::bigint{shown} \
         FROM calls WHERE started_at >= $1 AND started_at < $2{groups}",
        i64::MAX
    );
    let (since, until) = (query.since.micros(), query.until.map_or(i64::MAX, Timestamp::micros));
    let rows = client.query_typed(&sql, &[(&since, Type::INT8), (&until, Type::INT8)]).await?;
    let read = rows.iter().map(|row| read(row, &query.by));
    read.filter(|row| row.as_ref().map_or(true, |row| row.cost != Money::ZERO)).collect()
}

fn read(row: &Row, by: &[SpentBy]) -> Result<SpentRow, Error> {
    let cost = Money::from_nanos(row.try_get(0)?);
    let mut spent = SpentRow { attribution: Attribution::default(), model: Arc::from(""), hour: None, cost };
    let text = |column| Ok::<_, Error>(row.try_get::<_, Option<&str>>(column)?.map(Arc::from));
    for (column, by) in (1..).zip(by) {
        let booked = &mut spent.attribution;
        match by {
            SpentBy::Team => booked.team = text(column)?.unwrap_or_default(),
            SpentBy::Project => booked.project = text(column)?,
            SpentBy::Environment => booked.environment = text(column)?,
            SpentBy::Key => booked.key_id = text(column)?.unwrap_or_default(),
            SpentBy::AskedModel => spent.model = text(column)?.unwrap_or_default(),
            SpentBy::Tags => {
                let list: Option<&str> = row.try_get(column)?;
                booked.tags = list.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
            }
            SpentBy::Hour => {
                spent.hour = Some(Timestamp::from_seconds(row.try_get::<_, i64>(column)?.saturating_mul(HOUR_SECONDS)));
            }
        }
    }
    Ok(spent)
}
