//! What the purses of all budgets hold, and how budgets take each other's place. One whole step at a time, under a lock.

use super::load::Sum;
use super::notice::{Notice, NoticeKind};
use super::purse::{Purse, Sharers, Spent, period_of};
use super::share::{OfShares, Share};
use super::{Budget, Budgets, Payer, PurseAsk};
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::units::Money;

/// Most purses of one budget in one window. Beyond it, values that were not seen yet share one purse: they may spend no
/// more together than one of them alone could.
const PURSES_OF_BUDGET_MAX: usize = 1 << 15;

/// Most notices that wait to be taken. Beyond it they are only counted.
const NOTICES_MAX: usize = 4_096;

/// Windows of one budget that are remembered: the present one, and the one before for a clock that goes back.
const WINDOWS_KEPT: usize = 2;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) budgets: Arc<Budgets>,
    /// What is known of each budget.
    known: Vec<Known>,
    /// Each budget's earliest moment of which anything is known.
    pub(super) floors: Vec<Timestamp>,
    /// Budgets that are to be in force once their sums are loaded.
    pub(super) pending: Option<Arc<Budgets>>,
    pub(super) purses: HashMap<String, Purse>,
    pub(super) holds: HashMap<CallId, Holding>,
    /// What calls hold that were let through while the purses that replicas share were away.
    pub(super) shares: HashMap<CallId, OfShares>,
    pub(super) notices: Vec<Notice>,
    pub(super) lost_notices: u64,
    pub(super) figures: HashMap<Arc<str>, Figures>,
}

/// What is known of a budget as a whole.
#[derive(Debug, Default)]
struct Known {
    /// The starts of the windows that are remembered, the latest last.
    windows: Vec<Timestamp>,
    purses: usize,
    /// The hour in which it was last looked for purses that are not needed any more.
    swept: Option<i64>,
    /// Whether a call came by a clock that had gone back behind all that is known.
    went_back: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) refused: u64,
    pub(super) notices: u64,
    pub(super) crowded: u64,
}

/// What a call holds.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) attribution: Attribution,
    pub(super) model: Arc<str>,
    pub(super) arrived: Timestamp,
    pub(super) amount: Money,
    /// The keys of the purses.
    pub(super) keys: Vec<String>,
}

impl Holding {
    pub(super) fn payer(&self) -> Payer<'_> {
        Payer { attribution: &self.attribution, model: &self.model }
    }
}

impl State {
    /// The place at which a budget stands now that counts the same as the one at `number` of others.
    pub(super) fn same(&self, budgets: &Budgets, number: usize) -> Option<usize> {
        let (wanted, digest) = (budgets.list().get(number)?, budgets.digest(number)?);
        let place = self.budgets.list().iter().position(|budget| budget.name == wanted.name)?;
        (self.budgets.digest(place) == Some(digest)).then_some(place)
    }

    /// Puts budgets into force: purses of those that count the same stay, `sums` are added, and what calls hold is held
    /// where they meet the new ones.
    pub(super) fn install(&mut self, budgets: Arc<Budgets>, sums: Vec<Sum>) {
        let count = budgets.list().len();
        let mut moved: HashMap<usize, usize> = HashMap::new();
        let (mut known, mut floors) = (Vec::with_capacity(count), vec![Timestamp::from_micros(i64::MIN); count]);
        for (number, floor) in floors.iter_mut().enumerate() {
            let same = self.same(&budgets, number);
            moved.extend(same.map(|old| (old, number)));
            if let Some(old) = same.and_then(|old| self.floors.get(old)) {
                *floor = *old;
            }
            known.push(same.and_then(|old| self.known.get_mut(old)).map(std::mem::take).unwrap_or_default());
        }
        self.purses.retain(|_, purse| {
            purse.held = Money::ZERO;
            let place = moved.get(&purse.budget).copied();
            purse.budget = place.unwrap_or_default();
            place.is_some()
        });
        (self.known, self.floors) = (known, floors);
        self.budgets = Arc::clone(&budgets);
        for (ask, of, sum) in sums {
            let key = self.place_of(&ask, || of);
            if let Some(purse) = self.purses.get_mut(&key) {
                purse.spent.add(ask.hour, sum);
            }
        }
        let mut holds = std::mem::take(&mut self.holds);
        for held in holds.values_mut() {
            let asks = budgets.asks(&held.payer(), held.arrived, &[]);
            held.keys =
                asks.iter().filter_map(|ask| self.purse_for(ask, &held.keys, &budgets, &held.payer())).collect();
            for key in &held.keys {
                self.hold(key, held.amount);
            }
        }
        self.holds = holds;
    }

