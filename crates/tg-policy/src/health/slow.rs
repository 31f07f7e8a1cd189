//! Who is slow beside others: a target whose answers took so many times as long to begin, of late, as those of the others of a
//! route is tried after them for a while.

use super::PassedOver;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tg_kernel::target::Target;

/// Most targets that are told apart: callers name them where a route is a pattern.
const TARGETS_MAX: usize = 1024;

/// Answers of each kind that are remembered of a target.
pub const SEEN_MAX: usize = 50;

/// How long an answer says something.
const MEMORY: Duration = Duration::from_secs(300);

/// How long a call that looks is waited for, before another does.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// When a target is slow, and for how long it is put last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowSettings {
    /// Where its answers take so many times as long as others' to begin, by the median,
    pub times: u32,
    /// if of both at least so many were seen.
    pub calls_min: usize,
    /// How long it is put last the first time; doubled while it stays slow.
    pub rest: Duration,
    /// Longest time.
    pub rest_max: Duration,
}

/// What is known of one target.
#[derive(Debug, Default)]
struct Known {
    /// When answers came, and how long they took to begin: streams, whole answers.
    seen: [VecDeque<(Duration, Duration)>; 2],
    rest: Option<Rest>,
}

/// A target is put last.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Duration,
    /// It is the so-manieth time in a row.
    times: u32,
    /// A call is on its way to see whether it is quick again; if nothing is heard of it, another may go then.
    looks_until: Duration,
}

impl Rest {
    fn is_last(self, now: Duration) -> bool {
        now < self.until || now < self.looks_until
    }
}

/// By provider and model.
type AllKnown = HashMap<Arc<str>, HashMap<Arc<str>, Known>>;

/// How soon all targets answer, and who is put last.
#[derive(Debug, Default)]
pub struct Slow {
    targets: Mutex<AllKnown>,
    /// How many rest: while there are none, nobody looks.
    resting: AtomicUsize,
    tally: AtomicU64,
}

impl Slow {
    /// Puts those that are slow last, otherwise as they stood. Where a slow one has rested, one call looks at it.
    pub fn put_last(&self, targets: &mut [&Target], now: Duration) {
        if self.resting.load(Ordering::Relaxed) == 0 || targets.len() < 2 {
            return;
        }
        let mut all = self.lock();
        let rest = |target: &Target| all.get(&target.provider)?.get(&target.model)?.rest;
        targets.sort_by_cached_key(|target| rest(target).is_some_and(|rest| rest.is_last(now)));
        let first = targets.first().and_then(|first| all.get_mut(&first.provider)?.get_mut(&first.model));
        if let Some(rest) = first.and_then(|known| known.rest.as_mut()).filter(|rest| !rest.is_last(now)) {
            rest.looks_until = now + LOOK_MAX;
        }
    }

