//! Reports over calls, computed by the engine.

use super::row::storable;
use crate::backends::sqlite::report::{add, join};
use crate::ledger::{Dimension, Figures, Filter, ROWS_MAX, Report, ReportQuery, ReportRow};
use tg_kernel::clock::Timestamp;
use tg_kernel::record::Ending;
use tg_kernel::units::Money;
use tg_kernel::usage::Usage;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;

/// How many columns the sums have.
const SUM_COUNT: usize = 20;

/// The sums of [`Figures`], in the order in which `figures` reads them. Money is summed as whole dollars and rest, so
/// that each sum fits into 64 bits.
fn sums() -> String {
    let sum = |of: &str, which: &str| format!("coalesce(sum({of}){which}, 0)::bigint");
    let count = |which: &str| format!("count(*){which}");
    let money = |own: &str, which: &str| {
        let part = |op: &str| sum(&format!("{own} {op} 1000000000 + earlier_nanos {op} 1000000000"), which);
        format!("{}, {}", part("/"), part("%"))
    };
    let tokens = [
        "input_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "output_tokens",
        "reasoning_tokens",
        "audio_input_tokens",
        "audio_output_tokens",
        "images",
    ];
    let unattributed = " FILTER (WHERE team = '' OR project IS NULL)";
    let mut all = vec![count("")];
    all.extend(tokens.map(|column| sum(column, "")));
    all.push(money("cost_nanos", ""));
    all.push(count(" FILTER (WHERE usage_source = 'estimated' OR earlier_pricing IS NOT NULL)"));
    all.push(money("(CASE WHEN usage_source = 'estimated' THEN cost_nanos ELSE 0 END)", ""));
    all.push(count(" FILTER (WHERE pricing = 'unpriced' OR earlier_pricing = 'unpriced')"));
    all.push(count(" FILTER (WHERE pricing = 'ceiling' OR earlier_pricing = 'ceiling')"));
    all.push(count(unattributed));
    all.push(money("cost_nanos", unattributed));
    all.join(", ")
}

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
    parts: Vec<String>,
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

impl Conditions {
    pub(super) fn of(since: Option<Timestamp>, until: Option<Timestamp>, filters: &[Filter]) -> Self {
        let mut conditions = Self { parts: Vec::new(), values: Vec::new() };
        if let Some(since) = since {
            conditions.time(">=", since);
        }
        if let Some(until) = until {
            conditions.time("<", until);
        }
        for filter in filters {
            conditions.filter(filter);
        }
        conditions
    }

    /// Adds a condition that `part` writes around the mark of its value.
    pub(super) fn push(
        &mut self,
        part: impl FnOnce(&str) -> String,
        value: impl ToSql + Send + Sync + 'static,
        of: Type,
    ) {
        self.values.push((Box::new(value), of));
        self.parts.push(part(&format!("${}", self.values.len())));
    }

    fn time(&mut self, operator: &str, at: Timestamp) {
        self.push(|mark| format!("started_at {operator} {mark}"), at.micros(), Type::INT8);
    }

    fn filter(&mut self, filter: &Filter) {
        match (filter.dimension, &filter.value) {
            (Dimension::Tag, None) => self.parts.push("tags IS NULL".to_owned()),
            (Dimension::Tag, Some(tag)) => {
                let part = |mark: &str| {
                    format!(
                        "EXISTS (SELECT 1 FROM json_array_elements_text(tags::json) AS w(value) WHERE value = {mark})"
                    )
                };
                self.push(part, storable(tag), Type::TEXT);
            }
            (Dimension::Day, value) => self.span(value.as_deref(), "T00:00:00Z", DAY_MICROS),
            (Dimension::Hour, value) => self.span(value.as_deref(), ":00:00Z", HOUR_MICROS),
            (other, None) => self.parts.push(format!("{} IS NULL", expression(other))),
            (other, Some(value)) => {
                self.push(|mark| format!("{} = {mark}", expression(other)), storable(value), Type::TEXT);
            }
        }
    }

