//! `tallygate prices list` and `show`: what holds at a time.

use super::{Bench, future, per_million};
use crate::commands::table::{Listing, or_dash};
use crate::commands::terminal::say;
use anyhow::{Result, bail};
use clap::Args;
use std::sync::Arc;
use tg_catalog::{Buyer, Discount, RateSet, Row, UnitKind};
use tg_config::grammar::Pattern;
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::ServiceTier;
use tg_upstream::provider::Upstream;

/// Rows of the catalogue and of your own prices.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only models whose id is this, or matches it: `*` at the beginning or at the end stands for any text
    #[arg(value_name = "MODEL", value_parser = pattern)]
    model: Option<Pattern>,
    /// Only rows of this seller, as in `bedrock`
    #[arg(long, value_name = "SELLER")]
    provider: Option<String>,
    /// Only your own prices (`pricing.overrides`), with those of other times
    #[arg(long)]
    own: bool,
    /// What holds then: a date in UTC (`2026-12-01`), RFC 3339, or a duration from now on [default: now]
    #[arg(long, value_name = "WHEN", value_parser = future)]
    at: Option<Timestamp>,
}

/// A model at each provider that has a price for it.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The model, as it is sent to the provider
    #[arg(value_name = "MODEL")]
    model: String,
    /// What holds then: a date in UTC (`2026-12-01`), RFC 3339, or a duration from now on [default: now]
    #[arg(long, value_name = "WHEN", value_parser = future)]
    at: Option<Timestamp>,
}

fn pattern(text: &str) -> Result<Pattern, String> {
    text.parse().map_err(|refused: tg_config::grammar::Refused| refused.to_string())
}

impl List {
    pub(super) fn run(self, bench: &Bench) -> Result<()> {
        let at = self.at.unwrap_or(bench.now);
        let catalogue = &bench.snapshot.catalogue;
        // Overrides are the last source.
        let overrides = bench.document.pricing.overrides.as_ref();
        let own = overrides.and_then(|_| catalogue.sources().last()).map(|source| source.name.clone());
        let mut listing = Listing::new(&["seller", "model", "from", "until", "source", "in", "out", "cache read"]);
        for row in catalogue.rows() {
            let holds =
                |row: &Arc<Row>| catalogue.find(row.provider(), row.id(), at).is_some_and(|r| Arc::ptr_eq(&r, row));
            let is_meant = self.model.as_ref().is_none_or(|model| model.matches(row.id()))
                && self.provider.as_ref().is_none_or(|provider| provider == row.provider());
            let is_own = own.as_deref() == Some(row.version());
            if is_meant && if self.own { is_own } else { holds(row) } {
                let [RateSet { rates, .. }, ..] = row.rate_sets() else { continue };
                let price = |kind| rates.of(kind).map_or_else(|| "-".to_owned(), per_million);
                let span = [began(row.valid_from()), ends(row.valid_to())];
                let name = [row.provider(), row.id()].map(str::to_owned).into_iter();
                let prices = [UnitKind::Input, UnitKind::Output, UnitKind::CacheRead].map(price);
                listing.row(name.chain(span).chain([row.version().to_owned()]).chain(prices));
            }
        }
        listing.right_from(5);
        say(listing.finish())?;
        say("\nUSD for a million tokens, default tier, shortest input; `prices show MODEL` has all rates")
    }
}

fn began(at: Timestamp) -> String {
    if at.micros() == i64::MIN { "-".to_owned() } else { at.to_string() }
}

fn ends(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

impl Show {
    pub(super) fn run(self, bench: &Bench) -> Result<()> {
        let at = self.at.unwrap_or(bench.now);
        let mut upstreams: Vec<&Arc<Upstream>> = bench.snapshot.upstreams.values().collect();
        upstreams.sort_by(|a, b| a.name.cmp(&b.name));
        let mut found = 0;
        for upstream in upstreams {
            let Some(row) = upstream.price.find(&bench.snapshot.catalogue, &self.model, at) else { continue };
            let buyer = Buyer { provider: &upstream.name, model: &self.model, began: at };
            if found > 0 {
                say("")?;
            }
            found += 1;
            say(sheet(upstream, &row, bench.snapshot.terms.discount(buyer)))?;
        }
        if found == 0 {
            bail!(
                "no provider of the configuration has a price for '{}' at {at}; add a row to `pricing.overrides`, or look \
                 for its id by `prices list '*NAME*'`",
                self.model
            );
        }
        Ok(())
    }
}

fn sheet(upstream: &Upstream, row: &Row, discount: Option<&Discount>) -> String {
    let mut facts = Listing::sheet();
    let scope = row.derived().map_or_else(String::new, |scope| format!(", times the factor of `{scope}`"));
    for (name, value) in [
        ("provider", upstream.name.to_string()),
        ("row", format!("{}/{} of {}{scope}", row.provider(), row.id(), row.version())),
        ("holds from", began(row.valid_from())),
        ("until", ends(row.valid_to())),
        ("discount", or_dash(discount.map_or("", |discount| &discount.name))),
    ] {
        facts.row([name.to_owned(), value]);
    }
    let kinds =
        UnitKind::ALL.into_iter().filter(|kind| row.rate_sets().iter().any(|set| set.rates.of(*kind).is_some()));
    let mut rates = Listing::new(&["tier", "input above", "unit", "list usd", "charged usd"]);
    for kind in kinds {
        for set in row.rate_sets() {
            let Some(list) = set.rates.of(kind) else { continue };
            let charged = discount.map_or(list, |discount| discount.contracted(kind, list));
            let above = if set.above == 0 { "-".to_owned() } else { set.above.to_string() };
            let tier = if set.tier == ServiceTier::Default { "default" } else { set.tier.as_str() };
            rates.row([tier.to_owned(), above, kind.as_str().to_owned(), per_million(list), per_million(charged)]);
        }
    }
    rates.right_from(3);
    format!("{}\n\n{}\n\nUSD for a million units", facts.finish(), rates.finish())
}
