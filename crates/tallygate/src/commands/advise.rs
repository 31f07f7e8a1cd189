//! `tallygate advise`

mod additions;
mod gather;
mod samples;
mod table;
mod yaml;

use super::access::AccessArgs;
use super::table::pretty;
use super::terminal::{say, warn};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tg_admin::api::{Amount, Time, time};
use tg_finops::advise::{Advice, Facts, Habit, Risk, Shop, USES_MAX, advise, habits, total};
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};

/// Over which calls, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct Advise {
    /// From when on calls arrived, inclusive: a duration before now (`24h`, `30d`), a date in UTC (`2026-11-01`), or
    /// RFC 3339
    #[arg(long, value_name = "WHEN", default_value = "30d", value_parser = past)]
    since: String,
    /// Only advice that is at most so risky [default: high; for YAML low]
    #[arg(long, value_enum, value_name = "RISK")]
    risk: Option<RiskMax>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    access: AccessArgs,
}

/// The most risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RiskMax {
    /// What hardly does harm
    Low,
    /// What should be tried on a part first, too
    Medium,
    /// All of it
    High,
}

impl From<RiskMax> for Risk {
    fn from(most: RiskMax) -> Self {
        match most {
            RiskMax::Low => Self::Low,
            RiskMax::Medium => Self::Medium,
            RiskMax::High => Self::High,
        }
    }
}

/// How to show advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned columns, and what each piece rests on
    Table,
    /// Everything, for programs
    Json,
    /// The entries of `models` that would do it, and those of `cache` and `prompt_cache`, with comments
    Yaml,
    /// The entries of `models` that would have some answers of each of the two models compared, where none were
    Samples,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Page {
    /// From when on calls were read.
    since: Time,
    /// Until when.
    until: Time,
    /// Whether single calls were read; else sums, which say less.
    from_calls: bool,
    /// What a month of following all advice on cheaper models would save, without what is assumed.
    saving_a_month: Amount,
    /// Who uses which model for what, the dearest first.
    habits: Vec<Habit>,
    /// By kind; within each the least risky first, then what saves most.
    advice: Vec<Advice>,
}

fn past(text: &str) -> Result<String, String> {
    time::past(text, SystemClock::new().now()).map(|_| text.to_owned())
}

impl Advise {
    pub(super) fn run(self) -> Result<()> {
        let document = self.access.document()?;
        let snapshot = super::prices::compiled(&document)?;
        let now = SystemClock::new().now();
        let since = time::past(&self.since, now).map_err(anyhow::Error::msg)?;
        if since >= now {
            bail!("--since {}: no call can have arrived since then", self.since);
        }
        let seen = gather::all(&self.access, &document, &snapshot.catalogue, since, now)?;
        if seen.uses.left_out > 0 {
            let calls = seen.uses.left_out;
            warn(format_args!("{calls} calls are left out: there are more than {USES_MAX} combinations to advise on"));
        }
        let (sellers, targets) = (gather::sellers(&snapshot), gather::targets(&document));
        let shop = Shop { catalogue: &snapshot.catalogue, terms: &snapshot.terms, sellers: &sellers, now };
        let facts = Facts {
            uses: &seen.uses,
            samples: &seen.samples,
            repeats: &seen.repeats,
            shop,
            keys: &seen.keys,
            targets: &targets,
            since: seen.since,
        };
        let most = self.risk.map_or(if self.format == Format::Yaml { Risk::Low } else { Risk::High }, Risk::from);
        let mut advice = advise(&facts);
        advice.retain(|one| one.risk <= most);
        let page = Page {
            since: seen.since.into(),
            until: now.into(),
            from_calls: !self.access.is_remote(),
            saving_a_month: total(&advice).into(),
            habits: habits(&facts),
            advice,
        };
        say(match self.format {
            Format::Table => table::write(&page),
            Format::Json => pretty(&page)?,
            Format::Yaml => yaml::write(&document, &snapshot, &page),
            Format::Samples => samples::write(&document, &page),
        })
    }
}

/// The day of a moment.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-24".len()).collect()
}
