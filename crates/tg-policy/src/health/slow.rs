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

/// How soon an answer began.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// When the call left.
    pub left: Duration,
    /// How long it took from then on,
    pub took: Duration,
    /// to begin; otherwise it had not begun by then.
    pub is_heard: bool,
}

/// What is known of one target: of streams, and of whole answers.
#[derive(Debug, Default)]
struct Known([OfKind; 2]);

/// What is known of a target's answers of one kind.
#[derive(Debug, Default)]
struct OfKind {
    /// When they came, and how long they took to begin.
    seen: VecDeque<(Duration, Duration)>,
    /// The median of those that were new when the last one came.
    median: Option<Duration>,
    rest: Option<Rest>,
}

/// A target is put last.
#[derive(Clone, Debug)]
struct Rest {
    until: Duration,
    /// It is the so-manieth time in a row.
    times: u32,
    /// A call is on its way to see whether it is quick again; if nothing is heard of it, another may go then.
    looks_until: Duration,
    /// Those beside which it was slow: it is put after them, and nobody else.
    beside: Box<[Target]>,
}

impl Rest {
    fn is_last(&self, now: Duration) -> bool {
        now < self.until || now < self.looks_until
    }

    fn is_beside(&self, target: &Target) -> bool {
        self.beside.contains(target)
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
    /// Of the targets of a `plan`, puts those that are slow beside others of it last, otherwise as they stood.
    pub fn put_last(&self, targets: &mut [&Target], plan: &[Target], streamed: bool, now: Duration) {
        if self.resting.load(Ordering::Relaxed) == 0 || targets.len() < 2 {
            return;
        }
        let all = self.lock();
        targets.sort_by_cached_key(|target| rest(&all, target, plan, streamed).is_some_and(|rest| rest.is_last(now)));
    }

    /// Whether a target is put last among those of a plan.
    pub fn is_last(&self, target: &Target, plan: &[Target], streamed: bool, now: Duration) -> bool {
        self.resting.load(Ordering::Relaxed) > 0
            && rest(&self.lock(), target, plan, streamed).is_some_and(|rest| rest.is_last(now))
    }

    /// A call goes to a target. Whether it is the one that sees whether that is quick again: others go there last until it is
    /// known, or until it is [released](Self::release).
    pub fn looks(&self, target: &Target, plan: &[Target], streamed: bool, now: Duration) -> bool {
        if self.resting.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut all = self.lock();
        let looks = rest(&all, target, plan, streamed).is_some_and(|rest| !rest.is_last(now));
        if looks && let Some(rest) = of(&mut all, target, streamed).and_then(|known| known.rest.as_mut()) {
            rest.looks_until = now + LOOK_MAX;
        }
        looks
    }

    /// The call that looked is over: where nothing came of it, another may look.
    pub fn release(&self, target: &Target, streamed: bool) {
        if let Some(rest) = of(&mut self.lock(), target, streamed).and_then(|known| known.rest.as_mut()) {
            rest.looks_until = Duration::ZERO;
        }
    }

    /// How soon a target answered a call that might have gone to `others`. Whether it is put last from now on, and was not before.
    pub fn answered<'t>(
        &self,
        target: &Target,
        streamed: bool,
        begun: Begun,
        others: impl Iterator<Item = &'t Target>,
        settings: &SlowSettings,
    ) -> bool {
        let Begun { left, took, is_heard } = begun;
        let now = left + took;
        let mut all = self.lock();
        let (mut beside, mut medians) = (Vec::new(), Vec::new());
        for other in others {
            if let Some(median) = of(&mut all, other, streamed).and_then(|known| known.median(now, settings.calls_min))
            {
                beside.push(other);
                medians.push(median);
            }
        }
        let usual = middle(medians);
        let is_slow = |took: Duration| usual.is_some_and(|usual| took >= usual.saturating_mul(settings.times));
        let rests = |times| Rest::new(now, times, &beside, settings);
        let Some(known) = room(&mut all, target, streamed) else { return false };
        let rested = known.rest.is_some();
        // Into what nobody has looked for so long is over.
        known.rest.take_if(|rest| left > rest.until + MEMORY);
        let is_new = if let Some(rest) = &mut known.rest {
            // What left before, or went there as the others failed, says nothing new; nor do others than those of then.
            let says = left >= rest.until && beside.iter().any(|other| rest.is_beside(other));
            // By one answer it is seen whether it is quick again.
            if says && is_slow(took) {
                *rest = rests(rest.times.saturating_add(1));
            } else if says && is_heard {
                known.rest = None;
            }
            false
        } else {
            known.note(now, took);
            let is_new = known.median(now, settings.calls_min).is_some_and(is_slow);
            if is_new {
                *known = OfKind { rest: Some(rests(0)), ..OfKind::default() };
            }
            is_new
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
        let one = |(provider, id, Known(kinds)): (&Arc<str>, &Arc<str>, &Known)| {
            let rests = kinds.iter().filter_map(|known| known.rest.as_ref()).filter(|rest| rest.is_last(now));
            let until = rests.map(|rest| rest.until.max(rest.looks_until)).max()?;
            Some(PassedOver { provider: Arc::clone(provider), model: Some(Arc::clone(id)), why: "slow", until })
        };
        targets.filter_map(one).collect()
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
    fn new(now: Duration, times: u32, beside: &[&Target], settings: &SlowSettings) -> Self {
        let rest = settings.rest.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(settings.rest_max);
        let beside = beside.iter().copied().cloned().collect();
        Self { until: now + rest, times, looks_until: Duration::ZERO, beside }
    }
}

impl OfKind {
    fn note(&mut self, now: Duration, took: Duration) {
        if self.seen.len() >= SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((now, took));
        let fresh = |(at, _): &&(Duration, Duration)| now.saturating_sub(*at) <= MEMORY;
        self.median = middle(self.seen.iter().filter(fresh).map(|(_, took)| *took).collect());
    }

    /// The median of the answers of late; `None` where these are too few.
    fn median(&self, now: Duration, calls_min: usize) -> Option<Duration> {
        let (at, _) = self.seen.get(self.seen.len().checked_sub(calls_min)?)?;
        self.median.filter(|_| now.saturating_sub(*at) <= MEMORY)
    }
}

/// The rest of a target that is slow beside others of a plan.
fn rest<'a>(all: &'a AllKnown, target: &Target, plan: &[Target], streamed: bool) -> Option<&'a Rest> {
    let Known(kinds) = all.get(&target.provider)?.get(&target.model)?;
    let rest = kinds.get(usize::from(!streamed))?.rest.as_ref()?;
    plan.iter().any(|other| rest.is_beside(other)).then_some(rest)
}

