//! The purses of all budgets, in this process's memory: what is reserved, settled and booked.

use super::exhausted::Exhausted;
use super::load::Loaded;
use super::notice::Notice;
use super::table::{Holding, State};
use super::view::{self, BudgetFigures, PurseView};
use super::want::{Held, Want};
use super::{Budgets, Payer, PurseAsk};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::record::Record;
use tg_kernel::units::Money;
use tg_store::ledger::{SpentQuery, SpentRow};

/// Most calls that hold money at a time, those included whose rows wait for the ledger. Beyond it calls that meet a budget
/// are refused.
pub(super) const HOLDS_MAX: usize = 1 << 20;

/// All of an amount, in millionths.
const WHOLE: u32 = 1_000_000;

/// The purses of all budgets. One for each process; it outlives reloads.
#[derive(Debug, Default)]
pub struct Purses {
    state: Mutex<State>,
    /// Whether there are budgets, or calls that hold something of earlier ones: else no call waits for the lock.
    busy: AtomicBool,
    waiting: AtomicBool,
}

impl Purses {
    /// The budgets in force.
    #[must_use]
    pub fn budgets(&self) -> Arc<Budgets> {
        Arc::clone(&self.lock().budgets)
    }

    /// Whether there is no budget, and no call that holds something of one that was there.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.busy.load(Ordering::Acquire)
    }

    /// Puts other budgets into force: at once where all that they count is known, as when only amounts changed; else when
    /// [`Purses::load`] has read what is missing. Until then the old ones are in force.
    pub fn propose(&self, budgets: Arc<Budgets>) {
        let mut state = self.lock();
        let is_known = (0..budgets.list().len()).all(|number| state.same(&budgets, number).is_some());
        if is_known {
            state.pending = None;
            state.install(budgets, Vec::new());
        } else {
            state.pending = Some(budgets);
        }
        self.note(&state);
    }

    /// Whether budgets wait for [`Purses::load`].
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Reads what waiting budgets have spent, and puts them into force. `read` hands over sums of the ledger's rows; no row
    /// may be appended while it reads, or it would be counted twice or not at all.
    ///
    /// # Errors
    /// What `read` fails with; then the budgets wait on.
    pub fn load<E>(
        &self,
        now: Timestamp,
        mut read: impl FnMut(&SpentQuery, &mut dyn FnMut(SpentRow)) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let (budgets, missing) = {
                let state = self.lock();
                let Some(budgets) = state.pending.clone() else { return Ok(()) };
                let missing: Vec<usize> =
                    (0..budgets.list().len()).filter(|number| state.same(&budgets, *number).is_none()).collect();
                (budgets, missing)
            };
            let mut queries: HashMap<SpentQuery, Vec<usize>> = HashMap::new();
            for number in missing {
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
            // Others may have been proposed in the meantime.
            if state.pending.as_ref().is_some_and(|pending| Arc::ptr_eq(pending, &budgets)) {
                state.pending = None;
                state.install(Arc::clone(&budgets), sums);
                state.set_floors(&budgets, now, queries.values().flatten().copied());
                state.tell_all(now);
                self.note(&state);
                return Ok(());
            }
        }
    }

    /// Holds what a call wants in every purse that it meets, or in none: less only where all that have not so much left
    /// bound its output, and not less than they let it go on with.
    ///
    /// # Errors
    /// When one of them has not so much left, and its budget does not let the call pass.
    pub fn reserve(
        &self,
        id: CallId,
        payer: &Payer<'_>,
        arrived: Timestamp,
        want: &Want<'_>,
    ) -> Result<Held, Box<Exhausted>> {
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        let asks = budgets.asks(payer, arrived, &state.floors);
        if asks.is_empty() {
            return Ok(Held::default());
        }
        let keys: Vec<String> = asks.iter().map(|ask| state.place(ask, &budgets, payer)).collect();
        let purses: Vec<(PurseAsk, String)> = asks.into_iter().zip(keys).collect();
        let (amount, stepwise) = state.fit(&budgets, &purses, want, Money::ZERO, arrived)?;
        if state.holds.len() >= HOLDS_MAX {
            return Err(Box::new(Exhausted::crowded(amount)));
        }
        let keys: Vec<String> = purses.into_iter().map(|(_, key)| key).collect();
        for key in &keys {
            state.hold(key, amount);
        }
        let (attribution, model) = (payer.attribution.clone(), Arc::from(payer.model));
        state.holds.insert(id, Holding { attribution, model, arrived, amount, keys });
        Ok(Held { met: true, amount, stepwise })
    }

    /// What is left of the budgets that a call meets, in millionths of their amounts: of the one of which least is. All, where
    /// it meets none. Where replicas share purses, as it was seen last.
    #[must_use]
    pub fn millionths_left(&self, payer: &Payer<'_>, at: Timestamp) -> u32 {
        if self.is_idle() {
            return WHOLE;
        }
        let state = self.lock();
        let part = |ask: &PurseAsk| {
            let left = i128::from(state.left_of(ask)?.nanos().max(0)) * i128::from(WHOLE);
            u32::try_from(left / i128::from(ask.amount.nanos().max(1))).ok()
        };
        let asks = state.budgets.asks(payer, at, &state.floors);
        asks.iter().filter_map(part).fold(WHOLE, u32::min)
    }

    /// Raises what a call holds to what it wants now, in every purse or in none; what is held already is never lowered. A
    /// call that holds nothing gets nothing.
    ///
    /// # Errors
    /// As [`Purses::reserve`]. What was held stays held.
    pub fn raise(&self, id: CallId, want: &Want<'_>) -> Result<Held, Box<Exhausted>> {
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        let Some((arrived, held)) = state.holds.get(&id).map(|holding| (holding.arrived, holding.amount)) else {
            return Ok(Held::default());
        };
        let purses = state.purses_of(id, &budgets);
        let (amount, stepwise) = state.fit(&budgets, &purses, want, held, arrived)?;
        state.hold_more(id, amount.minus(held));
        Ok(Held { met: true, amount, stepwise })
    }

    /// Raises what a call holds to `amount` where every purse that bounds it has room for that: for a second try beside its
    /// first. Else nothing changes, and nobody is told: the call goes on as it does.
    #[must_use]
    pub fn hold_beside(&self, id: CallId, amount: Money) -> bool {
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        let Some(held) = state.holds.get(&id).map(|holding| holding.amount) else { return true };
        let purses = state.purses_of(id, &budgets);
        let more = amount.minus(held).max(Money::ZERO);
        let fits = state.room(&budgets, &purses, |ask, _| ask.hard).is_none_or(|room| more <= room);
        if fits {
            state.hold_more(id, more);
        }
        fits
    }

    /// Raises what a stream holds to `amount`, as far as there is room in every purse. Answers what it holds then.
    pub fn extend(&self, id: CallId, amount: Money) -> Money {
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        let Some((arrived, held)) = state.holds.get(&id).map(|holding| (holding.arrived, holding.amount)) else {
            return Money::ZERO;
        };
        if held >= amount {
            return held;
        }
        let purses = state.purses_of(id, &budgets);
        let room = state.room(&budgets, &purses, |ask, _| ask.hard).unwrap_or(amount);
        let more = amount.minus(held).min(room).max(Money::ZERO);
        if more == Money::ZERO {
            let least = Money::from_nanos(1);
            // Only to be told and counted: nothing is refused that has begun.
            drop(state.check(&budgets, &purses, |_, _| least, held, arrived));
        }
        state.hold_more(id, more);
        held.plus(more)
    }

    /// A call has ended and cost so much: the difference to what it held comes back at once. The rest stays held until the
    /// call is booked. A call that holds nothing, or is booked, changes nothing.
    pub fn settle(&self, id: CallId, cost: Money) {
        if self.is_idle() {
            return;
        }
        let mut state = self.lock();
        if cost == Money::ZERO {
            state.release(id);
            self.note(&state);
            return;
        }
        let Some(held) = state.holds.get_mut(&id) else { return };
        let change = cost.minus(held.amount);
        held.amount = cost;
        let keys = held.keys.clone();
        for key in &keys {
            state.hold(key, change);
        }
    }

    /// These rows are in the ledger now, each for the first time: what their calls cost is spent, and held no more. Also
    /// of calls that began before a budget was there.
    pub fn book(&self, records: &[Record]) {
        if self.is_idle() {
            return;
        }
        let mut state = self.lock();
        let budgets = Arc::clone(&state.budgets);
        for record in records {
            let own = state.release(record.id).map(|held| held.keys).unwrap_or_default();
            let cost = record.total_cost().amount;
            if cost == Money::ZERO {
                continue;
            }
            let payer = Payer::from(record);
            for ask in budgets.asks(&payer, record.started_at, &[]) {
                // Of a window that was left behind, what its last calls cost counts for those that still go on in it.
                let Some(key) = state.purse_for(&ask, &own, &budgets, &payer) else { continue };
                if let Some(purse) = state.purses.get_mut(&key) {
                    purse.spent.add(ask.hour, cost);
                }
                state.tell_spent(&budgets, &ask, &key, record.started_at);
            }
        }
        self.note(&state);
    }

    /// Takes the notices that wait, and how many were lost since the last time because too many did.
    #[must_use]
    pub fn take_notices(&self) -> (Vec<Notice>, u64) {
        if self.is_idle() {
            return (Vec::new(), 0);
        }
        let mut state = self.lock();
        (std::mem::take(&mut state.notices), std::mem::take(&mut state.lost_notices))
    }

    /// Every purse of the windows that are open at `now`, in the order of the configuration.
    #[must_use]
    pub fn view(&self, now: Timestamp) -> Vec<PurseView> {
        let state = self.lock();
        let mut all = view::of(&state.budgets, state.purses.values(), now);
        all.sort_by(|one, other| (one.place, &one.of).cmp(&(other.place, &other.of)));
        all
    }

    /// Sums over each budget's purses that are open at `now`, in the order of the configuration.
    #[must_use]
    pub fn figures(&self, now: Timestamp) -> Vec<BudgetFigures> {
        let view = self.view(now);
        let state = self.lock();
        let budgets = state.budgets.list().iter();
        budgets
            .map(|budget| {
                let counted = state.figures.get(&budget.name).copied().unwrap_or_default();
                let mut figures = BudgetFigures {
                    budget: Arc::clone(&budget.name),
                    amount: budget.amount,
                    refused: counted.refused,
                    notices: counted.notices,
                    crowded: counted.crowded,
                    ..BudgetFigures::default()
                };
                view.iter().filter(|purse| purse.budget == budget.name).for_each(|purse| figures.add(purse));
                figures
            })
            .collect()
    }

    pub(super) fn note(&self, state: &State) {
        self.busy.store(!state.budgets.is_empty() || !state.holds.is_empty(), Ordering::Release);
        self.waiting.store(state.pending.is_some(), Ordering::Release);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Whole steps only: a panic in between leaves sums that are a little off, until the next start.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
