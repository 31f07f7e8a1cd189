//! `tallygate reconcile`: the ledger against what AWS bills and logs.

mod gauges;
mod table;

use super::access::{AccessArgs, MissingStore};
use super::table::pretty;
use super::terminal::say;
use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args, ValueEnum};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tg_admin::api::time;
use tg_finops::bill;
use tg_finops::books::{BillScope, BillSide, LedgerSide, REPORT_BY};
use tg_finops::compare::{Comparison, compare};
use tg_finops::decimal::Decimal;
use tg_finops::invocations::{self, Matching, Outcome, SLACK};
use tg_finops::tolerance::Tolerance;
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_store::ledger::{CALLS_MAX, CallFilter, Dimension, Ledger, ReportQuery};

const DAY_MICROS: i64 = 86_400_000_000;

/// What is compared with what, and how closely.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("other_side").required(true)))]
pub(crate) struct Reconcile {
    /// AWS's bill: a file or folder of a CUR 2.0 export (CSV, CSV.gz or Parquet)
    #[arg(long, value_name = "PATH", group = "other_side")]
    cur: Option<PathBuf>,
    /// Model invocation logs: a file, or a folder laid out as in S3 (JSON lines, plain or .gz)
    #[arg(long, value_name = "PATH", group = "other_side")]
    invocation_logs: Option<PathBuf>,
    /// Only calls of this provider; may be repeated [default: all of kind bedrock in the configuration]
    #[arg(long = "provider", value_name = "NAME")]
    providers: Vec<String>,
    /// From when on, inclusive: a date in UTC (`2026-11-01`), a duration before now, or RFC 3339; a bill is compared by
    /// whole days [default: where the bill or the log begins]
    #[arg(long, value_name = "WHEN", value_parser = past)]
    since: Option<Timestamp>,
    /// Until when, exclusive; written as --since [default: where the bill or the log ends]
    #[arg(long, value_name = "WHEN", value_parser = past)]
    until: Option<Timestamp>,
    /// How far ledger and AWS may be apart and still agree, as a part of AWS's figure
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = Tolerance::parse)]
    tolerance: Tolerance,
    /// Dollars of a day and model that never count as a difference
    #[arg(long, value_name = "USD", default_value = "0.01", value_parser = dollars)]
    ignore_below: Decimal,
    /// The cost allocation tag whose value is the team
    #[arg(long, value_name = "TAG", default_value = "team", requires = "cur")]
    team_tag: String,
    /// A model's name on the bill and its id in the ledger, where they are not found to be the same; may be repeated
    #[arg(long = "same-model", value_name = "BILL=LEDGER", value_parser = pair, requires = "cur")]
    same_models: Vec<(String, String)>,
    /// The ARN of an identity that may call Bedrock without the gateway, with `*` for any run of characters; may be
    /// repeated
    #[arg(long = "known-identity", value_name = "ARN", requires = "invocation_logs")]
    known_identities: Vec<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write the result as Prometheus text to this file too, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    access: AccessArgs,
}

/// How to show a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns, and what to know about them
    Table,
    /// Everything, for programs
    Json,
}

fn past(text: &str) -> Result<Timestamp, String> {
    time::past(text, SystemClock::new().now())
}

fn dollars(text: &str) -> Result<Decimal, String> {
    let amount = Decimal::parse(text).filter(|amount| *amount >= Decimal::ZERO);
    amount.ok_or_else(|| "write dollars, as in 0.01".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((bill, ledger)) if !bill.is_empty() && !ledger.is_empty() => Ok((bill.to_owned(), ledger.to_owned())),
        _ => {
            Err("write the bill's name, =, and the ledger's, as in Claude4.6Sonnet=anthropic.claude-sonnet-4-6".into())
        }
    }
}

