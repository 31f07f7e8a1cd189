//! Budgets in money: which of them a call meets, and which purse of each its cost comes out of.
//!
//! A *purse* is what one budget has for one combination of the values that it counts by, in one window. What it holds is
//! *spent* (booked in the ledger) or *held* (for calls that are under way, or whose row is yet to be written). A call is
//! let through if in every purse that it meets `spent + held + the most that the call can cost` is no more than the
//! amount; then that much is held. When the call ends, the hold shrinks to what it really cost, and becomes spent with the
//! call's row in the ledger: so what is spent is at all times the sum of the ledger's rows.
//!
//! Which purses a call meets is decided by [`Budgets::asks`], from facts alone. [`Purses`] is the engine that answers in
//! one process. A shared engine takes the same asks: the keys of purses are plain text that every process makes alike, and
//! that has all in it on which a sum depends, so that a changed budget is another purse. It needs the verbs of [`Purses`]
//! (reserve, raise, extend, settle, book, each idempotent by the call's id) and, for a purse that it has not, the sum of the ledger's
//! rows since [`PurseAsk::since`], as [`Purses::load`] takes it. A rolling purse is one sum for each hour of
//! [`PurseAsk::hour`]; those older than [`PurseAsk::hours`] before now do not count.

mod exhausted;
mod history;
mod load;
mod notice;
mod purse;
mod purses;
mod room;
mod share;
mod shared;
mod table;
mod view;
mod want;
mod window;

pub use exhausted::Exhausted;
pub use notice::{Notice, NoticeKind};
pub use purses::Purses;
pub use shared::{SharedPurse, least_left};
pub use view::{BudgetFigures, PurseView};
pub use want::{Bounds, Held, Want};
pub use window::Window;

use super::WhenAway;
use super::limit::{Dimension, Reserve, Scope};
use super::output::Shortage;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use tg_kernel::calendar::Zone;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::ledger::{SpentBy, SpentQuery};

/// What happens with a call for which a budget has no money.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnExhausted {
    /// It is refused.
    #[default]
    Refuse,
    /// It goes where calls for this model go, if that fits.
    Downgrade(Arc<str>),
    /// It goes on, and somebody is told.
    AllowAndAlert,
}

/// One budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// Its name: unique, and shown to callers.
    pub name: Arc<str>,
    /// For which calls it is. A budget is never of providers.
    pub scope: Scope,
    /// By what it counts apart; empty: all its calls together.
    pub each: Vec<Dimension>,
    /// What may be spent in one window.
    pub amount: Money,
    /// How long that lasts.
    pub window: Window,
    /// By which clock windows begin.
    pub zone: Zone,
    /// The first moment that counts.
    pub starts: Option<Timestamp>,
    /// Hundredths of the amount at whose reaching somebody is told.
    pub warn_at: Vec<u16>,
    /// What happens with a call for which there is no money.
    pub on_exhausted: OnExhausted,
    /// What happens while the purses that replicas share are away.
    pub when_away: WhenAway,
    /// What happens with a call that can cost more than is left, if its output can be bounded.
    pub shortage: Shortage,
    /// How much is held for a stream that can be cut; for all others, the most that they can cost.
    pub reserve: Reserve,
}

impl Budget {
    /// Whether it holds calls up: then what a call can cost must be known.
    #[must_use]
    pub fn is_hard(&self) -> bool {
        self.on_exhausted != OnExhausted::AllowAndAlert
    }

    /// Whether it is for such calls.
    #[must_use]
    pub fn meets(&self, payer: &Payer<'_>) -> bool {
        self.scope.holds(payer.attribution, payer.model, None)
    }
}

/// Who pays for a call, as budgets want to know it.
#[derive(Clone, Copy, Debug)]
pub struct Payer<'a> {
    /// To whom it is booked.
    pub attribution: &'a Attribution,
    /// The model that the caller named.
    pub model: &'a str,
}

impl<'a> From<&'a Record> for Payer<'a> {
    fn from(record: &'a Record) -> Self {
        Self { attribution: &record.attribution, model: &record.asked.model }
    }
}

/// What a call wants of one budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurseAsk {
    /// The budget's place in its list.
    pub budget: usize,
    /// The purse, the same in every process.
    pub key: String,
    /// The purse of all values together, for when there are too many to count apart.
    pub together: String,
    /// What may be in it at most.
    pub amount: Money,
    /// The first moment that counts in it.
    pub since: Timestamp,
    /// When its window ends; `None` for those that do not.
    pub until: Option<Timestamp>,
    /// Of a rolling purse: how many hours before this one count.
    pub hours: Option<u32>,
    /// The hour in which the call arrived, since 1970.
    pub hour: i64,
    /// Whether it holds the call up.
    pub hard: bool,
}

/// The budgets of a configuration.
#[derive(Debug, Default)]
pub struct Budgets {
    list: Vec<Budget>,
    /// Of each, what tells apart what it counts: the same while its sums are.
    digests: Vec<String>,
}

