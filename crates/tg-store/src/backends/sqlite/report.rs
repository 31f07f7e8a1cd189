//! Reports over calls, computed by the engine.

use super::rollup::State;
use crate::ledger::{Dimension, Figures, Filter, ROWS_MAX, Report, ReportQuery, ReportRow};
use crate::rollup::{DAY_MICROS, Grain, HOUR_MICROS, Known, Level, Plan, SUM_COLUMNS, Wanted};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use std::borrow::Cow;
use std::collections::BTreeSet;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Ending;
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;

/// How many columns `SUMS` has.
const SUM_COUNT: usize = 22;

/// The sums of [`Figures`], in the order in which `figures` reads them, over the columns of `part`: calls and sums of
/// calls alike. Money is summed as whole dollars and rest: the engine's sum fails beyond 64 bits, and a failing report is
/// worse than a saturated one.
const SUMS: &str = "sum(calls), \
    sum(input_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), \
    sum(output_tokens), sum(reasoning_tokens), sum(audio_input_tokens), sum(audio_output_tokens), sum(images), \
    sum(cost_dollars), sum(cost_rest), sum(estimated_calls), sum(estimated_dollars), sum(estimated_rest), \
    sum(unpriced_calls), sum(ceiling_calls), \
    coalesce(sum(calls) FILTER (WHERE NOT is_attributed), 0), \
    coalesce(sum(cost_dollars) FILTER (WHERE NOT is_attributed), 0), \
    coalesce(sum(cost_rest) FILTER (WHERE NOT is_attributed), 0), \
    sum(list_dollars), sum(list_rest)";

/// A row of `calls` as a sum of one call, column by column as in `SUM_COLUMNS`. What earlier tries may have cost is part
/// of a call's cost, and always an estimate.
const ONE_CALL: &str = "1 AS calls, \
    input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
    output_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens, images, \
    cost_nanos / 1000000000 + earlier_nanos / 1000000000 AS cost_dollars, \
    cost_nanos % 1000000000 + earlier_nanos % 1000000000 AS cost_rest, \
    (usage_source = 'estimated' OR earlier_pricing IS NOT NULL) AS estimated_calls, \
    iif(usage_source = 'estimated', cost_nanos, 0) / 1000000000 + earlier_nanos / 1000000000 AS estimated_dollars, \
    iif(usage_source = 'estimated', cost_nanos, 0) % 1000000000 + earlier_nanos % 1000000000 AS estimated_rest, \
    (pricing = 'unpriced' OR coalesce(earlier_pricing, '') = 'unpriced') AS unpriced_calls, \
    (pricing = 'ceiling' OR coalesce(earlier_pricing, '') = 'ceiling') AS ceiling_calls, \
    coalesce(list_nanos, cost_nanos) / 1000000000 \
        + coalesce(earlier_list_nanos, earlier_nanos) / 1000000000 AS list_dollars, \
    coalesce(list_nanos, cost_nanos) % 1000000000 \
        + coalesce(earlier_list_nanos, earlier_nanos) % 1000000000 AS list_rest, \
    (team <> '' AND project IS NOT NULL) AS is_attributed";

/// What a dimension is in SQL, over a call or a series. `tag.value` needs the tags joined in, `hour` is that of the call
/// or sum.
const fn expression(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Team => "nullif(team, '')",
        Dimension::Project => "project",
        Dimension::Environment => "environment",
        Dimension::Model => "coalesce(model, asked_model)",
        Dimension::Profile => "profile",
        Dimension::Key => "nullif(key_id, '')",
        Dimension::Provider => "provider",
        Dimension::AwsSession => "session",
        Dimension::Dialect => "dialect",
        Dimension::Ending => "ending",
        Dimension::Tag => "tag.value",
        Dimension::Day => "hour / 24",
        Dimension::Hour => "hour",
    }
}

