//! Metrics of budgets.

use super::{Kind, Metric, label as l, own};

/// What may be spent.
pub const BUDGET_AMOUNT: Metric = own(
    "tallygate_budget_amount_usd",
    Kind::Gauge,
    "",
    "What may be spent of a budget in one window, for each value that it counts apart",
    &[l::BUDGET],
);
/// What is spent.
pub const BUDGET_SPENT: Metric = own(
    "tallygate_budget_spent_usd",
    Kind::Gauge,
    "",
    "What is booked in the open window of a budget, of all values that it counts apart together",
    &[l::BUDGET],
);
/// What is held.
pub const BUDGET_HELD: Metric = own(
    "tallygate_budget_held_usd",
    Kind::Gauge,
    "",
    "What a budget holds for calls that are under way or whose row is yet to be written",
    &[l::BUDGET],
);
/// What is spent of the fullest purse.
pub const BUDGET_FULLEST: Metric = own(
    "tallygate_budget_fullest_usd",
    Kind::Gauge,
    "",
    "What is booked in the open window of a budget for the value of which most is",
    &[l::BUDGET],
);
/// What was spent too much.
pub const BUDGET_OVERDRAWN: Metric = own(
    "tallygate_budget_overdrawn_usd",
    Kind::Gauge,
    "",
    "By how much what is booked and held passes a budget, of all values that it does: zero for those that refuse, unless a \
     provider reported more than a call could use or the amount was lowered",
    &[l::BUDGET],
);
/// Calls without money.
pub const BUDGET_REFUSALS: Metric = own(
    "tallygate_budget_refusals",
    Kind::Counter,
    "",
    "Calls for which a budget had no money: refused, sent to a cheaper model, or let pass by `allow_and_alert`",
    &[l::BUDGET],
);
/// Notices.
pub const BUDGET_NOTICES: Metric = own(
    "tallygate_budget_notices",
    Kind::Counter,
    "",
    "Notices that a share of a budget is spent or that it is exhausted; after a start also those told before it",
    &[l::BUDGET],
);
/// Calls that budgets could not count apart.
pub const BUDGET_CROWDED: Metric = own(
    "tallygate_budget_crowded",
    Kind::Counter,
    "",
    "Times that a budget took a call from what it has for all further values together, as there were too many",
    &[l::BUDGET],
);
