//! Reports: from which sums and rows they come, and the engine's own way to compute them.

use super::conditions::Conditions;
use super::corrections;
use crate::backends::sql::{columns, grouped, sum_columns, values};
use crate::ledger::{Dimension, ROWS_MAX, Report, ReportQuery, ReportRow};
use crate::rollup::{
    BOOKED, Grain, HOUR_MICROS, Known, Plan, SUM_COLUMNS, TOTAL_COUNT, Total, figures, label, period, wanted,
};
use std::collections::BTreeSet;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Ending;
use tokio_postgres::{Client, Error, Row};

/// Which columns of sums are added: each costs time for every sum that is read, and most of what a call might have used it has
/// not.
#[derive(Clone, Copy, Debug)]
struct Summed([bool; SUM_COLUMNS.len()]);

impl Summed {
    /// All of them, or those of what was booked.
    fn all(is_corrected: bool) -> Self {
        Self(std::array::from_fn(|place| place < BOOKED || is_corrected))
    }

    /// Without those in which these sums of the same calls have nothing. What is booked is never less than nothing, so then no
    /// call has any of it.
    fn of(mut self, totals: &[Total]) -> Self {
        for (place, is_summed) in self.0.iter_mut().enumerate().take(BOOKED) {
            *is_summed = totals.iter().any(|total| total.get(place).is_some_and(|sum| *sum != 0));
        }
        self
    }

    fn has(&self, column: &str) -> bool {
        SUM_COLUMNS.iter().zip(self.0).any(|(name, is_summed)| *name == column && is_summed)
    }

    /// The sum of a column, or nothing.
    fn sum(&self, column: &str, and: &str) -> String {
        if self.has(column) { summed(column, and) } else { big(0) }
    }

    /// What is summed of `part`, in the order of [`Total`].
    fn totals(&self) -> String {
        let sums = SUM_COLUMNS.iter().map(|column| self.sum(column, ""));
        let apart = ["calls", "cost_dollars", "cost_rest", "delta_dollars", "delta_rest"].into_iter();
        let apart = apart.map(|column| self.sum(column, " AND NOT is_attributed"));
        sums.chain(apart).collect::<Vec<_>>().join(", ")
    }
}

/// The sum of a column. The engine's sums of whole numbers are wider than 64 bits, and dear: most of what a call might have
/// used it has not, and what is zero is passed by.
fn summed(column: &str, and: &str) -> String {
    format!("least(coalesce(sum({column}) FILTER (WHERE {column} <> 0{and}), 0), {})::bigint", i64::MAX)
}

/// A row of `calls` as sums of one call, in the order of [`SUM_COLUMNS`], without its corrections. What earlier tries
/// may have cost is part of a call's cost, and always an estimate.
const ONE_CALL: &str = "1 AS calls, \
    input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, images, \
    cost_nanos / 1000000000 + earlier_nanos / 1000000000 AS cost_dollars, \
    cost_nanos % 1000000000 + earlier_nanos % 1000000000 AS cost_rest, \
    list_nanos / 1000000000 + earlier_list_nanos / 1000000000 AS list_dollars, \
    list_nanos % 1000000000 + earlier_list_nanos % 1000000000 AS list_rest, \
    (usage_source = 'estimated' OR earlier_pricing IS NOT NULL)::int AS estimated_calls, \
    (CASE WHEN usage_source = 'estimated' THEN cost_nanos ELSE 0 END) / 1000000000 \
        + earlier_nanos / 1000000000 AS estimated_dollars, \
    (CASE WHEN usage_source = 'estimated' THEN cost_nanos ELSE 0 END) % 1000000000 \
        + earlier_nanos % 1000000000 AS estimated_rest, \
    (pricing = 'unpriced' OR coalesce(earlier_pricing, '') = 'unpriced')::int AS unpriced_calls, \
    (pricing = 'ceiling' OR coalesce(earlier_pricing, '') = 'ceiling')::int AS ceiling_calls, \
    0 AS corrected_calls, 0 AS delta_dollars, 0 AS delta_rest, 0 AS list_delta_dollars, 0 AS list_delta_rest, \
    0 AS estimated_delta_dollars, 0 AS estimated_delta_rest, 0 AS unpriced_delta, 0 AS ceiling_delta, \
    (team <> '' AND project IS NOT NULL) AS is_attributed";

/// A row of `corrections` beside its call as sums of no call, in the same order.
const ONE_CORRECTION: &str = "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    (number = 1)::int, delta_nanos / 1000000000, delta_nanos % 1000000000, \
    list_delta_nanos / 1000000000, list_delta_nanos % 1000000000, \
    (CASE WHEN usage_source = 'estimated' THEN delta_nanos ELSE earlier_delta_nanos END) / 1000000000, \
    (CASE WHEN usage_source = 'estimated' THEN delta_nanos ELSE earlier_delta_nanos END) % 1000000000, \
    unpriced_delta, ceiling_delta, (team <> '' AND project IS NOT NULL)";

