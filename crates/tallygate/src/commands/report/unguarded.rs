//! `--unguarded`: calls that reached a model and that no guardrail set was for, by group.

use super::super::table::{Listing, or_dash, pretty};
use super::csv::{line, text};
use super::table::total;
use super::{Format, Report, put};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use tg_kernel::decided::Purpose;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::ledger::Dimension;

/// Calls that reached a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Reached {
    /// All of them.
    calls: u64,
    /// Those that no set was for.
    unguarded: u64,
    /// What these cost.
    #[serde(rename = "unguarded_cost_nanos")]
    cost: Money,
    /// What judges were asked for guardrails, rows of their own: none of the calls above.
    asked_by_guards: u64,
}

impl Reached {
    /// `None` for a call that reached no model.
    fn of(record: &Record) -> Option<Self> {
        record.served.as_ref()?;
        // Not by the tag: callers write tags, too.
        if record.decided.as_deref().is_some_and(|decided| decided.purpose == Some(Purpose::Guard)) {
            return Some(Self { asked_by_guards: 1, ..Self::default() });
        }
        Some(match record.guarded {
            Some(_) => Self { calls: 1, ..Self::default() },
            None => Self { calls: 1, unguarded: 1, cost: record.total_cost().amount, ..Self::default() },
        })
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.unguarded += other.unguarded;
        self.cost = self.cost.plus(other.cost);
        self.asked_by_guards += other.asked_by_guards;
    }
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// The values of the dimensions.
    group: Vec<Option<String>>,
    #[serde(flatten)]
    reached: Reached,
}

/// All of them, those with most unguarded calls first, and their sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Unguarded {
    by: Vec<Dimension>,
    rows: Vec<Row>,
    totals: Reached,
}

impl Report {
    /// Counts and shows.
    pub(super) fn unguarded(&self) -> Result<()> {
        let mut groups: BTreeMap<Vec<Option<String>>, Reached> = BTreeMap::new();
        self.each(self.calls()?, &mut |record, _| {
            if let Some(reached) = Reached::of(record) {
                groups.entry(self.group("--unguarded", record)?).or_default().add(&reached);
            }
            Ok(())
        })?;
        let found = Unguarded::of(self.by.clone(), groups);
        let text = match self.format {
            Format::Json => pretty(&found)?,
            Format::Csv => found.csv(),
            _ => found.table(),
        };
        put(self.output.as_deref(), text)
    }
}

impl Unguarded {
    fn of(by: Vec<Dimension>, groups: BTreeMap<Vec<Option<String>>, Reached>) -> Self {
        let mut totals = Reached::default();
        groups.values().for_each(|reached| totals.add(reached));
        let mut rows: Vec<Row> = groups.into_iter().map(|(group, reached)| Row { group, reached }).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.reached.unguarded));
        Self { by, rows, totals }
    }

    fn table(&self) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str());
        let figures = ["calls", "unguarded", "unguarded usd", "asked by guards"];
        let mut table = Listing::new(&dimensions.chain(figures).collect::<Vec<_>>());
        for row in &self.rows {
            let group = row.group.iter().map(|value| or_dash(value.as_deref().unwrap_or_default()));
            table.row(group.chain(cells(&row.reached)));
        }
        table.row(total(self.by.len()).chain(cells(&self.totals)));
        table.right_from(self.by.len());
        table.finish() + "\n\ncalls that reached a model; unguarded are those that no set of guardrails was for"
    }

    fn csv(&self) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str().to_owned());
        let figures = ["calls", "unguarded", "unguarded_usd", "asked_by_guards"].map(str::to_owned);
        let mut lines = vec![line(dimensions.chain(figures))];
        for row in &self.rows {
            let group = row.group.iter().map(|value| text(value.as_deref()));
            lines.push(line(group.chain(cells(&row.reached))));
        }
        lines.join("\n")
    }
}

fn cells(reached: &Reached) -> [String; 4] {
    let Reached { calls, unguarded, cost, asked_by_guards } = reached;
    [calls.to_string(), unguarded.to_string(), cost.to_string(), asked_by_guards.to_string()]
}
