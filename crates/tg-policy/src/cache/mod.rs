//! Answers that are used again: for which calls, for how long, by whom, and which are worth keeping.
//!
//! Nothing here asks or keeps anything: `tg-proxy/cached` does, where `tg-store/answers` has them.

pub mod alike;
mod fitness;
mod key;
mod repeats;
mod wish;

pub use fitness::{is_determined, may_be_kept, rests_on_itself};
pub use key::{Key, Request, key, partition};
pub use repeats::{Repeats, Sight};
pub use wish::{HEADER, Wish};

use crate::admit::Scope;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::principal::Attribution;

/// Who may be given an answer that was kept. Never another team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Share {
    /// Calls of the same team.
    #[default]
    Team,
    /// Calls of the same team that are booked to the same project.
    Project,
    /// Calls with the same key.
    Key,
}

/// For which calls answers are kept, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name: unique, and shown in the ledger.
    pub name: Arc<str>,
    /// For which calls it is.
    pub scope: Scope,
    /// How long an answer is used again.
    pub ttl: Duration,
    /// By whom.
    pub share: Share,
    /// Only answers that the request determines: at temperature 0, of a stated seed, or vectors.
    pub only_determined: bool,
    /// Whether answers to like questions will do, too; `None`: they will not.
    pub alike: Option<alike::Alike>,
}

/// The rules of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// In the order in which they stand in the configuration.
    pub rules: Vec<Arc<Rule>>,
    /// Most bytes of an answer that is kept.
    pub answer_bytes_max: usize,
    /// A sum of all in the configuration that decides what providers answer: another one, other answers.
    pub revision: [u8; 32],
}

impl Rules {
    /// The first rule that is for such a call.
    #[must_use]
    pub fn of(&self, booked: &Attribution, model: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.scope.holds(booked, model, None))
    }
}

#[cfg(test)]
mod tests;
