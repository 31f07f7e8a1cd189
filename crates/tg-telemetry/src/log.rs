//! The log: one line per call without content or secrets, and the set-up of the process's own log.

use serde::Serialize;
use std::io::{self, Write};
use tg_kernel::record::{Ending, Record};
use tg_kernel::usage::Usage;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    #[default]
    Json,
    /// `key=value` pairs.
    Text,
}

/// Which calls are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// None.
    Off,
    /// Every call.
    #[default]
    All,
    /// Those that did not end well.
    Errors,
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error(
        "the log filter {filter:?} cannot be read ({reason}); write a level such as \"info\", or \"tg_net=debug,warn\""
    )]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong.
        reason: String,
    },
    /// The process has a log already.
    #[error("the log is set up already: {0}")]
    Taken(#[from] TryInitError),
}

/// Sets up the process's own log (start, reload, faults of connections): to standard error, filtered by `filter`.
///
/// # Errors
/// When the filter cannot be read, or the log has been set up before.
pub fn init(format: Format, filter: &str) -> Result<(), LogError> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|e| LogError::Filter { filter: filter.to_owned(), reason: e.to_string() })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
        Format::Text => registry.with(lines.with_ansi(false)).try_init()?,
    }
    Ok(())
}

/// Writes a line per call. Owned by the meter's thread; lines are gathered and leave with [`CallLog::flush`].
#[derive(Debug)]
pub struct CallLog<W> {
    calls: Calls,
    format: Format,
    lines: Vec<u8>,
    out: W,
}

/// Gathered lines leave at this size at the latest.
const GATHERED_MAX: usize = 64 << 10;

impl<W: Write> CallLog<W> {
    /// A log that writes to `out`.
    #[must_use]
    pub fn new(calls: Calls, format: Format, out: W) -> Self {
        Self { calls, format, lines: Vec::new(), out }
    }

    /// Changes which calls are logged, and how.
    pub fn set(&mut self, calls: Calls, format: Format) {
        (self.calls, self.format) = (calls, format);
    }

    /// Adds the line of a call.
    ///
    /// # Errors
    /// When gathered lines had to leave and could not be written; they are dropped.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        match self.calls {
            Calls::Off => return Ok(()),
            Calls::Errors if record.ending == Ending::Ok => return Ok(()),
            Calls::Errors | Calls::All => {}
        }
        match self.format {
            Format::Json => serde_json::to_writer(&mut self.lines, &Line::of(record)).map_err(io::Error::from)?,
            Format::Text => text(&mut self.lines, &Line::of(record))?,
        }
        self.lines.push(b'\n');
        if self.lines.len() >= GATHERED_MAX { self.flush() } else { Ok(()) }
    }

    /// Lets gathered lines leave. Call it after each batch of records.
    ///
    /// # Errors
    /// When they could not be written; they are dropped.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = self.out.write_all(&self.lines).and_then(|()| self.out.flush());
        self.lines.clear();
        written
    }
}

/// A line, in the order of its members. Text that a caller chose is escaped by either format.
#[derive(Serialize)]
struct Line<'a> {
    time: Shown<tg_kernel::clock::Timestamp>,
    call: Shown<tg_kernel::ids::CallId>,
    ending: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
    operation: &'static str,
    dialect: &'static str,
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    team: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'a str>,
    input_tokens: u64,
    output_tokens: u64,
    usage: &'static str,
    cost_usd: Shown<tg_kernel::units::Money>,
    pricing: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    losses: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guard_hits: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'static str>,
    total_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_us: Option<u64>,
    overhead_us: u64,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A value written by its `Display`, as JSON text.
struct Shown<T>(T);

impl<T: std::fmt::Display> Serialize for Shown<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'a> Line<'a> {
    fn of(record: &'a Record) -> Self {
        let (asked, served, whose) = (&record.asked, record.served.as_ref(), &record.attribution);
        let Usage { output_tokens, .. } = record.usage;
        let cost = record.total_cost();
        Self {
            time: Shown(record.started_at),
            call: Shown(record.id),
            ending: record.ending.as_str(),
            status: record.status,
            fault: record.fault.as_deref(),
            operation: asked.operation.as_str(),
            dialect: asked.dialect.as_str(),
            model: &asked.model,
            stream: asked.stream,
            team: &whose.team,
            project: whose.project.as_deref(),
            environment: whose.environment.as_deref(),
            key: &whose.key_id,
            provider: served.map(|s| &*s.provider),
            provider_model: served.map(|s| &*s.model),
            provider_request_id: served.and_then(|s| s.request_id.as_deref()),
            attempts: served.map(|s| s.attempts),
            stop: served.and_then(|s| s.stop.as_deref()),
            input_tokens: record.usage.total_input_tokens(),
            output_tokens,
            usage: record.usage_source.as_str(),
            cost_usd: Shown(cost.amount),
            pricing: cost.pricing.as_str(),
            losses: record.losses.len(),
            guard: record.guarded.as_ref().map(|guarded| guarded.verdict.as_str()),
            guard_hits: record.guarded.iter().flat_map(|guarded| &guarded.hits).map(ToString::to_string).collect(),
            cache: record.decided.as_ref().and_then(|it| it.cache.as_ref()).map(|reuse| reuse.outcome.as_str()),
            total_us: record.timing.total_us,
            first_token_us: record.timing.first_token_us,
            overhead_us: record.timing.overhead_us,
        }
    }
}

/// Writes `key=value` pairs; values other than plain words are quoted and escaped as JSON text.
fn text(out: &mut Vec<u8>, line: &Line<'_>) -> io::Result<()> {
    let value = serde_json::to_value(line).map_err(io::Error::from)?;
    let members = value.as_object().into_iter().flatten();
    for (position, (key, value)) in members.enumerate() {
        let space = if position == 0 { "" } else { " " };
        match value.as_str() {
            Some(word) if is_plain(word) => write!(out, "{space}{key}={word}")?,
            _ => write!(out, "{space}{key}={value}")?,
        }
    }
    Ok(())
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+@%".contains(&b))
}
