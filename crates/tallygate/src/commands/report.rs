//! `tallygate report`

mod amortised;
mod csv;
mod focus;
mod likeness;
mod saved;
mod split;
mod table;
mod unguarded;

use super::access::{AccessArgs, MissingStore};
use super::table::pretty;
use super::terminal::{say, warn};
use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use tg_admin::api::{ReportRequest, time};
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_store::correction::Correction;
use tg_store::ledger::{CALLS_MAX, CallFilter, Dimension, Filter, Ledger, ReportQuery};

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
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The BillingAccountId of every row in FOCUS form [default: the provider's name in the configuration]
    #[arg(long, value_name = "ID")]
    billing_account: Option<String>,
    /// Split the cost of each group by the value of a tag, as in `tag:feature`: calls carry it as `feature=search`
    #[arg(long, value_name = "tag:NAME", value_parser = split::tag)]
    split_shared: Option<String>,
    /// What becomes of the cost of calls without the tag
    #[arg(long, value_enum, default_value_t = split::Untagged::Unallocated, requires = "split_shared")]
    untagged: split::Untagged,
    /// Give calls their part of commitments, which are paid whether calls come or not (`pricing.commitments`), and show what
    /// of those went unused
    #[arg(long)]
    amortize: bool,
    /// Show what was saved, by group: by the cache of answers, by points that were put for prompt caches of providers, and by
    /// moving calls to cheaper models by their tasks
    #[arg(long, conflicts_with_all = ["amortize", "split_shared"])]
    savings: bool,
    /// Show what a cache by likeness would have done that only watches (`alike` of `cache.rules`), by rule and threshold: how many
    /// calls it would have answered, and in how many of these the answer would have done
    #[arg(long, conflicts_with_all = ["amortize", "split_shared", "savings"])]
    likeness: bool,
    /// Show calls that reached a model and that no guardrail set was for, by group
    #[arg(long, conflicts_with_all = ["amortize", "split_shared", "savings", "likeness"])]
    unguarded: bool,
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
    /// FOCUS 1.2 and 1.3 rows as CSV, for cost tools
    Focus,
    /// FOCUS 1.2 and 1.3 rows as Parquet; with --output
    FocusParquet,
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
        let in_focus = matches!(self.format, Format::Focus | Format::FocusParquet);
        if self.billing_account.is_some() && !in_focus {
            bail!("--billing-account is for --format focus and focus-parquet");
        }
        let own = [(self.savings, "--savings"), (self.likeness, "--likeness"), (self.unguarded, "--unguarded")];
        for (is_wanted, option) in own {
            if is_wanted && in_focus {
                bail!("{option} makes rows of its own; leave --format focus out");
            }
        }
        if self.savings {
            return self.saved();
        }
        if self.likeness {
            return self.likeness();
        }
        if self.unguarded {
            return self.unguarded();
        }
        match (self.amortize, &self.split_shared, in_focus) {
            (true, _, true) => bail!("--amortize: FOCUS has both, as BilledCost and EffectiveCost; leave it out"),
            (true, Some(_), false) => bail!("--amortize and --split-shared make rows of their own; keep one"),
            (true, None, false) => return self.amortized(),
            (false, ..) => {}
        }
        match (&self.split_shared, in_focus) {
            (Some(_), true) => bail!("--split-shared makes rows of its own; leave --format focus out"),
            (Some(tag), false) => self.split(tag),
            (None, true) => self.focus(),
            (None, false) => self.sums(),
        }
    }

    fn sums(self) -> Result<()> {
        let access = self.access.open(MissingStore::Refuse)?;
        let Self { by, since, until, filters, as_booked, format, output, .. } = self;
        let report = access.report(&ReportRequest { by, since, until, filters, as_booked })?;
        let text = match format {
            Format::Json => pretty(&report)?,
            Format::Csv => csv::write(&report),
            _ => table::write(&report),
        };
        put(output.as_deref(), text)
    }

    /// Which calls are meant, for what reads them one by one; none that begins from now on. Ask once: `24h` is counted from
    /// the moment of asking.
    fn calls(&self) -> Result<CallFilter> {
        let now = SystemClock::new().now();
        let request = ReportRequest {
            by: self.by.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
            filters: self.filters.clone(),
            as_booked: self.as_booked,
        };
        let query = request.resolve(now).map_err(|problems| anyhow!(problems.join("; ")))?;
        let until = query.until.map_or(now, |until| until.min(now));
        Ok(CallFilter { since: query.since, until: Some(until), filters: query.filters, ..CallFilter::default() })
    }

    /// Gives each of these calls to `take`, the latest first, with its corrections unless those are not wanted.
    fn each(&self, filter: CallFilter, take: &mut dyn FnMut(&Record, &[Correction]) -> Result<()>) -> Result<()> {
        let ledger = self.access.ledger(MissingStore::Refuse)?;
        if let Some(kept) = ledger.rows_since()? {
            match filter.since {
                Some(since) if since < kept => bail!(
                    "--since {since}: retention has deleted the rows from before {kept}, and this is made of rows; name a \
                     later time, as in --since {kept} (`report` by itself has sums of what was deleted)"
                ),
                Some(_) => {}
                None => warn(format_args!(
                    "retention has deleted the rows from before {kept}: what was spent until then is missing here"
                )),
            }
        }
        self.read(&ledger, filter, take)
    }

    fn read(
        &self,
        ledger: &Ledger,
        mut filter: CallFilter,
        take: &mut dyn FnMut(&Record, &[Correction]) -> Result<()>,
    ) -> Result<()> {
        loop {
            let page = ledger.calls(&filter, CALLS_MAX)?;
            let ids: Vec<CallId> = page.iter().map(|record| record.id).collect();
            let corrections = if self.as_booked { Vec::new() } else { ledger.corrections(&ids)? };
            let mut rest = corrections.as_slice();
            for record in &page {
                let own = rest.iter().take_while(|correction| correction.call == record.id).count();
                let (of_call, others) = rest.split_at(own);
                take(record, of_call)?;
                rest = others;
            }
            match page.last() {
                Some(record) if page.len() == CALLS_MAX => filter.before = Some(record.id),
                _ => return Ok(()),
            }
        }
    }
}

/// Writes a text to a file, or to standard output.
fn put(output: Option<&Path>, text: String) -> Result<()> {
    match output {
        Some(path) => std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display())),
        None => say(text),
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