    /// A day or an hour, as the range that an index can serve. What is not one matches no call.
    fn span(&mut self, value: Option<&str>, rest: &str, micros: i64) {
        match value.and_then(|v| Timestamp::parse(&format!("{v}{rest}"))) {
            Some(start) => {
                self.time(">=", start);
                self.time("<", Timestamp::from_micros(start.micros().saturating_add(micros)));
            }
            None => self.parts.push("false".to_owned()),
        }
    }

    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { String::new() } else { format!(" WHERE {}", self.parts.join(" AND ")) }
    }

    pub(super) fn values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone())).collect()
    }
}

/// What the engine answers: sums by ending, and by group where the query has groups.
pub(super) struct Answers {
    endings: Vec<Row>,
    groups: Vec<Row>,
}

/// Asks for what the query wants.
pub(super) async fn ask(client: &Client, query: &ReportQuery) -> Result<Answers, Error> {
    let conditions = Conditions::of(query.since, query.until, &query.filters);
    let sql = format!("SELECT {}, ending FROM calls{} GROUP BY ending", sums(), conditions.sql());
    let endings = client.query_typed(&sql, &conditions.values()).await?;
    let groups = if query.by.is_empty() {
        Vec::new()
    } else {
        client.query_typed(&groups_sql(&query.by, &conditions), &conditions.values()).await?
    };
    Ok(Answers { endings, groups })
}

impl Answers {
    pub(super) fn report(&self, query: &ReportQuery) -> Result<Report, Error> {
        let mut report = Report::default();
        for row in &self.endings {
            let sums = figures(row)?;
            let ending: &str = row.try_get(SUM_COUNT)?;
            report.endings.extend(Ending::parse(ending).map(|e| (e, sums.calls)));
            add(&mut report.totals, &sums);
        }
        report.endings.sort_unstable();
        report.cut = self.groups.len() > ROWS_MAX;
        for row in self.groups.iter().take(ROWS_MAX) {
            let group = query.by.iter().enumerate().map(|(i, by)| label(row, SUM_COUNT + i, *by));
            report.rows.push(ReportRow { group: group.collect::<Result<_, _>>()?, figures: figures(row)? });
        }
        Ok(report)
    }
}

/// The rows, and one more than fits if there are more.
fn groups_sql(by: &[Dimension], conditions: &Conditions) -> String {
    let mut sql = format!("SELECT {}", sums());
    for dimension in by {
        sql.push_str(", ");
        sql.push_str(expression(*dimension));
    }
    sql.push_str(" FROM calls");
    if by.contains(&Dimension::Tag) {
        sql.push_str(" LEFT JOIN LATERAL json_array_elements_text(calls.tags::json) AS tag(value) ON true");
    }
    sql.push_str(&conditions.sql());
    let positions: Vec<String> = (0..by.len()).map(|i| (SUM_COUNT + 1 + i).to_string()).collect();
    let by_time = matches!(by.first(), Some(Dimension::Day | Dimension::Hour));
    let dearest = if by_time {
        ""
    } else {
        "sum(cost_nanos / 1000000000 + earlier_nanos / 1000000000) DESC, \
         sum(cost_nanos % 1000000000 + earlier_nanos % 1000000000) DESC, "
    };
    let grouped = positions.join(", ");
    let ordered: Vec<String> = positions.iter().map(|position| format!("{position} NULLS FIRST")).collect();
    let ordered = ordered.join(", ");
    sql.push_str(&format!(" GROUP BY {grouped} ORDER BY {dearest}{ordered} LIMIT {}", ROWS_MAX + 1));
    sql
}

fn label(row: &Row, column: usize, dimension: Dimension) -> Result<Option<String>, Error> {
    let (micros, length) = match dimension {
        Dimension::Day => (DAY_MICROS, "2026-11-24".len()),
        Dimension::Hour => (HOUR_MICROS, "2026-11-24T03".len()),
        _ => return row.try_get(column),
    };
    let start = Timestamp::from_micros(row.try_get::<_, i64>(column)?.saturating_mul(micros));
    let mut text = start.to_string();
    text.truncate(length);
    Ok(Some(text))
}

fn figures(row: &Row) -> Result<Figures, Error> {
    let count = |column: usize| Ok::<u64, Error>(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0));
    let money = |column: usize| Ok::<Money, Error>(join(row.try_get(column)?, row.try_get(column + 1)?));
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
