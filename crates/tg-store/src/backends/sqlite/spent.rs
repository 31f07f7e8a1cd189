//! The engine's own way to sum what was spent.

use super::report;
use crate::backends::spent::{Speech, costing, sql, wanted};
use crate::ledger::{SpentBy, SpentQuery, SpentRow};
use crate::rollup::{Plan, join};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

const SPEECH: Speech =
    Speech { number: |number| number.to_string(), sum: |column| format!("coalesce(sum({column}), 0)") };

/// Hands each group that cost something to `each`. Run it within a transaction, so that its statements speak of the same
/// calls.
pub(super) fn run(connection: &Connection, query: &SpentQuery, each: &mut dyn FnMut(SpentRow)) -> rusqlite::Result<()> {
    let plan = Plan::of(wanted(query), &report::known(connection)?);
    let Some(sql) = sql(query, &plan, &SPEECH) else { return Ok(()) };
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let spent = read(row, &query.by)?;
        if spent.cost.nanos() != 0 {
            each(spent);
        }
    }
    Ok(())
}

fn read(row: &Row<'_>, by: &[SpentBy]) -> rusqlite::Result<SpentRow> {
    let mut spent = costing(join(row.get(0)?, row.get(1)?));
    for (column, by) in (2..).zip(by) {
        match (by, row.get_ref(column)?) {
            (SpentBy::Hour, value) => spent.set_hour(value.as_i64()?),
            (by, ValueRef::Null) => spent.set(*by, None),
            (by, value) => spent.set(*by, Some(value.as_str()?)),
        }
    }
    Ok(spent)
}
