//! Clocks of gateways that count together: one that is put back, and one that stands beside the others.

use crate::budgets::code;
use crate::midnight::{DAILY, Moved, half};
use crate::replicas::{Fleet, with};
use crate::wire::Answer;
use crate::world::{Setup, World, until};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_kernel::clock::{Clock, SystemClock};

/// docs/budgets.md: a clock that goes back opens no window again, neither here nor at the counters that gateways share.
#[test]
fn a_gateway_whose_clock_is_put_back_by_days_gives_nobody_the_money_of_an_earlier_day_again() {
    let clocks = [0, 1].map(|_| Moved::at("2026-11-26T18:00:00Z"));
    let of_gateways = clocks.clone().map(|clock| clock as Arc<dyn Clock>);
    let fleet = Fleet::by(&of_gateways, &with("", DAILY), "");
    let spend = |number: usize| -> Answer {
        let answer = fleet.send(number, &half());
        fleet.settle();
        answer
    };
    assert_eq!(spend(1).status, 200);
    clocks[0].set("2026-11-20T12:00:00Z");
    let last = spend(0);
    assert_eq!(last.status, 200, "today's other half: {}", last.text());
    for number in [0, 1, 0] {
        let refused = spend(number);
        assert_eq!(code(&refused), (429, "budget_exhausted"), "{number}: {}", refused.text());
    }
    clocks[0].set("2026-11-19T12:00:00Z");
    assert_eq!(code(&spend(0)), (429, "budget_exhausted"), "nor of the day before that");
    clocks.iter().for_each(|clock| clock.set("2026-11-26T18:31:00Z"));
    assert_eq!((spend(0).status, spend(1).status), (200, 200), "tomorrow's is there");
    assert_eq!(code(&spend(0)), (429, "budget_exhausted"));
}

/// docs/operations.md: a clock that is put back, or leaps, is told of and counted.
#[test]
fn each_step_of_the_clock_is_counted_once_in_either_direction() {
    let clock = Moved::at("2026-11-26T18:00:00Z");
    let world = World::by(Setup::default(), clock.clone());
    let steps = || world.gateway().living.counts.clock_steps.load(Ordering::Relaxed);
    assert_eq!(steps(), 0);
    for (count, time) in [(1, "2026-11-20T12:00:00Z"), (2, "2026-11-26T18:00:30Z")] {
        clock.set(time);
        until("a step is seen", || (steps() == count).then_some(()));
    }
}

/// docs/counters.md: a gateway whose clock stands beside that of the counters says so, and the others do not.
#[test]
fn how_far_a_gateway_s_clock_is_from_that_of_the_counters_is_seen() {
    let system: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let moved = Moved::at(&system.now().after(Duration::from_secs(90)).to_string());
    let fleet = Fleet::by(&[moved.clone(), Arc::clone(&system)], &with("", ""), "");
    let skew = |number: usize| fleet.gateway(number).living.shared.as_ref().unwrap().figures().0.skew;
    until("the clocks are compared", || (skew(0).as_secs().abs_diff(90) <= 1).then_some(()));
    assert_eq!(skew(1).as_secs(), 0);
    moved.set(&system.now().to_string());
    until("they agree again", || (skew(0).as_secs() == 0).then_some(()));
}
