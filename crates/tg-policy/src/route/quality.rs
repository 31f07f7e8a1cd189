//! How good the cheaper answers are: what comparisons came to, with an interval, and whether a rule has switched itself off.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
pub use tg_kernel::kept::{Floor, Kept};
use tg_store::switches::Switch;

/// Most comparisons of one rule and task that count: the latest ones, as models and what is asked of them change.
pub const COUNTED_MAX: usize = 1_000;

/// Most rules of which something is known. What is beyond it, those that nobody asked about longest, is forgotten.
const RULES_MAX: usize = 4_096;

/// Most tasks of one rule: there are twelve.
const TASKS_MAX: usize = 64;

/// That a rule has switched itself off, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchedOff {
    /// The rule.
    pub rule: Arc<str>,
    /// For the sake of which task.
    pub task: Arc<str>,
    /// What was known of that then.
    pub known: Kept,
    /// The floor, which that is below, in millionths.
    pub floor_millionths: u32,
    /// When the comparison was begun that decided.
    pub at: Timestamp,
}

impl SwitchedOff {
    /// The name of the rule's route.
    #[must_use]
    pub fn route(&self) -> &str {
        self.rule.rsplit_once('#').map_or(&*self.rule, |(route, _)| route)
    }

    /// The floor, from 0 to 1.
    #[must_use]
    pub fn floor(&self) -> f64 {
        f64::from(self.floor_millionths) / 1e6
    }
}

impl From<&SwitchedOff> for Switch {
    fn from(off: &SwitchedOff) -> Self {
        Self {
            rule: off.rule.to_string(),
            is_off: true,
            at: off.at,
            task: off.task.to_string(),
            kept: off.known.kept,
            compared: off.known.of,
            floor_millionths: off.floor_millionths,
        }
    }
}

/// What is known of one rule.
#[derive(Debug, Default)]
struct Known {
    tasks: BTreeMap<Arc<str>, Counted>,
    off: Option<SwitchedOff>,
    /// Whether the store has it that it is off.
    is_kept: bool,
    /// When somebody switched it on again: comparisons that were begun before do not count.
    since: Option<Timestamp>,
    /// When it was told of last, as a number that grows.
    told: u64,
}

/// The latest comparisons of one task.
#[derive(Debug, Default)]
struct Counted {
    latest: VecDeque<(CallId, bool)>,
    ids: HashSet<CallId>,
}

impl Counted {
    /// Takes a comparison in; whether it is new.
    fn take(&mut self, id: CallId, kept: bool) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.latest.push_back((id, kept));
        if self.latest.len() > COUNTED_MAX
            && let Some((oldest, _)) = self.latest.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    /// Forgets what was begun before this moment.
    fn forget(&mut self, before: Timestamp) {
        self.latest.retain(|(id, _)| id.made_at() >= before);
        self.ids.retain(|id| id.made_at() >= before);
    }

    fn kept(&self) -> Kept {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Kept { kept: count(self.latest.iter().filter(|(_, kept)| *kept).count()), of: count(self.latest.len()) }
    }
}

/// What is known of all rules.
#[derive(Debug, Default)]
pub struct Qualities(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rules: HashMap<Arc<str>, Known>,
    told: u64,
    /// Of which rules it became known that they are off, and nobody was told yet.
    news: Vec<SwitchedOff>,
}

/// What is known of one rule, to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// By task, in the order of their names.
    pub tasks: Vec<(Arc<str>, Kept)>,
    /// That it has switched itself off.
    pub off: Option<SwitchedOff>,
    /// When somebody switched it on again.
    pub since: Option<Timestamp>,
}

impl Qualities {
    /// Takes a comparison in: of the call with this id, by this rule, for this task. One that is known counts once, and one that
    /// was begun before the rule was switched on again does not. Answers for what the rule is switched off, where it is now.
    pub fn note(
        &self,
        rule: &Arc<str>,
        floor: Option<Floor>,
        task: &str,
        (id, kept): (CallId, bool),
    ) -> Option<SwitchedOff> {
        let mut inner = self.lock();
        let known = inner.known(rule);
        if known.since.is_some_and(|since| id.made_at() < since) {
            return None;
        }
        if !known.tasks.contains_key(task) {
            if known.tasks.len() >= TASKS_MAX {
                return None;
            }
            known.tasks.insert(task.into(), Counted::default());
        }
        let counted = known.tasks.get_mut(task)?;
        if !counted.take(id, kept) {
            return None;
        }
        let (now, floor) = (counted.kept(), floor.filter(|_| known.off.is_none())?);
        if !now.is_below(floor) {
            return None;
        }
        let (rule, task, floor_millionths) = (Arc::clone(rule), task.into(), floor.millionths);
        let off = SwitchedOff { rule, task, known: now, floor_millionths, at: id.made_at() };
        (known.off, known.is_kept) = (Some(off.clone()), false);
        Some(off)
    }