/// What is known of a target's answers of a kind.
fn of<'a>(all: &'a mut AllKnown, target: &Target, streamed: bool) -> Option<&'a mut OfKind> {
    let Known(kinds) = all.get_mut(&target.provider)?.get_mut(&target.model)?;
    kinds.get_mut(usize::from(!streamed))
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

/// What is known of a target, from now on. Names that callers invent do not fill the memory.
fn room<'a>(all: &'a mut AllKnown, target: &Target, streamed: bool) -> Option<&'a mut OfKind> {
    let is_known = all.get(&target.provider).is_some_and(|models| models.contains_key(&target.model));
    if !is_known && all.values().map(HashMap::len).sum::<usize>() >= TARGETS_MAX {
        let rests = |Known(kinds): &Known| kinds.iter().any(|known| known.rest.is_some());
        all.values_mut().for_each(|models| models.retain(|_, known| rests(known)));
        if all.values().map(HashMap::len).sum::<usize>() >= TARGETS_MAX {
            return None;
        }
    }
    let Known(kinds) =
        all.entry(Arc::clone(&target.provider)).or_default().entry(Arc::clone(&target.model)).or_default();
    kinds.get_mut(usize::from(!streamed))
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

    fn begun(left: Duration, took: Duration) -> Begun {
        Begun { left, took, is_heard: true }
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
            self.slow.answered(target, streamed, begun(left, ms(took)), others, &SETTINGS)
        }

        /// In which order a stream tries them, which goes to the first.
        fn order(&self) -> String {
            self.order_of(true)
        }

        fn order_of(&self, streamed: bool) -> String {
            let mut left: Vec<&Target> = self.targets.iter().collect();
            self.slow.put_last(&mut left, &self.targets, streamed, self.now);
            self.slow.looks(left[0], &self.targets, streamed, self.now);
            left.iter().map(|target| &*target.provider).collect()
        }

        /// The first is slow, by streams.
        fn with_a_slow_one() -> Self {
            let mut route = Self::of(&["a", "b"]);
            (0..10).for_each(|_| assert!(!route.answers(1, true, 100)));
            assert!((0..10).any(|_| route.answers(0, true, 400)));
            route
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
        assert_eq!((route.order_of(false).as_str(), route.order_of(false).as_str()), ("ab", "ba"));
        route.now += LOOK_MAX;
        assert_eq!((route.order_of(false).as_str(), route.order_of(false).as_str()), ("ab", "ba"));
        route.slow.release(&route.targets[0], false);
        assert_eq!(route.order_of(false), "ab", "it has ended without an answer");
    }

    #[test]
    fn who_was_slow_in_one_kind_is_looked_at_by_that_kind_and_put_after_those_that_were_quicker() {
        let mut route = Route::with_a_slow_one();
        assert_eq!((route.order().as_str(), route.order_of(false).as_str()), ("ba", "ab"));
        let strangers = [route.targets[0].clone(), Target { provider: "c".into(), model: "m".into() }];
        let is_last = |plan: &[Target], now| route.slow.is_last(&route.targets[0], plan, true, now);
        assert!(is_last(&route.targets, route.now) && !is_last(&strangers, route.now), "beside these nobody knows");
        route.now += ms(1000);
        assert!(!route.slow.looks(&route.targets[0], &strangers, true, route.now));
        assert!(!route.answers(0, false, 10));
        assert_eq!((route.order().as_str(), route.order().as_str()), ("ab", "ba"), "it has not been seen by that");
        assert!(!route.answers(0, true, 100));
        assert_eq!((route.order().as_str(), route.order().as_str()), ("ab", "ab"));
    }

    #[test]
    fn where_nothing_is_usual_a_look_decides_nothing() {
        let mut route = Route::with_a_slow_one();
        route.now += MEMORY - ms(3000);
        assert_eq!(route.order(), "ab");
        let until = route.slow.resting(route.now)[0].until;
        assert!(!route.answers(0, true, 10));
        assert_eq!(route.slow.resting(route.now)[0].until, until, "of the other nothing new is known");
        route.slow.release(&route.targets[0], true);
        (0..10).for_each(|_| assert!(!route.answers(1, true, 100)));
        let (target, now) = (&route.targets[0], route.now);
        let others = || route.targets.iter().skip(1);
        // So far nothing was heard: that is not quick.
        assert!(!route.slow.answered(
            target,
            true,
            Begun { is_heard: false, ..begun(now, ms(200)) },
            others(),
            &SETTINGS
        ));
        assert_eq!(route.slow.resting.load(Ordering::Relaxed), 1);
        assert!(!route.slow.answered(target, true, begun(now, ms(200)), others(), &SETTINGS));
        assert_eq!(route.slow.resting.load(Ordering::Relaxed), 0);
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
            for (number, took) in [(3, 500), (2, 400), (1, 100)] {
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
        route.slow.put_last(&mut alone, &route.targets, true, route.now);
        assert_eq!(alone.len(), 1);
    }

    #[test]
    fn names_that_callers_invent_do_not_fill_the_memory() {
        let slow = Slow::default();
        for number in 0..2 * TARGETS_MAX {
            let target = Target { provider: "p".into(), model: number.to_string().into() };
            slow.answered(&target, true, begun(ms(1), ms(1)), std::iter::empty(), &SETTINGS);
        }
        assert!(slow.lock().values().map(HashMap::len).sum::<usize>() <= TARGETS_MAX);
    }
}
