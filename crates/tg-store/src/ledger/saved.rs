//! What was saved, from the rows themselves: by the cache of answers, by points for prompt caches of providers, and by moving
//! calls to cheaper models.

use super::{CALLS_MAX, CallFilter, Ledger, Moved, MovedByRoute, RouteSaved};
use crate::error::StoreError;
use serde::Serialize;
use std::collections::BTreeMap;
use tg_kernel::clock::Timestamp;
use tg_kernel::record::{Pricing, Record};
use tg_kernel::units::Money;

/// What stands in what was decided about each call that may have saved something, as it is kept.
const TELLING: [&str; 3] = [r#""hit":"#, r#""prompt_cache":"#, r#""mode":"enforce""#];

/// What was saved for some calls. Amounts are in nano-dollars, and no part of any cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// All calls that were looked at.
    pub calls: u64,
    /// Those that were given an answer that had been kept.
    pub hits: u64,
    /// What these would have cost, each at the price of its time.
    #[serde(rename = "saved_by_answers_nanos")]
    pub by_answers: Money,
    /// Hits of which no price is known: in the sum they are nothing.
    pub unpriced_hits: u64,
    /// Calls that points were put into for their provider's prompt cache.
    pub pointed: u64,
    /// What the points saved, less what was paid more for what they wrote: below zero while nothing was read yet.
    #[serde(rename = "saved_by_points_nanos")]
    pub by_points: Money,
    /// Calls that were moved by their tasks.
    #[serde(flatten)]
    pub moved: Moved,
}

impl Saved {
    /// What was saved for one call.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let decided = record.decided.as_deref();
        let hit = decided.and_then(|decided| decided.cache.as_ref()?.hit.as_ref());
        let points = decided.and_then(|decided| decided.prompt_cache);
        Self {
            calls: 1,
            hits: hit.is_some().into(),
            by_answers: hit.map_or(Money::ZERO, |hit| hit.saved.amount),
            unpriced_hits: hit.is_some_and(|hit| hit.saved.pricing == Pricing::Unpriced).into(),
            pointed: points.is_some().into(),
            by_points: points.map_or(Money::ZERO, |points| points.saved),
            moved: Moved::of(record),
        }
    }

    /// Adds what was saved for others.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.hits += other.hits;
        self.by_answers = self.by_answers.plus(other.by_answers);
        self.unpriced_hits += other.unpriced_hits;
        self.pointed += other.pointed;
        self.by_points = self.by_points.plus(other.by_points);
        self.moved.add(&other.moved);
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Money {
        self.by_answers.plus(self.by_points).plus(self.moved.saved)
    }

    /// Whether nothing was tried that saves.
    const fn is_nothing(&self) -> bool {
        self.hits == 0 && self.pointed == 0 && self.moved.moved == 0
    }
}

/// What was saved by team, and by moving calls by team and route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedByTeam {
    /// Teams that had hits, points or moved calls, the most saved first. Other calls are in none of their figures.
    pub teams: Vec<(String, Saved)>,
    /// What moving calls saved, the most first.
    pub routes: Vec<RouteSaved>,
}

impl Ledger {
    /// What was saved by team, of calls that arrived from `since` on (inclusive) until `until` (exclusive). Reads the rows of that
    /// time one by one: what retention has deleted is not in it. Blocks for as long as the store computes; others may read between
    /// pages.
    ///
    /// # Errors
    /// When the store fails.
    pub fn saved(&self, since: Option<Timestamp>, until: Option<Timestamp>) -> Result<SavedByTeam, StoreError> {
        let decided_any = TELLING.map(str::to_owned).into();
        let mut filter = CallFilter { since, until, decided_any, ..CallFilter::default() };
        let mut teams: BTreeMap<String, Saved> = BTreeMap::new();
        let mut routes = MovedByRoute::default();
        loop {
            let page = self.calls(&filter, CALLS_MAX)?;
            for record in &page {
                let saved = Saved::of(record);
                if !saved.is_nothing() {
                    teams.entry(record.attribution.team.to_string()).or_default().add(&saved);
                    routes.take(record, &saved.moved);
                }
            }
            match page.last() {
                Some(record) if page.len() == CALLS_MAX => filter.before = Some(record.id),
                _ => break,
            }
        }
        let mut teams: Vec<(String, Saved)> = teams.into_iter().collect();
        teams.sort_by_key(|(_, saved)| std::cmp::Reverse(saved.all()));
        Ok(SavedByTeam { teams, routes: routes.list() })
    }
}
