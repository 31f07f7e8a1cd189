//! What probes say of providers: who is passed over before a call meets it, and whose rest ends early.

use super::{Health, Provider, Standing};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// By what probes a provider is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeRule {
    /// So many that failed in a row.
    pub failures: u32,
    /// How long it is passed over if no further one ends: if nobody asks any more, it is for calls to find out.
    pub lasts: Duration,
}

/// A probe has changed how its provider stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is passed over from now on.
    Down,
    /// It is not any more.
    Up,
}

/// What probes saw of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFigures {
    /// The provider.
    pub provider: Arc<str>,
    /// Whether it is not passed over by them.
    pub is_up: bool,
    /// How many failed in a row, up to now.
    pub streak: u32,
    /// How many were answered as they ought to be.
    pub well: u64,
    /// How many were not.
    pub failed: u64,
}

/// What probes saw of providers.
#[derive(Debug, Default)]
pub(super) struct Probes {
    of: Mutex<BTreeMap<Arc<str>, Probed>>,
    /// How often one was passed over from then on.
    downs: AtomicU64,
}

/// What they saw of one.
#[derive(Clone, Copy, Debug, Default)]
struct Probed {
    /// It is passed over; until then, unless a further one says otherwise.
    down: Option<Duration>,
    /// Failures since the last success.
    streak: u32,
    well: u64,
    failed: u64,
}

impl Probed {
    fn saw(&mut self, is_well: bool, rule: &ProbeRule, now: Duration) -> Option<Turn> {
        if is_well {
            self.well += 1;
            self.streak = 0;
            return self.down.take().map(|_| Turn::Up);
        }
        self.failed += 1;
        self.streak = self.streak.saturating_add(1);
        let was_down = self.is_down(now);
        if was_down || self.streak >= rule.failures {
            self.down = Some(now + rule.lasts);
        }
        (self.is_down(now) && !was_down).then_some(Turn::Down)
    }

    fn is_down(&self, now: Duration) -> bool {
        self.down.is_some_and(|until| now < until)
    }
}

impl Probes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Probed>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn downs(&self) -> u64 {
        self.downs.load(Ordering::Relaxed)
    }
}

/// Who is tried before whom: the least first. Nobody says until when what rests by its probes alone does so: those are equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// What nothing is known against.
    Well,
    /// What only its probes speak against.
    Unseen,
    /// What calls have found at fault, until then.
    Resting(Duration),
}

impl Provider {
    pub(super) fn rank(&self, model: &str, now: Duration) -> Rank {
        match (self.by_calls(model, now), self.by_probes(now)) {
            (Standing::Benched(until), _) => Rank::Resting(until),
            (_, Standing::Benched(_)) => Rank::Unseen,
            _ => Rank::Well,
        }
    }

    /// It answers again a probe that left at `left`, after one that failed: what rests for want of an answer may be tried at once.
    /// Quotas, credentials and models that are not there are no matter of that.
    fn is_there_again(&mut self, left: Duration) {
        self.away = None;
        if self.why == "provider" {
            self.whole.lift(left);
        }
        for model in self.models.values_mut().filter(|model| model.why == "model") {
            model.breaker.lift(left);
        }
    }
}

impl Health {
    /// A probe of a provider that left at `left` has ended: well or not. Answers what that has changed.
    pub fn probed(
        &self,
        provider: &Arc<str>,
        is_well: bool,
        rule: &ProbeRule,
        (left, now): (Duration, Duration),
    ) -> Option<Turn> {
        let mut all = self.probes.lock();
        let probed = all.entry(Arc::clone(provider)).or_default();
        let was_failing = probed.streak > 0;
        let turn = probed.saw(is_well, rule, now);
        let down = probed.down;
        drop(all);
        if turn == Some(Turn::Down) {
            self.probes.downs.fetch_add(1, Ordering::Relaxed);
        }
        if down.is_some() || (is_well && was_failing) {
            let mut providers = self.lock();
            if down.is_some() {
                providers.entry(Arc::clone(provider)).or_default().away = down;
            } else if let Some(provider) = providers.get_mut(provider) {
                provider.is_there_again(left);
            }
            self.forget(&mut providers, now);
        }
        turn
    }

    /// Only these providers are probed from now on as they were: what was seen of others, or by other probes, is forgotten, and they
    /// are not passed over by it.
    pub fn probes_stay(&self, are_as_before: impl Fn(&str) -> bool, now: Duration) {
        self.probes.lock().retain(|name, _| are_as_before(name));
        let mut providers = self.lock();
        for (name, provider) in providers.iter_mut() {
            provider.away = provider.away.filter(|_| are_as_before(name));
        }
        self.forget(&mut providers, now);
    }

    /// What probes saw of each provider of which one has succeeded or failed, by name.
    #[must_use]
    pub fn probe_figures(&self, now: Duration) -> Vec<ProbeFigures> {
        let figures = |(name, probed): (&Arc<str>, &Probed)| ProbeFigures {
            provider: Arc::clone(name),
            is_up: !probed.is_down(now),
            streak: probed.streak,
            well: probed.well,
            failed: probed.failed,
        };
        self.probes.lock().iter().map(figures).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SETTINGS, at, order, target};
    use super::*;
    use crate::health::{Blame, Standing};

    const RULE: ProbeRule = ProbeRule { failures: 2, lasts: Duration::from_secs(22) };

    fn probe(health: &Health, provider: &str, is_well: bool, now: u64) -> Option<Turn> {
        health.probed(&provider.into(), is_well, &RULE, (at(now), at(now)))
    }

