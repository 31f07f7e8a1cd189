//! `tallygate prices diff` and `apply`: a list of prices over those that are there, shown before it is done.

use super::effect::{self, Effect};
use super::file::{PriceFile, wrong};
use super::{Bench, future, past, per_million};
use crate::commands::table::Listing;
use crate::commands::terminal::say;
use anyhow::{Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use tg_catalog::{Catalogue, ListKind, Merged, Origin, OverrideProblem, RateChange, RowChange, RowSource, Touched};
use tg_kernel::clock::Timestamp;
use tg_kernel::usage::ServiceTier;

/// Changes nothing.
#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    list: ListArgs,
}

/// Writes the file that `pricing.overrides` names; a gateway that runs with it takes it within a second or two.
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    list: ListArgs,
    /// You have looked at the rates that change more than tenfold and at the prices that end: without it they stop the
    /// command
    #[arg(long)]
    reviewed: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// A list of prices, YAML or JSON, of the schema of `pricing.overrides`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// From when on rows without `valid_from` hold: a date in UTC, RFC 3339, or a duration from now on [default: now]
    #[arg(long, value_name = "WHEN", value_parser = future)]
    from: Option<Timestamp>,
    /// The list is the whole of your prices: those of models that it lacks end
    #[arg(long)]
    whole: bool,
    /// Show what the new prices would have made of the calls since then: a duration before now, a date, or RFC 3339
    #[arg(long, value_name = "WHEN", value_parser = past, default_value = "30d")]
    effect_since: Timestamp,
}

/// What a list would do.
struct Plan {
    present: PriceFile,
    merged: Merged,
    changes: Vec<RowChange>,
    effect: Option<Effect>,
}

impl ListArgs {
    fn plan(&self, bench: &Bench) -> Result<Plan> {
        let path = bench.overrides()?;
        let present = PriceFile::read_if_there(path)?;
        let list = PriceFile::read(&self.file)?.rows;
        // Whole seconds: what is written is read back as it was.
        let from = self.from.unwrap_or_else(|| Timestamp::from_seconds(bench.now.seconds()));
        let kind = if self.whole { ListKind::Whole } else { ListKind::Partial };
        let merged = tg_catalog::merge(present.rows.clone(), list, from, kind)
            .map_err(|problems| self.dates_wrong(path, &problems))?;
        let over =
            |rows: Vec<RowSource<'static>>| Ok::<_, anyhow::Error>(Catalogue::embedded()?.with_overrides("new", rows));
        let before = over(present.rows.clone())?.map_err(|problems| wrong(path, &problems))?.catalogue;
        let after =
            over(merged.rows.clone())?.map_err(|problems| self.together_wrong(path, &merged, &problems))?.catalogue;
        let changes = tg_catalog::changes(&before, &after, &merged.touched);
        let effect = if merged.touched.is_empty() || !bench.has_ledger() {
            None
        } else {
            let would = effect::as_if(&after, &merged, bench.now);
            Some(Effect::of(bench, would, self.effect_since)?)
        };
        Ok(Plan { present, merged, changes, effect })
    }

    /// A row in the file that it comes from.
    fn place(&self, present: &Path, origin: Origin) -> String {
        match origin {
            Origin::Present(at) => format!("{}: rows[{at}]", present.display()),
            Origin::List(at) => format!("{}: rows[{at}]", self.file.display()),
        }
    }

    fn dates_wrong(&self, present: &Path, problems: &[(Origin, String)]) -> anyhow::Error {
        let list = problems.iter().map(|(origin, reason)| format!("{}: {reason}", self.place(present, *origin)));
        anyhow::anyhow!("{}", list.collect::<Vec<_>>().join("\n"))
    }

    /// What is wrong with both together, each row by its place in its own file.
    fn together_wrong(&self, present: &Path, merged: &Merged, problems: &[OverrideProblem]) -> anyhow::Error {
        let list = problems.iter().map(|problem| {
            let mut text = String::new();
            let whole = problem.to_string();
            let mut rest = whole.as_str();
            while let Some((before, after)) = rest.split_once("rows[") {
                text.push_str(before);
                let named = after
                    .split_once(']')
                    .and_then(|(at, after)| Some((merged.origins.get(at.parse::<usize>().ok()?)?, after)));
                match named {
                    Some((origin, after)) => {
                        text.push_str(&self.place(present, *origin));
                        rest = after;
                    }
                    None => {
                        text.push_str("rows[");
                        rest = after;
                    }
                }
            }
            text + rest
        });
        anyhow::anyhow!("with these prices in it:\n  {}", list.collect::<Vec<_>>().join("\n  "))
    }
}

