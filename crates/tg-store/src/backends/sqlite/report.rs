//! Reports over calls, computed by the engine.

use crate::ledger::{Dimension, Figures, Filter, ROWS_MAX, Report, ReportQuery, ReportRow};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use std::borrow::Cow;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Ending;
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// How many columns `SUMS` has.
const SUM_COUNT: usize = 20;

/// The sums of [`Figures`], in the order in which `figures` reads them. Money is summed as whole dollars and rest: the
/// engine's sum fails beyond 64 bits, and a failing report is worse than a saturated one. What earlier tries may have
/// cost is part of a call's cost, and always an estimate.
const SUMS: &str = "count(*), \
    coalesce(sum(input_tokens), 0), coalesce(sum(cache_read_tokens), 0), coalesce(sum(cache_write_5m_tokens), 0), \
    coalesce(sum(cache_write_1h_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(reasoning_tokens), 0), \
    coalesce(sum(audio_input_tokens), 0), coalesce(sum(audio_output_tokens), 0), coalesce(sum(images), 0), \
    coalesce(sum(cost_nanos / 1000000000 + earlier_nanos / 1000000000), 0), \
    coalesce(sum(cost_nanos % 1000000000 + earlier_nanos % 1000000000), 0), \
    count(*) FILTER (WHERE usage_source = 'estimated' OR earlier_pricing IS NOT NULL), \
    coalesce(sum(iif(usage_source = 'estimated', cost_nanos, 0) / 1000000000 + earlier_nanos / 1000000000), 0), \
    coalesce(sum(iif(usage_source = 'estimated', cost_nanos, 0) % 1000000000 + earlier_nanos % 1000000000), 0), \
    count(*) FILTER (WHERE pricing = 'unpriced' OR earlier_pricing = 'unpriced'), \
    count(*) FILTER (WHERE pricing = 'ceiling' OR earlier_pricing = 'ceiling'), \
    count(*) FILTER (WHERE team = '' OR project IS NULL), \
    coalesce(sum(cost_nanos / 1000000000 + earlier_nanos / 1000000000) \
        FILTER (WHERE team = '' OR project IS NULL), 0), \
    coalesce(sum(cost_nanos % 1000000000 + earlier_nanos % 1000000000) \
        FILTER (WHERE team = '' OR project IS NULL), 0)";

/// What a dimension is in SQL. `tag.value` needs the tags joined in.
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
        Dimension::Day => "started_at / 86400000000",
        Dimension::Hour => "started_at / 3600000000",
    }
}

/// The part of a statement after `WHERE`, with its values.
pub(super) struct Conditions {
    parts: Vec<Cow<'static, str>>,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    pub(super) fn of(since: Option<Timestamp>, until: Option<Timestamp>, filters: &[Filter]) -> Self {
        let mut conditions = Self { parts: Vec::new(), values: Vec::new() };
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

    pub(super) fn push(&mut self, part: impl Into<Cow<'static, str>>, value: impl ToSql + 'static) {
        self.parts.push(part.into());
        self.values.push(Box::new(value));
    }

    fn filter(&mut self, filter: &Filter) {
        match (filter.dimension, &filter.value) {
            (Dimension::Tag, None) => self.parts.push("tags IS NULL".into()),
            (Dimension::Tag, Some(tag)) => {
                self.push("EXISTS (SELECT 1 FROM json_each(calls.tags) AS wanted WHERE wanted.value = ?)", tag.clone())
            }
            (Dimension::Day, value) => self.span(value.as_deref(), "T00:00:00Z", DAY_MICROS),
            (Dimension::Hour, value) => self.span(value.as_deref(), ":00:00Z", HOUR_MICROS),
            (other, None) => self.parts.push(format!("{} IS NULL", expression(other)).into()),
            (other, Some(value)) => self.push(format!("{} = ?", expression(other)), value.clone()),
        }
    }

