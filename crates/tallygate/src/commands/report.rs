//! `tallygate report`

mod csv;
mod table;

use super::access::{AccessArgs, MissingStore};
use super::table::pretty;
use super::terminal::say;
use anyhow::Result;
use clap::{Args, ValueEnum};
use tg_admin::api::{ReportRequest, time};
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_store::ledger::{Dimension, Filter, Ledger, ReportQuery};

/// Sums calls, tokens and cost over the ledger, exactly.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// By what to group, separated by commas: team, project, environment, model, profile, key, provider, aws_session,
    /// dialect, ending, tag, day, hour
    #[arg(long, value_name = "DIMENSIONS", value_delimiter = ',', default_value = "team", value_parser = dimension)]
    by: Vec<Dimension>,
    /// From when on calls arrived, inclusive: a duration before now (`24h`, `7d`), a date in UTC (`2026-11-01`), or
    /// RFC 3339 [default: the beginning]
    #[arg(long, value_name = "WHEN", value_parser = past)]
    since: Option<String>,
    /// Until when calls arrived, exclusive; written as --since [default: now]
    #[arg(long, value_name = "WHEN", value_parser = past)]
    until: Option<String>,
    /// Only calls whose value is exactly this, as in `team=search`; `project=` keeps those without a project. May be
    /// repeated; all must hold
    #[arg(long = "filter", value_name = "DIMENSION=VALUE", value_parser = filter)]
    filters: Vec<Filter>,
    /// Costs as they were booked, without later corrections (`tallygate prices rerate`)
    #[arg(long)]
    as_booked: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    access: AccessArgs,
}

/// How to show a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns, totals, and what to know about them
    Table,
    /// The whole report, as the admin interface answers it
    Json,
    /// Rows for a spreadsheet (RFC 4180), without totals
    Csv,
}

fn dimension(text: &str) -> Result<Dimension, String> {
    Dimension::parse(text.trim()).ok_or_else(|| {
        let names: Vec<&str> = Dimension::ALL.iter().map(|dimension| dimension.as_str()).collect();
        format!("write one of {}", names.join(", "))
    })
}

fn past(text: &str) -> Result<String, String> {
    time::past(text, SystemClock::new().now()).map(|_| text.to_owned())
}

fn filter(text: &str) -> Result<Filter, String> {
    tg_admin::read_filter(text, '=')
}

impl Report {
    pub(super) fn run(self) -> Result<()> {
        let access = self.access.open(MissingStore::Refuse)?;
        let Self { by, since, until, filters, as_booked, format, .. } = self;
        let report = access.report(&ReportRequest { by, since, until, filters, as_booked })?;
        match format {
            Format::Table => say(table::write(&report)),
            Format::Json => say(pretty(&report)?),
            Format::Csv => say(csv::write(&report)),
        }
    }
}

/// The report as `--format table` prints it.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) fn report_text(ledger: &Ledger, query: &ReportQuery) -> Result<String> {
    Ok(table::write(&tg_admin::api::Report::of(query, &ledger.report(query)?)))
}

#[cfg(test)]
mod tests;
