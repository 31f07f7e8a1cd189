//! What was spent, summed by what budgets count by.

use crate::ledger::{SpentBy, SpentQuery, SpentRow};
use crate::rollup::join;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Attribution;

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

/// Hands each group that cost something to `each`.
pub(super) fn run(connection: &Connection, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> rusqlite::Result<()> {
    let columns: Vec<&str> = query.by.iter().map(|by| expression(*by)).collect();
    let positions: Vec<String> = (3..3 + columns.len()).map(|position| position.to_string()).collect();
    let shown = columns.iter().fold(String::new(), |all, column| format!("{all}, {column}"));
    let groups = if columns.is_empty() { String::new() } else { format!(" GROUP BY {}", positions.join(", ")) };
    // Whole dollars and the rest apart: the engine's sum fails beyond 64 bits.
    let sql = format!(
        "SELECT coalesce(sum(cost_nanos / 1000000000 + earlier_nanos / 1000000000), 0), \
         coalesce(sum(cost_nanos % 1000000000 + earlier_nanos % 1000000000), 0){shown} \
         FROM calls WHERE started_at >= ? AND started_at < ?{groups}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let until = query.until.map_or(i64::MAX, Timestamp::micros);
    let mut rows = statement.query([query.since.micros(), until])?;
    while let Some(row) = rows.next()? {
        let spent = read(row, &query.by)?;
        if spent.cost.nanos() != 0 {
            each(spent);
        }
    }
    Ok(())
}

fn read(row: &Row<'_>, by: &[SpentBy]) -> rusqlite::Result<SpentRow> {
    let mut spent = SpentRow {
        attribution: Attribution::default(),
        model: Arc::from(""),
        hour: None,
        cost: join(row.get(0)?, row.get(1)?),
    };
    for (column, by) in (2..).zip(by) {
        let booked = &mut spent.attribution;
        match by {
            SpentBy::Team => booked.team = text(row, column)?.unwrap_or_default(),
            SpentBy::Project => booked.project = text(row, column)?,
            SpentBy::Environment => booked.environment = text(row, column)?,
            SpentBy::Key => booked.key_id = text(row, column)?.unwrap_or_default(),
            SpentBy::AskedModel => spent.model = text(row, column)?.unwrap_or_default(),
            SpentBy::Tags => {
                let list = text(row, column)?;
                booked.tags = list.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default();
            }
            SpentBy::Hour => {
                spent.hour = Some(Timestamp::from_seconds(row.get::<_, i64>(column)?.saturating_mul(HOUR_SECONDS)));
            }
        }
    }
    Ok(spent)
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Arc<str>>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        value => Ok(Some(Arc::from(value.as_str()?))),
    }
}