impl Diff {
    pub(super) fn run(self, bench: &Bench) -> Result<()> {
        let plan = self.list.plan(bench)?;
        plan.show(bench)?;
        plan.doubts().iter().try_for_each(|doubt| say(format_args!("look at: {doubt}")))
    }
}

impl Apply {
    pub(super) fn run(self, bench: &Bench) -> Result<()> {
        let plan = self.list.plan(bench)?;
        plan.show(bench)?;
        if plan.merged.touched.is_empty() {
            return Ok(());
        }
        let doubts = plan.doubts();
        if !doubts.is_empty() && !self.reviewed {
            bail!(
                "nothing was written; look at these, and add --reviewed if they are right:\n  {}",
                doubts.join("\n  ")
            );
        }
        let path = bench.overrides()?;
        let head = format!("Written by `tallygate prices apply` at {}, from {}.", bench.now, self.list.file.display());
        let kept = plan.present.replace(path, &plan.merged.rows, &head.replace(['\n', '\r'], " "))?;
        let kept = kept.map_or_else(String::new, |kept| format!("; {} is the file that was there", kept.display()));
        say(format_args!("wrote {}{kept}", path.display()))
    }
}

impl Plan {
    fn show(&self, bench: &Bench) -> Result<()> {
        if self.merged.touched.is_empty() {
            return say("nothing changes: these prices hold already");
        }
        let headings = ["seller", "model", "from", "until", "tier", "input above", "unit", "before", "after", "change"];
        let mut listing = Listing::new(&headings);
        for change in &self.changes {
            let of = &change.of;
            let until = of.to.filter(|_| !of.ends).map_or_else(|| "-".to_owned(), |to| to.to_string());
            let row = [of.provider.clone(), of.id.clone(), of.from.to_string(), until];
            if change.rates.is_empty() {
                listing.row(row.into_iter().chain(["no rate differs".to_owned()]));
                continue;
            }
            for rate in &change.rates {
                listing.row(row.iter().cloned().chain(cells(rate)));
            }
        }
        listing.right_from(7);
        say(listing.finish())?;
        say("\nUSD for a million units at list price")?;
        match &self.effect {
            Some(effect) => say(format_args!("\n{effect}")),
            None => say(format_args!(
                "\nthere is no ledger at {}: its cost cannot be compared",
                bench.document.store.path().display()
            )),
        }
    }

    /// What a human should have looked at.
    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        for Touched { provider, id, .. } in &self.merged.followers {
            doubts.push(format!(
                "{provider}/{id}: is `like` a model whose price changes, and keeps its own as shown above; if it should \
                 follow, put it into the list, too"
            ));
        }
        for change in self.changes.iter().filter(|change| change.needs_review()) {
            let name = format!("{}/{}", change.of.provider, change.of.id);
            if change.of.ends {
                doubts.push(format!("{name}: your own price ends"));
            }
            for rate in &change.rates {
                let unit = place_of(rate);
                if rate.is_jump() {
                    doubts.push(format!("{name}: `{unit}` changes more than tenfold; is the unit right?"));
                } else if rate.after.is_none() {
                    doubts.push(format!("{name}: `{unit}` has no price any more"));
                }
            }
        }
        doubts
    }
}

/// Which rate it is: the unit, and where it is not the first price of it, the tier and the length of input.
fn place_of(rate: &RateChange) -> String {
    let tier = if rate.tier == ServiceTier::Default { String::new() } else { format!(", {}", rate.tier.as_str()) };
    let above = if rate.above == 0 { String::new() } else { format!(", input above {}", rate.above) };
    format!("{}{tier}{above}", rate.kind.as_str())
}

fn cells(rate: &RateChange) -> [String; 6] {
    let price = |rate: Option<u64>| rate.map_or_else(|| "-".to_owned(), per_million);
    let above = if rate.above == 0 { "-".to_owned() } else { rate.above.to_string() };
    let tier = if rate.tier == ServiceTier::Default { "default" } else { rate.tier.as_str() };
    let (before, after) = (price(rate.before), price(rate.after));
    [tier.to_owned(), above, rate.kind.as_str().to_owned(), before, after, change(rate)]
}

/// By how much, in tenths of a percent.
fn change(rate: &RateChange) -> String {
    match (rate.before, rate.after) {
        (None, _) => "new".to_owned(),
        (_, None) => "gone".to_owned(),
        (Some(0), Some(_)) => "from nothing".to_owned(),
        (Some(before), Some(after)) => {
            let tenths = (i128::from(after) - i128::from(before)) * 1000 / i128::from(before);
            format!("{}{}.{} %", if tenths < 0 { "-" } else { "+" }, tenths.abs() / 10, tenths.abs() % 10)
        }
    }
}
