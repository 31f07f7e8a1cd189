//! Whether there is room in the purses of a call, for how much, and who refuses if there is not.

use super::exhausted::Exhausted;
use super::notice::NoticeKind;
use super::table::State;
use super::want::{Terms, Want, bends};
use super::{Budget, Budgets, OnExhausted, PurseAsk};
use std::sync::Arc;
use tg_kernel::clock::Timestamp;
use tg_kernel::ids::CallId;
use tg_kernel::units::Money;

impl State {
    /// The purses of a call that holds something, also where its window was left behind since.
    pub(super) fn purses_of(&mut self, id: CallId, budgets: &Budgets) -> Vec<(PurseAsk, String)> {
        let Some(mut holding) = self.holds.remove(&id) else { return Vec::new() };
        let mut purses = Vec::new();
        for ask in budgets.asks(&holding.payer(), holding.arrived, &[]) {
            let is_of = |key: &&String| self.purses.get(*key).is_some_and(|purse| purse.budget == ask.budget);
            let held = holding.keys.iter().find(is_of).cloned();
            let key = held.unwrap_or_else(|| {
                let key = self.place(&ask, budgets, &holding.payer());
                self.hold(&key, holding.amount);
                holding.keys.push(key.clone());
                key
            });
            purses.push((ask, key));
        }
        self.holds.insert(id, holding);
        purses
    }

    /// Holds more for a call, in all its purses.
    pub(super) fn hold_more(&mut self, id: CallId, more: Money) {
        let Some(mut holding) = self.holds.remove(&id) else { return };
        holding.amount = holding.amount.plus(more);
        for key in &holding.keys {
            self.hold(key, more);
        }
        self.holds.insert(id, holding);
    }

    /// What is left in the purse that has the least, of those that count; `None` where none does.
    pub(super) fn room(
        &self,
        budgets: &Budgets,
        purses: &[(PurseAsk, String)],
        counts: impl Fn(&PurseAsk, &Budget) -> bool,
    ) -> Option<Money> {
        let left = purses.iter().filter_map(|(ask, key)| {
            let (purse, budget) = (self.purses.get(key)?, budgets.list().get(ask.budget)?);
            counts(ask, budget).then(|| purse.left(budget.amount, ask.hour))
        });
        left.min()
    }

    /// How much a call that holds `held` can hold of what it wants, in each of its purses, and whether it is to be
    /// extended.
    ///
    /// # Errors
    /// When one of them has not so much left, and its budget does not let the call pass.
    pub(super) fn fit(
        &mut self,
        budgets: &Budgets,
        purses: &[(PurseAsk, String)],
        want: &Want<'_>,
        held: Money,
        at: Timestamp,
    ) -> Result<(Money, bool), Box<Exhausted>> {
        let met = purses.iter().filter_map(|(ask, _)| budgets.list().get(ask.budget));
        let Terms { wanted, needed, stepwise } = Terms::new(want, met);
        let more = |amount: Money| amount.minus(held).max(Money::ZERO);
        let bending = self.room(budgets, purses, |ask, budget| bends(want, ask, budget));
        let fitting = bending.map_or(more(wanted), |room| more(wanted).min(room)).max(more(needed));
        if fitting > Money::ZERO || held == Money::ZERO {
            let asked = |ask: &PurseAsk, budget: &Budget| {
                if bends(want, ask, budget) { more(needed) } else { fitting }
            };
            self.check(budgets, purses, asked, held, at)?;
        }
        Ok((held.plus(fitting), stepwise))
    }

    /// Whether what is `asked` of each purse fits into it. Of several into which it does not, the one that refuses comes
    /// before one that only wants another model, and then the one that opens last. `held` is what the call holds already.
    pub(super) fn check(
        &mut self,
        budgets: &Budgets,
        purses: &[(PurseAsk, String)],
        asked: impl Fn(&PurseAsk, &Budget) -> Money,
        held: Money,
        at: Timestamp,
    ) -> Result<(), Box<Exhausted>> {
        let mut full: Vec<(&PurseAsk, &Budget, &String, (Money, Money))> = Vec::new();
        for (ask, key) in purses {
            let (Some(purse), Some(budget)) = (self.purses.get(key), budgets.list().get(ask.budget)) else { continue };
            let left = purse.left(budget.amount, ask.hour);
            let more = asked(ask, budget);
            if left < more {
                full.push((ask, budget, key, (left.plus(held), more.plus(held))));
                self.figures.entry(Arc::clone(&budget.name)).or_default().refused += 1;
                self.tell(NoticeKind::Exhausted, budget, ask, key, at);
            }
        }
        let never = Timestamp::from_micros(i64::MAX);
        let hard = full.into_iter().filter(|(ask, ..)| ask.hard);
        let first = hard
            .max_by_key(|(ask, budget, ..)| (budget.on_exhausted == OnExhausted::Refuse, ask.until.unwrap_or(never)));
        let Some((ask, budget, key, (left, needed))) = first else { return Ok(()) };
        Err(Box::new(Exhausted::new(budget, ask, self.purses.get(key), left, needed)))
    }
}
