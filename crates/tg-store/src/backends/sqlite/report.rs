//! Reports: from which sums and rows they come, and the engine's own way to compute them.

use super::conditions::Conditions;
use super::corrections;
use super::rollup::State;
use super::tally::Tally;
use crate::backends::sql::{columns, grouped, sum_columns, values};
use crate::ledger::{Dimension, ROWS_MAX, Report, ReportQuery, ReportRow};
use crate::rollup::{Grain, HOUR_MICROS, Known, Plan, SUM_COLUMNS, TOTAL_COUNT, Total, figures, label, period, wanted};
use rusqlite::{Connection, Row, params_from_iter};
use std::collections::BTreeSet;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Ending;

/// What is summed of `part`, in the order of [`Total`].
fn sums() -> String {
    let sums: Vec<String> = SUM_COLUMNS.iter().map(|column| format!("sum({column})")).collect();
    let apart = |column| format!("coalesce(sum({column}) FILTER (WHERE NOT is_attributed), 0)");
    format!(
        "{}, {}",
        sums.join(", "),
        ["calls", "cost_dollars", "cost_rest", "delta_dollars", "delta_rest"].map(apart).join(", ")
    )
}

/// A row of `calls` as sums of one call, in the order of [`SUM_COLUMNS`], without its corrections. What earlier tries may have cost is part of a
/// call's cost, and always an estimate.
const ONE_CALL: &str = "1 AS calls, \
    input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, images, \
    cost_nanos / 1000000000 + earlier_nanos / 1000000000 AS cost_dollars, \
    cost_nanos % 1000000000 + earlier_nanos % 1000000000 AS cost_rest, \
    coalesce(list_nanos, cost_nanos) / 1000000000 \
        + coalesce(earlier_list_nanos, earlier_nanos) / 1000000000 AS list_dollars, \
    coalesce(list_nanos, cost_nanos) % 1000000000 \
        + coalesce(earlier_list_nanos, earlier_nanos) % 1000000000 AS list_rest, \
    (usage_source = 'estimated' OR earlier_pricing IS NOT NULL) AS estimated_calls, \
    iif(usage_source = 'estimated', cost_nanos, 0) / 1000000000 + earlier_nanos / 1000000000 AS estimated_dollars, \
    iif(usage_source = 'estimated', cost_nanos, 0) % 1000000000 + earlier_nanos % 1000000000 AS estimated_rest, \
    (pricing = 'unpriced' OR coalesce(earlier_pricing, '') = 'unpriced') AS unpriced_calls, \
    (pricing = 'ceiling' OR coalesce(earlier_pricing, '') = 'ceiling') AS ceiling_calls, \
    0 AS corrected_calls, 0 AS delta_dollars, 0 AS delta_rest, 0 AS list_delta_dollars, 0 AS list_delta_rest, \
    0 AS estimated_delta_dollars, 0 AS estimated_delta_rest, 0 AS unpriced_delta, 0 AS ceiling_delta, \
    (team <> '' AND project IS NOT NULL) AS is_attributed";

/// A row of `corrections` beside its call as sums of no call, in the same order.
const ONE_CORRECTION: &str = "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    number = 1, delta_nanos / 1000000000, delta_nanos % 1000000000, \
    list_delta_nanos / 1000000000, list_delta_nanos % 1000000000, \
    iif(usage_source = 'estimated', delta_nanos, earlier_delta_nanos) / 1000000000, \
    iif(usage_source = 'estimated', delta_nanos, earlier_delta_nanos) % 1000000000, \
    unpriced_delta, ceiling_delta, (team <> '' AND project IS NOT NULL)";