/// The report that the query asks for. Run it within a transaction, so that its statements speak of the same calls.
pub(super) async fn run(client: &Client, query: &ReportQuery) -> Result<Report, Error> {
    let mut report = Report::default();
    let Some((since, until)) = period(query) else { return Ok(report) };
    let (known, rollups_since) = known(client).await?;
    let is_corrected = !query.as_booked && corrections::made(client).await? > 0;
    let source = |by, summed| Source::of(query, by, (since, until), &known, (is_corrected, summed));
    let all = Summed::all(is_corrected);
    let endings = source(&[Dimension::Ending], all);
    let (rows, totals) = endings.groups(client).await?;
    for row in rows {
        let ending = row.group.first().and_then(Option::as_deref).and_then(Ending::parse);
        report.endings.extend(ending.map(|ending| (ending, row.figures.calls)));
        report.totals.add(&row.figures);
    }
    report.endings.sort_unstable();
    let mut is_coarse = endings.plan.is_coarse;
    if !query.by.is_empty() {
        let groups = source(&query.by, all.of(&totals));
        is_coarse |= groups.plan.is_coarse;
        (report.rows, _) = groups.groups(client).await?;
        report.cut = report.rows.len() > ROWS_MAX;
        report.rows.truncate(ROWS_MAX);
    }
    report.coarse_until = is_coarse.then(|| Timestamp::from_micros(known.rows_since));
    report.gone_until = (rollups_since > since.max(0)).then(|| Timestamp::from_micros(rollups_since));
    Ok(report)
}

/// What the store says about itself, for plans; and before which moment sums were deleted.
pub(super) async fn known(client: &Client) -> Result<(Known, i64), Error> {
    let state = client.query_typed_one("SELECT rows_since, rollups_since FROM ledger_state", &[]).await?;
    // All rows were added to the sums when they were appended.
    let known = Known { rolled_since: 0, rows_since: state.try_get(0)?, folded: folded(client).await? };
    Ok((known, state.try_get(1)?))
}

/// The hours and days in which some calls are known by team and ending alone.
async fn folded(client: &Client) -> Result<BTreeSet<(Grain, i64)>, Error> {
    let mut folded = BTreeSet::new();
    for row in client.query_typed("SELECT grain, start FROM rollup_spans WHERE is_folded", &[]).await? {
        let start = row.try_get(1)?;
        folded.extend(Grain::from_number(row.try_get(0)?).map(|grain| (grain, start)));
    }
    Ok(folded)
}

/// What one table of a report sums: calls and sums of calls, each call once.
struct Source<'a> {
    by: &'a [Dimension],
    conditions: Conditions,
    plan: Plan,
    /// Whether corrections are added.
    is_corrected: bool,
    summed: Summed,
}

impl<'a> Source<'a> {
    fn of(
        query: &ReportQuery,
        by: &'a [Dimension],
        period: (i64, i64),
        known: &Known,
        (is_corrected, summed): (bool, Summed),
    ) -> Self {
        let (wanted, filters) = wanted(query, by, period);
        let mut conditions = Conditions::default();
        filters.into_iter().for_each(|filter| conditions.filter(filter));
        Self { by, conditions, plan: Plan::of(wanted, known), is_corrected, summed }
    }

    /// The groups in their order, and one more than fits if there are more; and the sums of each.
    async fn groups(&self, client: &Client) -> Result<(Vec<ReportRow>, Vec<Total>), Error> {
        if self.plan.cells.is_empty() && self.plan.rows.is_empty() {
            return Ok(<_>::default());
        }
        let rows = client.query_typed(&self.sql(), &self.conditions.values()).await?;
        let totals = rows.iter().map(total).collect::<Result<Vec<_>, _>>()?;
        let named = rows.iter().zip(&totals);
        let named = named.map(|(row, total)| Ok(ReportRow { group: self.labels(row)?, figures: figures(total) }));
        Ok((named.collect::<Result<_, Error>>()?, totals))
    }

    fn labels(&self, row: &Row) -> Result<Vec<Option<String>>, Error> {
        let labels = self.by.iter().enumerate().map(|(number, by)| match by {
            Dimension::Day | Dimension::Hour => Ok(Some(label(*by, row.try_get(TOTAL_COUNT + number)?))),
            _ => row.try_get(TOTAL_COUNT + number),
        });
        labels.collect()
    }

