//! A call as a row: what is written in each column, and how it is read back.

use crate::ledger::COUNT_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Attempt, Cost, Ending, Pricing, Record, Served, Timing};
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tokio_postgres::Row;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The columns that this binary writes. An older one that does not know a column leaves it to its default.
pub(super) const COLUMNS: &str = "id, started_at, key_id, team, project, environment, tags, dialect, operation, \
    asked_model, stream, provider, model, profile, served_dialect, request_id, session, tier, attempts, stop, ending, \
    status, fault, input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, \
    reasoning_tokens, audio_input_tokens, audio_output_tokens, images, usage_source, cost_nanos, list_nanos, pricing, \
    price, rates_id, losses, guarded, decided, earlier, earlier_nanos, earlier_list_nanos, earlier_pricing, total_us, \
    first_token_us, overhead_us";

/// What to select for [`read`].
pub(super) fn selected() -> String {
    format!("{COLUMNS}, (SELECT text FROM rate_sheets WHERE rate_sheets.id = calls.rates_id) AS rates")
}

/// Values by the names of their columns.
struct Writer(Map<String, Value>);

impl Writer {
    fn put(&mut self, column: &str, value: impl Into<Value>) {
        self.0.insert(column.to_owned(), value.into());
    }

    fn text(&mut self, column: &str, text: Option<&str>) {
        self.put(column, text.map(storable));
    }

    fn count(&mut self, column: &str, count: u64) {
        self.put(column, count.min(COUNT_MAX));
    }

    /// An empty list, the usual case, is NULL.
    fn list(&mut self, column: &str, list: &[impl Serialize]) -> serde_json::Result<()> {
        self.json(column, Some(list).filter(|list| !list.is_empty()))
    }

    fn json(&mut self, column: &str, value: Option<&(impl Serialize + ?Sized)>) -> serde_json::Result<()> {
        self.put(column, value.map(serde_json::to_string).transpose()?);
        Ok(())
    }
}

/// A text as PostgreSQL can hold it: it has no NUL, which would make it refuse the whole batch for ever.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Bytes as the engine reads them from a text.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in bytes {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// The row of a call, by column, whose unit prices are in the row of `rate_sheets` with this id.
pub(super) fn write(record: &Record, rates_id: Option<i64>) -> serde_json::Result<Value> {
    let mut to = Writer(Map::new());
    to.put("id", hex(record.id.as_bytes()));
    to.put("started_at", record.started_at.micros());
    to.text("key_id", Some(&record.attribution.key_id));
    to.text("team", Some(&record.attribution.team));
    to.text("project", record.attribution.project.as_deref());
    to.text("environment", record.attribution.environment.as_deref());
    let tags: Vec<String> = record.attribution.tags.iter().map(|tag| storable(tag)).collect();
    to.list("tags", &tags)?;
    to.text("dialect", Some(record.asked.dialect.as_str()));
    to.text("operation", Some(record.asked.operation.as_str()));
    to.text("asked_model", Some(&record.asked.model));
    to.put("stream", record.asked.stream);
    write_served(&mut to, record.served.as_ref());
    to.text("ending", Some(record.ending.as_str()));
    to.put("status", record.status);
    to.text("fault", record.fault.as_deref());
    write_usage(&mut to, &record.usage);
    to.text("usage_source", Some(record.usage_source.as_str()));
    to.put("cost_nanos", record.cost.amount.nanos());
    to.put("list_nanos", record.cost.list.nanos());
    to.put("rates_id", rates_id);
    to.text("pricing", Some(record.cost.pricing.as_str()));
    to.text("price", Some(&record.cost.price));
    to.list("losses", &record.losses)?;
    to.json("guarded", record.guarded.as_deref())?;
    to.json("decided", record.decided.as_deref())?;
    write_earlier(&mut to, record)?;
    to.count("total_us", record.timing.total_us);
    to.put("first_token_us", record.timing.first_token_us.map(|us| us.min(COUNT_MAX)));
    to.count("overhead_us", record.timing.overhead_us);
    Ok(Value::Object(to.0))
}

fn write_served(to: &mut Writer, served: Option<&Served>) {
    to.text("provider", served.map(|s| &*s.provider));
    to.text("model", served.map(|s| &*s.model));
    to.text("profile", served.and_then(|s| s.profile.as_deref()));
    to.text("served_dialect", served.map(|s| s.dialect.as_str()));
    to.text("request_id", served.and_then(|s| s.request_id.as_deref()));
    to.text("session", served.and_then(|s| s.session.as_deref()));
    to.text("tier", served.map(|s| s.tier.as_str()));
    to.put("attempts", served.map(|s| s.attempts));
    to.text("stop", served.and_then(|s| s.stop.as_deref()));
}

/// The tries, and their sum for reports.
fn write_earlier(to: &mut Writer, record: &Record) -> serde_json::Result<()> {
    let cost = record.earlier_cost();
    to.list("earlier", &record.earlier)?;
    to.put("earlier_nanos", cost.amount.nanos());
    to.put("earlier_list_nanos", cost.list.nanos());
    to.text("earlier_pricing", (cost.pricing != Pricing::Nothing).then(|| cost.pricing.as_str()));
    Ok(())
}

