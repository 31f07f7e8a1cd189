//! `--amortize`: what calls cost with their part of commitments, by group, and what went unused.

use super::super::table::{Listing, or_dash, pretty};
use super::csv::{line, text};
use super::{Format, Report, put};
use crate::commands::access::MissingStore;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use tg_finops::decimal::Decimal;
use tg_finops::focus::{Amortisation, Kind};
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_store::ledger::{CallFilter, Dimension};

/// One group, or what went unused of a commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// The values of the dimensions.
    group: Vec<Option<String>>,
    /// The commitment of which no call used this; none in a row of calls.
    unused_of: Option<String>,
    calls: u64,
    /// What calls cost, as other reports have it, in dollars.
    cost_usd: Decimal,
    /// The same with their part of commitments.
    amortized_usd: Decimal,
}

/// Rows, and what was charged for commitments in all. Their amortised costs are the calls' costs and that, together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Sums {
    by: Vec<Dimension>,
    rows: Vec<Row>,
    cost_usd: Decimal,
    /// None where filters leave calls out: then commitments are of more calls than these.
    fixed_charges_usd: Option<Decimal>,
    amortized_usd: Decimal,
}

impl Report {
    /// The commitments of the configuration, and what the calls of the time are worth that used them.
    pub(super) fn amortisation(&self, wanted: &CallFilter) -> Result<Amortisation> {
        let committed = self.access.committed()?;
        let ledger = self.access.ledger(MissingStore::Refuse)?;
        let since = wanted.since.or(ledger.rows_since()?);
        let until = wanted.until.unwrap_or_else(|| SystemClock::new().now());
        let mut amortisation = Amortisation::new(committed, since, until);
        if amortisation.is_needed() {
            // All calls, also where only some are reported: the others used their part.
            let filter = CallFilter { since, until: wanted.until, ..CallFilter::default() };
            self.read(&ledger, filter, &mut |record, _| {
                amortisation.see(record);
                Ok(())
            })?;
        }
        Ok(amortisation)
    }

    pub(super) fn amortized(&self) -> Result<()> {
        let wanted = self.calls()?;
        let mut amortisation = self.amortisation(&wanted)?;
        let mut groups: BTreeMap<Vec<Option<String>>, (u64, Decimal, Decimal)> = BTreeMap::new();
        self.each(wanted, &mut |record, corrections| {
            let group = self.group("--amortize", record)?;
            let (cost, amortized) = amortisation.of_call(record, corrections);
            let sums = groups.entry(group).or_default();
            sums.0 += 1;
            sums.1 += cost;
            sums.2 += amortized;
            Ok(())
        })?;
        let calls = groups.into_iter().map(|(group, (calls, cost_usd, amortized_usd))| Row {
            group,
            unused_of: None,
            calls,
            cost_usd,
            amortized_usd,
        });
        let mut rows: Vec<Row> = calls.collect();
        let cost_usd = rows.iter().map(|row| row.cost_usd).sum();
        let fixed_charges_usd = self.filters.is_empty().then(|| self.unused(&amortisation, &mut rows));
        let amortized_usd = rows.iter().map(|row| row.amortized_usd).sum();
        let sums = Sums { by: self.by.clone(), rows, cost_usd, fixed_charges_usd, amortized_usd };
        let text = match self.format {
            Format::Json => pretty(&sums)?,
            Format::Csv => csv(&sums),
            _ => table(&sums),
        };
        put(self.output.as_deref(), text)
    }

    /// Adds what went unused, and answers what was charged for all commitments.
    fn unused(&self, amortisation: &Amortisation, rows: &mut Vec<Row>) -> Decimal {
        let mut charged = Decimal::ZERO;
        let mut unused: BTreeMap<(Option<String>, Vec<Option<String>>), Decimal> = BTreeMap::new();
        for (key, charge) in amortisation.rows() {
            charged += charge.cost;
            if key.kind == Kind::Unused {
                let begin = |length| Some(key.begins().to_string().chars().take(length).collect());
                let value = |dimension: &Dimension| match dimension {
                    Dimension::Provider => Some(key.provider.to_string()),
                    Dimension::Day => begin("2026-11-24".len()),
                    Dimension::Hour => begin("2026-11-24T03".len()),
                    _ => None,
                };
                let group = self.by.iter().map(value).collect();
                *unused.entry((key.commitment().map(str::to_owned), group)).or_default() += charge.effective;
            }
        }
        rows.extend(unused.into_iter().map(|((unused_of, group), amortized_usd)| Row {
            group,
            unused_of,
            calls: 0,
            cost_usd: Decimal::ZERO,
            amortized_usd,
        }));
        charged
    }
}

fn table(sums: &Sums) -> String {
    let dimensions = sums.by.iter().map(|dimension| dimension.as_str());
    let headings: Vec<&str> = dimensions.chain(["unused of", "calls", "cost usd", "amortized usd"]).collect();
    let mut table = Listing::new(&headings);
    for row in &sums.rows {
        let group = row.group.iter().map(|value| or_dash(value.as_deref().unwrap_or_default()));
        let unused_of = or_dash(row.unused_of.as_deref().unwrap_or_default());
        let figures = [row.calls.to_string(), row.cost_usd.to_string(), row.amortized_usd.to_string()];
        table.row(group.chain([unused_of]).chain(figures));
    }
    table.right_from(sums.by.len() + 1);
    let fixed = match sums.fixed_charges_usd {
        Some(fixed) => {
            format!("calls {} USD and commitments {fixed} USD are {} USD amortized", sums.cost_usd, sums.amortized_usd)
        }
        None => {
            "calls with their part of commitments; what went unused is not shown, as filters leave calls out".to_owned()
        }
    };
    format!("{}\n\n{fixed}", table.finish())
}

fn csv(sums: &Sums) -> String {
    let dimensions = sums.by.iter().map(|dimension| dimension.as_str().to_owned());
    let figures = ["unused_of", "calls", "cost_usd", "amortized_usd"].map(str::to_owned);
    let mut lines = vec![line(dimensions.chain(figures))];
    for row in &sums.rows {
        let group = row.group.iter().map(|value| text(value.as_deref()));
        let figures = [row.calls.to_string(), row.cost_usd.to_string(), row.amortized_usd.to_string()];
        lines.push(line(group.chain([text(row.unused_of.as_deref())]).chain(figures)));
    }
    lines.join("\n")
}
