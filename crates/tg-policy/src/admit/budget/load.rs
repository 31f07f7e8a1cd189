//! What budgets have spent, from the ledger's sums to purses.

use super::{Budgets, Payer, PurseAsk};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;
use tg_store::ledger::{SpentQuery, SpentRow};

/// What is spent in one purse, and whose it is.
pub(super) type Sum = (PurseAsk, Vec<(String, String)>, Money);

/// Sums of the ledger by purse.
pub(super) struct Loaded<'a> {
    budgets: &'a Budgets,
    now: Timestamp,
    pub(super) sums: Vec<Sum>,
    places: HashMap<(String, i64), usize>,
}

impl<'a> Loaded<'a> {
    pub(super) fn new(budgets: &'a Budgets, now: Timestamp) -> Self {
        Self { budgets, now, sums: Vec::new(), places: HashMap::new() }
    }

    /// Many groups of the ledger may be one purse's.
    pub(super) fn add(&mut self, query: &SpentQuery, numbers: &[usize], row: &SpentRow) {
        let at = row.hour.unwrap_or(self.now).max(query.since);
        let payer = Payer { attribution: &row.attribution, model: &row.model };
        for number in numbers {
            let Some(budget) = self.budgets.list().get(*number).filter(|budget| budget.meets(&payer)) else { continue };
            let Some(ask) = self.budgets.ask(*number, budget, &payer, at) else { continue };
            let hour = if ask.hours.is_some() { ask.hour } else { 0 };
            match self.places.entry((ask.key.clone(), hour)) {
                Entry::Occupied(place) => {
                    if let Some((_, _, sum)) = self.sums.get_mut(*place.get()) {
                        *sum = sum.plus(row.cost);
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(self.sums.len());
                    self.sums.push((ask, budget.values(&payer), row.cost));
                }
            }
        }
    }
}