fn write_usage(to: &mut Writer, usage: &Usage) {
    to.count("input_tokens", usage.input_tokens);
    to.count("cache_read_tokens", usage.cache_read_tokens);
    to.count("cache_write_5m_tokens", usage.cache_write_5m_tokens);
    to.count("cache_write_1h_tokens", usage.cache_write_1h_tokens);
    to.count("output_tokens", usage.output_tokens);
    to.count("reasoning_tokens", usage.reasoning_tokens);
    to.count("audio_input_tokens", usage.audio_input_tokens);
    to.count("audio_output_tokens", usage.audio_output_tokens);
    to.count("images", usage.images);
}

/// Reads values by the names of their columns.
pub(super) struct Reader<'r>(pub(super) &'r Row);

impl<'r> Reader<'r> {
    pub(super) fn text<T: From<&'r str>>(&self, column: &str) -> Result<T, BoxError> {
        Ok(self.0.try_get::<_, &'r str>(column)?.into())
    }

    pub(super) fn optional<T: From<&'r str>>(&self, column: &str) -> Result<Option<T>, BoxError> {
        Ok(self.0.try_get::<_, Option<&'r str>>(column)?.map(T::from))
    }

    pub(super) fn whole<T: TryFrom<i64, Error: Into<BoxError>>>(&self, column: &str) -> Result<T, BoxError> {
        T::try_from(self.0.try_get(column)?).map_err(Into::into)
    }

    fn count(&self, column: &str) -> Result<u64, BoxError> {
        Ok(u64::try_from(self.0.try_get::<_, i64>(column)?).unwrap_or(0))
    }

    pub(super) fn name<T>(&self, column: &str, parse: fn(&str) -> Option<T>) -> Result<T, BoxError> {
        let text: &str = self.0.try_get(column)?;
        parse(text).ok_or_else(|| format!("column {column} holds '{text}', which this binary does not know").into())
    }

    fn list<T: DeserializeOwned>(&self, column: &str) -> Result<Vec<T>, BoxError> {
        Ok(self.json(column)?.unwrap_or_default())
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, BoxError> {
        let text: Option<&str> = self.0.try_get(column)?;
        Ok(text.map(serde_json::from_str).transpose()?)
    }
}

/// The record in a row that selects [`selected`].
pub(super) fn read(row: &Row) -> Result<Record, BoxError> {
    let from = Reader(row);
    let id: &[u8] = row.try_get("id")?;
    Ok(Record {
        id: CallId::from_bytes(id.try_into()?),
        started_at: Timestamp::from_micros(row.try_get("started_at")?),
        attribution: Attribution {
            key_id: from.text("key_id")?,
            team: from.text("team")?,
            project: from.optional("project")?,
            environment: from.optional("environment")?,
            tags: from.list("tags")?,
        },
        asked: Asked {
            dialect: from.name("dialect", Dialect::parse)?,
            operation: from.name("operation", Operation::parse)?,
            model: from.text("asked_model")?,
            stream: row.try_get("stream")?,
        },
        served: read_served(&from)?,
        ending: from.name("ending", Ending::parse)?,
        status: from.whole("status")?,
        fault: from.optional("fault")?,
        usage: read_usage(&from)?,
        usage_source: from.name("usage_source", UsageSource::parse)?,
        cost: read_cost(&from)?,
        losses: from.list("losses")?,
        guarded: from.json("guarded")?,
        decided: from.json("decided")?,
        earlier: from.list::<Attempt>("earlier")?,
        timing: Timing {
            total_us: from.count("total_us")?,
            first_token_us: row.try_get::<_, Option<i64>>("first_token_us")?.and_then(|us| u64::try_from(us).ok()),
            overhead_us: from.count("overhead_us")?,
        },
    })
}

fn read_served(from: &Reader<'_>) -> Result<Option<Served>, BoxError> {
    let Some(provider) = from.optional::<Arc<str>>("provider")? else { return Ok(None) };
    Ok(Some(Served {
        provider,
        model: from.text("model")?,
        profile: from.optional("profile")?,
        dialect: from.name("served_dialect", Dialect::parse)?,
        request_id: from.optional("request_id")?,
        session: from.optional("session")?,
        tier: from.name("tier", ServiceTier::parse)?,
        attempts: from.whole("attempts")?,
        stop: from.optional("stop")?,
    }))
}

fn read_cost(from: &Reader<'_>) -> Result<Cost, BoxError> {
    Ok(Cost {
        amount: Money::from_nanos(from.whole("cost_nanos")?),
        list: Money::from_nanos(from.whole("list_nanos")?),
        pricing: from.name("pricing", Pricing::parse)?,
        price: from.text("price")?,
        rates: from.optional("rates")?,
    })
}

fn read_usage(from: &Reader<'_>) -> Result<Usage, BoxError> {
    Ok(Usage {
        input_tokens: from.count("input_tokens")?,
        cache_read_tokens: from.count("cache_read_tokens")?,
        cache_write_5m_tokens: from.count("cache_write_5m_tokens")?,
        cache_write_1h_tokens: from.count("cache_write_1h_tokens")?,
        output_tokens: from.count("output_tokens")?,
        reasoning_tokens: from.count("reasoning_tokens")?,
        audio_input_tokens: from.count("audio_input_tokens")?,
        audio_output_tokens: from.count("audio_output_tokens")?,
        images: from.count("images")?,
    })
}
