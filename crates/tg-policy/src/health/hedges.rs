//! Second tries beside slow first ones: how they fared, and why there were none.

use super::Firsts;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of a second try that left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was heard first.
    Won,
    /// The first try was heard first.
    Lost,
    /// It failed while the first went on.
    Failed,
}

/// Why a slow call has no second try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHedge {
    /// Done twice it might be another thing.
    Unrepeatable,
    /// None of its other targets is well and has a place at once.
    NoTarget,
    /// As many calls have one as the route allows.
    Share,
    /// As many tries were repeated as `resilience.retry_share` allows.
    Retries,
    /// A budget has no money for both.
    Money,
    /// A limit has no room for both.
    Limit,
    /// The other target could not be sent to: its pool was full, or what it needs was not there.
    NotReady,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Won, Self::Lost, Self::Failed];

    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Failed => "failed",
        }
    }
}

impl NoHedge {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Unrepeatable, Self::NoTarget, Self::Share, Self::Retries, Self::Money, Self::Limit, Self::NotReady];

    /// The name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unrepeatable => "unrepeatable",
            Self::NoTarget => "no_target",
            Self::Share => "share",
            Self::Retries => "retries",
            Self::Money => "money",
            Self::Limit => "limit",
            Self::NotReady => "not_ready",
        }
    }
}

/// What is known of second tries, in this process.
#[derive(Debug, Default)]
pub struct Hedges {
    /// How long first words took, where a route goes by that.
    pub firsts: Firsts,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    none: [AtomicU64; NoHedge::ALL.len()],
}

impl Hedges {
    /// Counts what became of one.
    pub fn ended(&self, outcome: Outcome) {
        if let Some(tally) = self.outcomes.get(outcome as usize) {
            tally.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one that there was not.
    pub fn denied(&self, why: NoHedge) {
        if let Some(tally) = self.none.get(why as usize) {
            tally.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each came to be.
    #[must_use]
    pub fn outcomes(&self) -> [(&'static str, u64); Outcome::ALL.len()] {
        let mut all = Outcome::ALL.map(|outcome| (outcome.as_str(), 0));
        all.iter_mut().zip(&self.outcomes).for_each(|((_, count), tally)| *count = tally.load(Ordering::Relaxed));
        all
    }

    /// How often there was none, by why.
    #[must_use]
    pub fn none(&self) -> [(&'static str, u64); NoHedge::ALL.len()] {
        let mut all = NoHedge::ALL.map(|why| (why.as_str(), 0));
        all.iter_mut().zip(&self.none).for_each(|((_, count), tally)| *count = tally.load(Ordering::Relaxed));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_under_its_own_name() {
        let hedges = Hedges::default();
        hedges.ended(Outcome::Lost);
        NoHedge::ALL.into_iter().for_each(|why| hedges.denied(why));
        hedges.denied(NoHedge::NotReady);
        assert_eq!(hedges.outcomes(), [("won", 0), ("lost", 1), ("failed", 0)]);
        let expected = |why: NoHedge| (why.as_str(), if why == NoHedge::NotReady { 2 } else { 1 });
        assert_eq!(hedges.none(), NoHedge::ALL.map(expected));
    }
}
