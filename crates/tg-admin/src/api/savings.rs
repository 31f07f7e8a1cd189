//! What was saved, as it travels.

use super::report::window;
use super::{Amount, Time};
use crate::query::Parameters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;
use tg_store::ledger;

/// Of which time savings are summed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavingsRequest {
    /// From when on calls arrived, inclusive; see [`super::time::past`].
    pub since: Option<String>,
    /// Until when they arrived, exclusive; see [`super::time::past`].
    pub until: Option<String>,
}

impl SavingsRequest {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_query(query: &str) -> Result<Self, Vec<String>> {
        let mut parameters = Parameters::read(query, &["since", "until"]);
        let request = Self { since: parameters.one("since"), until: parameters.one("until") };
        parameters.finish(request)
    }

    /// As the store takes it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn resolve(&self, now: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), Vec<String>> {
        let mut problems = Vec::new();
        let window = window(self.since.as_deref(), self.until.as_deref(), now, &mut problems);
        if problems.is_empty() { Ok(window) } else { Err(problems) }
    }
}

/// What was saved: by answers that were given again, by points for prompt caches of providers, and by moving calls to cheaper models
/// by their tasks. No part of any cost: it is what was not spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Savings {
    /// From when on calls are in it: retention has deleted the rows of earlier ones. Absent: none was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_since: Option<Time>,
    /// For all calls.
    #[serde(flatten)]
    pub totals: Saved,
    /// The same by team, the most first.
    pub teams: Vec<TeamSavings>,
    /// What moving calls saved, by team and route, the most first.
    #[serde(default)]
    pub routes: Vec<RouteSavings>,
}

/// What was saved for some calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Saved {
    /// Calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost, each at the price of its time.
    pub saved: Amount,
    /// Hits of which no price is known: in the sum they are nothing.
    #[serde(default)]
    pub unpriced_hits: u64,
    /// Calls that points were put into for their provider's prompt cache (`prompt_cache`).
    #[serde(default)]
    pub pointed: u64,
    /// What those points saved, less what was paid more for what they wrote.
    #[serde(default = "nothing")]
    pub saved_by_points: Amount,
    /// What became of calls that were moved to cheaper models.
    #[serde(flatten)]
    pub moved: Moved,
    /// All of it: of answers, points and moved calls.
    #[serde(default = "nothing")]
    pub saved_in_all: Amount,
}

/// What became of calls that were moved to cheaper models by their tasks (`task_routing`). Calls of which it is not known what they
/// would have cost are in none of the amounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// Calls that went to a cheaper model first.
    #[serde(default)]
    pub moved: u64,
    /// Those of which nobody knows what they have cost, or would have.
    #[serde(default)]
    pub unpriced_moves: u64,
    /// What the others cost, with their failed tries.
    #[serde(default = "nothing")]
    pub moved_paid: Amount,
    /// What the same tokens would have cost where they were to go.
    #[serde(default = "nothing")]
    pub moved_from: Amount,
    /// The difference; below zero: moving them cost more.
    #[serde(default = "nothing")]
    pub saved_by_routing: Amount,
}

/// What was saved for one team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TeamSavings {
    /// The team.
    pub team: String,
    /// What was saved.
    #[serde(flatten)]
    pub saved: Saved,
}

/// What moving calls of one team by the rule of one route saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteSavings {
    /// The team.
    pub team: String,
    /// The route.
    pub route: String,
    /// What became of its calls.
    #[serde(flatten)]
    pub moved: Moved,
}

fn nothing() -> Amount {
    Money::ZERO.into()
}

impl From<&ledger::Saved> for Saved {
    fn from(saved: &ledger::Saved) -> Self {
        Self {
            hits: saved.hits,
            saved: saved.by_answers.into(),
            unpriced_hits: saved.unpriced_hits,
            pointed: saved.pointed,
            saved_by_points: saved.by_points.into(),
            moved: (&saved.moved).into(),
            saved_in_all: saved.all().into(),
        }
    }
}

impl From<&ledger::Moved> for Moved {
    fn from(moved: &ledger::Moved) -> Self {
        Self {
            moved: moved.moved,
            unpriced_moves: moved.unpriced_moves,
            moved_paid: moved.paid.into(),
            moved_from: moved.from.into(),
            saved_by_routing: moved.saved.into(),
        }
    }
}

impl From<ledger::SavedByTeam> for Savings {
    fn from(found: ledger::SavedByTeam) -> Self {
        let mut totals = ledger::Saved::default();
        found.teams.iter().for_each(|(_, saved)| totals.add(saved));
        let teams = found.teams.into_iter().map(|(team, saved)| TeamSavings { team, saved: (&saved).into() });
        let routes = found.routes.into_iter().map(|ledger::RouteSaved { team, route, moved }| RouteSavings {
            team,
            route,
            moved: (&moved).into(),
        });
        Self { rows_since: None, totals: (&totals).into(), teams: teams.collect(), routes: routes.collect() }
    }
}
