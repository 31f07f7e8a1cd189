//! How targets fare, together.

use super::*;

pub(super) const SETTINGS: Settings = Settings {
    failures: 3,
    share_millionths: 500_000,
    calls_min: 10,
    open: Duration::from_secs(1),
    open_max: Duration::from_secs(30),
};

pub(super) fn target(provider: &str, model: &str) -> Target {
    Target { provider: provider.into(), model: model.into() }
}

pub(super) fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The order in which targets are tried.
pub(super) fn order(health: &Health, targets: &[Target], now: u64) -> Vec<String> {
    let mut left: Vec<&Target> = targets.iter().collect();
    std::iter::from_fn(|| health.next(&mut left, at(now))).map(|t| format!("{}/{}", t.provider, t.model)).collect()
}

#[test]
fn a_wrong_key_benches_its_provider_and_a_failing_model_itself_alone() {
    let targets = [target("a", "m"), target("a", "n"), target("b", "m")];
    let health = Health::default();
    assert_eq!(order(&health, &targets, 0), ["a/m", "a/n", "b/m"]);
    for _ in 0..3 {
        health.failed(&targets[0], Blame::Model, &SETTINGS, (at(0), at(0)));
    }
    assert_eq!(order(&health, &targets, 1), ["a/n", "b/m", "a/m"]);
    health.failed(&targets[1], Blame::Credential, &SETTINGS, (at(0), at(0)));
    assert_eq!(order(&health, &targets, 1), ["b/m", "a/m", "a/n"], "{:?}", health.figures(at(1)));
    health.failed(&targets[2], Blame::Nobody, &SETTINGS, (at(0), at(0)));
    assert_eq!(health.standing(&targets[2], at(1)), Standing::Open, "a wrong request benches nothing");
    assert_eq!(health.tallies(), Tallies { credential: 1, model: 1, ..Tallies::default() });
}

#[test]
fn a_quota_cools_as_long_as_its_provider_says_and_no_longer_than_a_minute() {
    let targets = [target("a", "m"), target("b", "m")];
    let health = Health::default();
    health.failed(&targets[0], Blame::Quota(Some(at(5000))), &SETTINGS, (at(0), at(0)));
    assert_eq!(order(&health, &targets, 4999), ["b/m", "a/m"]);
    assert_eq!(order(&health, &targets, 5000), ["a/m", "b/m"]);
    health.succeeded(&targets[0], at(5100), at(5100));
    assert!(health.figures(at(5100)).is_empty(), "nothing is kept of who is well");
    health.failed(&targets[0], Blame::Quota(Some(at(3_600_000))), &SETTINGS, (at(6000), at(6000)));
    assert_eq!(health.standing(&targets[0], at(6000)), Standing::Benched(at(66_000)));
    let unsaid = Health::default();
    for (now, rest) in [(0, 1000), (1000, 2000), (3000, 4000)] {
        unsaid.failed(&targets[0], Blame::Quota(None), &SETTINGS, (at(now), at(now)));
        assert_eq!(unsaid.standing(&targets[0], at(now)), Standing::Benched(at(now + rest)));
    }
}

#[test]
fn one_call_looks_whether_a_target_works_again() {
    let targets = [target("a", "m"), target("b", "m")];
    let health = Health::default();
    for _ in 0..3 {
        health.failed(&targets[0], Blame::Provider, &SETTINGS, (at(0), at(0)));
    }
    let mut first: Vec<&Target> = targets.iter().collect();
    assert_eq!(health.next(&mut first, at(1000)).unwrap().provider.as_ref(), "a", "the probe");
    assert_eq!(order(&health, &targets, 1001), ["b/m", "a/m"], "who comes beside it goes elsewhere");
    health.succeeded(&targets[0], at(1002), at(1002));
    assert_eq!(order(&health, &targets, 1003), ["a/m", "b/m"]);
}

#[test]
fn where_all_are_benched_the_one_whose_rest_ends_first_is_tried() {
    let targets = [target("a", "m"), target("b", "m")];
    let health = Health::default();
    health.failed(&targets[0], Blame::Quota(Some(at(9000))), &SETTINGS, (at(0), at(0)));
    health.failed(&targets[1], Blame::Quota(Some(at(3000))), &SETTINGS, (at(0), at(0)));
    assert_eq!(order(&health, &targets, 10), ["b/m", "a/m"]);
}

#[test]
fn names_that_callers_invent_do_not_fill_the_memory() {
    let health = Health::default();
    for number in 0..MODELS_MAX + 100 {
        health.failed(&target("a", &format!("m{number}")), Blame::Quota(Some(at(60_000))), &SETTINGS, (at(0), at(0)));
    }
    assert_eq!(health.figures(at(0)).len(), MODELS_MAX + 1);
    let later = at(10_000_000);
    health.failed(&target("b", "x"), Blame::Model, &SETTINGS, (later, later));
    assert!(health.figures(later).len() <= MODELS_MAX + 3);
}