/// The part of a statement after `WHERE`, with its values. They are numbered, so that it may stand there twice.
#[derive(Default)]
pub(super) struct Conditions {
    parts: Vec<Cow<'static, str>>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    pub(super) fn of(since: Option<Timestamp>, until: Option<Timestamp>, filters: &[Filter]) -> Self {
        let mut conditions = Self::default();
        if let Some(since) = since {
            conditions.push("started_at >= ?", since.micros());
        }
        if let Some(until) = until {
            conditions.push("started_at < ?", until.micros());
        }
        for filter in filters {
            conditions.filter(filter);
        }
        conditions
    }

    /// Adds a condition; its question mark stands for the value.
    pub(super) fn push(&mut self, part: &str, value: impl ToSql + 'static) {
        self.values.push(Box::new(value));
        self.parts.push(part.replace('?', &format!("?{}", self.values.len())).into());
    }

    /// Keeps what a listing has after this call.
    pub(super) fn before(&mut self, started_at: i64, id: [u8; 16]) {
        let number = self.values.len();
        self.values.push(Box::new(started_at));
        self.values.push(Box::new(id));
        self.parts.push(format!("(started_at, id) < (?{}, ?{})", number + 1, number + 2).into());
    }

    fn filter(&mut self, filter: &Filter) {
        match (filter.dimension, &filter.value) {
            (Dimension::Tag, None) => self.parts.push("tags IS NULL".into()),
            (Dimension::Tag, Some(tag)) => {
                self.push("EXISTS (SELECT 1 FROM json_each(tags) AS wanted WHERE wanted.value = ?)", tag.clone())
            }
            (Dimension::Day | Dimension::Hour, _) => match span(filter).flatten() {
                Some((from, to)) => {
                    self.push("started_at >= ?", from);
                    self.push("started_at < ?", to);
                }
                // What is no day or hour matches no call.
                None => self.parts.push("0".into()),
            },
            // Written so that an index serves them.
            (Dimension::Team, Some(team)) if !team.is_empty() => self.push("team = ?", team.clone()),
            (Dimension::Team, None) => self.parts.push("team = ''".into()),
            (other, None) => self.parts.push(format!("{} IS NULL", expression(other)).into()),
            (other, Some(value)) => self.push(&format!("{} = ?", expression(other)), value.clone()),
        }
    }

    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &dyn ToSql> {
        self.values.iter().map(|v| &**v)
    }
}

/// The report that the query asks for. Run it within a transaction, so that its statements speak of the same calls.
pub(super) fn run(connection: &Connection, query: &ReportQuery) -> rusqlite::Result<Report> {
    let mut report = Report::default();
    let Some((since, until)) = period(query) else { return Ok(report) };
    let state = State::read(connection)?;
    let known = Known { rolled_since: state.rolled_since, rows_since: state.rows_since, folded: folded(connection)? };
    let source = |by| Source::of(query, by, (since, until), &known);
    let totals = source(&[]);
    totals.totals(connection, &mut report)?;
    let mut is_coarse = totals.plan.is_coarse;
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

/// From when to when, in microseconds, as the query and its filters on time say together; `None` where no moment is left.
fn period(query: &ReportQuery) -> Option<(i64, i64)> {
    let mut since = query.since.map_or(i64::MIN, Timestamp::micros);
    let mut until = query.until.map_or(i64::MAX, Timestamp::micros);
    for filter in &query.filters {
        if let Some(span) = span(filter) {
            let (from, to) = span?;
            (since, until) = (since.max(from), until.min(to));
        }
    }
    (since < until).then_some((since, until))
}

/// The day or the hour that a filter names, if it is one on time: what is not one is no span.
fn span(filter: &Filter) -> Option<Option<(i64, i64)>> {
    let (rest, micros) = match filter.dimension {
        Dimension::Day => ("T00:00:00Z", DAY_MICROS),
        Dimension::Hour => (":00:00Z", HOUR_MICROS),
        _ => return None,
    };
    let start = filter.value.as_deref().and_then(|value| Timestamp::parse(&format!("{value}{rest}")));
    Some(start.map(|start| (start.micros(), start.micros().saturating_add(micros))))
}

/// The hours and days in which some calls are known by team and ending alone.
fn folded(connection: &Connection) -> rusqlite::Result<BTreeSet<(Grain, i64)>> {
    let mut statement = connection.prepare_cached("SELECT grain, start FROM rollup_spans WHERE is_folded = 1")?;
    let rows = statement.query_map([], |row| Ok((Grain::from_number(row.get(0)?), row.get(1)?)))?;
    rows.filter_map(|row| row.map(|(grain, start)| grain.map(|grain| (grain, start))).transpose()).collect()
}

/// What one statement sums: `part`, which is calls and sums of calls, each call once.
struct Source<'a> {
    by: &'a [Dimension],
    conditions: Conditions,
    plan: Plan,
}

