//! The refusal of a call for which a budget has no money, in words that say which, whose, how much is left, and when it
//! opens.

use super::purse::Purse;
use super::window::start_of_hour;
use super::{Budget, OnExhausted, PurseAsk};
use crate::admit::{Shortage, printable};
use std::sync::Arc;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::units::Money;

/// A call for which a budget has no money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// The budget's name.
    pub budget: Arc<str>,
    /// What is left in the purse that has the least; not below zero.
    pub left: Money,
    /// What the call can cost at most.
    pub worst: Money,
    /// How many output tokens the call could have, as far as whoever asked has found out; none where not one fits.
    pub output_that_fits: Option<u64>,
    /// The model by which the call may go on.
    pub downgrade: Option<Arc<str>>,
    /// It is not for want of money: more calls hold some than can be kept apart.
    is_crowded: bool,
    message: String,
}

impl From<Exhausted> for Fault {
    /// `Class::OverBudget` (`budget_exhausted`), which no client takes for something to wait for; `Class::Overloaded`
    /// (`holds_crowded`) where there is money, and only the gateway is at its end.
    fn from(exhausted: Exhausted) -> Self {
        let Exhausted { mut message, output_that_fits, is_crowded, .. } = exhausted;
        if is_crowded {
            return Self::new(Class::Overloaded, Origin::Gateway, "holds_crowded", message);
        }
        if let Some(tokens) = output_that_fits {
            message.push_str(&format!(" It would fit with a bound of {tokens} output tokens."));
        }
        Self::new(Class::OverBudget, Origin::Gateway, "budget_exhausted", message)
    }
}

impl Exhausted {
    pub(super) fn new(budget: &Budget, ask: &PurseAsk, purse: Option<&Purse>, left: Money, worst: Money) -> Self {
        // More may be spent than the amount: that much more must grow old first.
        let (room, left) = (left, left.max(Money::ZERO));
        let whose: Vec<String> = purse
            .iter()
            .flat_map(|purse| &purse.of)
            .map(|(noun, value)| format!("{noun} '{}'", printable(value)))
            .collect();
        let whose = if whose.is_empty() { String::new() } else { format!(" of {}", whose.join(" and ")) };
        let (amount, window) = (budget.amount, budget.window.words());
        let opens = match (ask.until, ask.hours) {
            (Some(until), _) => format!("It opens again on {}.", budget.zone.show(until)),
            (None, Some(_)) => purse.and_then(|purse| purse.spent.opens(ask.hour, room, worst)).map_or_else(
                || "Room comes back as what was spent grows older.".to_owned(),
                |hour| format!("There is room for such a call on {}.", budget.zone.show(start_of_hour(hour))),
            ),
            (None, None) => "It is prepaid, and is not filled up by itself.".to_owned(),
        };
        let needs = if budget.shortage == Shortage::Refuse { "can cost up to" } else { "needs" };
        let message = format!(
            "The budget '{}'{whose} is exhausted: {amount} USD {window}, of which {left} USD are left, and this call {needs} \
             {worst} USD. {opens}",
            budget.name
        );
        let downgrade = match &budget.on_exhausted {
            OnExhausted::Downgrade(model) => Some(Arc::clone(model)),
            OnExhausted::Refuse | OnExhausted::AllowAndAlert => None,
        };
        Self {
            budget: Arc::clone(&budget.name),
            left,
            worst,
            output_that_fits: None,
            downgrade,
            is_crowded: false,
            message,
        }
    }

    pub(super) fn crowded(worst: Money) -> Self {
        let message = "More calls hold money than the gateway can keep apart. Its operator should look at the ledger, \
                       for which finished calls wait.";
        Self {
            budget: Arc::from(""),
            left: Money::ZERO,
            worst,
            output_that_fits: None,
            downgrade: None,
            is_crowded: true,
            message: message.to_owned(),
        }
    }
}
