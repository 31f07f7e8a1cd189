//! What would save money, and what asks for a decision: from what the ledger has seen, at the prices of now. The same
//! tokens are priced again, exactly; what cannot be known from a ledger is said as a risk, not hidden in a figure.

mod cheaper;
mod habits;
mod keys;
mod name;
mod prompts;
mod quality;
mod repeats;
mod retiring;
mod seen;
mod shop;
mod tasks;
mod unpriced;

pub use habits::{Habit, TaskShare, habits};
pub use keys::KeySeen;
pub use quality::{Quality, SAMPLES_MIN, Samples};
pub use repeats::Repeats;
pub use seen::{Detail, Spread, USES_MAX, Use, Uses, Whose};
pub use shop::{Seller, Shop};

use serde::{Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

const DAY_MICROS: i64 = 86_400_000_000;
/// A month, of which savings are told.
const MONTH_MICROS: i64 = 30 * DAY_MICROS;

/// All that advice is made of.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Who uses what.
    pub uses: &'a Uses,
    /// What comparisons of answers came to.
    pub samples: &'a Samples,
    /// How often the same was asked where no answers are kept.
    pub repeats: &'a Repeats,
    /// Prices.
    pub shop: Shop<'a>,
    /// Keys that are let in.
    pub keys: &'a [KeySeen],
    /// Targets of the configuration whose model is named: provider and model.
    pub targets: &'a BTreeSet<(String, String)>,
    /// From when on calls were counted.
    pub since: Timestamp,
}

/// What a piece of advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Another model would cost less.
    CheaperModel,
    /// A model that is switched off before long.
    RetiringModel,
    /// Input that is long enough for a prompt cache, and in none.
    PromptCache,
    /// Requests that are made again and again, whose answers are not kept.
    ResponseCache,
    /// Calls whose cost nobody knows.
    UnpricedModel,
    /// A key that nobody uses.
    IdleKey,
}

impl Kind {
    /// The name in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CheaperModel => "cheaper model",
            Self::RetiringModel => "retiring model",
            Self::PromptCache => "prompt cache",
            Self::ResponseCache => "response cache",
            Self::UnpricedModel => "unpriced model",
            Self::IdleKey => "idle key",
        }
    }
}

/// How likely it is that following the advice does harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Hardly.
    Low,
    /// Try it on a part first.
    Medium,
    /// Only after a comparison of answers.
    High,
}

impl Risk {
    /// The name in options and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What would be saved; below zero: what would be paid more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Saving {
    /// Of the calls that were seen.
    #[serde(rename = "period_nanos", serialize_with = "nanos")]
    pub period: Money,
    /// Of thirty days of such calls.
    #[serde(rename = "month_nanos", serialize_with = "nanos")]
    pub month: Money,
    /// Whether it rests on something that the ledger does not know; such savings are in no total.
    pub is_assumed: bool,
    /// Between what the saving of a month lies with 95 % certainty, where it follows from a part of the calls.
    #[serde(rename = "month_range_nanos", skip_serializing_if = "Option::is_none")]
    pub range: Option<[Money; 2]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn nanos<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(money.nanos())
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Target {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's id there.
    pub model: String,
}

/// What to change in the configuration: calls that go to one model should go to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The name that callers write.
    pub asked: String,
    /// Calls of this team alone, and of this project or of none; `None`: all calls.
    pub only: Option<(String, Option<String>)>,
    /// Of these, calls of such tasks alone; empty: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<String>,
    /// Where they go.
    pub from: Target,
    /// Where they should go.
    pub to: Target,
}

/// What to add to another section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Addition {
    /// A rule, after those that are there.
    Cache {
        /// Whose calls.
        team: String,
        /// The name that callers write.
        model: String,
        /// How long answers are kept.
        ttl: &'static str,
        /// Whether only of calls that determine them.
        only_deterministic: bool,
    },
    /// An entry that has points put, after those that are there.
    PromptCache {
        /// Whose calls.
        team: String,
        /// Their project; `None`: of any.
        project: Option<String>,
        /// The name that callers write.
        model: String,
    },
}

/// A piece of advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What it is about.
    pub kind: Kind,
    /// Whose calls.
    pub teams: Vec<String>,
    /// Their project, where it is one.
    pub project: Option<String>,
    /// What it is about, by name: a model or a key.
    pub subject: String,
    /// What to do.
    pub advice: String,
    /// What was seen.
    pub evidence: String,
    /// What would be saved, where that is a question of money.
    pub saving: Option<Saving>,
    /// How risky it is.
    pub risk: Risk,
    /// Why.
    pub why: String,
    /// How good the answers of the other model are, where they were compared.
    pub quality: Option<Quality>,
    /// Of which kinds of tasks these calls are, as far as that is known: those whose answers are to be compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// What to change in the configuration.
    pub change: Option<Change>,
    /// What to add to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addition: Option<Addition>,
    /// The command that does it.
    pub command: Option<String>,
}

/// All advice: of each kind the least risky first, then what saves most.
#[must_use]
pub fn advise(facts: &Facts<'_>) -> Vec<Advice> {
    let mut all: Vec<Advice> = Vec::new();
    for (whose, used) in facts.uses.iter() {
        all.extend(cheaper::advice(facts, whose, used));
        all.extend(prompts::advice(facts, whose, used));
        all.extend(unpriced::advice(facts, whose, used));
    }
    all.extend(repeats::advice(facts));
    all.extend(retiring::advice(facts));
    all.extend(keys::advice(facts));
    let saved = |advice: &Advice| advice.saving.map_or(Money::ZERO, |saving| saving.month);
    all.sort_by(|a, b| {
        let key = |one: &Advice| (one.kind, one.risk, Reverse(saved(one)));
        key(a).cmp(&key(b)).then_with(|| (&a.teams, &a.project, &a.subject).cmp(&(&b.teams, &b.project, &b.subject)))
    });
    all
}

/// What a month of following advice would save, by what the ledger knows.
#[must_use]
pub fn total(advice: &[Advice]) -> Money {
    let known = advice.iter().filter(|one| one.kind == Kind::CheaperModel).filter_map(|one| one.saving);
    known.filter(|saving| !saving.is_assumed).fold(Money::ZERO, |sum, saving| sum.plus(saving.month))
}

impl Facts<'_> {
    /// A saving of the period, as of thirty days. A period of less than a day counts as one: nobody knows what the rest of
    /// the day would have brought.
    fn saving(&self, period: Money, is_assumed: bool) -> Saving {
        self.saving_since(self.uses.first.unwrap_or(self.since), period, is_assumed)
    }

    /// The same, of what was seen from a moment on.
    fn saving_since(&self, first: Timestamp, period: Money, is_assumed: bool) -> Saving {
        let since = first.max(self.since);
        let span = self.shop.now.micros().saturating_sub(since.micros()).max(DAY_MICROS);
        let month = (i128::from(period.nanos()) * i128::from(MONTH_MICROS) * 1_000).div_euclid(i128::from(span));
        Saving { period, month: Money::from_picos(month), is_assumed, range: None }
    }
}

/// `12 calls`, `1 call`.
fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
