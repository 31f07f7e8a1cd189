//! What budgets ask of the ledger.

use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Attribution;
use tg_kernel::units::Money;

/// By what budgets sum what was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of a call's parts")]
pub enum SpentBy {
    Team,
    Project,
    Environment,
    Key,
    /// The model as the caller named it.
    AskedModel,
    /// All tags of a call together.
    Tags,
    /// The hour in UTC in which the call arrived.
    Hour,
}

/// What was spent by calls of a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SpentQuery {
    /// From when on they arrived, inclusive.
    pub since: Timestamp,
    /// Until when they arrived, exclusive; `None`: without end.
    pub until: Option<Timestamp>,
    /// By what to sum; nothing means all together.
    pub by: Vec<SpentBy>,
}

/// What calls that are alike cost together. What was not asked for is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentRow {
    /// To whom they are booked.
    pub attribution: Attribution,
    /// The model as their callers named it.
    pub model: Arc<str>,
    /// The hour in which they arrived.
    pub hour: Option<Timestamp>,
    /// What they cost, all tries included.
    pub cost: Money,
}
