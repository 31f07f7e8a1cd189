//! `--likeness`: what caches by likeness would have done that only watch, by rule and threshold.

use super::super::table::{Listing, pretty};
use super::csv::{line, text};
use super::{Format, Report, put};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use tg_kernel::decided::{Alike, Purpose};
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_policy::route::quality::Kept;

/// The thresholds of which is told, in millionths.
const THRESHOLDS: [u32; 12] =
    [800_000, 850_000, 900_000, 920_000, 940_000, 950_000, 960_000, 970_000, 980_000, 990_000, 995_000, 1_000_000];

/// What is known of one rule.
#[derive(Clone, Debug, Default)]
struct Known {
    /// Calls that were watched.
    watched: u32,
    /// What the questions for their vectors cost, and those of judges.
    cost: Money,
    /// How like the likest questions were, and what their calls cost.
    like: Vec<(u32, Money)>,
    /// How like those were that were compared, and whether the other answer would have done.
    compared: Vec<(u32, bool)>,
}

/// One rule at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    rule: String,
    /// In millionths.
    threshold: u32,
    /// Calls that were watched.
    watched: u32,
    /// Of these it would have answered so many.
    hits: u32,
    /// In so many of those the two answers were compared,
    compared: u32,
    /// and in so many the other one would have done.
    agreed: u32,
    /// Between which shares the true one lies with 95 % certainty: to show, not to compute with.
    agreed_low: f64,
    agreed_high: f64,
    /// What the calls cost that would not have been made, in nano-dollars.
    saves_nanos: Money,
    /// What was paid for vectors and judges, in nano-dollars, whatever the threshold.
    watching_cost_nanos: Money,
}

impl Known {
    fn see(&mut self, record: &Record, purpose: Purpose, alike: &Alike) {
        self.cost = self.cost.plus(record.total_cost().amount);
        if purpose == Purpose::Likeness {
            self.watched += 1;
            self.like.extend(alike.likeness.map(|likeness| (likeness, alike.saves)));
        }
        self.compared.extend(alike.likeness.zip(alike.agreed));
    }

    fn at(&self, rule: &str, threshold: u32) -> Row {
        let hits = self.like.iter().filter(|(likeness, _)| *likeness >= threshold);
        let (count, saves_nanos) =
            hits.fold((0, Money::ZERO), |(count, sum), (_, saves)| (count + 1, sum.plus(*saves)));
        let compared = self.compared.iter().filter(|(likeness, _)| *likeness >= threshold);
        let known = compared.fold(Kept::default(), |known, (_, agreed)| Kept {
            kept: known.kept + u32::from(*agreed),
            of: known.of + 1,
        });
        let (agreed_low, agreed_high) = known.interval();
        Row {
            rule: rule.to_owned(),
            threshold,
            watched: self.watched,
            hits: count,
            compared: known.of,
            agreed: known.kept,
            agreed_low,
            agreed_high,
            saves_nanos,
            watching_cost_nanos: self.cost,
        }
    }
}

impl Report {
    /// Counts and shows.
    pub(super) fn likeness(&self) -> Result<()> {
        let mut rules: BTreeMap<String, Known> = BTreeMap::new();
        self.each(self.calls()?, &mut |record, _| {
            let decided = record.decided.as_deref();
            if let Some((purpose, alike)) = decided.and_then(|decided| decided.purpose.zip(decided.alike.as_ref())) {
                rules.entry(alike.rule.to_string()).or_default().see(record, purpose, alike);
            }
            Ok(())
        })?;
        let rows: Vec<Row> =
            rules.iter().flat_map(|(rule, known)| THRESHOLDS.map(|threshold| known.at(rule, threshold))).collect();
        let text = match self.format {
            Format::Json => pretty(&rows)?,
            Format::Csv => csv(&rows),
            _ => table(&rows, &rules),
        };
        put(self.output.as_deref(), text)
    }
}

fn table(rows: &[Row], rules: &BTreeMap<String, Known>) -> String {
    let mut table = Listing::new(&[
        "rule",
        "threshold",
        "watched",
        "would hit",
        "compared",
        "agreed",
        "of all, 95 %",
        "would save usd",
    ]);
    for row in rows {
        let [rule, threshold, watched, hits, compared, agreed, low, high, saves] = cells(row);
        table.row([rule, threshold, watched, hits, compared, agreed, format!("{low} to {high}"), saves]);
    }
    table.right_from(1);
    let mut text = table.finish();
    text.push('\n');
    for (rule, known) in rules {
        text += &format!("\nwatching {rule} has cost {} USD", known.cost);
    }
    if rules.is_empty() {
        text += "\nno rule of `cache` has watched likeness in this time";
    }
    text
}

fn csv(rows: &[Row]) -> String {
    let names = ["rule", "threshold", "watched", "would_hit", "compared", "agreed", "low", "high", "would_save_usd"];
    let mut lines = vec![line(names.into_iter().map(str::to_owned))];
    for row in rows {
        let [rule, rest @ ..] = cells(row);
        lines.push(line([text(Some(&rule))].into_iter().chain(rest)));
    }
    lines.join("\n")
}

fn cells(row: &Row) -> [String; 9] {
    let percent = |part: f64| format!("{:.1}%", part * 100.0);
    [
        row.rule.clone(),
        percent(f64::from(row.threshold) / 1e6),
        row.watched.to_string(),
        row.hits.to_string(),
        row.compared.to_string(),
        row.agreed.to_string(),
        percent(row.agreed_low),
        percent(row.agreed_high),
        row.saves_nanos.to_string(),
    ]
}
