//! What moving calls by their tasks saved, by team and route: what was paid, and what the models that were asked for would have
//! cost for the same tokens.

use serde::Serialize;
use std::collections::BTreeMap;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;

/// What became of calls that were moved. Amounts are in nano-dollars; calls of which it is not known what they would have cost are
/// in none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Calls that went to a cheaper model first.
    pub moved: u64,
    /// Those of which nobody knows what they have cost, or would have.
    pub unpriced_moves: u64,
    /// What the others cost, with their failed tries.
    #[serde(rename = "moved_paid_nanos")]
    pub paid: Money,
    /// What the same tokens would have cost without the rule.
    #[serde(rename = "moved_from_nanos")]
    pub from: Money,
    /// The difference; below zero: moving them cost more.
    #[serde(rename = "saved_by_routing_nanos")]
    pub saved: Money,
}

impl Moved {
    /// What became of one that reached a provider.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let routed = record.decided.as_deref().and_then(|decided| decided.routed.as_ref());
        let Some(routed) = routed.filter(|routed| routed.is_moved() && record.served.is_some()) else {
            return Self::default();
        };
        let paid = record.total_cost();
        let is_known = matches!(paid.pricing, Pricing::Priced | Pricing::Nothing);
        let Some(from) = routed.from_cost.filter(|_| is_known) else {
            return Self { moved: 1, unpriced_moves: 1, ..Self::default() };
        };
        Self { moved: 1, unpriced_moves: 0, paid: paid.amount, from, saved: from.minus(paid.amount) }
    }

    /// Adds what became of others.
    pub fn add(&mut self, other: &Self) {
        self.moved += other.moved;
        self.unpriced_moves += other.unpriced_moves;
        self.paid = self.paid.plus(other.paid);
        self.from = self.from.plus(other.from);
        self.saved = self.saved.plus(other.saved);
    }
}

/// By team and route, while calls are read.
#[derive(Clone, Debug, Default)]
pub struct MovedByRoute(BTreeMap<(String, String), Moved>);

/// What moving calls of one team by the rule of one route saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteSaved {
    /// The team.
    pub team: String,
    /// The route.
    pub route: String,
    /// What became of its calls.
    #[serde(flatten)]
    pub moved: Moved,
}

impl MovedByRoute {
    /// Adds what became of a call.
    pub fn take(&mut self, record: &Record, moved: &Moved) {
        let routed = record.decided.as_deref().and_then(|decided| decided.routed.as_ref());
        if let Some(routed) = routed.filter(|_| moved.moved > 0) {
            let of = (record.attribution.team.to_string(), routed.route().to_owned());
            self.0.entry(of).or_default().add(moved);
        }
    }

    /// All of them, the most saved first.
    #[must_use]
    pub fn list(self) -> Vec<RouteSaved> {
        let all = self.0.into_iter().map(|((team, route), moved)| RouteSaved { team, route, moved });
        let mut all: Vec<RouteSaved> = all.collect();
        all.sort_by_key(|route| std::cmp::Reverse(route.moved.saved));
        all
    }
}
