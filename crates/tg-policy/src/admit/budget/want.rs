//! What a call wants of its purses where its output can be bounded: as much as it allows, what is usual, or what is left.

use super::{Budget, PurseAsk};
use crate::admit::{Reserve, Shortage};
use tg_kernel::units::Money;

/// What a call can cost, as far as that depends on how much output it makes.
pub struct Want<'a> {
    /// With all the output that it allows: the most that it can cost.
    pub most: Money,
    /// With the output that calls of its kind usually do not exceed.
    pub usual: Money,
    /// With so many output tokens of each answer, or the fewest with which it can be sent at all.
    pub with_output: &'a dyn Fn(u64) -> Money,
    /// How its output can be bounded.
    pub bounds: Bounds,
}

/// How a call's output can be bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bounds {
    /// Not at all: it makes what it makes.
    #[default]
    Not,
    /// Before it is sent.
    Before,
    /// Before it is sent, or while it streams: all that it makes can be seen.
    Midway,
}

impl Want<'_> {
    /// Of a call that costs so much at most, and cannot be bounded.
    #[must_use]
    pub const fn fixed(most: Money) -> Self {
        Self { most, usual: most, with_output: &|_| Money::ZERO, bounds: Bounds::Not }
    }
}

/// What is held for a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether it meets a budget.
    pub met: bool,
    /// How much: less than the most that it can cost only where its output is bounded by it.
    pub amount: Money,
    /// Whether it may be sent as it is, to be ended when what is held is used up and [no more](super::Purses::extend) is
    /// there. Else a call that can cost more than is held must be bounded before.
    pub stepwise: bool,
}

/// What a call wants of all purses that it meets, and needs of each.
pub(super) struct Terms {
    /// What is held if there is room.
    pub(super) wanted: Money,
    /// The least of all purses whose budgets bound.
    pub(super) needed: Money,
    pub(super) stepwise: bool,
}

impl Terms {
    /// Of a call that meets these budgets.
    pub(super) fn new<'a>(want: &Want<'_>, met: impl Iterator<Item = &'a Budget> + Clone) -> Self {
        let hard = met.filter(|budget| budget.is_hard());
        let cuts = |budget: &Budget| matches!(budget.shortage, Shortage::Cut { .. });
        // Where one wants to know beforehand what a call costs, it must be known.
        let stepwise = want.bounds == Bounds::Midway && hard.clone().next().is_some() && hard.clone().all(cuts);
        let is_usual = stepwise && hard.clone().all(|budget| budget.reserve == Reserve::Usual);
        let wanted = if is_usual { want.usual.min(want.most) } else { want.most };
        let least = hard.filter_map(|budget| bounded_to(want, budget)).map(|tokens| (want.with_output)(tokens));
        Self { wanted, needed: least.max().unwrap_or(wanted).min(wanted), stepwise }
    }
}

/// Whether a budget takes less of a call than it wants.
pub(super) fn bends(want: &Want<'_>, ask: &PurseAsk, budget: &Budget) -> bool {
    ask.hard && bounded_to(want, budget).is_some()
}

fn bounded_to(want: &Want<'_>, budget: &Budget) -> Option<u64> {
    match budget.shortage {
        Shortage::Clamp { least } | Shortage::Cut { least } if want.bounds != Bounds::Not => Some(least),
        _ => None,
    }
}
