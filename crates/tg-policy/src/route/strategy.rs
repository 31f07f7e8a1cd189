//! In which order a call's targets are tried.

use crate::health::Pace;
use std::borrow::Borrow;
use std::sync::Arc;
use tg_kernel::target::Target;
use tg_kernel::units::Money;

/// Output tokens of an answer whose length nobody knows, where targets are compared by how long one takes.
const USUAL_OUTPUT: u32 = 256;

/// One call in so many looks at a target of which nothing is known of late, where the quickest is wanted.
const LOOKS: u64 = 32;

/// How targets are put in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// As they stand.
    #[default]
    Ordered,
    /// Drawn by weight: a session stays where it is.
    Weighted,
    /// The one that costs least for the call.
    Cheapest,
    /// The one whose answers come soonest.
    Fastest,
    /// The one with the fewest calls under way, by weight.
    LeastInFlight,
}

impl Strategy {
    /// The name in configuration, headers and explanations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Weighted => "weighted",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::LeastInFlight => "least_in_flight",
        }
    }

    /// Whether it goes by how quick targets are, or by what they have to do.
    #[must_use]
    pub const fn is_paced(self) -> bool {
        matches!(self, Self::Fastest | Self::LeastInFlight)
    }

    /// Whether it goes by what a call costs.
    #[must_use]
    pub const fn is_priced(self) -> bool {
        matches!(self, Self::Cheapest)
    }

    /// Whether the next call of a session might go elsewhere though nothing was changed.
    #[must_use]
    pub const fn is_by_experience(self) -> bool {
        matches!(self, Self::Cheapest | Self::Fastest | Self::LeastInFlight)
    }
}

/// A target, and what is known of it for one call.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The target.
    pub target: Target,
    /// The route among those of the rule that has it; `None` where it is the rule's own.
    pub through: Option<Arc<str>>,
    /// Its share.
    pub weight: u32,
    /// What the call is likely to cost there; `None`: not known.
    pub price: Option<Money>,
    /// How quick it has been, and what it has to do.
    pub pace: Pace,
}

/// Puts candidates in order, the one to be tried first in front. Those that are alike keep theirs. `session` is the same for
/// calls that belong together, `chance` another for each call.
pub fn order<T: Borrow<Candidate>>(strategy: Strategy, candidates: &mut [T], session: u64, chance: u64) {
    let price = |candidate: &T| {
        let Candidate { price, .. } = candidate.borrow();
        (price.is_none(), *price)
    };
    match strategy {
        Strategy::Ordered => {}
        Strategy::Weighted => {
            candidates.sort_by(|a, b| draw(b.borrow(), session).total_cmp(&draw(a.borrow(), session)));
        }
        Strategy::Cheapest => candidates.sort_by_key(price),
        Strategy::Fastest => {
            candidates.sort_by_key(|candidate| candidate.borrow().pace.expected(USUAL_OUTPUT));
            if chance.is_multiple_of(LOOKS)
                && let Some(unknown) = candidates.iter().position(|candidate| !candidate.borrow().pace.is_known())
                && let Some(first) = candidates.get_mut(..=unknown)
            {
                first.rotate_right(1);
            }
        }
        Strategy::LeastInFlight => candidates.sort_by(|a, b| {
            // a/wa < b/wb, without a division; what has no weight comes last.
            let (a, b) = (a.borrow(), b.borrow());
            let busy = |one: &Candidate, other: &Candidate| u64::from(one.pace.in_flight) * u64::from(other.weight);
            (a.weight == 0).cmp(&(b.weight == 0)).then(busy(a, b).cmp(&busy(b, a)))
        }),
    }
}