    /// A target has begun to answer a call that left at `left`, after `took`, where the call might have gone to `others`. Whether
    /// it is put last from now on, and was not before.
    pub fn answered<'t>(
        &self,
        target: &Target,
        streamed: bool,
        (left, took): (Duration, Duration),
        others: impl Iterator<Item = &'t Target>,
        settings: &SlowSettings,
    ) -> bool {
        let (now, kind) = (left + took, usize::from(!streamed));
        let mut all = self.lock();
        let of = |other: &Target| all.get(&other.provider)?.get(&other.model)?.median(kind, now, settings.calls_min);
        let usual = middle(others.filter_map(of).collect());
        let is_slow = |took: Duration| usual.is_some_and(|usual| took >= usual.saturating_mul(settings.times));
        let Some(known) = room(&mut all, target) else { return false };
        let rested = known.rest.is_some();
        let is_new = match known.rest {
            // What left before, or went there as the others failed, says nothing new.
            Some(rest) if left < rest.until => false,
            // By one answer it is seen whether it is quick again.
            Some(rest) => {
                known.rest = is_slow(took).then(|| Rest::new(now, rest.times.saturating_add(1), settings));
                false
            }
            None => {
                known.note(kind, now, took);
                let is_new = known.median(kind, now, settings.calls_min).is_some_and(is_slow);
                if is_new {
                    *known = Known { rest: Some(Rest::new(now, 0, settings)), ..Known::default() };
                }
                is_new
            }
        };
        self.tally.fetch_add(u64::from(is_new), Ordering::Relaxed);
        match (rested, known.rest.is_some()) {
            (false, true) => self.resting.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.resting.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
        is_new
    }

    /// Who is put last.
    pub(super) fn resting(&self, now: Duration) -> Vec<PassedOver> {
        let all = self.lock();
        let targets = all.iter().flat_map(|(name, models)| models.iter().map(move |(id, known)| (name, id, known)));
        let resting =
            targets.filter_map(|(name, id, known)| Some((name, id, known.rest.filter(|rest| rest.is_last(now))?)));
        let one = |(provider, id, rest): (&Arc<str>, &Arc<str>, Rest)| PassedOver {
            provider: Arc::clone(provider),
            model: Some(Arc::clone(id)),
            why: "slow",
            until: rest.until.max(rest.looks_until),
        };
        resting.map(one).collect()
    }

    /// How often a target was put last from then on.
    pub(super) fn tally(&self) -> u64 {
        self.tally.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, AllKnown> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rest {
    fn new(now: Duration, times: u32, settings: &SlowSettings) -> Self {
        let rest = settings.rest.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(settings.rest_max);
        Self { until: now + rest, times, looks_until: Duration::ZERO }
    }
}

impl Known {
    fn note(&mut self, kind: usize, now: Duration, took: Duration) {
        let Some(seen) = self.seen.get_mut(kind) else { return };
        if seen.len() >= SEEN_MAX {
            seen.pop_front();
        }
        seen.push_back((now, took));
    }

    /// The median of the answers of late; `None` where these are too few.
    fn median(&self, kind: usize, now: Duration, calls_min: usize) -> Option<Duration> {
        let fresh = |(at, _): &&(Duration, Duration)| now.saturating_sub(*at) <= MEMORY;
        let times: Vec<Duration> = self.seen.get(kind)?.iter().filter(fresh).map(|(_, took)| *took).collect();
        if times.len() < calls_min { None } else { middle(times) }
    }
}

/// The one in the middle, the longer of two.
fn middle(mut times: Vec<Duration>) -> Option<Duration> {
    let place = times.len() / 2;
    if times.is_empty() {
        return None;
    }
    let (_, middle, _) = times.select_nth_unstable(place);
    Some(*middle)
}

/// What is known of a target. Names that callers invent do not fill the memory.
fn room<'a>(all: &'a mut AllKnown, target: &Target) -> Option<&'a mut Known> {
    let is_known = all.get(&target.provider).is_some_and(|models| models.contains_key(&target.model));
    if !is_known && all.values().map(HashMap::len).sum::<usize>() >= TARGETS_MAX {
        all.values_mut().for_each(|models| models.retain(|_, known| known.rest.is_some()));
        if all.values().map(HashMap::len).sum::<usize>() >= TARGETS_MAX {
            return None;
        }
    }
    Some(all.entry(Arc::clone(&target.provider)).or_default().entry(Arc::clone(&target.model)).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: SlowSettings =
        SlowSettings { times: 3, calls_min: 10, rest: Duration::from_secs(1), rest_max: Duration::from_secs(4) };

    /// Targets of one route, with a clock of the test's own.
    struct Route {
        slow: Slow,
        targets: Vec<Target>,
        now: Duration,
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    impl Route {
        fn of(names: &[&str]) -> Self {
            let targets = names.iter().map(|name| Target { provider: (*name).into(), model: "m".into() });
            Self { slow: Slow::default(), targets: targets.collect(), now: Duration::from_secs(1000) }
        }

        /// One target begins to answer so late; whether it is put last for it.
        fn answers(&mut self, number: usize, streamed: bool, took: u64) -> bool {
            let left = self.now;
            self.now += ms(took);
            let target = &self.targets[number];
            let others = self.targets.iter().filter(|other| *other != target);
            self.slow.answered(target, streamed, (left, ms(took)), others, &SETTINGS)
        }

        /// In which order a call tries them.
        fn order(&self) -> String {
            let mut left: Vec<&Target> = self.targets.iter().collect();
            self.slow.put_last(&mut left, self.now);
            left.iter().map(|target| &*target.provider).collect()
        }
    }

    #[test]
    fn who_takes_so_many_times_as_long_as_the_others_is_put_last_until_a_call_finds_it_quick() {
        let mut route = Route::of(&["a", "b"]);
        for _ in 0..9 {
            assert!(!route.answers(0, true, 300) && !route.answers(1, true, 100));
        }
        assert!(!route.answers(0, true, 300), "of the other too few are known");
        assert_eq!(route.order(), "ab");
        assert!(!route.answers(1, true, 100) && route.answers(0, true, 300));
        assert_eq!((route.order().as_str(), route.slow.resting(route.now).len()), ("ba", 1));
        route.now += ms(999);
        assert_eq!(route.order(), "ba");
        route.now += ms(1);
        assert_eq!((route.order().as_str(), route.order().as_str()), ("ab", "ba"), "one call looks");
        assert!(!route.answers(0, true, 300));
        let until = route.slow.resting(route.now)[0].until;
        assert_eq!(until, route.now + ms(2000), "twice as long");
        route.now += ms(2000);
        assert_eq!(route.order(), "ab");
        assert!(!route.answers(0, true, 299), "quick enough");
        assert_eq!((route.order().as_str(), route.slow.resting(route.now).len()), ("ab", 0));
        assert!((0..9).all(|_| !route.answers(0, true, 900)), "what was before is forgotten");
        assert!(route.answers(0, true, 900));
        assert_eq!(route.slow.tally(), 2);
    }

    #[test]
    fn a_look_of_which_nothing_is_heard_is_not_waited_for() {
        let mut route = Route::of(&["a", "b"]);
        (0..10).for_each(|_| assert!(!route.answers(1, false, 10)));
        assert!((0..10).any(|_| route.answers(0, false, 40)));
        route.now += ms(1000);
        assert_eq!((route.order().as_str(), route.order().as_str()), ("ab", "ba"));
        route.now += LOOK_MAX;
        assert_eq!(route.order(), "ab");
    }

    #[test]
    fn streams_and_whole_answers_are_two_things_and_what_is_old_says_nothing() {
        let mut route = Route::of(&["a", "b"]);
        for _ in 0..20 {
            assert!(!route.answers(1, true, 100) && !route.answers(0, false, 2000), "nothing of the kind is known");
        }
        for _ in 0..20 {
            assert!(!route.answers(1, false, 1000));
        }
        route.now += MEMORY + ms(1);
        assert!((0..20).all(|_| !route.answers(0, true, 2000)), "of the other nothing new is known");
    }

    #[test]
    fn one_slow_answer_is_none_and_the_middle_of_the_others_counts() {
        let mut route = Route::of(&["a", "b", "c", "d"]);
        for _ in 0..30 {
            for (number, took) in [(1, 100), (2, 400), (3, 500)] {
                assert!(!route.answers(number, true, took), "{number}");
            }
        }
        for number in 0..30 {
            assert!(!route.answers(0, true, if number % 3 == 0 { 9000 } else { 1100 }), "{number}");
        }
        assert!((0..50).any(|_| route.answers(0, true, 1200)));
        assert_eq!(route.order(), "bcda");
    }

    #[test]
    fn where_all_are_slow_all_stay_and_in_their_order() {
        let mut route = Route::of(&["a", "b"]);
        (0..20).for_each(|_| assert!(!route.answers(1, true, 100)));
        assert!((0..20).any(|_| route.answers(0, true, 500)));
        // The first has nothing any more by which the second would be slow.
        assert!((0..100).all(|_| !route.answers(1, true, 5000)));
        assert_eq!(route.order(), "ab".to_owned(), "and its rest is over");
        let mut alone: Vec<&Target> = route.targets.iter().take(1).collect();
        route.slow.put_last(&mut alone, route.now);
        assert_eq!(alone.len(), 1);
    }

    #[test]
    fn names_that_callers_invent_do_not_fill_the_memory() {
        let slow = Slow::default();
        for number in 0..2 * TARGETS_MAX {
            let target = Target { provider: "p".into(), model: number.to_string().into() };
            slow.answered(&target, true, (ms(1), ms(1)), std::iter::empty(), &SETTINGS);
        }
        assert!(slow.lock().values().map(HashMap::len).sum::<usize>() <= TARGETS_MAX);
    }
}