/// The report that the query asks for. Run it within a transaction, so that its statements speak of the same calls.
pub(super) fn run(connection: &Connection, query: &ReportQuery) -> rusqlite::Result<Report> {
    let mut report = Report::default();
    let Some((since, until)) = period(query) else { return Ok(report) };
    let (known, state) = (known(connection)?, State::read(connection)?);
    let is_corrected = !query.as_booked && corrections::made(connection)? > 0;
    let source = |by| Source { is_corrected, ..Source::of(query, by, (since, until), &known) };
    let endings = source(&[Dimension::Ending]);
    for row in endings.groups(connection)? {
        let ending = row.group.first().and_then(Option::as_deref).and_then(Ending::parse);
        report.endings.extend(ending.map(|ending| (ending, row.figures.calls)));
        report.totals.add(&row.figures);
    }
    report.endings.sort_unstable();
    let mut is_coarse = endings.plan.is_coarse;
    if !query.by.is_empty() {
        let groups = source(&query.by);
        is_coarse |= groups.plan.is_coarse;
        report.rows = groups.groups(connection)?;
        report.cut = report.rows.len() > ROWS_MAX;
        report.rows.truncate(ROWS_MAX);
    }
    report.coarse_until = is_coarse.then(|| Timestamp::from_micros(state.rows_since));
    let is_gone = state.rollups_since > since.max(0);
    report.gone_until = is_gone.then(|| Timestamp::from_micros(state.rollups_since));
    Ok(report)
}

/// What the store says about itself, for plans.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<Known> {
    let State { rolled_since, rows_since, .. } = State::read(connection)?;
    Ok(Known { rolled_since, rows_since, folded: folded(connection)? })
}

/// The hours and days in which some calls are known by team and ending alone.
fn folded(connection: &Connection) -> rusqlite::Result<BTreeSet<(Grain, i64)>> {
    let mut statement = connection.prepare_cached("SELECT grain, start FROM rollup_spans WHERE is_folded = 1")?;
    let rows = statement.query_map([], |row| Ok((Grain::from_number(row.get(0)?), row.get(1)?)))?;
    rows.filter_map(|row| row.map(|(grain, start)| grain.map(|grain| (grain, start))).transpose()).collect()
}

/// What one table of a report sums: calls and sums of calls, each call once.
pub(super) struct Source<'a> {
    pub(super) by: &'a [Dimension],
    pub(super) conditions: Conditions,
    pub(super) plan: Plan,
    /// Whether corrections are added.
    pub(super) is_corrected: bool,
}

/// Which halves of its source a statement reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Rows,
    Both,
}

impl<'a> Source<'a> {
    fn of(query: &ReportQuery, by: &'a [Dimension], (since, until): (i64, i64), known: &Known) -> Self {
        let (wanted, filters) = wanted(query, by, (since, until));
        let mut conditions = Conditions::default();
        filters.into_iter().for_each(|filter| conditions.filter(filter));
        Self { by, conditions, plan: Plan::of(wanted, known), is_corrected: false }
    }

    /// The groups in their order, and one more than fits if there are more.
    fn groups(&self, connection: &Connection) -> rusqlite::Result<Vec<ReportRow>> {
        match self.tally(connection)? {
            Some(tally) => Ok(tally.finish(self.by, ROWS_MAX + 1)),
            None => self.by_engine(connection),
        }
    }

    /// Sums in memory, which takes a third of the engine's time; `None` where there are too many groups for that.
    fn tally(&self, connection: &Connection) -> rusqlite::Result<Option<Tally>> {
        let mut tally = Tally::default();
        if !tally.add_cells(connection, self)? {
            return Ok(None);
        }
        if !self.plan.rows.is_empty() {
            let sql = self.groups_sql(Half::Rows);
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query(params_from_iter(self.conditions.values()))?;
            while let Some(row) = rows.next()? {
                if !tally.add(self.labels(row)?, &total(row)?) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(tally))
    }

    /// Lets the engine sum and sort everything, on the disk if need be.
    pub(super) fn by_engine(&self, connection: &Connection) -> rusqlite::Result<Vec<ReportRow>> {
        if self.plan.cells.is_empty() && self.plan.rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = self.groups_sql(Half::Both);
        if !matches!(self.by.first(), Some(Dimension::Day | Dimension::Hour)) {
            sql.push_str(
                " ORDER BY sum(cost_dollars + delta_dollars) + sum(cost_rest + delta_rest) / 1000000000 DESC, \
                 sum(cost_rest + delta_rest) % 1000000000 DESC, ",
            );
        } else {
            sql.push_str(" ORDER BY ");
        }
        sql.push_str(&format!("{} LIMIT {}", self.positions(), ROWS_MAX + 1));
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(self.conditions.values()), |row| {
            Ok(ReportRow { group: self.labels(row)?, figures: figures(&total(row)?) })
        })?;
        rows.collect()
    }

