//! `--split-shared tag:NAME`: the cost of each group by the value of a tag.

use super::super::table::{Listing, or_dash, pretty};
use super::csv::{line, text};
use super::{Format, Report, put};
use anyhow::{Result, anyhow};
use clap::ValueEnum;
use tg_finops::showback::{Rest, Share, Split};
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::ledger::Dimension;

/// What becomes of calls without the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Untagged {
    /// A row of their own
    Unallocated,
    /// Spread over the values of the same group, in proportion to what those cost
    Proportional,
}

/// Reads `tag:NAME`.
pub(super) fn tag(text: &str) -> Result<String, String> {
    match text.strip_prefix("tag:") {
        Some(name) if !name.is_empty() && !name.contains(['=', ',']) => Ok(name.to_owned()),
        _ => Err("write tag: and the name of a tag, as in tag:feature".to_owned()),
    }
}

/// What a call has of a dimension, as reports write it; `None` for dimensions that make no sense beside a tag.
fn value(dimension: Dimension, record: &Record) -> Option<Option<String>> {
    let who = &record.attribution;
    let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
    let served = record.served.as_ref();
    let begin = |length| Some(record.started_at.to_string().chars().take(length).collect());
    Some(match dimension {
        Dimension::Team => some(&who.team),
        Dimension::Project => who.project.as_deref().and_then(some),
        Dimension::Environment => who.environment.as_deref().and_then(some),
        Dimension::Key => some(&who.key_id),
        Dimension::Model => some(served.map_or(&record.asked.model, |served| &served.model)),
        Dimension::Provider => served.and_then(|served| some(&served.provider)),
        Dimension::Day => begin("2026-11-24".len()),
        Dimension::Hour => begin("2026-11-24T03".len()),
        Dimension::Profile | Dimension::AwsSession | Dimension::Dialect | Dimension::Ending | Dimension::Tag => {
            return None;
        }
    })
}

impl Report {
    /// The values of a call in what is grouped by, for an option that reads calls one by one.
    pub(super) fn group(&self, option: &str, record: &Record) -> Result<Vec<Option<String>>> {
        let value = |dimension: &Dimension| {
            value(*dimension, record).ok_or_else(|| {
                let name = dimension.as_str();
                anyhow!(
                    "--by {name}: {option} groups by team, project, environment, key, model, provider, day and hour"
                )
            })
        };
        self.by.iter().map(value).collect()
    }

    /// Splits and shows.
    pub(super) fn split(&self, tag: &str) -> Result<()> {
        let mut split = Split::by(tag);
        self.each(self.calls()?, &mut |record, corrections| {
            split.take(self.group("--split-shared", record)?, record, corrections);
            Ok(())
        })?;
        let rest = match self.untagged {
            Untagged::Unallocated => Rest::Unallocated,
            Untagged::Proportional => Rest::Proportional,
        };
        let shares = split.finish(rest);
        let text = match self.format {
            Format::Json => pretty(&shares)?,
            Format::Csv => self.split_csv(tag, &shares),
            _ => self.split_table(tag, &shares),
        };
        put(self.output.as_deref(), text)
    }

    fn split_table(&self, tag: &str, shares: &[Share]) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str());
        let headings: Vec<&str> = dimensions.chain([tag, "calls", "cost usd", "of that spread"]).collect();
        let mut table = Listing::new(&headings);
        for share in shares {
            let group = share.group.iter().map(|value| or_dash(value.as_deref().unwrap_or_default()));
            let value = share.value.clone().unwrap_or_else(|| "(unallocated)".to_owned());
            let cost = [share.calls.to_string(), usd(share.cost_nanos), usd(share.spread_nanos)];
            table.row(group.chain([value]).chain(cost));
        }
        table.right_from(self.by.len() + 1);
        let all = shares.iter().fold(Money::ZERO, |sum, share| sum.plus(Money::from_nanos(share.cost_nanos)));
        format!("{}\n\ntotal {all} USD", table.finish())
    }

    fn split_csv(&self, tag: &str, shares: &[Share]) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str().to_owned());
        let figures = ["calls", "cost_usd", "cost_nanos", "spread_nanos"].map(str::to_owned);
        let mut lines = vec![line(dimensions.chain([text(Some(tag))]).chain(figures))];
        for share in shares {
            let group = share.group.iter().map(|value| text(value.as_deref()));
            let value = text(share.value.as_deref());
            let (cost, spread) = (share.cost_nanos.to_string(), share.spread_nanos.to_string());
            lines.push(line(group.chain([value, share.calls.to_string(), usd(share.cost_nanos), cost, spread])));
        }
        lines.join("\n")
    }
}

fn usd(nanos: i64) -> String {
    Money::from_nanos(nanos).to_string()
}