    fn sql(&self) -> String {
        let mut sql = format!("{}SELECT {}", self.part(), self.summed.totals());
        for (number, dimension) in self.by.iter().enumerate() {
            sql.push_str(&match dimension {
                // The engine's own order is the database's, which may be a language's.
                Dimension::Tag => ", tag.value COLLATE \"C\"".to_owned(),
                other => grouped(number, *other),
            });
        }
        sql.push_str(" FROM part");
        if self.by.contains(&Dimension::Tag) {
            sql.push_str(" LEFT JOIN LATERAL json_array_elements_text(part.tags::json) AS tag (value) ON true");
        }
        let positions: Vec<String> = (1..=self.by.len()).map(|number| (TOTAL_COUNT + number).to_string()).collect();
        sql.push_str(&format!(" GROUP BY {} ORDER BY ", positions.join(", ")));
        if !matches!(self.by.first(), Some(Dimension::Day | Dimension::Hour)) {
            sql.push_str("sum(cost_dollars + delta_dollars) * 1000000000 + sum(cost_rest + delta_rest) DESC, ");
        }
        let ordered: Vec<String> = positions.iter().map(|position| format!("{position} NULLS FIRST")).collect();
        sql.push_str(&format!("{} LIMIT {}", ordered.join(", "), ROWS_MAX + 1));
        sql
    }

    /// The statement's beginning, which says what `part` is.
    fn part(&self) -> String {
        let (plan, conditions) = (&self.plan, self.conditions.sql());
        let (mut tables, mut parts) = (Vec::new(), Vec::new());
        if !plan.cells.is_empty() {
            let sums = sum_columns(self.is_corrected);
            if self.by.iter().any(|by| matches!(by, Dimension::Day | Dimension::Hour)) {
                tables.push(self.cell_spans());
                let columns = columns(self.by, "start * hours");
                parts.push(format!(
                    "SELECT {columns}, {sums}, is_attributed FROM cell_spans JOIN rollups \
                     ON rollups.grain = cell_spans.grain \
                     AND rollups.start >= cell_spans.since AND rollups.start < cell_spans.until \
                     JOIN rollup_series ON rollup_series.id = rollups.series{conditions}"
                ));
            } else {
                // A series has many cells: its name is taken, and its tags are taken apart, once for all of them.
                tables.push(format!("cells AS ({})", self.by_series()));
                let columns = columns(self.by, &big(0));
                parts.push(format!(
                    "SELECT {columns}, {sums}, is_attributed FROM cells JOIN rollup_series ON rollup_series.id = cells.series"
                ));
            }
        }
        if !plan.rows.is_empty() {
            let rows = plan.rows.iter().map(|(from, to)| format!("({}, {})", big(*from), big(*to)));
            tables.push(values("row_spans (since, until)", rows));
            let columns = columns(self.by, "started_at / 3600000000");
            let calls = "row_spans JOIN calls ON started_at >= row_spans.since AND started_at < row_spans.until";
            parts.push(format!("SELECT {columns}, {ONE_CALL} FROM {calls}{conditions}"));
            if self.is_corrected {
                // Of a correction's columns only those that have the same name as a call's need to be kept apart.
                let beside = "JOIN (SELECT call_id, number, delta_nanos, earlier_delta_nanos, list_delta_nanos, \
                              unpriced_delta, ceiling_delta FROM corrections) AS one ON one.call_id = calls.id";
                parts.push(format!("SELECT {columns}, {ONE_CORRECTION} FROM {calls} {beside}{conditions}"));
            }
        }
        format!("WITH {}, part AS ({}) ", tables.join(", "), parts.join(" UNION ALL "))
    }

    /// Which sums are read, as a table: how many hours each of them has is known for each.
    fn cell_spans(&self) -> String {
        let cells = self.plan.cells.iter().map(|(grain, from, to)| {
            let (grain, hours) = (big(grain.number()), big(grain.micros() / HOUR_MICROS));
            format!("({grain}, {}, {}, {hours})", big(*from), big(*to))
        });
        values("cell_spans (grain, since, until, hours)", cells)
    }

    /// The sums of each series that the conditions leave. Which are read is said so that several processes of the server may
    /// share in it.
    fn by_series(&self) -> String {
        let columns = if self.is_corrected { SUM_COLUMNS.len() } else { BOOKED };
        let sums =
            SUM_COLUMNS.iter().take(columns).map(|column| format!("{} AS {column}", self.summed.sum(column, "")));
        let sums = sums.collect::<Vec<_>>().join(", ");
        let wanted = match self.conditions.sql() {
            none if none.is_empty() => none,
            conditions => format!(" AND series IN (SELECT id FROM rollup_series{conditions})"),
        };
        let cells = self.plan.cells.iter().map(|(grain, from, to)| {
            format!("grain = {} AND start >= {} AND start < {}", big(grain.number()), big(*from), big(*to))
        });
        let cells = cells.collect::<Vec<_>>().join(" OR ");
        format!("SELECT series, {sums} FROM rollups WHERE ({cells}){wanted} GROUP BY series")
    }
}

/// A whole number as the type that all columns have.
pub(super) fn big(number: i64) -> String {
    format!("'{number}'::bigint")
}

fn total(row: &Row) -> Result<Total, Error> {
    let mut total = [0; TOTAL_COUNT];
    for (column, sum) in total.iter_mut().enumerate() {
        *sum = row.try_get(column)?;
    }
    Ok(total)
}