    /// So the rule stands in the store. Answers that it is off where that was not known.
    pub fn stands(&self, rule: &Arc<str>, switch: &Switch) -> Option<SwitchedOff> {
        let mut inner = self.lock();
        let known = inner.known(rule);
        if known.since.is_some_and(|since| switch.at < since) {
            return None;
        }
        if !switch.is_off {
            known.since = Some(switch.at);
            known.tasks.values_mut().for_each(|counted| counted.forget(switch.at));
            // What was decided since then by what came since then holds, and is yet to be kept.
            known.off = known.off.take().filter(|off| !known.is_kept && off.at > switch.at);
            return None;
        }
        let is_news = known.off.is_none();
        if std::mem::replace(&mut known.is_kept, true) && !is_news {
            return None;
        }
        let off = SwitchedOff {
            rule: Arc::clone(rule),
            task: switch.task.as_str().into(),
            known: Kept { kept: switch.kept, of: switch.compared },
            floor_millionths: switch.floor_millionths,
            at: switch.at,
        };
        known.off = Some(off.clone());
        inner.news.push(off.clone());
        is_news.then_some(off)
    }

    /// Rules that are off, of which the store does not know it yet.
    #[must_use]
    pub fn unkept(&self) -> Vec<SwitchedOff> {
        self.lock().rules.values().filter(|known| !known.is_kept).filter_map(|known| known.off.clone()).collect()
    }

    /// The rules of which it became known that they are off, and that the store knows it, since this was asked last.
    #[must_use]
    pub fn take_news(&self) -> Vec<SwitchedOff> {
        std::mem::take(&mut self.lock().news)
    }

    /// Whether a rule has switched itself off.
    #[must_use]
    pub fn is_off(&self, rule: &str) -> bool {
        self.lock().rules.get(rule).is_some_and(|known| known.off.is_some())
    }

    /// What is known of a rule.
    #[must_use]
    pub fn view(&self, rule: &str) -> View {
        let inner = self.lock();
        let Some(known) = inner.rules.get(rule) else { return View::default() };
        let tasks = known.tasks.iter().map(|(task, counted)| (Arc::clone(task), counted.kept()));
        View { tasks: tasks.collect(), off: known.off.clone(), since: known.since }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What is known of a rule, for which room is made.
    fn known(&mut self, rule: &Arc<str>) -> &mut Known {
        if self.rules.len() >= RULES_MAX && !self.rules.contains_key(rule) {
            let oldest = self.rules.iter().min_by_key(|(_, known)| known.told).map(|(rule, _)| Arc::clone(rule));
            oldest.map(|oldest| self.rules.remove(&oldest));
        }
        self.told += 1;
        let known = self.rules.entry(Arc::clone(rule)).or_default();
        known.told = self.told;
        known
    }
}

#[cfg(test)]
mod tests {
    use super::{COUNTED_MAX, CallId, Floor, Kept, Qualities, RULES_MAX, Switch, Timestamp};
    use proptest::prelude::{prop_assert, proptest};
    use std::sync::Arc;

    #[test]
    fn the_interval_is_that_of_the_book() {
        // Figures of the literature on Wilson's interval (z = 1.96).
        for (kept, of, low, high) in
            [(0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (95, 100, 0.8882, 0.9785)]
        {
            let (found_low, found_high) = Kept { kept, of }.interval();
            assert!((found_low - low).abs() < 1e-4 && (found_high - high).abs() < 1e-4, "{kept}/{of}");
        }
        assert_eq!(Kept::default().interval(), (0.0, 1.0));
    }

    proptest! {
        /// The interval holds the share that was seen, is never outside of 0 and 1, and grows narrower with more of the same.
        #[test]
        fn the_interval_holds_what_was_seen(of in 1_u32..2_000, part in 0.0_f64..=1.0) {
            let kept = (f64::from(of) * part) as u32;
            let seen = f64::from(kept) / f64::from(of);
            let (low, high) = Kept { kept, of }.interval();
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= seen && seen <= high);
            let (more_low, more_high) = Kept { kept: kept * 4, of: of * 4 }.interval();
            prop_assert!(more_high - more_low <= high - low);
            // One more that was as good speaks for it, one that was not against it.
            let (better, worse) = (Kept { kept: kept + 1, of: of + 1 }.interval(), Kept { kept, of: of + 1 }.interval());
            prop_assert!(better.0 >= low && worse.1 <= high + 1e-12);
        }

        /// A rule that keeps its floor is hardly ever switched off, and one that misses it by far always is.
        #[test]
        fn chance_switches_nothing_off(seed: u64) {
            let (mut state, floor) = (seed, Floor { millionths: 900_000, samples_min: 50 });
            let mut draws = |share: u64| {
                let qualities = Qualities::default();
                let rule: Arc<str> = "r".into();
                for _ in 0..400 {
                    state = crate::route::mixed(state);
                    qualities.note(&rule, Some(floor), "chat", (CallId::fresh(), state % 1000 < share));
                }
                qualities.is_off("r")
            };
            prop_assert!(!draws(990));
            prop_assert!(draws(600));
        }
    }

