//! Budgets whose purses replicas share: what a call asks of them, what is summed for them, and what is shown of them here.
//!
//! The purses themselves are elsewhere ([`tg_store::counters`]). [`Purses`] then only mirrors them: it knows which there
//! are, is told from time to time what is spent and held, and tells of what was reached.

use super::load::Loaded;
use super::purses::Purses;
use super::want::{Terms, Want};
use super::{Budgets, Exhausted, Payer, PurseAsk, hour_of};
use crate::admit::WhenAway;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::Timestamp;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::counters::{self, CounterKey, Kind, Mode, Purse};
use tg_store::ledger::{SpentQuery, SpentRow};

/// How long a shared purse is kept that nobody asks of. One that is asked for later is summed again.
const KEEP: Duration = Duration::from_secs(2 * 86_400);

/// The same of a rolling one, of which there is another each hour.
const KEEP_OF_HOUR: Duration = Duration::from_secs(6 * 3600);

/// Hours around now whose rolling purses may be asked of, clocks being as they are.
const HOURS_AROUND: i64 = 2;

/// A shared purse that a call asks of.
#[derive(Clone, Debug)]
pub struct SharedPurse {
    /// Those in force when it was asked of.
    budgets: Arc<Budgets>,
    /// What the call wants of its budget.
    pub ask: PurseAsk,
    /// The key in the mirror.
    pub(super) mirrored: String,
    /// The purse.
    pub key: CounterKey,
    /// The moment by which what is spent of it is summed.
    at: Timestamp,
    /// What happens while it is away.
    pub when_away: WhenAway,
}

impl SharedPurse {
    /// Asks it for so much.
    #[must_use]
    pub fn wants(&self, money: Money) -> counters::Ask {
        counters::Ask {
            key: self.key.clone(),
            kind: Kind::Purse(Purse { cap: nanos(self.ask.amount), keep: self.keep() }),
            units: nanos(money),
            mode: if self.ask.hard { Mode::Enforce } else { Mode::Observe },
            lease: 0,
        }
    }

    /// The budgets in force when it was asked of.
    pub(super) fn budgets(&self) -> Arc<Budgets> {
        Arc::clone(&self.budgets)
    }

    /// Of a rolling window: from now on what more is asked for counts in the hour of `now`. What is held already is held in
    /// every hour.
    pub fn turn(&mut self, now: Timestamp) {
        let hour = hour_of(now);
        if self.ask.hours.is_some() && hour > self.ask.hour {
            self.key = key(&self.mirrored, Some(hour));
            (self.ask.hour, self.at) = (hour, now);
        }
    }

    /// How long it is kept that nobody asks of it.
    #[must_use]
    pub const fn keep(&self) -> Duration {
        if self.ask.hours.is_some() { KEEP_OF_HOUR } else { KEEP }
    }
}

/// What a purse can hold is not negative.
fn nanos(money: Money) -> u64 {
    u64::try_from(money.nanos()).unwrap_or(0)
}

/// The shared purse of an ask: of a rolling one, that of an hour, in which counts what that hour sees; what is held of it is
/// common to all hours.
fn key(text: &str, hour: Option<i64>) -> CounterKey {
    match hour {
        Some(hour) => CounterKey::of(&["budget", text, &hour.to_string()]).holding(&CounterKey::of(&["budget", text])),
        None => CounterKey::of(&["budget", text]),
    }
}

impl Purses {
    /// Puts budgets into force whose purses are elsewhere: at once, as these are summed when they are first asked of. A clock
    /// that goes back after `now` opens no window of theirs again.
    pub fn adopt(&self, budgets: Arc<Budgets>, now: Timestamp) {
        let mut state = self.lock();
        state.pending = None;
        let fresh: Vec<usize> =
            (0..budgets.list().len()).filter(|number| state.same(&budgets, *number).is_none()).collect();
        state.install(Arc::clone(&budgets), Vec::new());
        state.set_floors(&budgets, now, fresh.into_iter());
        self.note(&state);
    }

