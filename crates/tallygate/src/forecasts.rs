//! When budgets run out, from the ledger's sums: for the command line at once, for a running gateway kept a minute.

use arc_swap::ArcSwap;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, TryLockError};
use tg_admin::api;
use tg_finops::forecast::{Basis, Ends, Forecast, Spending, forecast};
use tg_kernel::clock::Timestamp;
use tg_kernel::units::Money;
use tg_policy::admit::budget::{Budget, Budgets, PurseView, Purses, Window};
use tg_store::StoreError;
use tg_store::ledger::{Ledger, SpentQuery, SpentRow};

/// How far back spending is looked at: each weekday four times.
const HISTORY_HOURS: u32 = 28 * 24;
/// Most purses with a forecast: those of which the largest part is spent. It bounds the memory that their hours take.
const FORECASTS_MAX: usize = 1_000;
/// How long a forecast is shown before it is made anew, in microseconds.
const KEPT_MICROS: i64 = 60_000_000;

/// A purse: the place of its budget, and whose it is.
type Whose = (usize, Vec<(String, String)>);

/// Forecasts by purse.
pub(crate) type Found = HashMap<Whose, api::Forecast>;

/// The forecasts that a running gateway shows.
#[derive(Default)]
pub(crate) struct Forecasts {
    known: ArcSwap<Known>,
    /// Held by whoever makes them anew.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// When they were made, or when that failed; none before the first time.
    at: Option<Timestamp>,
    budgets: Arc<Budgets>,
    found: Found,
}

impl Forecasts {
    /// Makes them anew where they are older than a minute, or of other budgets. Reads the ledger. Where it cannot be read,
    /// there are none until a minute later. Returns at once while somebody else is at it.
    pub(crate) fn refresh(&self, purses: &Purses, ledger: &Ledger, now: Timestamp) {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let (budgets, known) = (purses.budgets(), self.known.load());
        let is_young = known.at.is_some_and(|at| (0..KEPT_MICROS).contains(&(now.micros() - at.micros())));
        if is_young && Arc::ptr_eq(&known.budgets, &budgets) {
            return;
        }
        let found = of(&budgets, &purses.view(now), now, |query, each| ledger.spent(query, each));
        let found = found.unwrap_or_else(|error| {
            tracing::warn!(%error, "budgets are shown without forecasts: the ledger cannot be read");
            Found::default()
        });
        self.known.store(Arc::new(Known { at: Some(now), budgets, found }));
    }

    /// What a purse comes to.
    pub(crate) fn of(&self, purse: &PurseView) -> Option<api::Forecast> {
        self.known.load().found.get(&(purse.place, purse.of.clone())).cloned()
    }
}

/// The forecasts of these purses, by what `read` finds in the ledger.
///
/// # Errors
/// What `read` fails with.
pub(crate) fn of(
    budgets: &Budgets,
    purses: &[PurseView],
    now: Timestamp,
    mut read: impl FnMut(&SpentQuery, &mut dyn FnMut(SpentRow)) -> Result<(), StoreError>,
) -> Result<Found, StoreError> {
    let mut dearest: Vec<&PurseView> = purses.iter().filter(|purse| purse.amount > Money::ZERO).collect();
    dearest
        .sort_by_key(|purse| Reverse(i128::from(purse.spent.nanos()) * 1_000_000 / i128::from(purse.amount.nanos())));
    dearest.truncate(FORECASTS_MAX);
    let mut hours: HashMap<Whose, HashMap<Timestamp, Money>> =
        dearest.iter().map(|purse| ((purse.place, purse.of.clone()), HashMap::new())).collect();
    let mut queries: HashMap<SpentQuery, Vec<usize>> = HashMap::new();
    for number in 0..budgets.list().len() {
        if let Some(query) = budgets.past(number, now, HISTORY_HOURS)
            && dearest.iter().any(|purse| purse.place == number)
        {
            queries.entry(query).or_default().push(number);
        }
    }
    for (query, numbers) in &queries {
        read(query, &mut |row| {
            for number in numbers {
                let Some(of) = budgets.whose(*number, &row) else { continue };
                if let (Some(purse), Some(hour)) = (hours.get_mut(&(*number, of)), row.hour) {
                    let sum = purse.entry(hour).or_default();
                    *sum = sum.plus(row.cost);
                }
            }
        })?;
    }
    let found = dearest.into_iter().filter_map(|purse| {
        let whose = (purse.place, purse.of.clone());
        let found = of_purse(budgets.list().get(purse.place)?, purse, hours.get(&whose)?, now)?;
        Some((whose, found))
    });
    Ok(found.collect())
}

/// A purse's history begins with the first hour of it in which something was spent: before that there was nobody yet.
fn of_purse(
    budget: &Budget,
    purse: &PurseView,
    hours: &HashMap<Timestamp, Money>,
    now: Timestamp,
) -> Option<api::Forecast> {
    let mut hours: Vec<(Timestamp, Money)> = hours.iter().map(|(hour, cost)| (*hour, *cost)).collect();
    hours.sort_unstable();
    let (history_since, _) = *hours.first()?;
    let ends = match (budget.window, purse.resets_at) {
        (Window::Rolling(hours), _) => Ends::Hours(hours),
        (Window::Calendar(_), Some(end)) => Ends::At(end),
        (Window::Calendar(_), None) | (Window::Prepaid, _) => Ends::Never,
    };
    let spending = Spending {
        now,
        ends,
        limit: purse.amount,
        spent: purse.spent,
        history_since,
        hours: &hours,
        zone: &budget.zone,
    };
    let found = forecast(&spending)?;
    Some(shown(&found, found.in_words(&budget.zone, now)))
}

fn shown(found: &Forecast, words: String) -> api::Forecast {
    api::Forecast {
        words,
        per_day: found.per_day.into(),
        basis: match found.basis {
            Basis::Hours => "hours",
            Basis::Days => "days",
            Basis::Weekdays => "weekdays",
        }
        .to_owned(),
        runs_out_at: found.runs_out.expected.map(Into::into),
        runs_out_at_earliest: found.runs_out.high.map(Into::into),
        runs_out_at_latest: found.runs_out.low.map(Into::into),
        at_end: found.at_end.map(|at_end| at_end.expected.into()),
        at_end_low: found.at_end.map(|at_end| at_end.low.into()),
        at_end_high: found.at_end.map(|at_end| at_end.high.into()),
    }
}