    #[test]
    fn a_rule_near_its_floor_is_hardly_ever_switched_off_by_chance() {
        const RULES: usize = 2_000;
        let (mut state, floor) = (1, Floor { millionths: 900_000, samples_min: 50 });
        let mut off = |share: u64| {
            let mut is_switched_off = || {
                (0..COUNTED_MAX).fold((Kept::default(), false), |(known, is_off), _| {
                    state = crate::route::mixed(state);
                    let kept = known.kept + u32::from(state % 1_000 < share);
                    let known = Kept { kept, of: known.of + 1 };
                    (known, is_off || known.is_below(floor))
                })
            };
            (0..RULES).filter(|_| is_switched_off().1).count()
        };
        for (share, at_most) in [(900, 80), (910, 20), (930, 2)] {
            let off = off(share);
            assert!(off <= at_most, "{share}: {off} of {RULES}");
        }
        assert_eq!(off(800), RULES, "one that misses it always is");
    }

    #[test]
    fn a_rule_is_switched_off_once_it_is_certain_and_stays_off() {
        let (qualities, rule): (Qualities, Arc<str>) = (Qualities::default(), "smart#1".into());
        let floor = Some(Floor { millionths: 950_000, samples_min: 20 });
        let mut turned = Vec::new();
        for number in 0..30 {
            let kept = number % 2 == 0;
            if let Some(off) = qualities.note(&rule, floor, "classification", (CallId::fresh(), kept)) {
                turned.push((number, off.known));
            }
        }
        assert_eq!(turned, [(19, Kept { kept: 10, of: 20 })], "not before there are enough, and only once");
        for _ in 0..COUNTED_MAX {
            qualities.note(&rule, floor, "classification", (CallId::fresh(), true));
        }
        assert!(qualities.is_off("smart#1"), "later luck does not switch it on");
        assert_eq!(qualities.view("smart#1").tasks[0].1, Kept { kept: COUNTED_MAX as u32, of: COUNTED_MAX as u32 });
        assert!(!qualities.is_off("smart#2"), "another configuration is another rule");
    }

    #[test]
    fn what_the_store_says_of_a_rule_holds_and_a_rule_that_is_switched_on_begins_anew() {
        let (qualities, rule): (Qualities, Arc<str>) = (Qualities::default(), "smart#1".into());
        let floor = Some(Floor { millionths: 950_000, samples_min: 20 });
        let worse = |times: usize| {
            (0..times).filter_map(|_| qualities.note(&rule, floor, "chat", (CallId::fresh(), false))).next()
        };
        let off = worse(20).unwrap();
        assert_eq!(qualities.unkept(), std::slice::from_ref(&off));
        assert!(qualities.take_news().is_empty(), "nobody is told before it is kept");
        assert_eq!(qualities.stands(&rule, &Switch::from(&off)), None, "it is known here");
        assert_eq!((qualities.unkept(), qualities.take_news()), (Vec::new(), vec![off.clone()]));
        assert_eq!(qualities.stands(&rule, &Switch::from(&off)), None);
        assert!(qualities.take_news().is_empty(), "once");
        let on = Switch { is_off: false, at: Timestamp::from_micros(off.at.micros() + 1_000), ..Switch::from(&off) };
        assert_eq!(qualities.stands(&rule, &on), None);
        assert!(!qualities.is_off("smart#1"));
        assert_eq!(qualities.view("smart#1").tasks[0].1, Kept::default(), "what led to it does not count again");
        assert_eq!(qualities.stands(&rule, &Switch::from(&off)), None);
        assert!(!qualities.is_off("smart#1"), "what it was before is past");
        // What comes from now on is of a later moment.
        while CallId::fresh().made_at() <= on.at {}
        assert_eq!(worse(19), None);
        let again = worse(1).unwrap();
        assert!(again.at > on.at && again.known == Kept { kept: 0, of: 20 });
        qualities.stands(&rule, &on);
        assert_eq!(qualities.unkept(), [again], "what was decided since holds");
        let other = Qualities::default();
        assert_eq!(other.stands(&rule, &Switch::from(&off)), Some(off), "another gateway hears of it");
        assert!(other.is_off("smart#1") && other.unkept().is_empty());
    }

    #[test]
    fn a_comparison_counts_once_and_memory_is_bounded() {
        let (qualities, rule): (Qualities, Arc<str>) = (Qualities::default(), "r".into());
        let id = CallId::fresh();
        for kept in [true, false, true] {
            qualities.note(&rule, None, "chat", (id, kept));
        }
        assert_eq!(qualities.view("r").tasks, [("chat".into(), Kept { kept: 1, of: 1 })]);
        for number in 0..2 * RULES_MAX {
            qualities.note(&number.to_string().into(), None, "chat", (CallId::fresh(), true));
        }
        assert!(qualities.lock().rules.len() <= RULES_MAX);
        for number in 0..200 {
            qualities.note(&rule, None, &number.to_string(), (CallId::fresh(), true));
        }
        assert!(qualities.view("r").tasks.len() <= super::TASKS_MAX);
    }
}
