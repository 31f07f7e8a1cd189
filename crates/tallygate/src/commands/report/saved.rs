//! `--savings`: what was saved, by group: by the cache of answers, by points for prompt caches of providers, and by moving calls
//! to cheaper models.

use super::super::table::{Listing, or_dash, pretty};
use super::csv::{line, text};
use super::table::total;
use super::{Format, Report, put};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use tg_store::ledger::{Dimension, MovedByRoute, RouteSaved, Saved};

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
    /// What moving calls saved, by team and route.
    routes: Vec<RouteSaved>,
}

impl Report {
    /// Sums and shows.
    pub(super) fn saved(&self) -> Result<()> {
        let mut groups: BTreeMap<Vec<Option<String>>, Saved> = BTreeMap::new();
        let mut routes = MovedByRoute::default();
        self.each(self.calls()?, &mut |record, _| {
            let saved = Saved::of(record);
            groups.entry(self.group("--savings", record)?).or_default().add(&saved);
            routes.take(record, &saved.moved);
            Ok(())
        })?;
        let savings = Savings::of(self.by.clone(), groups, routes.list());
        let text = match self.format {
            Format::Json => pretty(&savings)?,
            Format::Csv => savings.csv(),
            _ => savings.table(),
        };
        put(self.output.as_deref(), text)
    }
}

impl Savings {
    fn of(by: Vec<Dimension>, groups: BTreeMap<Vec<Option<String>>, Saved>, routes: Vec<RouteSaved>) -> Self {
        let mut totals = Saved::default();
        groups.values().for_each(|saved| totals.add(saved));
        let mut rows: Vec<Row> = groups.into_iter().map(|(group, saved)| Row { group, saved }).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.saved.all()));
        Self { by, rows, totals, routes }
    }

    fn table(&self) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str());
        let figures = [
            "calls",
            "hits",
            "saved by answers usd",
            "pointed",
            "saved by points usd",
            "moved",
            "saved by routing usd",
            "saved usd",
        ];
        let mut table = Listing::new(&dimensions.chain(figures).collect::<Vec<_>>());
        for row in &self.rows {
            let group = row.group.iter().map(|value| or_dash(value.as_deref().unwrap_or_default()));
            table.row(group.chain(cells(&row.saved)));
        }
        table.row(total(self.by.len()).chain(cells(&self.totals)));
        table.right_from(self.by.len());
        let mut text = table.finish() + &moved(&self.routes) + "\n\nwhat was saved is no part of any cost";
        if self.totals.unpriced_hits > 0 {
            text += &format!("\nunpriced      of {} hits no price is known", self.totals.unpriced_hits);
        }
        if self.totals.moved.unpriced_moves > 0 {
            let unknown = self.totals.moved.unpriced_moves;
            text += &format!("\nunpriced      of {unknown} moved calls it is not known what they would have cost");
        }
        text
    }

    fn csv(&self) -> String {
        let dimensions = self.by.iter().map(|dimension| dimension.as_str().to_owned());
        let figures = [
            "calls",
            "hits",
            "saved_by_answers_usd",
            "pointed",
            "saved_by_points_usd",
            "moved",
            "saved_by_routing_usd",
            "saved_usd",
            "unpriced_hits",
            "unpriced_moves",
        ];
        let figures = figures.map(str::to_owned);
        let mut lines = vec![line(dimensions.chain(figures))];
        for row in &self.rows {
            let group = row.group.iter().map(|value| text(value.as_deref()));
            let unpriced = [row.saved.unpriced_hits, row.saved.moved.unpriced_moves].map(|calls| calls.to_string());
            lines.push(line(group.chain(cells(&row.saved)).chain(unpriced)));
        }
        lines.join("\n")
    }
}

/// What moving calls saved, as a table; nothing where none was moved.
fn moved(routes: &[RouteSaved]) -> String {
    if routes.is_empty() {
        return String::new();
    }
    let mut table = Listing::new(&["team", "route", "moved", "paid usd", "without usd", "saved usd"]);
    for RouteSaved { team, route, moved } in routes {
        let amounts = [moved.paid, moved.from, moved.saved].map(|amount| amount.to_string());
        table.row([or_dash(team), route.clone(), moved.moved.to_string()].into_iter().chain(amounts));
    }
    table.right_from(2);
    format!("\n\nby rules that move calls by their tasks\n{}", table.finish())
}

fn cells(saved: &Saved) -> [String; 8] {
    let [answers, points, routing, all] =
        [saved.by_answers, saved.by_points, saved.moved.saved, saved.all()].map(|amount| amount.to_string());
    let [calls, hits, pointed, moved] =
        [saved.calls, saved.hits, saved.pointed, saved.moved.moved].map(|calls| calls.to_string());
    [calls, hits, answers, pointed, points, moved, routing, all]
}
