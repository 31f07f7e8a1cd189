//! The order of targets that stand in routes within a route.

// Named: the testing library has a `Strategy`, too.
use super::super::strategy::{Candidate, Strategy};
use super::{Entry, Lots, Nested, Target, arrange};
use crate::health::Pace;
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use tg_kernel::units::Money;

fn candidate(name: &str, weight: u32) -> Candidate {
    let target = Target { provider: name.into(), model: "m".into() };
    Candidate { target, through: None, weight, price: None, pace: Pace::default() }
}

fn priced(name: &str, nanos: i64) -> Candidate {
    Candidate { price: Some(Money::from_nanos(nanos)), ..candidate(name, 1) }
}

fn busy(name: &str, in_flight: u32) -> Candidate {
    let mut candidate = candidate(name, 1);
    candidate.pace.in_flight = in_flight;
    candidate
}

fn pool(weight: u32, strategy: Strategy, targets: usize) -> Entry {
    let entries = (0..targets).map(|_| Entry::Target).collect();
    Entry::Route(Nested { name: "pool".into(), weight, strategy, entries })
}

fn order_of(strategy: Strategy, entries: &[Entry], all: Vec<Candidate>, lots: Lots<'_>) -> Vec<String> {
    let arranged = arrange(strategy, entries, all.into_iter().map(Some), lots);
    arranged.iter().map(|one| one.target.provider.to_string()).collect()
}

const LOTS: Lots<'static> = Lots { session: 7, chance: 1, place: None };

#[test]
fn a_route_is_drawn_by_the_weight_of_its_entry_and_its_own_targets_by_theirs() {
    // The one that stands for itself is one of the pool, too: which lot it has there is no matter here.
    let entries = [pool(80, Strategy::Weighted, 2), Entry::Target];
    let mut counts = [0_usize; 3];
    for session in 0..10_000 {
        let all = vec![candidate("a", 3), candidate("b", 1), candidate("a", 20)];
        let lots = Lots { session, ..LOTS };
        let arranged = arrange(Strategy::Weighted, &entries, all.into_iter().map(Some), lots);
        let first = &arranged[0];
        let which = [("a", 3), ("b", 1), ("a", 20)];
        let found = which.iter().position(|(name, weight)| *first.target.provider == **name && first.weight == *weight);
        counts[found.unwrap()] += 1;
    }
    for (found, expected) in counts.into_iter().zip([6_000, 2_000, 2_000]) {
        assert!(found.abs_diff(expected) <= 200, "{counts:?}");
    }
}

#[test]
fn a_route_is_compared_as_the_target_that_it_would_send_the_call_to() {
    let all = || vec![priced("dear", 9), priced("cheap", 1), priced("middle", 5)];
    for (inner, expected) in
        [(Strategy::Ordered, ["middle", "dear", "cheap"]), (Strategy::Cheapest, ["cheap", "dear", "middle"])]
    {
        assert_eq!(order_of(Strategy::Cheapest, &[pool(1, inner, 2), Entry::Target], all(), LOTS), expected);
    }
    // Outside, the order is another one.
    let entries = [Entry::Target, pool(1, Strategy::Cheapest, 2)];
    let all = vec![priced("strong", 90), priced("dear", 9), priced("cheap", 1)];
    assert_eq!(order_of(Strategy::Ordered, &entries, all, LOTS), ["strong", "cheap", "dear"]);
}

#[test]
fn a_route_has_as_many_calls_under_way_as_all_its_targets() {
    let all = || vec![busy("a", 2), busy("b", 3), busy("c", 4)];
    for (weight, expected) in [(1, ["c", "a", "b"]), (2, ["a", "b", "c"])] {
        let entries = [pool(weight, Strategy::LeastInFlight, 2), Entry::Target];
        assert_eq!(order_of(Strategy::LeastInFlight, &entries, all(), LOTS), expected, "{weight}");
    }
}

#[test]
fn a_session_stays_at_its_target_wherever_order_is_by_choice() {
    let all = || vec![priced("cheap", 1), priced("dear", 9), priced("other", 5)];
    let place = all()[1].target.clone();
    let lots = Lots { place: Some(&place), ..LOTS };
    for (outer, inner, expected) in [
        // Its place in the pool is kept there, and the pool's place is by the outer order.
        (Strategy::Ordered, Strategy::Cheapest, ["dear", "cheap", "other"]),
        // The outer order is by choice, so that the session stays where it is, whatever the inner would say.
        (Strategy::Cheapest, Strategy::Ordered, ["dear", "cheap", "other"]),
        (Strategy::Ordered, Strategy::Ordered, ["cheap", "dear", "other"]),
    ] {
        let entries = [pool(1, inner, 2), Entry::Target];
        assert_eq!(order_of(outer, &entries, all(), lots), expected, "{outer:?} {inner:?}");
    }
}

#[test]
fn a_route_without_a_target_for_the_call_is_not_there() {
    let entries = [pool(1, Strategy::Cheapest, 2), pool(1, Strategy::Ordered, 1), Entry::Target];
    let all = [None, None, Some(priced("a", 1)), Some(priced("b", 2))];
    let arranged = arrange(Strategy::Cheapest, &entries, all, LOTS);
    assert_eq!(arranged.iter().map(|one| &*one.target.provider).collect::<Vec<_>>(), ["a", "b"]);
}

const STRATEGIES: [Strategy; 5] =
    [Strategy::Ordered, Strategy::Weighted, Strategy::Cheapest, Strategy::Fastest, Strategy::LeastInFlight];

proptest! {
    /// No target is lost or doubled, and those of one route stay together.
    #[test]
    fn every_target_stays_with_its_route(
        sizes in prop::collection::vec(0_usize..4, 1..5), outer in 0_usize..5, inner in 0_usize..5, session: u64, chance: u64,
    ) {
        // A route of none is a target that stands for itself.
        let entries: Vec<Entry> = sizes
            .iter()
            .map(|size| if *size == 0 { Entry::Target } else { pool(1, STRATEGIES[inner], *size) })
            .collect();
        let all = sizes.iter().enumerate().flat_map(|(number, size)| {
            (0..(*size).max(1)).map(move |nth| priced(&format!("{number}.{nth}"), ((nth * 7 + number * 3) % 5) as i64))
        });
        let names: Vec<String> = all.clone().map(|one| one.target.provider.to_string()).collect();
        let found = order_of(STRATEGIES[outer], &entries, all.collect(), Lots { session, chance, place: None });
        let mut sorted = found.clone();
        sorted.sort();
        prop_assert_eq!(sorted, names);
        let mut routes: Vec<&str> = found.iter().filter_map(|name| name.split('.').next()).collect();
        routes.dedup();
        prop_assert!(routes.len() == sizes.len(), "{found:?}");
    }
}