/// A target's lot, the greatest of which is drawn: in the long run as often as its weight says. Whoever draws with the same
/// session draws the same lots; where a weight changes, only as many sessions move as must.
fn draw(candidate: &Candidate, session: u64) -> f64 {
    if candidate.weight == 0 {
        return f64::NEG_INFINITY;
    }
    let target = &candidate.target;
    let lot = [target.provider.as_bytes(), b"/", target.model.as_bytes()]
        .into_iter()
        .flatten()
        .fold(mixed(session), |sum, byte| mixed(sum ^ u64::from(*byte)));
    // A number between 0 and 1, neither of them: the 53 bits that a float holds.
    let even = ((lot >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    even.ln() / f64::from(candidate.weight)
}

/// Spreads the bits of a number over all of them (the finalizer of SplitMix64).
#[must_use]
pub const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    // Named: the testing library has a `Strategy`, too.
    use super::{Candidate, Pace, Strategy, Target, order};
    use proptest::prelude::{prop, prop_assert_eq, proptest};
    use std::time::Duration;
    use tg_kernel::units::Money;

    fn candidate(name: &str, weight: u32) -> Candidate {
        let target = Target { provider: name.into(), model: "m".into() };
        Candidate { target, through: None, weight, price: None, pace: Pace::default() }
    }

    fn first(strategy: Strategy, mut candidates: Vec<Candidate>, session: u64) -> String {
        order(strategy, &mut candidates, session, 1);
        candidates[0].target.provider.to_string()
    }

    #[test]
    fn weights_are_shares_and_sessions_stay() {
        let both = |a, b| vec![candidate("a", a), candidate("b", b)];
        let share = |a, b| (0..10_000).filter(|session| first(Strategy::Weighted, both(a, b), *session) == "a").count();
        for (a, b, expected) in [(1, 1, 5000), (9, 1, 9000), (1, 99, 100), (0, 1, 0), (1, 0, 10_000)] {
            let got = share(a, b);
            assert!(got.abs_diff(expected) <= 250, "{a}:{b} gave {got} of 10000 to the first");
        }
        let moved = (0..10_000)
            .filter(|s| first(Strategy::Weighted, both(90, 10), *s) != first(Strategy::Weighted, both(80, 20), *s))
            .count();
        assert!(moved.abs_diff(1000) <= 200, "{moved} of 10000 sessions moved, 1000 must");
    }

    #[test]
    fn the_cheapest_comes_first_and_what_has_no_price_last() {
        let priced = |name, nanos: Option<i64>| Candidate { price: nanos.map(Money::from_nanos), ..candidate(name, 1) };
        let mut all =
            vec![priced("unknown", None), priced("dear", Some(900)), priced("cheap", Some(3)), priced("free", Some(0))];
        order(Strategy::Cheapest, &mut all, 0, 1);
        let names: Vec<&str> = all.iter().map(|c| &*c.target.provider).collect();
        assert_eq!(names, ["free", "cheap", "dear", "unknown"]);
    }

    #[test]
    fn the_quickest_and_the_least_busy_come_first() {
        let paced = |name, first_ms, in_flight, weight| {
            let mut pace = Pace::default();
            pace.in_flight = in_flight;
            if first_ms > 0 {
                pace.learn(Duration::from_millis(first_ms), Duration::ZERO, 0, Duration::from_secs(1));
            }
            Candidate { pace, ..candidate(name, weight) }
        };
        let all = || vec![paced("slow", 900, 1, 1), paced("quick", 100, 8, 1), paced("unknown", 0, 4, 8)];
        assert_eq!(first(Strategy::Fastest, all(), 0), "quick");
        assert_eq!(first(Strategy::LeastInFlight, all(), 0), "unknown");
        let mut looked = all();
        order(Strategy::Fastest, &mut looked, 0, 0);
        assert_eq!(&*looked[0].target.provider, "unknown", "now and then somebody looks");
    }

    proptest! {
        /// No strategy loses or doubles a target, whatever it knows of them.
        #[test]
        fn every_target_stays(weights in prop::collection::vec(0_u32..5, 1..8), session: u64, chance: u64, which in 0_usize..5) {
            let strategies = [Strategy::Ordered, Strategy::Weighted, Strategy::Cheapest, Strategy::Fastest, Strategy::LeastInFlight];
            let mut all: Vec<Candidate> = weights.iter().enumerate().map(|(n, w)| candidate(&n.to_string(), *w)).collect();
            order(strategies[which], &mut all, session, chance);
            let mut names: Vec<String> = all.iter().map(|c| c.target.provider.to_string()).collect();
            names.sort();
            let expected: Vec<String> = (0..weights.len()).map(|n| n.to_string()).collect();
            prop_assert_eq!(names, expected);
        }
    }
}
