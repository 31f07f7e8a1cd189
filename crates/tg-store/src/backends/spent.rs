//! What was spent, summed by what budgets count by: from sums where there are some, from rows at the edges.

use super::sql::values;
use crate::ledger::{SpentBy, SpentQuery, SpentRow};
use crate::rollup::{HOUR_MICROS, Level, Plan, Wanted};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Attribution;
use tg_kernel::units::Money;

/// A row of `calls` as sums of one call: cost in whole dollars and the rest in nano-dollars, all tries included.
const ONE_CALL: &str = "cost_nanos / 1000000000 + earlier_nanos / 1000000000 AS cost_dollars, \
    cost_nanos % 1000000000 + earlier_nanos % 1000000000 AS cost_rest";

const HOUR_SECONDS: i64 = 3_600;

/// How an engine says what the others say differently.
pub(super) struct Speech {
    /// A whole number as the type that all columns have.
    pub(super) number: fn(i64) -> String,
    /// The sum of a column, within 64 bits; 0 where there is nothing.
    pub(super) sum: fn(&str) -> String,
}

/// What the sums must tell.
pub(super) fn wanted(query: &SpentQuery) -> Wanted {
    let by = |wanted| query.by.contains(&wanted);
    Wanted {
        since: query.since.micros(),
        until: query.until.map_or(i64::MAX, Timestamp::micros),
        level: if by(SpentBy::Tags) { Level::Detail } else { Level::Plain },
        is_hourly: by(SpentBy::Hour),
        is_particular: query.by.iter().any(|by| !matches!(by, SpentBy::Team | SpentBy::Hour)),
    }
}

/// The statement that reads what the plan says: whole dollars, the rest in nano-dollars, and then a column for each part
/// of the query. `None` where nothing is to be read. One statement, so that sums and rows speak of the same calls.
pub(super) fn sql(query: &SpentQuery, plan: &Plan, speech: &Speech) -> Option<String> {
    let (mut tables, mut parts) = (Vec::new(), Vec::new());
    let row = |numbers: &[i64]| {
        let numbers: Vec<String> = numbers.iter().map(|number| (speech.number)(*number)).collect();
        format!("({})", numbers.join(", "))
    };
    if !plan.cells.is_empty() {
        let spans = plan.cells.iter();
        let spans = spans.map(|(grain, from, to)| row(&[grain.number(), *from, *to, grain.micros() / HOUR_MICROS]));
        tables.push(values("cell_spans (grain, since, until, hours)", spans));
        parts.push(format!(
            "SELECT cost_dollars, cost_rest{} FROM cell_spans CROSS JOIN rollups CROSS JOIN rollup_series \
             WHERE rollups.grain = cell_spans.grain AND rollups.start >= cell_spans.since \
             AND rollups.start < cell_spans.until AND rollup_series.id = rollups.series",
            columns(query, "rollups.start * cell_spans.hours"),
        ));
    }
    if !plan.rows.is_empty() {
        let spans = plan.rows.iter().map(|(from, to)| row(&[*from, *to]));
        tables.push(values("row_spans (since, until)", spans));
        parts.push(format!(
            "SELECT {ONE_CALL}{} FROM row_spans CROSS JOIN calls \
             WHERE started_at >= row_spans.since AND started_at < row_spans.until",
            columns(query, "started_at / 3600000000"),
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let names: Vec<String> = (0..query.by.len()).map(|number| format!("by_{number}")).collect();
    let groups = if names.is_empty() { String::new() } else { format!(" GROUP BY {}", names.join(", ")) };
    let shown = names.iter().fold(String::new(), |all, name| format!("{all}, {name}"));
    let (dollars, rest) = ((speech.sum)("cost_dollars"), (speech.sum)("cost_rest"));
    let (tables, parts) = (tables.join(", "), parts.join(" UNION ALL "));
    Some(format!("WITH {tables}, part AS ({parts}) SELECT {dollars}, {rest}{shown} FROM part{groups}"))
}

/// The parts of the query in a row or a series; `hour` says when that was. What a series does not know is empty.
fn columns(query: &SpentQuery, hour: &str) -> String {
    let mut columns = String::new();
    for (number, by) in query.by.iter().enumerate() {
        let column = match by {
            SpentBy::Team => "team",
            SpentBy::Project => "project",
            SpentBy::Environment => "environment",
            SpentBy::Key => "key_id",
            SpentBy::AskedModel => "asked_model",
            SpentBy::Tags => "tags",
            SpentBy::Hour => hour,
        };
        columns.push_str(&format!(", {column} AS by_{number}"));
    }
    columns
}

/// A group that has nothing but its cost yet.
pub(super) fn costing(cost: Money) -> SpentRow {
    SpentRow { attribution: Attribution::default(), model: Arc::from(""), hour: None, cost }
}

impl SpentRow {
    /// Notes the hour in which the calls arrived, counted since 1970.
    pub(super) fn set_hour(&mut self, hour: i64) {
        self.hour = Some(Timestamp::from_seconds(hour.saturating_mul(HOUR_SECONDS)));
    }

    /// Notes what the calls have in common, as the column of it has it.
    pub(super) fn set(&mut self, by: SpentBy, text: Option<&str>) {
        let booked = &mut self.attribution;
        let (optional, certain) = (|| text.map(Arc::from), || Arc::from(text.unwrap_or_default()));
        match by {
            SpentBy::Team => booked.team = certain(),
            SpentBy::Project => booked.project = optional(),
            SpentBy::Environment => booked.environment = optional(),
            SpentBy::Key => booked.key_id = certain(),
            SpentBy::AskedModel => self.model = certain(),
            SpentBy::Tags => booked.tags = text.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default(),
            SpentBy::Hour => {}
        }
    }
}