    /// The shared purses that a call asks of.
    #[must_use]
    pub fn shared(&self, payer: &Payer<'_>, arrived: Timestamp) -> Vec<SharedPurse> {
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        let mut all = Vec::new();
        for ask in budgets.asks(payer, arrived, &state.floors) {
            let at = state.not_left_behind(ask.budget, arrived);
            if at > arrived {
                state.went_back(ask.budget);
            }
            let mirrored = state.place(&ask, &budgets, payer);
            let when_away = budgets.list().get(ask.budget).map_or(WhenAway::FailClosed, |budget| budget.when_away);
            all.push(SharedPurse {
                budgets: Arc::clone(&budgets),
                key: key(&mirrored, ask.hours.map(|_| ask.hour)),
                mirrored,
                at,
                when_away,
                ask,
            });
        }
        all
    }

    /// What a call asks of these purses first, and whether more may be held as it streams.
    #[must_use]
    pub fn first_ask(&self, purses: &[SharedPurse], want: &Want<'_>) -> (Money, bool) {
        let met = purses.iter().filter_map(|purse| purse.budgets.list().get(purse.ask.budget));
        let Terms { wanted, stepwise, .. } = Terms::new(want, met);
        (wanted, stepwise)
    }

    /// How much a call that holds `held` can hold of what it wants, as these purses had so much left (`None`: as far as is
    /// known here) when they had no room for it, and whether more may be held as it streams. See [`Purses::reserve`].
    ///
    /// # Errors
    /// When one of them has not so much left, and its budget does not let the call pass.
    pub fn fit(
        &self,
        purses: &[SharedPurse],
        lefts: &[Option<Money>],
        want: &Want<'_>,
        (held, at): (Money, Timestamp),
    ) -> Result<(Money, bool), Box<Exhausted>> {
        let mut state = self.lock();
        let Some(budgets) = purses.first().map(|purse| Arc::clone(&purse.budgets)) else {
            return Ok((want.most, false));
        };
        let met = purses.iter().zip(lefts).map(|(purse, left)| (purse.ask.clone(), purse.mirrored.clone(), *left));
        let mut pairs = Vec::with_capacity(purses.len());
        for (ask, key, left) in met {
            if let (Some(purse), Some(left)) = (state.purses.get_mut(&key), left) {
                purse.held = ask.amount.minus(purse.spent.sum(ask.hour)).minus(left);
            }
            pairs.push((ask, key));
        }
        state.fit(&budgets, &pairs, want, held, at)
    }

    /// The shared purses in which a call counts whose row is in the ledger.
    #[must_use]
    pub fn booked(&self, record: &Record, now: Timestamp) -> Vec<CounterKey> {
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        let payer = Payer::from(record);
        let mut keys = Vec::new();
        for ask in budgets.asks(&payer, record.started_at, &state.floors_of_calls()) {
            let mirrored = state.place(&ask, &budgets, &payer);
            match ask.hours {
                None => keys.push(key(&mirrored, None)),
                // What later hours see is summed from the ledger, in which the row is.
                Some(hours) => {
                    let now = hour_of(now);
                    let first = ask.hour.max(now.saturating_sub(HOURS_AROUND));
                    let last = ask.hour.saturating_add(i64::from(hours)).min(now.saturating_add(HOURS_AROUND));
                    keys.extend((first..=last).map(|hour| key(&mirrored, Some(hour))));
                }
            }
        }
        keys
    }

