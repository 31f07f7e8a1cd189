//! A call as a row: its columns, how they are bound, how they are read.

use crate::ledger::COUNT_MAX;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Statement, ToSql};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};

/// The columns, in the order in which `bind` and `read` take them.
const COLUMNS: [&str; 48] = [
    "id",
    "started_at",
    "key_id",
    "team",
    "project",
    "environment",
    "tags",
    "dialect",
    "operation",
    "asked_model",
    "stream",
    "provider",
    "model",
    "profile",
    "served_dialect",
    "request_id",
    "session",
    "tier",
    "attempts",
    "stop",
    "ending",
    "status",
    "fault",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "images",
    "usage_source",
    "cost_nanos",
    "list_nanos",
    "pricing",
    "price",
    RATES,
    "losses",
    "guarded",
    "decided",
    "earlier",
    "earlier_nanos",
    "earlier_list_nanos",
    "earlier_pricing",
    "total_us",
    "first_token_us",
    "overhead_us",
];

/// Names the unit prices, whose text stands apart.
const RATES: &str = "rates_id";

/// What to select for [`read`].
pub(super) fn columns() -> String {
    let select = |column: &&'static str| match *column {
        RATES => "(SELECT text FROM rate_sheets WHERE rate_sheets.id = calls.rates_id)",
        other => other,
    };
    COLUMNS.iter().map(select).collect::<Vec<_>>().join(", ")
}

pub(super) fn insert() -> String {
    let marks = vec!["?"; COLUMNS.len()].join(", ");
    format!("INSERT OR IGNORE INTO calls ({}) VALUES ({marks})", COLUMNS.join(", "))
}

/// Binds values one after the other.
struct Binder<'a, 'c> {
    statement: &'a mut Statement<'c>,
    next: usize,
}

impl Binder<'_, '_> {
    fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.next += 1;
        self.statement.raw_bind_parameter(self.next, value)
    }

    fn count(&mut self, count: u64) -> rusqlite::Result<()> {
        self.put(i64::try_from(count.min(COUNT_MAX)).unwrap_or(i64::MAX))
    }

    /// An empty list, the usual case, is NULL: nothing to allocate and nothing to store.
    fn list(&mut self, list: &[impl Serialize]) -> rusqlite::Result<()> {
        self.json(Some(list).filter(|list| !list.is_empty()))
    }

    fn json(&mut self, value: Option<&(impl Serialize + ?Sized)>) -> rusqlite::Result<()> {
        let text = value.map(serde_json::to_string).transpose();
        self.put(text.map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?)
    }
}

/// Binds a record, whose unit prices are in the row of `rate_sheets` with this id.
pub(super) fn bind(statement: &mut Statement<'_>, record: &Record, rates_id: Option<i64>) -> rusqlite::Result<()> {
    let mut to = Binder { statement, next: 0 };
    to.put(record.id.as_bytes())?;
    to.put(record.started_at.micros())?;
    to.put(&*record.attribution.key_id)?;
    to.put(&*record.attribution.team)?;
    to.put(record.attribution.project.as_deref())?;
    to.put(record.attribution.environment.as_deref())?;
    to.list(&record.attribution.tags)?;
    to.put(record.asked.dialect.as_str())?;
    to.put(record.asked.operation.as_str())?;
    to.put(&*record.asked.model)?;
    to.put(record.asked.stream)?;
    bind_served(&mut to, record.served.as_ref())?;
    to.put(record.ending.as_str())?;
    to.put(record.status)?;
    to.put(record.fault.as_deref())?;
    bind_usage(&mut to, &record.usage)?;
    to.put(record.usage_source.as_str())?;
    to.put(record.cost.amount.nanos())?;
    to.put(record.cost.list.nanos())?;
    to.put(record.cost.pricing.as_str())?;
    to.put(&*record.cost.price)?;
    to.put(rates_id)?;
    to.list(&record.losses)?;
    to.json(record.guarded.as_deref())?;
    to.json(record.decided.as_deref())?;
    bind_earlier(&mut to, record)?;
    to.count(record.timing.total_us)?;
    match record.timing.first_token_us {
        Some(first) => to.count(first)?,
        None => to.put(None::<i64>)?,
    }
    to.count(record.timing.overhead_us)
}

fn bind_served(to: &mut Binder<'_, '_>, served: Option<&Served>) -> rusqlite::Result<()> {
    to.put(served.map(|s| &*s.provider))?;
    to.put(served.map(|s| &*s.model))?;
    to.put(served.and_then(|s| s.profile.as_deref()))?;
    to.put(served.map(|s| s.dialect.as_str()))?;
    to.put(served.and_then(|s| s.request_id.as_deref()))?;
    to.put(served.and_then(|s| s.session.as_deref()))?;
    to.put(served.map(|s| s.tier.as_str()))?;
    to.put(served.map(|s| s.attempts))?;
    to.put(served.and_then(|s| s.stop.as_deref()))
}

