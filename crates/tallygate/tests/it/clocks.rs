//! Clocks of gateways that count together: one that is put back, and one that stands beside the others.

use crate::budgets::code;
use crate::midnight::{DAILY, Moved, half};
use crate::replicas::{Fleet, with};
use crate::wire::Answer;
use std::sync::Arc;
use tg_kernel::clock::Clock;

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
