//! `tallygate prices`

mod effect;
mod file;
mod list;
mod plan;
mod rerate;

use crate::compile;
use crate::place;
use crate::source::Source;
use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use tg_admin::api::time;
use tg_config::document::Document;
use tg_config::secrets::resolve_secrets;
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_proxy::snapshot::Snapshot;
use tg_store::Store;

/// What models cost, by the catalogue, your own prices and your discounts; changes of your own prices, shown before they
/// are made; and corrections of what was booked.
#[derive(Debug, Args)]
pub(crate) struct Prices {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the prices that hold at a time
    List(list::List),
    /// Show all rates of a model at each of your providers, at list price and as they are charged
    Show(list::Show),
    /// Show what a list of prices would change, and what that would have cost
    Diff(plan::Diff),
    /// Put a list of prices into your own prices (`pricing.overrides`), and keep what held before
    Apply(plan::Apply),
    /// Correct booked calls whose price became known, or another one, afterwards. Rows are never edited: corrections are
    /// added beside them
    Rerate(rerate::Rerate),
}

/// Which configuration and which ledger.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where to work")]
struct Place {
    /// The configuration file [default: tallygate.yaml if it exists, else the environment]
    #[arg(long, short, value_name = "FILE", env = "TALLYGATE_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// The ledger is in this store, not in that of the configuration
    #[arg(long, value_name = "FILE|URL", global = true)]
    store: Option<String>,
}

/// What is configured, without a gateway.
struct Bench {
    document: Document,
    snapshot: Snapshot,
    now: Timestamp,
}

impl Prices {
    pub(super) fn run(self) -> Result<()> {
        let bench = self.place.open()?;
        match self.verb {
            Verb::List(list) => list.run(&bench),
            Verb::Show(show) => show.run(&bench),
            Verb::Diff(diff) => diff.run(&bench),
            Verb::Apply(apply) => apply.run(&bench),
            Verb::Rerate(rerate) => rerate.run(&bench),
        }
    }
}

impl Place {
    fn open(&self) -> Result<Bench> {
        let mut document = Source::choose(self.config.clone()).document()?;
        let snapshot = compiled(&document)?;
        if let Some(named) = &self.store {
            place::name_another(&mut document.store, named)?;
        }
        Ok(Bench { document, snapshot, now: SystemClock::new().now() })
    }
}

/// Prices need no credentials: where they are not at hand, something else stands for them. A file of prices that is not
/// there yet has none.
pub(super) fn compiled(document: &Document) -> Result<Snapshot> {
    let mut document = document.clone();
    // The first `apply` makes the file. A gateway does not start without it.
    if document.pricing.overrides.as_ref().is_some_and(|path| !path.exists()) {
        document.pricing.overrides = None;
    }
    let document = &document;
    let known = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).or_else(|| Some("unset".into()));
    Ok(compile::snapshot(document, &resolve_secrets(document, &known)?)?.snapshot)
}

impl Bench {
    /// Whether there may be a ledger: a file must be there, a database is asked.
    fn has_ledger(&self) -> bool {
        self.document.store.url.is_some() || self.document.store.path().exists()
    }

    /// The ledger's store.
    fn ledger(&self) -> Result<Store> {
        if !self.has_ledger() {
            let path = self.document.store.path().display();
            bail!("there is no store at {path}; name its place by --store or --config");
        }
        Ok(place::open_at_a_terminal(&self.document)?.0)
    }

    /// The file of the user's own prices.
    fn overrides(&self) -> Result<&PathBuf> {
        let file = self.document.pricing.overrides.as_ref();
        file.context(
            "the configuration names no file for your own prices; set `pricing.overrides`, as in `prices.yaml`",
        )
    }
}

/// A point in time as an option: a duration before now, a date in UTC, or RFC 3339.
fn past(text: &str) -> Result<Timestamp, String> {
    time::past(text, SystemClock::new().now())
}

/// As [`past`], but a duration is that long after now.
fn future(text: &str) -> Result<Timestamp, String> {
    time::future(text, SystemClock::new().now())
}

/// A rate in dollars for a million units: pico-dollars for one are millionths of those.
fn per_million(picos: u64) -> String {
    let nanos = i64::try_from(u128::from(picos) * 1000).unwrap_or(i64::MAX);
    tg_kernel::units::Money::from_nanos(nanos).to_string()
}

#[cfg(test)]
mod tests {
    use super::per_million;

    #[test]
    fn rates_read_as_dollars_for_a_million() {
        for (picos, text) in [(0, "0.00"), (4_000_000, "4.00"), (1, "0.000001"), (u64::MAX, "9223372036.854775807")] {
            assert_eq!(per_million(picos), text);
        }
    }
}