impl<'a> Source<'a> {
    fn of(query: &ReportQuery, by: &'a [Dimension], (since, until): (i64, i64), known: &Known) -> Self {
        let filters: Vec<&Filter> = query.filters.iter().filter(|filter| span(filter).is_none()).collect();
        let dimensions = || by.iter().copied().chain(filters.iter().map(|filter| filter.dimension));
        let is_detailed = dimensions().any(|d| matches!(d, Dimension::Tag | Dimension::AwsSession));
        let is_known = |d| matches!(d, Dimension::Team | Dimension::Ending | Dimension::Day | Dimension::Hour);
        let wanted = Wanted {
            since,
            until,
            level: if is_detailed { Level::Detail } else { Level::Plain },
            is_hourly: by.contains(&Dimension::Hour),
            is_particular: !dimensions().all(is_known),
        };
        let mut conditions = Conditions::default();
        filters.into_iter().for_each(|filter| conditions.filter(filter));
        Self { by, conditions, plan: Plan::of(wanted, known) }
    }

    /// The statement's beginning, which says what `part` is.
    fn part(&self) -> String {
        let needs = |wanted: &[Dimension]| self.by.iter().any(|by| wanted.contains(by));
        let mut columns = String::from("ending");
        for (number, dimension) in self.by.iter().enumerate() {
            match dimension {
                Dimension::Tag | Dimension::Day | Dimension::Hour => {}
                other => columns.push_str(&format!(", {} AS by_{number}", expression(*other))),
            }
        }
        if needs(&[Dimension::Tag]) {
            columns.push_str(", tags");
        }
        let timed = needs(&[Dimension::Day, Dimension::Hour]);
        let hour = |sql: &'static str| if timed { sql } else { "" };
        let plan = &self.plan;
        let cells = plan.cells.iter().map(|(grain, from, to)| {
            format!("({}, {from}, {to}, {})", grain.number(), grain.micros() / HOUR_MICROS)
        });
        let rows = plan.rows.iter().map(|(from, to)| format!("({from}, {to})"));
        let mut parts = Vec::new();
        let mut tables = Vec::new();
        if !plan.cells.is_empty() {
            tables.push(values("cell_spans (grain, since, until, hours)", cells));
            parts.push(format!(
                "SELECT {columns}{}, {}, is_attributed FROM cell_spans CROSS JOIN rollups ON \
                 rollups.grain = cell_spans.grain AND rollups.start >= cell_spans.since \
                 AND rollups.start < cell_spans.until \
                 CROSS JOIN rollup_series ON rollup_series.id = rollups.series{}",
                hour(", start * hours AS hour"),
                SUM_COLUMNS.join(", "),
                self.conditions.sql(),
            ));
        }
        if !plan.rows.is_empty() {
            tables.push(values("row_spans (since, until)", rows));
            parts.push(format!(
                "SELECT {columns}{}, {ONE_CALL} FROM row_spans CROSS JOIN calls ON \
                 started_at >= row_spans.since AND started_at < row_spans.until{}",
                hour(", started_at / 3600000000 AS hour"),
                self.conditions.sql(),
            ));
        }
        format!("WITH {}, part AS ({}) ", tables.join(", "), parts.join(" UNION ALL "))
    }

    /// Reads the totals, and how the calls ended.
    fn totals(&self, connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
        let sql = format!("{}SELECT {SUMS}, ending FROM part GROUP BY ending", self.part());
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query(params_from_iter(self.conditions.values()))?;
        while let Some(row) = rows.next()? {
            let sums = figures(row)?;
            let ending = row.get_ref(SUM_COUNT)?.as_str()?;
            report.endings.extend(Ending::parse(ending).map(|e| (e, sums.calls)));
            add(&mut report.totals, &sums);
        }
        report.endings.sort_unstable();
        Ok(())
    }

    /// The rows, and one more than fits if there are more.
    fn groups(&self, connection: &Connection) -> rusqlite::Result<Vec<ReportRow>> {
        let mut statement = connection.prepare(&self.groups_sql())?;
        let rows = statement.query_map(params_from_iter(self.conditions.values()), |row| {
            let group = self.by.iter().enumerate().map(|(i, by)| label(row, SUM_COUNT + i, *by));
            Ok(ReportRow { group: group.collect::<rusqlite::Result<_>>()?, figures: figures(row)? })
        })?;
        rows.collect()
    }

