//! Any order of calls, ends, bookings, reloads and restarts, held against a plain reference.

use super::{NOON, Rows, at, budget, money, of, record};
use crate::admit::budget::{Budget, Budgets, Payer, Purses, Scope, Want, Window};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::calendar::{Unit, Zone};
use tg_kernel::clock::{Clock as _, ManualClock, Timestamp};
use tg_kernel::ids::CallId;
use tg_kernel::units::Money;

#[derive(Clone, Debug)]
enum Step {
    Reserve { team: bool, worst: i64 },
    Raise { call: usize, worst: i64 },
    Settle { call: usize, share: i64 },
    Book { call: usize },
    Advance { minutes: u64 },
    Amount { first: i64 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 0..60i64).prop_map(|(team, worst)| Step::Reserve { team, worst }),
        2 => (0..8usize, 0..90i64).prop_map(|(call, worst)| Step::Raise { call, worst }),
        4 => (0..8usize, 0..=100i64).prop_map(|(call, share)| Step::Settle { call, share }),
        4 => (0..8usize).prop_map(|call| Step::Book { call }),
        2 => (1..2_000u64).prop_map(|minutes| Step::Advance { minutes }),
        1 => (50..300i64).prop_map(|first| Step::Amount { first }),
        1 => Just(Step::Restart),
    ]
}

/// A call as the reference knows it.
#[derive(Clone)]
struct Call {
    id: CallId,
    team: &'static str,
    arrived: Timestamp,
    held: i64,
    settled: bool,
}

struct Reference {
    amount: i64,
    calls: Vec<Call>,
    rows: Rows,
}

impl Reference {
    fn budgets(&self) -> Vec<Budget> {
        vec![
            Budget {
                window: Window::Calendar(Unit::Day),
                zone: Zone::named("Asia/Kolkata").unwrap(),
                ..budget("days", self.amount)
            },
            Budget {
                window: Window::Rolling(30),
                scope: Scope { team: Some("red".into()), ..Scope::default() },
                ..budget("rolling", 150)
            },
        ]
    }

    /// What is taken of a budget at a time, by going over everything.
    fn taken(&self, budget: &Budget, now: Timestamp) -> i64 {
        let (since, until) = match budget.window {
            Window::Calendar(unit) => {
                let span = budget.zone.unit(unit, now);
                (span.start, span.end)
            }
            _ => {
                let hour = now.seconds().div_euclid(3_600) - 30;
                (Timestamp::from_seconds(hour * 3_600), Timestamp::from_micros(i64::MAX))
            }
        };
        let meets = |team: &str| budget.scope.team.as_deref().is_none_or(|wanted| wanted == team);
        let counts = |arrived: Timestamp| arrived >= since && arrived < until;
        let rows = self.rows.0.iter().filter(|row| counts(row.started_at) && meets(&row.attribution.team));
        let spent: i64 = rows.map(|row| row.cost.amount.nanos()).sum();
        // A rolling purse holds what is under way, however long ago it began.
        let held = self.calls.iter().filter(|call| meets(call.team));
        let held = held.filter(|call| matches!(budget.window, Window::Rolling(_)) || counts(call.arrived));
        spent + held.map(|call| call.held).sum::<i64>()
    }

    fn fits(&self, team: &str, now: Timestamp, more: i64) -> bool {
        self.budgets().iter().all(|budget| {
            let meets = budget.scope.team.as_deref().is_none_or(|wanted| wanted == team);
            !meets || self.taken(budget, now) + more <= budget.amount.nanos()
        })
    }
}

fn start(reference: &Reference, now: Timestamp) -> Purses {
    super::purses(reference.budgets(), &reference.rows, now)
}

fn take(purses: &Purses, reference: &mut Reference, step: &Step, clock: &ManualClock) -> Result<(), TestCaseError> {
    let now = clock.now();
    match *step {
        Step::Reserve { team, worst } => {
            let team = if team { "red" } else { "blue" };
            let fits = reference.fits(team, now, worst);
            let (id, booked) = (CallId::fresh(), of(team));
            let got = purses.reserve(id, &Payer { attribution: &booked, model: "m" }, now, &Want::fixed(money(worst)));
            prop_assert_eq!(got.is_ok(), fits, "{:?}", got);
            if fits {
                reference.calls.push(Call { id, team, arrived: now, held: worst, settled: false });
            }
        }
        Step::Raise { call, worst } => {
            // Of windows that were left behind nothing is known; no call lasts so long.
            let young = |call: &Call| !call.settled && now.since(call.arrived) < Duration::from_secs(86_400);
            let Some(found) = reference.calls.get(call).cloned().filter(young) else { return Ok(()) };
            let fits = worst <= found.held || reference.fits(found.team, found.arrived, worst - found.held);
            prop_assert_eq!(purses.raise(found.id, &Want::fixed(money(worst))).is_ok(), fits);
            if fits && let Some(call) = reference.calls.get_mut(call) {
                call.held = call.held.max(worst);
            }
        }
        Step::Settle { call, share } => {
            let Some(call) = reference.calls.get_mut(call).filter(|call| !call.settled) else { return Ok(()) };
            (call.held, call.settled) = (call.held * share / 100, true);
            purses.settle(call.id, money(call.held));
            purses.settle(call.id, money(call.held));
        }
        Step::Book { call } => {
            if reference.calls.get(call).is_none_or(|call| !call.settled) {
                return Ok(());
            }
            let Call { id, team, arrived, held, .. } = reference.calls.remove(call);
            let row = record(id, &of(team), arrived, held);
            purses.book(std::slice::from_ref(&row));
            reference.rows.0.push(row);
        }
        Step::Advance { minutes } => clock.advance(Duration::from_secs(60 * minutes)),
        Step::Amount { first } => {
            reference.amount = first;
            purses.propose(Arc::new(Budgets::new(reference.budgets())));
        }
        Step::Restart => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_decides_as_a_plain_reference_does(steps in prop::collection::vec(step(), 1..80)) {
        let clock = ManualClock::at(at(NOON));
        let mut reference = Reference { amount: 200, calls: Vec::new(), rows: Rows::default() };
        let mut purses = start(&reference, clock.now());
        for step in &steps {
            if matches!(step, Step::Restart) {
                // What was under way is settled from the journal first.
                for call in std::mem::take(&mut reference.calls) {
                    reference.rows.0.push(record(call.id, &of(call.team), call.arrived, call.held));
                }
                purses = start(&reference, clock.now());
            }
            take(&purses, &mut reference, step, &clock)?;
            let view = purses.view(clock.now());
            for budget in reference.budgets() {
                let shown: Vec<_> = view.iter().filter(|purse| purse.budget == budget.name).collect();
                prop_assert_eq!(shown.len(), 1);
                let shown = shown[0].spent.plus(shown[0].held);
                prop_assert_eq!(shown, money(reference.taken(&budget, clock.now())), "{}", budget.name);
            }
        }
        for call in std::mem::take(&mut reference.calls) {
            purses.settle(call.id, Money::ZERO);
        }
        prop_assert!(purses.view(clock.now()).iter().all(|purse| purse.held == Money::ZERO));
    }
}
