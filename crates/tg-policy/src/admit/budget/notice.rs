//! What somebody is told of a budget: that a share of it is spent, or that there was no money for a call.

use super::purse::Purse;
use super::{Budget, PurseAsk};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// So many hundredths of the amount are spent.
    Spent(u16),
    /// A call found no money: the first of the window.
    Exhausted,
}

impl NoticeKind {
    /// The name in the store, in logs and in notices: `80%`, `exhausted`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Spent(share) => format!("{share}%"),
            Self::Exhausted => "exhausted".to_owned(),
        }
    }
}

/// What somebody is told, once for each purse, window and kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The purse's key; with the kind it tells notices apart.
    pub purse: String,
    /// Why.
    pub kind: NoticeKind,
    /// The budget's name.
    pub budget: Arc<str>,
    /// Whose purse it is: what the budget counts by, and the value.
    pub of: Vec<(String, String)>,
    /// What may be spent in one window.
    pub amount: Money,
    /// What is spent.
    pub spent: Money,
    /// What is held for calls that are under way.
    pub held: Money,
    /// The first moment that counts.
    pub since: Timestamp,
    /// When the window ends; `None` for those that do not.
    pub until: Option<Timestamp>,
    /// When it happened.
    pub at: Timestamp,
}

impl Notice {
    pub(super) fn new(kind: NoticeKind, budget: &Budget, ask: &PurseAsk, purse: &Purse, at: Timestamp) -> Self {
        Self {
            purse: ask.key.clone(),
            kind,
            budget: Arc::clone(&budget.name),
            of: purse.of.clone(),
            amount: budget.amount,
            spent: purse.spent.sum(ask.hour),
            held: purse.held,
            // A call of a clock that went back may come out of a later window than its own.
            since: ask.hours.map_or(purse.start, |_| ask.since),
            until: purse.until,
            at,
        }
    }
}
