//! What one team, or one session of a role, is not let do by a provider: nobody else is passed by for it.

use super::breaker::{Breaker, Standing};
use super::{CREDENTIAL_REST, MODELS_MAX, Settings};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Who is refused what: by whom the provider's calls are signed, or on whose account they go; the provider, and its model, or
/// all of them.
type Place = (u64, Arc<str>, Option<Arc<str>>);

/// What single callers are refused.
#[derive(Debug, Default)]
pub struct Refusals {
    of: Mutex<HashMap<Place, Breaker>>,
    /// How many there are: while there are none, nobody looks.
    count: AtomicUsize,
}

impl Refusals {
    /// Whether any are known.
    #[must_use]
    pub fn are_there(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Puts those that refuse their caller last, otherwise as they stood. `who` says as whom a target sees the call.
    pub fn put_last(&self, targets: &mut [&Target], who: impl Fn(&Target) -> u64, now: Duration) {
        if !self.are_there() || targets.len() < 2 {
            return;
        }
        let refusals = self.lock();
        targets.sort_by_cached_key(|target| is_benched(&refusals, who(target), target, now));
    }

    /// Whether a target is known to refuse this caller; `who` as in [`Refusals::put_last`].
    #[must_use]
    pub fn refuses(&self, who: u64, target: &Target, now: Duration) -> bool {
        self.are_there() && is_benched(&self.lock(), who, target, now)
    }

    /// Somebody may not use a model: it rests for that caller by the breaker. Whether it does from now on, and did not before.
    pub fn may_not(&self, who: u64, target: &Target, settings: &Settings, (left, now): (Duration, Duration)) -> bool {
        let model = Some(Arc::clone(&target.model));
        self.note(who, target, model, now, |breaker| breaker.failed(left, now, settings))
    }

    /// Somebody's credential is wrong for every model of a provider. As [`Refusals::may_not`].
    pub fn is_unknown(&self, who: u64, target: &Target, now: Duration) -> bool {
        self.note(who, target, None, now, |breaker| breaker.rest(now, CREDENTIAL_REST))
    }

    /// A target has answered such a caller's call that left at `left`.
    pub fn succeeded(&self, who: u64, target: &Target, left: Duration, now: Duration) {
        if !self.are_there() {
            return;
        }
        let mut refusals = self.lock();
        for model in [None, Some(Arc::clone(&target.model))] {
            if let Some(breaker) = refusals.get_mut(&(who, Arc::clone(&target.provider), model)) {
                breaker.succeeded(left, now);
            }
        }
        self.forget(&mut refusals, now);
    }

    /// How many are benched.
    pub(super) fn benched(&self, now: Duration) -> u64 {
        self.lock().values().filter(|breaker| matches!(breaker.standing(now), Standing::Benched(_))).count() as u64
    }

    fn note(
        &self,
        who: u64,
        target: &Target,
        model: Option<Arc<str>>,
        now: Duration,
        note: impl FnOnce(&mut Breaker),
    ) -> bool {
        let mut refusals = self.lock();
        self.forget(&mut refusals, now);
        let place = (who, Arc::clone(&target.provider), model);
        // Where there is no room for one more, the caller is told of it by each call.
        if refusals.len() >= MODELS_MAX && !refusals.contains_key(&place) {
            return false;
        }
        let breaker = refusals.entry(place).or_default();
        let is_benched = |breaker: &Breaker| matches!(breaker.standing(now), Standing::Benched(_));
        let before = is_benched(breaker);
        note(breaker);
        let is_new = !before && is_benched(breaker);
        self.count.store(refusals.len(), Ordering::Relaxed);
        is_new
    }

    fn forget(&self, refusals: &mut HashMap<Place, Breaker>, now: Duration) {
        refusals.retain(|_, breaker| !breaker.is_forgotten(now));
        self.count.store(refusals.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Breaker>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a target, or all of its provider's, rests for this caller.
fn is_benched(refusals: &HashMap<Place, Breaker>, who: u64, target: &Target, now: Duration) -> bool {
    let of = |model| refusals.get(&(who, Arc::clone(&target.provider), model));
    let known = [of(None), of(Some(Arc::clone(&target.model)))];
    known.into_iter().flatten().any(|known| matches!(known.standing(now), Standing::Benched(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings {
        failures: 2,
        share_millionths: 500_000,
        calls_min: 20,
        open: Duration::from_secs(1),
        open_max: Duration::from_secs(8),
    };

    fn order(refusals: &Refusals, who: u64, now: Duration) -> Vec<String> {
        let targets = ["a/m", "a/n", "b/m"].map(|name| {
            let (provider, model) = name.split_once('/').unwrap();
            Target { provider: provider.into(), model: model.into() }
        });
        let mut left: Vec<&Target> = targets.iter().collect();
        refusals.put_last(&mut left, |_| who, now);
        left.iter().map(|target| format!("{}/{}", target.provider, target.model)).collect()
    }

    #[test]
    fn what_one_caller_may_not_is_passed_by_for_no_other() {
        let (refusals, target) = (Refusals::default(), Target { provider: "a".into(), model: "m".into() });
        let at = Duration::from_secs;
        assert!(!refusals.may_not(1, &target, &SETTINGS, (at(0), at(0))));
        assert_eq!(order(&refusals, 1, at(0)), ["a/m", "a/n", "b/m"], "once is not enough");
        assert!(refusals.may_not(1, &target, &SETTINGS, (at(0), at(0))));
        assert_eq!(order(&refusals, 1, at(0)), ["a/n", "b/m", "a/m"]);
        assert_eq!(order(&refusals, 2, at(0)), ["a/m", "a/n", "b/m"]);
        assert!(refusals.refuses(1, &target, at(0)) && !refusals.refuses(2, &target, at(0)));
        assert!(!refusals.refuses(1, &target, at(1)), "then it is looked at again");
        assert_eq!(order(&refusals, 1, at(1)), ["a/m", "a/n", "b/m"], "then it is looked at again");
        assert!(refusals.is_unknown(2, &target, at(1)));
        assert_eq!(order(&refusals, 2, at(30)), ["b/m", "a/m", "a/n"], "a wrong key is wrong for every model");
        refusals.succeeded(1, &target, at(2), at(2));
        refusals.succeeded(2, &target, at(32), at(32));
        assert!(!refusals.are_there(), "and who is well is forgotten");
    }

    #[test]
    fn names_that_callers_invent_do_not_fill_the_memory() {
        let refusals = Refusals::default();
        for number in 0..MODELS_MAX + 100 {
            let target = Target { provider: "a".into(), model: format!("m{number}").into() };
            refusals.may_not(1, &target, &SETTINGS, (Duration::ZERO, Duration::ZERO));
        }
        assert_eq!(refusals.lock().len(), MODELS_MAX);
    }
}