    /// The key of the purse that a call comes out of which arrived with this ask: the one of `own` that holds for it, also
    /// where a clock that went back had it come out of a later window than its own. `None` where the window was left
    /// behind, and nobody goes on in it.
    pub(super) fn purse_for(
        &mut self,
        ask: &PurseAsk,
        own: &[String],
        budgets: &Budgets,
        payer: &Payer<'_>,
    ) -> Option<String> {
        let is_of = |key: &&String| self.purses.get(*key).is_some_and(|purse| purse.budget == ask.budget);
        if let Some(key) = own.iter().find(is_of) {
            return Some(key.clone());
        }
        (!self.is_left_behind(ask) || self.has_purse(ask)).then(|| self.place(ask, budgets, payer))
    }

    /// Whether a window is nobody's any more.
    fn is_left_behind(&self, ask: &PurseAsk) -> bool {
        ask.hours.is_none() && self.floors.get(ask.budget).is_some_and(|floor| ask.since < *floor)
    }

    /// Whether the purse of an ask is there.
    fn has_purse(&self, ask: &PurseAsk) -> bool {
        self.purses.contains_key(&ask.key) || self.purses.contains_key(&ask.together)
    }

    /// Nothing is known of these budgets before their windows at `now`.
    pub(super) fn set_floors(&mut self, budgets: &Budgets, now: Timestamp, fresh: impl Iterator<Item = usize>) {
        for number in fresh {
            let budget = budgets.list().get(number).filter(|budget| budget.window.hours().is_none());
            if let (Some(budget), Some(floor)) = (budget, self.floors.get_mut(number)) {
                *floor = budget.since(now);
            }
        }
    }

    /// The moment by which a call of `at` counts in the budget at this place: no earlier than all that is known of it.
    pub(super) fn not_left_behind(&self, budget: usize, at: Timestamp) -> Timestamp {
        self.floors.get(budget).map_or(at, |floor| at.max(*floor))
    }

    /// A call came out of a later window of this budget than its own, as the clock had gone back.
    pub(super) fn went_back(&mut self, budget: usize) {
        if let Some(known) = self.known.get_mut(budget) {
            known.went_back = true;
        }
    }

    /// By which windows calls are booked: by their own, which may have been left behind since; where the clock went back,
    /// by those that calls came out of.
    pub(super) fn floors_of_calls(&self) -> Vec<Timestamp> {
        let never = Timestamp::from_micros(i64::MIN);
        self.floors.iter().zip(&self.known).map(|(floor, known)| if known.went_back { *floor } else { never }).collect()
    }

    /// What is left in the purse of an ask, if there is one.
    pub(super) fn left_of(&self, ask: &PurseAsk) -> Option<Money> {
        let is_sharer = |purse: &&Purse| purse.sharers.has(hash_of(&ask.key), ask.hour, ask.hours);
        let purse = self.purses.get(&ask.key).or_else(|| self.purses.get(&ask.together).filter(is_sharer))?;
        Some(purse.left(ask.amount, ask.hour))
    }

    /// Makes sure that a purse is there, and answers under which key.
    pub(super) fn place(&mut self, ask: &PurseAsk, budgets: &Budgets, payer: &Payer<'_>) -> String {
        let values = || budgets.list().get(ask.budget).map(|budget| budget.values(payer)).unwrap_or_default();
        self.place_of(ask, values)
    }

    pub(super) fn place_of(&mut self, ask: &PurseAsk, values: impl FnOnce() -> Vec<(String, String)>) -> String {
        if self.purses.contains_key(&ask.key) {
            return ask.key.clone();
        }
        let value = hash_of(&ask.key);
        let shares = |purse: &Purse| purse.sharers.has(value, ask.hour, ask.hours);
        let is_sharer = self.purses.get(&ask.together).is_some_and(shares);
        if !is_sharer {
            self.roll(ask);
            if self.has_room(ask) {
                self.open(ask, ask.key.clone(), values());
                return ask.key.clone();
            }
        }
        self.crowded(ask);
        if !self.purses.contains_key(&ask.together) {
            let of = values().into_iter().map(|(noun, _)| (noun, "*".to_owned())).collect();
            self.open(ask, ask.together.clone(), of);
        }
        if let Some(purse) = self.purses.get_mut(&ask.together) {
            purse.sharers.note(value, ask.hour);
        }
        ask.together.clone()
    }

    fn open(&mut self, ask: &PurseAsk, key: String, of: Vec<(String, String)>) {
        let start = if ask.hours.is_some() { Timestamp::default() } else { ask.since };
        let purse = Purse {
            budget: ask.budget,
            of,
            start,
            until: ask.until,
            spent: Spent::new(ask.hours),
            held: Money::ZERO,
            told: BTreeSet::new(),
            sharers: Sharers::default(),
            share: Share::default(),
        };
        self.purses.insert(key, purse);
        if let Some(known) = self.known.get_mut(ask.budget) {
            known.purses += 1;
        }
    }

    fn crowded(&mut self, ask: &PurseAsk) {
        if let Some(budget) = self.budgets.list().get(ask.budget) {
            self.figures.entry(Arc::clone(&budget.name)).or_default().crowded += 1;
        }
    }