    /// Reads what is spent in the ledger, tells of what was reached, and answers the shared purses of which something is.
    /// `read` hands over sums of the ledger's rows.
    ///
    /// # Errors
    /// What `read` fails with; then the mirror stays as it was.
    pub fn mirror<E>(
        &self,
        now: Timestamp,
        mut read: impl FnMut(&SpentQuery, &mut dyn FnMut(SpentRow)) -> Result<(), E>,
    ) -> Result<Vec<CounterKey>, E> {
        let budgets = self.budgets();
        let mut queries: HashMap<SpentQuery, Vec<usize>> = HashMap::new();
        for number in 0..budgets.list().len() {
            let now = self.lock().not_left_behind(number, now);
            if let Some(query) = budgets.wanted(number, now) {
                queries.entry(query).or_default().push(number);
            }
        }
        let mut loaded = Loaded::new(&budgets, now);
        for (query, numbers) in &queries {
            read(query, &mut |row| loaded.add(query, numbers, &row))?;
        }
        let sums = loaded.sums;
        let mut state = self.lock();
        if !Arc::ptr_eq(&state.budgets, &budgets) {
            return Ok(Vec::new());
        }
        for purse in state.purses.values_mut() {
            purse.spent.clear();
        }
        let mut keys = Vec::new();
        for (ask, of, sum) in sums {
            let mirrored = state.place_of(&ask, || of);
            if ask.hours.is_some() {
                let hour = hour_of(now);
                keys.extend((hour..=hour.saturating_add(1)).map(|hour| key(&mirrored, Some(hour))));
            } else {
                keys.push(key(&mirrored, None));
            }
            if let Some(purse) = state.purses.get_mut(&mirrored) {
                purse.spent.add(ask.hour, sum);
            }
        }
        state.tell_all(now);
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The shared purses that are open at `now`, for [`Purses::seen`]: those that calls were met in here or the ledger has, and
    /// those of budgets that count nothing apart, which others may have met.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Vec<(String, CounterKey)> {
        let mut state = self.lock();
        let (budgets, nobody) = (Arc::clone(&state.budgets), Attribution::default());
        let payer = Payer { attribution: &nobody, model: "" };
        for (number, budget) in budgets.list().iter().enumerate().filter(|(_, budget)| budget.each.is_empty()) {
            let has_begun = budget.starts.is_none_or(|starts| now >= starts);
            let at = state.not_left_behind(number, now);
            if let Some(ask) = budgets.ask(number, budget, &payer, at).filter(|_| has_begun) {
                state.place(&ask, &budgets, &payer);
            }
        }
        let open = state.purses.iter().filter(|(_, purse)| purse.until.is_none_or(|until| now < until));
        let hour = |budget: usize| {
            let hours = state.budgets.list().get(budget).and_then(|budget| budget.window.hours());
            hours.map(|_| hour_of(now))
        };
        open.map(|(mirrored, purse)| (mirrored.clone(), key(mirrored, hour(purse.budget)))).collect()
    }
}

impl SharedPurse {
    /// What must be summed of the ledger for it, and of which budgets.
    #[must_use]
    pub fn summed_by(&self) -> Option<(SpentQuery, usize)> {
        let query = self.budgets.wanted(self.ask.budget, self.at)?;
        Some((query, Arc::as_ptr(&self.budgets).addr()))
    }
}

impl Purses {
    /// What is spent of each of these purses, all of which are [summed](SharedPurse::summed_by) by the same. `read` hands over the sums of the ledger's rows.
    ///
    /// # Errors
    /// What `read` fails with.
    pub fn sum<E>(
        &self,
        query: &SpentQuery,
        purses: &[&SharedPurse],
        read: impl FnOnce(&mut dyn FnMut(SpentRow)) -> Result<(), E>,
    ) -> Result<Vec<Money>, E> {
        let Some(first) = purses.first() else { return Ok(Vec::new()) };
        let mut numbers: Vec<usize> = purses.iter().map(|purse| purse.ask.budget).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut loaded = Loaded::new(&first.budgets, first.at);
        read(&mut |row| loaded.add(query, &numbers, &row))?;
        let mut sums: BTreeMap<(usize, String), Money> = BTreeMap::new();
        let state = self.lock();
        for (ask, _, sum) in loaded.sums {
            // Values that are not counted apart here are in the purse of all of them together.
            let together = !state.purses.contains_key(&ask.key) && state.purses.contains_key(&ask.together);
            let add = |key: String, sums: &mut BTreeMap<(usize, String), Money>| {
                let one = sums.entry((ask.budget, key)).or_default();
                *one = one.plus(sum);
            };
            if together {
                add(ask.together, &mut sums);
            }
            add(ask.key, &mut sums);
        }
        let of = |purse: &&SharedPurse| sums.get(&(purse.ask.budget, purse.mirrored.clone())).copied();
        Ok(purses.iter().map(|purse| of(purse).unwrap_or(Money::ZERO)).collect())
    }
}

/// What is left in the purse that has the least, of those that hold a call up; `None` where none does.
#[must_use]
pub fn least_left(purses: &[SharedPurse], lefts: &[Money]) -> Option<Money> {
    purses.iter().zip(lefts).filter(|(purse, _)| purse.ask.hard).map(|(_, left)| *left).min()
}