/// The tries, and their sum for reports.
fn bind_earlier(to: &mut Binder<'_, '_>, record: &Record) -> rusqlite::Result<()> {
    let cost = record.earlier_cost();
    to.list(&record.earlier)?;
    to.put(cost.amount.nanos())?;
    to.put(cost.list.nanos())?;
    to.put((cost.pricing != Pricing::Nothing).then(|| cost.pricing.as_str()))
}

fn bind_usage(to: &mut Binder<'_, '_>, usage: &Usage) -> rusqlite::Result<()> {
    for count in [
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        usage.images,
    ] {
        to.count(count)?;
    }
    Ok(())
}

/// Reads values one after the other.
struct Reader<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl Reader<'_, '_> {
    fn step(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn take<T: rusqlite::types::FromSql>(&mut self) -> rusqlite::Result<T> {
        let column = self.step();
        self.row.get(column)
    }

    fn count(&mut self) -> rusqlite::Result<u64> {
        Ok(u64::try_from(self.take::<i64>()?).unwrap_or(0))
    }

    fn name<T>(&mut self, parse: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
        let column = self.step();
        let text = self.row.get_ref(column)?.as_str()?;
        parse(text).ok_or_else(|| unknown_name(column, text))
    }

    fn list<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Vec<T>> {
        Ok(self.json()?.unwrap_or_default())
    }

    fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<Option<T>> {
        let column = self.step();
        let text = self.row.get_ref(column)?.as_str_or_null()?;
        text.map(serde_json::from_str)
            .transpose()
            .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
    }
}

fn unknown_name(column: usize, text: &str) -> rusqlite::Error {
    let known = COLUMNS.get(column).copied().unwrap_or_default();
    let message = format!("column {known} holds '{text}', which this binary does not know");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message.into())
}

/// The record in a row that selects `columns()`.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let mut from = Reader { row, next: 0 };
    Ok(Record {
        id: CallId::from_bytes(from.take()?),
        started_at: Timestamp::from_micros(from.take()?),
        attribution: Attribution {
            key_id: from.take()?,
            team: from.take()?,
            project: from.take()?,
            environment: from.take()?,
            tags: from.list()?,
        },
        asked: Asked {
            dialect: from.name(Dialect::parse)?,
            operation: from.name(Operation::parse)?,
            model: from.take()?,
            stream: from.take()?,
        },
        served: read_served(&mut from)?,
        ending: from.name(Ending::parse)?,
        status: from.take()?,
        fault: from.take()?,
        usage: read_usage(&mut from)?,
        usage_source: from.name(UsageSource::parse)?,
        cost: read_cost(&mut from)?,
        losses: from.list()?,
        guarded: from.json()?,
        decided: from.json()?,
        earlier: read_earlier(&mut from)?,
        timing: Timing {
            total_us: from.count()?,
            first_token_us: from.take::<Option<i64>>()?.and_then(|us| u64::try_from(us).ok()),
            overhead_us: from.count()?,
        },
    })
}

fn read_served(from: &mut Reader<'_, '_>) -> rusqlite::Result<Option<Served>> {
    let Some(provider) = from.take::<Option<Arc<str>>>()? else {
        from.next += 8;
        return Ok(None);
    };
    Ok(Some(Served {
        provider,
        model: from.take()?,
        profile: from.take()?,
        dialect: from.name(Dialect::parse)?,
        request_id: from.take()?,
        session: from.take()?,
        tier: from.name(ServiceTier::parse)?,
        attempts: from.take()?,
        stop: from.take()?,
    }))
}

/// Rows from before list prices were kept are at list price.
fn read_cost(from: &mut Reader<'_, '_>) -> rusqlite::Result<Cost> {
    let amount = Money::from_nanos(from.take()?);
    Ok(Cost {
        amount,
        list: from.take::<Option<i64>>()?.map_or(amount, Money::from_nanos),
        pricing: from.name(Pricing::parse)?,
        price: from.take()?,
        rates: from.take()?,
    })
}

/// The sums beside the tries follow from them.
fn read_earlier(from: &mut Reader<'_, '_>) -> rusqlite::Result<Vec<Attempt>> {
    let earlier = from.list()?;
    from.next += 3;
    Ok(earlier)
}

fn read_usage(from: &mut Reader<'_, '_>) -> rusqlite::Result<Usage> {
    Ok(Usage {
        input_tokens: from.count()?,
        cache_read_tokens: from.count()?,
        cache_write_5m_tokens: from.count()?,
        cache_write_1h_tokens: from.count()?,
        output_tokens: from.count()?,
        reasoning_tokens: from.count()?,
        audio_input_tokens: from.count()?,
        audio_output_tokens: from.count()?,
        images: from.count()?,
    })
}

/// The calls for which the condition holds, and the ids of their unit prices.
pub(super) fn with_rates(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<(Record, Option<i64>)>> {
    let sql = format!("SELECT {}, rates_id FROM calls WHERE {condition}", columns());
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |row| Ok((read(row)?, row.get(COLUMNS.len())?)))?;
    rows.collect()
}
