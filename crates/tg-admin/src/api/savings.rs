//! What the cache of answers saved, as it travels.

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

/// What the cache of answers saved. No part of any cost: it is what was not spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Savings {
    /// Calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost, each at the price of its time.
    pub saved: Amount,
    /// The same by team, the most first.
    pub teams: Vec<TeamSavings>,
}

/// What the cache of answers saved one team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TeamSavings {
    /// The team.
    pub team: String,
    /// Its calls that were given an answer that had been kept.
    pub hits: u64,
    /// What they would have cost.
    pub saved: Amount,
}

impl From<Vec<Saved>> for Savings {
    fn from(all: Vec<Saved>) -> Self {
        let (hits, saved) = all.iter().fold((0, Money::ZERO), |(hits, sum), of| (hits + of.hits, sum.plus(of.amount)));
        let team = |Saved { team, hits, amount }| TeamSavings { team, hits, saved: amount.into() };
        Self { hits, saved: saved.into(), teams: all.into_iter().map(team).collect() }
    }
}