    /// The group of a row.
    fn labels(&self, row: &Row<'_>) -> rusqlite::Result<Vec<Option<String>>> {
        let labels = self.by.iter().enumerate().map(|(number, by)| match by {
            Dimension::Day | Dimension::Hour => Ok(Some(label(*by, row.get(TOTAL_COUNT + number)?))),
            _ => row.get(TOTAL_COUNT + number),
        });
        labels.collect()
    }

    /// The columns of the groups, as `GROUP BY` and `ORDER BY` name them.
    fn positions(&self) -> String {
        let positions: Vec<String> = (1..=self.by.len()).map(|number| (TOTAL_COUNT + number).to_string()).collect();
        positions.join(", ")
    }

    fn groups_sql(&self, half: Half) -> String {
        let mut sql = format!("{}SELECT {}", self.part(half), sums());
        for (number, dimension) in self.by.iter().enumerate() {
            sql.push_str(&grouped(number, *dimension));
        }
        sql.push_str(" FROM part");
        if self.by.contains(&Dimension::Tag) {
            sql.push_str(" LEFT JOIN json_each(part.tags) AS tag");
        }
        sql.push_str(&format!(" GROUP BY {}", self.positions()));
        sql
    }

    /// The statement's beginning, which says what `part` is.
    fn part(&self, half: Half) -> String {
        let plan = &self.plan;
        let (mut tables, mut parts) = (Vec::new(), Vec::new());
        if half == Half::Both && !plan.cells.is_empty() {
            let cells = plan.cells.iter().map(|(grain, from, to)| {
                format!("({}, {from}, {to}, {})", grain.number(), grain.micros() / HOUR_MICROS)
            });
            tables.push(values("cell_spans (grain, since, until, hours)", cells));
            parts.push(format!(
                "SELECT {}, {}, is_attributed FROM cell_spans CROSS JOIN rollups ON \
                 rollups.grain = cell_spans.grain AND rollups.start >= cell_spans.since \
                 AND rollups.start < cell_spans.until \
                 CROSS JOIN rollup_series ON rollup_series.id = rollups.series{}",
                columns(self.by, "start * hours"),
                sum_columns(self.is_corrected),
                self.conditions.sql(),
            ));
        }
        if !plan.rows.is_empty() {
            let rows = plan.rows.iter().map(|(from, to)| format!("({from}, {to})"));
            tables.push(values("row_spans (since, until)", rows));
            let (columns, conditions) = (columns(self.by, "started_at / 3600000000"), self.conditions.sql());
            let calls = "row_spans CROSS JOIN calls ON started_at >= row_spans.since AND started_at < row_spans.until";
            parts.push(format!("SELECT {columns}, {ONE_CALL} FROM {calls}{conditions}"));
            if self.is_corrected {
                let beside = "CROSS JOIN corrections ON corrections.call_id = calls.id";
                parts.push(format!("SELECT {columns}, {ONE_CORRECTION} FROM {calls} {beside}{conditions}"));
            }
        }
        format!("WITH {}, part AS ({}) ", tables.join(", "), parts.join(" UNION ALL "))
    }
}

fn total(row: &Row<'_>) -> rusqlite::Result<Total> {
    let mut total = [0; TOTAL_COUNT];
    for (column, sum) in total.iter_mut().enumerate() {
        *sum = row.get(column)?;
    }
    Ok(total)
}

/// The groups as they are summed in memory, and as the engine sums them.
#[cfg(test)]
pub(super) fn both_ways(
    connection: &Connection,
    query: &ReportQuery,
) -> rusqlite::Result<(Vec<ReportRow>, Vec<ReportRow>)> {
    let source = Source::of(query, &query.by, (i64::MIN, i64::MAX), &Known::default());
    Ok((source.groups(connection)?, source.by_engine(connection)?))
}
