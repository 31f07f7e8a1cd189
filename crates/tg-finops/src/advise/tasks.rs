//! Kinds of tasks within one use: which of them are simple, where the whole is not.

use super::cheaper::Task;
use super::seen::Use;
use tg_kernel::units::Money;

/// A kind at which was looked less often says nothing.
const SEEN_MIN: u64 = 20;

/// Kinds of which an answer may be short and yet hard to find.
const HARD: [&str; 4] = ["agentic", "code", "mathematics_and_reasoning", "short_question"];

/// The simple part of a use.
pub(super) struct SimplePart {
    /// Which kinds of tasks.
    pub(super) kinds: Vec<String>,
    /// The calls of these kinds at which was looked.
    pub(super) used: Use,
    /// Of all calls at which was looked,
    looked_at: u64,
    /// and of all calls there were.
    calls: u64,
}

impl SimplePart {
    /// The kinds of tasks whose answers are short, and need neither tools nor reasoning; `None` where there are none.
    pub(super) fn of(used: &Use) -> Option<Self> {
        let is_simple = |kind: &str, alike: &Use| {
            alike.calls >= SEEN_MIN && !HARD.contains(&kind) && Task::of(alike) == Task::Simple
        };
        let simple: Vec<_> = used.tasks.iter().filter(|(kind, alike)| is_simple(kind, alike)).collect();
        if simple.is_empty() {
            return None;
        }
        let kinds = simple.iter().map(|(kind, _)| (*kind).clone()).collect();
        let part = Use::together(simple.into_iter().map(|(_, alike)| alike));
        Some(Self { kinds, used: part, looked_at: used.looked_at(), calls: used.calls })
    }

    /// What was found of the calls at which was looked, as of all of them.
    pub(super) fn of_all(&self, money: Money) -> Money {
        let (nanos, all) = (i128::from(money.nanos()), i128::from(self.calls));
        Money::from_picos(nanos * 1_000 * all / i128::from(self.looked_at.max(1)))
    }

    /// What was seen, in words.
    pub(super) fn evidence(&self) -> String {
        let share = (self.used.calls * 200 + self.looked_at) / (self.looked_at * 2).max(1);
        format!("{} of {} calls looked at are {} ({share} %)", self.used.calls, self.looked_at, self.kinds.join(", "))
    }
}