impl Reconcile {
    /// Compares and says so. What cannot be compared is told apart from what differs by the exit status.
    pub(super) fn run(self) -> ExitCode {
        match self.compared() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                super::terminal::complain(&error);
                ExitCode::from(2)
            }
        }
    }

    fn compared(&self) -> Result<bool> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            bail!("--since ({since}) is not before --until ({until})");
        }
        let ledger = self.access.ledger(MissingStore::Refuse)?;
        let providers = self.providers(&ledger)?;
        let tolerance = self.tolerance.ignoring(self.ignore_below);
        let now = SystemClock::new().now();
        match (&self.cur, &self.invocation_logs) {
            (Some(path), _) => {
                let comparison = self.with_bill(path, &ledger, &providers, &tolerance)?;
                self.show(&comparison, table::bill(&comparison), gauges::bill(&comparison, now))?;
                Ok(comparison.agrees)
            }
            (_, Some(path)) => {
                let outcome = self.with_logs(path, &ledger, &providers, &tolerance)?;
                self.show(&outcome, table::logs(&outcome), gauges::logs(&outcome, now))?;
                Ok(outcome.agrees)
            }
            (None, None) => bail!("name the other side by --cur or --invocation-logs"),
        }
    }

    fn show(&self, result: &impl serde::Serialize, text: String, gauges: String) -> Result<()> {
        if let Some(path) = &self.metrics {
            write_whole(path, &gauges).with_context(|| format!("--metrics: cannot write {}", path.display()))?;
        }
        match self.format {
            Format::Table => say(text),
            Format::Json => say(pretty(result)?),
        }
    }

    /// The providers that are compared, each of which must be known.
    fn providers(&self, ledger: &Ledger) -> Result<BTreeSet<String>> {
        let of_configuration = self.access.bedrock_providers()?;
        if self.providers.is_empty() {
            if of_configuration.is_empty() {
                bail!("no configuration names a provider of kind bedrock; say by --provider whose calls AWS bills");
            }
            return Ok(of_configuration);
        }
        let query = ReportQuery { by: vec![Dimension::Provider], ..ReportQuery::default() };
        let rows = ledger.report(&query)?.rows;
        let known: BTreeSet<String> =
            rows.into_iter().filter_map(|row| row.group.into_iter().next().flatten()).collect();
        for name in &self.providers {
            if !known.contains(name) && !of_configuration.contains(name) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                bail!("--provider: the ledger has no calls of '{name}'; it has calls of: {}", known.join(", "));
            }
        }
        Ok(self.providers.iter().cloned().collect())
    }

    fn with_bill(
        &self,
        path: &Path,
        ledger: &Ledger,
        providers: &BTreeSet<String>,
        tolerance: &Tolerance,
    ) -> Result<Comparison> {
        for (name, at) in [("--since", self.since), ("--until", self.until)] {
            if at.is_some_and(|at| at.micros().rem_euclid(DAY_MICROS) != 0) {
                bail!("{name}: a bill is compared by whole days in UTC; write a date, as in 2026-11-01");
            }
        }
        let scope = BillScope {
            since: self.since,
            until: self.until,
            same_models: self.same_models.clone(),
            team_tag: self.team_tag.clone(),
        };
        let mut theirs = BillSide::default();
        bill::read(path, &mut |line| theirs.take(&line, &scope))?;
        let Some((first, last)) = theirs.days() else {
            bail!("{}: no line of it is usage of Amazon Bedrock in the time that is compared", path.display());
        };
        let day = |text: &str| Timestamp::parse(&format!("{text}T00:00:00Z"));
        let since = self.since.or_else(|| day(first));
        let until = self.until.or_else(|| Some(Timestamp::from_micros(day(last)?.micros() + DAY_MICROS)));
        let query = ReportQuery { by: REPORT_BY.to_vec(), since, until, ..ReportQuery::default() };
        let report = ledger.report(&query)?;
        if report.cut {
            bail!("the ledger has too many groups for one comparison; name a shorter time by --since and --until");
        }
        if let Some(kept) = report.gone_until.or(report.coarse_until) {
            bail!(
                "retention has deleted what the ledger knew from before {kept} of days that are compared, or keeps it without \
                 models and providers; name later days by --since"
            );
        }
        let committed = self.access.committed()?;
        let now = SystemClock::new().now();
        let end = until.map_or(now, |until| until.min(now));
        let own = committed.iter().map(|one| &one.commitment).filter(|one| providers.contains(&*one.provider));
        let charged: Vec<_> = own.map(|one| (one, one.of_span(since, end).1)).collect();
        Ok(compare(&LedgerSide::of(&report, providers), &theirs, &charged, tolerance))
    }

    fn with_logs(
        &self,
        path: &Path,
        ledger: &Ledger,
        providers: &BTreeSet<String>,
        tolerance: &Tolerance,
    ) -> Result<Outcome> {
        let mut matching = Matching::new(providers.clone(), self.since, self.until);
        invocations::read(path, &mut |heard| matching.hear(&heard))?;
        let Some((first, last)) = matching.span() else {
            bail!("{}: no entry of it is of the time that is compared", path.display());
        };
        if let Some(kept) = ledger.rows_since()?.filter(|kept| first < *kept) {
            bail!(
                "the log begins at {first}, and retention has deleted the ledger's rows from before {kept}: its calls would \
                 be said to go round the gateway; name a later time by --since, as in --since {kept}"
            );
        }
        let slack = i64::try_from(SLACK.as_micros()).unwrap_or_default();
        let mut filter = CallFilter {
            since: Some(Timestamp::from_micros(first.micros() - slack)),
            until: Some(last.after(SLACK)),
            ..CallFilter::default()
        };
        loop {
            let page = ledger.calls(&filter, CALLS_MAX)?;
            page.iter().for_each(|record| matching.row(record));
            match page.last() {
                Some(record) if page.len() == CALLS_MAX => filter.before = Some(record.id),
                _ => return Ok(matching.finish(&self.known_identities, tolerance)),
            }
        }
    }
}

/// Writes a file so that nobody reads half of it.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    // The collector runs as another user.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}