    fn groups_sql(&self) -> String {
        let mut sql = format!("{}SELECT {SUMS}", self.part());
        for (number, dimension) in self.by.iter().enumerate() {
            match dimension {
                Dimension::Tag | Dimension::Day | Dimension::Hour => {
                    sql.push_str(&format!(", {}", expression(*dimension)));
                }
                _ => sql.push_str(&format!(", by_{number}")),
            }
        }
        sql.push_str(" FROM part");
        if self.by.contains(&Dimension::Tag) {
            sql.push_str(" LEFT JOIN json_each(part.tags) AS tag");
        }
        let positions: Vec<String> = (0..self.by.len()).map(|i| (SUM_COUNT + 1 + i).to_string()).collect();
        let positions = positions.join(", ");
        let by_time = matches!(self.by.first(), Some(Dimension::Day | Dimension::Hour));
        let dearest = if by_time {
            ""
        } else {
            "sum(cost_dollars) + sum(cost_rest) / 1000000000 DESC, sum(cost_rest) % 1000000000 DESC, "
        };
        sql.push_str(&format!(" GROUP BY {positions} ORDER BY {dearest}{positions} LIMIT {}", ROWS_MAX + 1));
        sql
    }
}

/// A table of whole numbers within a statement.
fn values(head: &str, rows: impl Iterator<Item = String>) -> String {
    format!("{head} AS (VALUES {})", rows.collect::<Vec<_>>().join(", "))
}

fn label(row: &Row<'_>, column: usize, dimension: Dimension) -> rusqlite::Result<Option<String>> {
    let (micros, length) = match dimension {
        Dimension::Day => (DAY_MICROS, "2026-11-24".len()),
        Dimension::Hour => (HOUR_MICROS, "2026-11-24T03".len()),
        _ => return row.get(column),
    };
    let start = Timestamp::from_micros(row.get::<_, i64>(column)?.saturating_mul(micros));
    let mut text = start.to_string();
    text.truncate(length);
    Ok(Some(text))
}

fn figures(row: &Row<'_>) -> rusqlite::Result<Figures> {
    let count = |column: usize| -> rusqlite::Result<u64> { Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0)) };
    let money = |column: usize| -> rusqlite::Result<Money> { Ok(join(row.get(column)?, row.get(column + 1)?)) };
    Ok(Figures {
        calls: count(0)?,
        usage: Usage {
            input_tokens: count(1)?,
            cache_read_tokens: count(2)?,
            cache_write_5m_tokens: count(3)?,
            cache_write_1h_tokens: count(4)?,
            output_tokens: count(5)?,
            reasoning_tokens: count(6)?,
            audio_input_tokens: count(7)?,
            audio_output_tokens: count(8)?,
            images: count(9)?,
        },
        cost: money(10)?,
        list_cost: money(20)?,
        estimated_calls: count(12)?,
        estimated_cost: money(13)?,
        unpriced_calls: count(15)?,
        ceiling_calls: count(16)?,
        unattributed_calls: count(17)?,
        unattributed_cost: money(18)?,
    })
}

/// Money from whole dollars and the rest in nano-dollars.
fn join(dollars: i64, rest: i64) -> Money {
    let nanos = i128::from(dollars) * 1_000_000_000 + i128::from(rest);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}

fn add(total: &mut Figures, part: &Figures) {
    total.calls += part.calls;
    let (sum, usage) = (&mut total.usage, &part.usage);
    sum.input_tokens += usage.input_tokens;
    sum.cache_read_tokens += usage.cache_read_tokens;
    sum.cache_write_5m_tokens += usage.cache_write_5m_tokens;
    sum.cache_write_1h_tokens += usage.cache_write_1h_tokens;
    sum.output_tokens += usage.output_tokens;
    sum.reasoning_tokens += usage.reasoning_tokens;
    sum.audio_input_tokens += usage.audio_input_tokens;
    sum.audio_output_tokens += usage.audio_output_tokens;
    sum.images += usage.images;
    total.cost = total.cost.plus(part.cost);
    total.list_cost = total.list_cost.plus(part.list_cost);
    total.estimated_calls += part.estimated_calls;
    total.estimated_cost = total.estimated_cost.plus(part.estimated_cost);
    total.unpriced_calls += part.unpriced_calls;
    total.ceiling_calls += part.ceiling_calls;
    total.unattributed_calls += part.unattributed_calls;
    total.unattributed_cost = total.unattributed_cost.plus(part.unattributed_cost);
}
