//! `tallygate store`

use super::access::{AccessArgs, MissingStore};
use super::table::{Listing, pretty};
use super::teams::Output;
use super::terminal::say;
use anyhow::Result;
use clap::{Args, Subcommand};
use tg_admin::api::{StoreSize, Time};

/// Where keys, teams and the ledger are kept.
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show how many rows and sums the ledger has, since when, and how large the store is
    Stats {
        #[command(flatten)]
        output: Output,
    },
}

impl Store {
    pub(super) fn run(self) -> Result<()> {
        let size = self.access.open(MissingStore::Refuse)?.store()?;
        let Verb::Stats { output } = self.verb;
        if output.json { say(pretty(&size)?) } else { say(sheet(&size)) }
    }
}

fn sheet(size: &StoreSize) -> String {
    let since = |time: Option<Time>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let summed = size.rolled_up_since.map_or_else(|| "all rows".to_owned(), |time| format!("rows since {time}"));
    let mut listing = Listing::sheet();
    for (name, value) in [
        ("rows", size.rows.to_string()),
        ("oldest row", since(size.oldest_row)),
        ("sums", size.rollups.to_string()),
        ("oldest sum", since(size.oldest_rollup)),
        ("series", size.series.to_string()),
        ("summed", summed),
        ("size", mebibytes(size.bytes)),
        ("free in it", mebibytes(size.free_bytes)),
    ] {
        listing.row([name.to_owned(), value]);
    }
    listing.finish()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
