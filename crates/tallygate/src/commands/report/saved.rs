//! `--savings`: what caches saved, by group: that of answers, and points for prompt caches of providers.

use super::super::table::{Listing, or_dash, pretty};
use super::csv::{line, text};
use super::{Format, Report, put};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;
use tg_store::ledger::Dimension;

/// What was saved for some calls. Amounts are in nano-dollars, and no part of any cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Saved {
    /// All calls of the group.
    calls: u64,
    /// Those that were given an answer that had been kept.
    hits: u64,
    /// What these would have cost, each at the price of its time.
    #[serde(rename = "saved_by_answers_nanos")]
    saved_by_answers: Money,
    /// Hits of which no price is known: in the sum they are nothing.
    unpriced_hits: u64,
    /// Calls that points were put into for their provider's prompt cache.
    pointed: u64,
    /// What the points saved, less what was paid more for what they wrote: below zero while nothing was read yet.
    #[serde(rename = "saved_by_points_nanos")]
    saved_by_points: Money,
}

impl Saved {
    fn of(record: &Record) -> Self {
        let decided = record.decided.as_deref();
        let hit = decided.and_then(|decided| decided.cache.as_ref()?.hit.as_ref());
        let points = decided.and_then(|decided| decided.prompt_cache);
        Self {
            calls: 1,
            hits: hit.is_some().into(),
            saved_by_answers: hit.map_or(Money::ZERO, |hit| hit.saved.amount),
            unpriced_hits: hit.is_some_and(|hit| hit.saved.pricing == Pricing::Unpriced).into(),
            pointed: points.is_some().into(),
            saved_by_points: points.map_or(Money::ZERO, |points| points.saved),
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.hits += other.hits;
        self.saved_by_answers = self.saved_by_answers.plus(other.saved_by_answers);
        self.unpriced_hits += other.unpriced_hits;
        self.pointed += other.pointed;
        self.saved_by_points = self.saved_by_points.plus(other.saved_by_points);
    }

    fn both(&self) -> Money {
        self.saved_by_answers.plus(self.saved_by_points)
    }
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// The values of the dimensions.
    group: Vec<Option<String>>,
    #[serde(flatten)]
    saved: Saved,
}

/// All of them, the most saved first, and their sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Savings {
    by: Vec<Dimension>,
    rows: Vec<Row>,
    totals: Saved,
}

impl Report {
    /// Sums and shows.
    pub(super) fn saved(&self) -> Result<()> {
        let mut groups: BTreeMap<Vec<Option<String>>, Saved> = BTreeMap::new();
        self.each(self.calls()?, &mut |record, _| {
            groups.entry(self.group("--savings", record)?).or_default().add(&Saved::of(record));
            Ok(())
        })?;
        let savings = Savings::of(self.by.clone(), groups);
        let text = match self.format {
            Format::Json => pretty(&savings)?,
            Format::Csv => savings.csv(),
            _ => savings.table(),
        };
        put(self.output.as_deref(), text)
    }
}

impl Savings {
    fn of(by: Vec<Dimension>, groups: BTreeMap<Vec<Option<String>>, Saved>) -> Self {
        let mut totals = Saved::default();
        groups.values().for_each(|saved| totals.add(saved));
        let mut rows: Vec<Row> = groups.into_iter().map(|(group, saved)| Row { group, saved }).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.saved.both()));
        Self { by, rows, totals }
    }

    fn table(&self) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str());
        let figures = ["calls", "hits", "saved by answers usd", "pointed", "saved by points usd", "saved usd"];
        let mut table = Listing::new(&dimensions.chain(figures).collect::<Vec<_>>());
        for row in &self.rows {
            let group = row.group.iter().map(|value| or_dash(value.as_deref().unwrap_or_default()));
            table.row(group.chain(cells(&row.saved)));
        }
        let label = (0..self.by.len()).map(|number| if number == 0 { "TOTAL".to_owned() } else { String::new() });
        table.row(label.chain(cells(&self.totals)));
        table.right_from(self.by.len());
        let mut text = table.finish() + "\n\nwhat was saved is no part of any cost";
        if self.totals.unpriced_hits > 0 {
            text += &format!("\nunpriced      of {} hits no price is known", self.totals.unpriced_hits);
        }
        text
    }

    fn csv(&self) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str().to_owned());
        let figures = ["calls", "hits", "saved_by_answers_usd", "pointed", "saved_by_points_usd", "saved_usd"];
        let figures = figures.into_iter().map(str::to_owned).chain(["unpriced_hits".to_owned()]);
        let mut lines = vec![line(dimensions.chain(figures))];
        for row in &self.rows {
            let group = row.group.iter().map(|value| text(value.as_deref()));
            lines.push(line(group.chain(cells(&row.saved)).chain([row.saved.unpriced_hits.to_string()])));
        }
        lines.join("\n")
    }
}

fn cells(saved: &Saved) -> [String; 6] {
    let [answers, points, both] =
        [saved.saved_by_answers, saved.saved_by_points, saved.both()].map(|amount| amount.to_string());
    [saved.calls.to_string(), saved.hits.to_string(), answers, saved.pointed.to_string(), points, both]
}
