//! What caches saved, as it travels.

use super::Amount;
use super::report::window;
use crate::query::Parameters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;
use tg_store::ledger::Saved;

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

/// What caches saved: that of answers, and points that were put for those of providers. No part of any cost: it is what was not
/// spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Savings {
    /// Calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost, each at the price of its time.
    pub saved: Amount,
    /// Calls that points were put into for their provider's prompt cache (`prompt_cache`).
    #[serde(default)]
    pub pointed: u64,
    /// What those points saved, less what was paid more for what they wrote.
    #[serde(default = "nothing")]
    pub saved_by_points: Amount,
    /// The same by team, the most first.
    pub teams: Vec<TeamSavings>,
}

/// What caches saved one team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TeamSavings {
    /// The team.
    pub team: String,
    /// Its calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost.
    pub saved: Amount,
    /// Its calls that points were put into.
    #[serde(default)]
    pub pointed: u64,
    /// What those points saved.
    #[serde(default = "nothing")]
    pub saved_by_points: Amount,
}

fn nothing() -> Amount {
    Money::ZERO.into()
}

impl From<Vec<Saved>> for Savings {
    fn from(all: Vec<Saved>) -> Self {
        let count = |of: fn(&Saved) -> u64| all.iter().map(of).sum();
        let sum = |of: fn(&Saved) -> Money| all.iter().fold(Money::ZERO, |sum, one| sum.plus(of(one))).into();
        let (hits, saved) = (count(|of| of.hits), sum(|of| of.amount));
        let (pointed, saved_by_points) = (count(|of| of.pointed), sum(|of| of.by_points));
        let team = |of: Saved| TeamSavings {
            team: of.team,
            hits: of.hits,
            saved: of.amount.into(),
            pointed: of.pointed,
            saved_by_points: of.by_points.into(),
        };
        Self { hits, saved, pointed, saved_by_points, teams: all.into_iter().map(team).collect() }
    }
}