    #[test]
    fn a_provider_that_fails_its_probes_is_passed_over_until_one_succeeds_and_tried_where_there_is_no_other() {
        let targets = [target("a", "m"), target("a", "n"), target("b", "m")];
        let health = Health::default();
        assert_eq!(probe(&health, "a", true, 0), None);
        assert_eq!((probe(&health, "a", false, 10), probe(&health, "a", true, 20)), (None, None));
        assert_eq!((probe(&health, "a", false, 30), order(&health, &targets, 31)[0].as_str()), (None, "a/m"));
        assert_eq!(probe(&health, "a", false, 40), Some(Turn::Down));
        assert_eq!(order(&health, &targets, 41), ["b/m", "a/m", "a/n"], "all of its models, and none is left out");
        assert_eq!(probe(&health, "a", false, 50), None, "it is known");
        let over = health.passed_over(at(60));
        assert_eq!((over.len(), &*over[0].provider, &over[0].model, over[0].why), (1, "a", &None, "probe"));
        assert_eq!((over[0].until, health.benched(at(60)), health.tallies().probe), (at(22_050), 1, 1));
        probe(&health, "b", false, 61);
        probe(&health, "b", false, 62);
        assert_eq!(order(&health, &targets, 63), ["a/m", "a/n", "b/m"], "where all are, they are tried all the same");
        health.succeeded(&targets[0], at(64), at(65));
        assert!(matches!(health.standing(&targets[0], at(66)), Standing::Benched(_)), "it is for probes to say");
        assert_eq!(probe(&health, "b", true, 67), Some(Turn::Up));
        assert_eq!(probe(&health, "a", true, 70), Some(Turn::Up));
        assert_eq!(order(&health, &targets, 71), ["a/m", "a/n", "b/m"]);
        assert!(health.passed_over(at(71)).is_empty() && health.figures(at(71)).is_empty());
        let of_a = health.probe_figures(at(71)).remove(0);
        assert_eq!((of_a.is_up, of_a.streak, of_a.well, of_a.failed), (true, 0, 3, 4));
    }

    #[test]
    fn what_nobody_asks_any_more_is_for_calls_to_find_out() {
        let targets = [target("a", "m"), target("b", "m")];
        let health = Health::default();
        for now in [0, 10] {
            probe(&health, "a", false, now);
        }
        let is_up = |now| health.probe_figures(at(now))[0].is_up;
        assert_eq!(
            (order(&health, &targets, 22_009), is_up(22_009)),
            (vec!["b/m".to_owned(), "a/m".to_owned()], false)
        );
        assert_eq!(order(&health, &targets, 22_010), ["a/m", "b/m"], "its prober has died");
        assert!(is_up(22_010), "nobody passes it over");
        assert_eq!(probe(&health, "a", false, 23_000), Some(Turn::Down), "it had not been any more");
        assert_eq!(order(&health, &targets, 23_001), ["b/m", "a/m"]);
        health.probes_stay(|name| name == "b", at(23_002));
        assert_eq!(order(&health, &targets, 23_002), ["a/m", "b/m"], "it is not probed any more");
        assert!(health.probe_figures(at(23_002)).is_empty());
        assert_eq!(probe(&health, "a", false, 23_003), None, "it is the first that another probe sees");
    }

    #[test]
    fn where_all_rest_probes_say_nothing_of_who_comes_first_but_that_it_is_before_what_calls_found_at_fault() {
        let targets = ["failing", "both", "late", "early"].map(|provider| target(provider, "m"));
        let health = Health::default();
        for name in ["late", "early", "both"] {
            let rule = ProbeRule { failures: 1, lasts: at(if name == "late" { 90_000 } else { 20_000 }) };
            assert_eq!(health.probed(&name.into(), false, &rule, (at(0), at(0))), Some(Turn::Down));
        }
        health.failed(&targets[0], Blame::Quota(Some(at(5000))), &SETTINGS, (at(0), at(0)));
        health.failed(&targets[1], Blame::Quota(Some(at(3000))), &SETTINGS, (at(0), at(0)));
        assert_eq!(order(&health, &targets, 10), ["late/m", "early/m", "both/m", "failing/m"]);
    }

    #[test]
    fn a_probe_that_succeeds_again_ends_rests_for_want_of_an_answer_and_no_others() {
        let targets = ["server", "gone", "quota", "both"].map(|model| target("a", model));
        let [server, gone, quota, both] = &targets;
        let health = Health::default();
        let fail = |target, blame, now| health.failed(target, blame, &SETTINGS, (at(now), at(now)));
        probe(&health, "a", false, 0);
        for _ in 0..3 {
            fail(server, Blame::Model, 10);
        }
        fail(gone, Blame::Absent, 10);
        fail(quota, Blame::Quota(Some(at(30_000))), 10);
        fail(both, Blame::Absent, 10);
        fail(both, Blame::Model, 11);
        let benched = |target, now| matches!(health.standing(target, at(now)), Standing::Benched(_));
        health.probed(&"a".into(), true, &RULE, (at(9), at(12)));
        assert!(benched(server, 13), "that one had left before");
        health.probed(&"a".into(), true, &RULE, (at(13), at(14)));
        assert!(benched(server, 15), "and this one tells nothing new");
        probe(&health, "a", false, 20);
        probe(&health, "a", true, 21);
        assert_eq!(targets.each_ref().map(|target| benched(target, 22)), [false, true, true, true]);
        let other = target("b", "m");
        for (blame, stays) in [(Blame::Provider, false), (Blame::Credential, true)] {
            for _ in 0..3 {
                fail(&other, blame, 30);
            }
            probe(&health, "b", false, 40);
            assert!(benched(&other, 41));
            probe(&health, "b", true, 42);
            assert_eq!(benched(&other, 43), stays, "{blame:?}");
        }
    }
}