    /// A day or an hour, as the range that an index can serve. What is not one matches no call.
    fn span(&mut self, value: Option<&str>, rest: &str, micros: i64) {
        match value.and_then(|v| Timestamp::parse(&format!("{v}{rest}"))) {
            Some(start) => {
                self.push("started_at >= ?", start.micros());
                self.push("started_at < ?", start.micros().saturating_add(micros));
            }
            None => self.parts.push("0".into()),
        }
    }

    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &dyn ToSql> {
        self.values.iter().map(|v| &**v)
    }
}

/// The report that the query asks for.
pub(super) fn run(connection: &Connection, query: &ReportQuery) -> rusqlite::Result<Report> {
    let conditions = Conditions::of(query.since, query.until, &query.filters);
    let mut report = Report::default();
    let sql = format!("SELECT {SUMS}, ending FROM calls{} GROUP BY ending", conditions.sql());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        let sums = figures(row)?;
        let ending = row.get_ref(SUM_COUNT)?.as_str()?;
        report.endings.extend(Ending::parse(ending).map(|e| (e, sums.calls)));
        add(&mut report.totals, &sums);
    }
    report.endings.sort_unstable();
    if !query.by.is_empty() {
        report.rows = groups(connection, query, &conditions)?;
        report.cut = report.rows.len() > ROWS_MAX;
        report.rows.truncate(ROWS_MAX);
    }
    Ok(report)
}

/// The rows, and one more than fits if there are more.
fn groups(connection: &Connection, query: &ReportQuery, conditions: &Conditions) -> rusqlite::Result<Vec<ReportRow>> {
    let sql = groups_sql(&query.by, conditions);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(conditions.values()), |row| {
        let group = query.by.iter().enumerate().map(|(i, by)| label(row, SUM_COUNT + i, *by));
        Ok(ReportRow { group: group.collect::<rusqlite::Result<_>>()?, figures: figures(row)? })
    })?;
    rows.collect()
}

fn groups_sql(by: &[Dimension], conditions: &Conditions) -> String {
    let mut sql = format!("SELECT {SUMS}");
    for dimension in by {
        sql.push_str(", ");
        sql.push_str(expression(*dimension));
    }
    sql.push_str(" FROM calls");
    if by.contains(&Dimension::Tag) {
        sql.push_str(" LEFT JOIN json_each(calls.tags) AS tag");
    }
    sql.push_str(&conditions.sql());
    let positions: Vec<String> = (0..by.len()).map(|i| (SUM_COUNT + 1 + i).to_string()).collect();
    let positions = positions.join(", ");
    let by_time = matches!(by.first(), Some(Dimension::Day | Dimension::Hour));
    let dearest = if by_time {
        ""
    } else {
        "sum(cost_nanos / 1000000000 + earlier_nanos / 1000000000) DESC, \
         sum(cost_nanos % 1000000000 + earlier_nanos % 1000000000) DESC, "
    };
    sql.push_str(&format!(" GROUP BY {positions} ORDER BY {dearest}{positions} LIMIT {}", ROWS_MAX + 1));
    sql
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
        estimated_calls: count(12)?,
        estimated_cost: money(13)?,
        unpriced_calls: count(15)?,
        ceiling_calls: count(16)?,
        unattributed_calls: count(17)?,
        unattributed_cost: money(18)?,
    })
}

/// Money from whole dollars and the rest in nano-dollars.
pub(in crate::backends) fn join(dollars: i64, rest: i64) -> Money {
    let nanos = i128::from(dollars) * 1_000_000_000 + i128::from(rest);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}

pub(in crate::backends) fn add(total: &mut Figures, part: &Figures) {
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
    total.estimated_calls += part.estimated_calls;
    total.estimated_cost = total.estimated_cost.plus(part.estimated_cost);
    total.unpriced_calls += part.unpriced_calls;
    total.ceiling_calls += part.ceiling_calls;
    total.unattributed_calls += part.unattributed_calls;
    total.unattributed_cost = total.unattributed_cost.plus(part.unattributed_cost);
}
