//! What the cache of answers did for a call, and what that saved.

use crate::ids::CallId;
use crate::record::Cost;
use crate::usage::Usage;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What became of a call for which a rule of the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was given an answer that had been kept.
    Hit,
    /// It was given the answer to a question that is like its own.
    Alike,
    /// There was none.
    Miss,
    /// Its caller wanted a fresh one.
    Refresh,
    /// Its caller wanted none of the cache.
    Off,
    /// It is none whose answers are kept: its answer is not determined by it, or rests on more than it.
    Unfit,
    /// The answers that gateways share were away.
    Away,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [Self::Hit, Self::Alike, Self::Miss, Self::Refresh, Self::Off, Self::Unfit, Self::Away];

    /// The name in headers, metrics and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Alike => "alike",
            Self::Miss => "miss",
            Self::Refresh => "refresh",
            Self::Off => "off",
            Self::Unfit => "unfit",
            Self::Away => "away",
        }
    }
}

/// How an answer was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Exactly the same was asked.
    Exact,
    /// The last question is like that of the other call; all else is the same.
    Alike,
}

impl Kind {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Alike => "alike",
        }
    }
}

/// What the cache did for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reuse {
    /// The rule that is for it.
    pub rule: Arc<str>,
    /// What became of it.
    pub outcome: Outcome,
    /// The answer that it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit: Option<Hit>,
    /// Whether its answer is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// An answer that was given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// How it was found.
    pub kind: Kind,
    /// How like the two questions are, in millionths; `None` where they are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<u32>,
    /// How old it was, in whole seconds.
    pub age_s: u64,
    /// The call that it was made for.
    pub from: CallId,
    /// Who made it.
    pub provider: Arc<str>,
    /// Of which model.
    pub model: Arc<str>,
    /// What it used then.
    pub usage: Usage,
    /// What that would have cost now. No part of what the call cost, which is nothing.
    pub saved: Cost,
}