impl Budgets {
    /// Takes the budgets in the order in which they stand in the configuration.
    #[must_use]
    pub fn new(list: Vec<Budget>) -> Self {
        let digests = list.iter().map(digest).collect();
        Self { list, digests }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The budgets, in their order.
    #[must_use]
    pub fn list(&self) -> &[Budget] {
        &self.list
    }

    /// Whether a call meets a budget, and whether it meets one that may hold it up.
    #[must_use]
    pub fn meets(&self, payer: &Payer<'_>, at: Timestamp) -> (bool, bool) {
        let met =
            self.list.iter().filter(|budget| budget.starts.is_none_or(|starts| at >= starts) && budget.meets(payer));
        met.fold((false, false), |(_, hard), budget| (true, hard || budget.is_hard()))
    }

    /// What a call that arrived at `at` wants of each budget that it meets. `floors` are, for each budget, the earliest
    /// moment of which anything is known: a clock that goes back does not open windows that were left behind.
    #[must_use]
    pub fn asks(&self, payer: &Payer<'_>, at: Timestamp, floors: &[Timestamp]) -> Vec<PurseAsk> {
        let met = self.list.iter().enumerate().filter(|(_, budget)| budget.meets(payer));
        let begun = met.filter(|(_, budget)| budget.starts.is_none_or(|starts| at >= starts));
        begun
            .filter_map(|(number, budget)| {
                let at = floors.get(number).map_or(at, |floor| at.max(*floor));
                self.ask(number, budget, payer, at)
            })
            .collect()
    }

    fn ask(&self, number: usize, budget: &Budget, payer: &Payer<'_>, at: Timestamp) -> Option<PurseAsk> {
        let (start, until) = budget.window.around(&budget.zone, budget.starts, at);
        let name = format!("{}~{}", budget.name, self.digests.get(number)?);
        let mut key = name.clone();
        for dimension in &budget.each {
            key.push('/');
            escape(&value(dimension, payer), &mut key);
        }
        let window = start.map_or_else(String::new, |start| format!("@{}", start.seconds()));
        key.push_str(&window);
        Some(PurseAsk {
            budget: number,
            key,
            together: format!("{name}/*{window}"),
            amount: budget.amount,
            since: budget.since(at),
            until,
            hours: budget.window.hours(),
            hour: hour_of(at),
            hard: budget.is_hard(),
        })
    }

    /// What must be summed of the ledger before the budget at this place can be in force at `at`.
    #[must_use]
    pub fn wanted(&self, number: usize, at: Timestamp) -> Option<SpentQuery> {
        let budget = self.list.get(number)?;
        let mut by = Vec::new();
        let Scope { team, project, environment, key, model, aliases: _, provider: _, tag } = &budget.scope;
        let scoped = [
            (SpentBy::Team, team),
            (SpentBy::Project, project),
            (SpentBy::Environment, environment),
            (SpentBy::Key, key),
            (SpentBy::AskedModel, model),
            (SpentBy::Tags, tag),
        ];
        by.extend(scoped.into_iter().filter(|(_, scope)| scope.is_some()).map(|(by, _)| by));
        for dimension in &budget.each {
            match dimension {
                Dimension::Team => by.push(SpentBy::Team),
                Dimension::Project => by.extend([SpentBy::Team, SpentBy::Project]),
                Dimension::Environment => by.extend([SpentBy::Team, SpentBy::Environment]),
                Dimension::Key => by.push(SpentBy::Key),
                Dimension::Model => by.push(SpentBy::AskedModel),
                Dimension::Tag(_) => by.extend([SpentBy::Team, SpentBy::Tags]),
                Dimension::Provider => {}
            }
        }
        if budget.window.hours().is_some() {
            by.push(SpentBy::Hour);
        }
        by.sort_unstable();
        by.dedup();
        let (_, until) = budget.window.around(&budget.zone, budget.starts, at);
        Some(SpentQuery { since: budget.since(at), until, by })
    }

    fn digest(&self, number: usize) -> Option<&str> {
        self.digests.get(number).map(String::as_str)
    }
}

impl Budget {
    /// The first moment that counts at `at`.
    fn since(&self, at: Timestamp) -> Timestamp {
        let since = self.window.since(&self.zone, self.starts, at);
        self.starts.map_or(since, |starts| since.max(starts))
    }

    /// The values that a call has in what the budget counts by, with their nouns.
    fn values(&self, payer: &Payer<'_>) -> Vec<(String, String)> {
        self.each.iter().map(|dimension| (dimension.noun(), value(dimension, payer))).collect()
    }
}

/// What a call does not have counts as one value of its own: the empty one. Teams have projects, environments and tags of
/// the same name.
fn value(dimension: &Dimension, payer: &Payer<'_>) -> String {
    let booked = payer.attribution;
    let of_team = |value: Option<&str>| format!("{}:{}", booked.team, value.unwrap_or_default());
    match dimension {
        Dimension::Team => booked.team.to_string(),
        Dimension::Project => of_team(booked.project.as_deref()),
        Dimension::Environment => of_team(booked.environment.as_deref()),
        Dimension::Key => booked.key_id.to_string(),
        Dimension::Model => payer.model.to_owned(),
        Dimension::Provider => String::new(),
        Dimension::Tag(name) => {
            let found = booked.tags.iter().find_map(|tag| tag.strip_prefix(name.as_str())?.strip_prefix('='));
            of_team(found)
        }
    }
}

/// Keeps apart what stands in a key: values may be of any text.
fn escape(value: &str, key: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':') {
            key.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(key, "%{byte:02X}");
        }
    }
}

/// Of what a budget's sums depend on. What only decides on them, as its amount, is left out.
fn digest(budget: &Budget) -> String {
    let Budget { scope, each, window, zone, starts, .. } = budget;
    let mut scope = format!("{scope:?}");
    // Without names for its model it is called as it was before there were any: gateways of two versions share purses.
    if budget.scope.aliases.is_empty() {
        scope = scope.replacen(", aliases: []", "", 1);
    }
    let text = format!("{scope} {each:?} {window:?} {zone} {:?}", starts.map(Timestamp::micros));
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hour_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(3600)
}

#[cfg(test)]
mod tests;