    /// A window that was not seen before pushes the oldest out.
    fn roll(&mut self, ask: &PurseAsk) {
        let Some(known) = self.known.get_mut(ask.budget).filter(|_| ask.hours.is_none()) else { return };
        if known.windows.contains(&ask.since) {
            return;
        }
        known.windows.push(ask.since);
        known.windows.sort_unstable();
        if known.windows.len() <= WINDOWS_KEPT {
            return;
        }
        known.windows.remove(0);
        let Some(oldest) = known.windows.first().copied() else { return };
        if let Some(floor) = self.floors.get_mut(ask.budget) {
            *floor = oldest.max(*floor);
        }
        // What calls still hold of a window that is left behind bounds them to their end.
        self.forget(ask.budget, |purse| purse.start < oldest && purse.held == Money::ZERO && purse.share.is_idle());
    }

    /// Whether a value can be counted apart. What is not needed any more is looked for once in an hour: that takes longer
    /// than a call should wait.
    fn has_room(&mut self, ask: &PurseAsk) -> bool {
        let Some(known) = self.known.get_mut(ask.budget) else { return false };
        if known.purses < PURSES_OF_BUDGET_MAX {
            return true;
        }
        if known.swept == Some(ask.hour) {
            return false;
        }
        known.swept = Some(ask.hour);
        self.forget(ask.budget, |purse| purse.is_empty(ask.hour));
        for purse in self.purses.values_mut().filter(|purse| purse.budget == ask.budget) {
            purse.sharers.prune(ask.hour, ask.hours);
        }
        self.known.get(ask.budget).is_some_and(|known| known.purses < PURSES_OF_BUDGET_MAX)
    }

    fn forget(&mut self, budget: usize, which: impl Fn(&Purse) -> bool) {
        let before = self.purses.len();
        self.purses.retain(|_, purse| purse.budget != budget || !which(purse));
        if let Some(known) = self.known.get_mut(budget) {
            known.purses = known.purses.saturating_sub(before - self.purses.len());
        }
    }

    pub(super) fn hold(&mut self, key: &str, more: Money) {
        if let Some(purse) = self.purses.get_mut(key) {
            purse.held = purse.held.plus(more);
        }
    }

    /// A call holds nothing any more. Answers what it held.
    pub(super) fn release(&mut self, id: CallId) -> Option<Holding> {
        let held = self.holds.remove(&id)?;
        for key in &held.keys {
            self.hold(key, Money::ZERO.minus(held.amount));
        }
        Some(held)
    }

    /// Tells of what is spent in a purse, as far as nobody was told yet.
    pub(super) fn tell_spent(&mut self, budgets: &Budgets, ask: &PurseAsk, key: &str, at: Timestamp) {
        let (Some(budget), Some(purse)) = (budgets.list().get(ask.budget), self.purses.get(key)) else { return };
        let spent = i128::from(purse.spent.sum(ask.hour).nanos()) * 100;
        let reached = |share: &&u16| spent >= i128::from(budget.amount.nanos()) * i128::from(**share);
        for share in budget.warn_at.iter().filter(reached) {
            self.tell(NoticeKind::Spent(*share), budget, ask, key, at);
        }
    }

    pub(super) fn tell(&mut self, kind: NoticeKind, budget: &Budget, ask: &PurseAsk, key: &str, at: Timestamp) {
        let period = ask.hours.map_or(0, |hours| period_of(ask.hour, hours));
        let new = |purse: &&mut Purse| !purse.told.contains(&(kind, period));
        let Some(purse) = self.purses.get_mut(key).filter(new) else { return };
        purse.told.retain(|(_, told)| period - told <= 1);
        purse.told.insert((kind, period));
        self.figures.entry(Arc::clone(&budget.name)).or_default().notices += 1;
        let key = ask.hours.map_or_else(|| key.to_owned(), |_| format!("{key}@{period}"));
        let ask = PurseAsk { key, ..ask.clone() };
        let notice = Notice::new(kind, budget, &ask, purse, at);
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(notice);
        } else {
            self.lost_notices += 1;
        }
    }

    /// After a load: tells of what was reached before. Who keeps notices knows which were told already.
    pub(super) fn tell_all(&mut self, now: Timestamp) {
        let budgets = Arc::clone(&self.budgets);
        let keys: Vec<String> = self.purses.keys().cloned().collect();
        for key in keys {
            let Some(purse) = self.purses.get(&key) else { continue };
            let Some(budget) = budgets.list().get(purse.budget) else { continue };
            let ask = PurseAsk {
                budget: purse.budget,
                key: key.clone(),
                together: String::new(),
                amount: budget.amount,
                since: budget.since(now),
                until: purse.until,
                hours: budget.window.hours(),
                hour: super::hour_of(now),
                hard: budget.is_hard(),
            };
            self.tell_spent(&budgets, &ask, &key, now);
        }
    }
}

/// Tells values apart; two that are one by chance share a purse longer than they must.
fn hash_of(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
