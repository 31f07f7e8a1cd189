//! The turn of a budget's day, by a clock that the test moves: in the budget's zone, with a stream that lasts over it, and
//! back again.

use crate::budgets::{bounded, code, purses, setup};
use crate::wire::{Answer, Call};
use crate::world::{World, until};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tg_kernel::clock::{Clock, SystemClock, Timestamp};
use tg_kernel::units::Money;

/// A clock that goes on by itself, from where it is set.
pub(crate) struct Moved {
    system: SystemClock,
    ahead: AtomicI64,
}

impl Moved {
    pub(crate) fn at(time: &str) -> Arc<Self> {
        let clock = Arc::new(Self { system: SystemClock::new(), ahead: AtomicI64::new(0) });
        clock.set(time);
        clock
    }

    pub(crate) fn set(&self, time: &str) {
        let ahead = Timestamp::parse(time).unwrap().micros() - self.system.now().micros();
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.system.now().micros() + self.ahead.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }
}

/// A budget by day where days begin at half past six in the evening of UTC; one call of [`half`] takes some half of it.
pub(crate) const DAILY: &str =
    "- { name: daily, amount: 0.0095 USD, window: day, time_zone: Asia/Kolkata, warn_at: [] }\n";

pub(crate) fn half() -> Call {
    bounded("on-openai", 2_000, "[[sim: tokens=1900]] much")
}

/// A call, once it is booked.
fn spend(world: &World) -> Answer {
    let answer = world.send(&half());
    world.row(&answer);
    until("nothing is held", || purses(world).iter().all(|purse| purse.held == Money::ZERO).then_some(()));
    answer
}

fn spent(world: &World) -> Money {
    purses(world)[0].spent
}

/// docs/complaints.md, 7: budget resets that do not fire, or at the wrong time.
#[test]
fn a_day_begins_at_midnight_of_the_budget_s_zone_and_not_before_or_after() {
    let clock = Moved::at("2026-11-26T18:00:00Z");
    let mut world = World::by(setup(DAILY), clock.clone());
    assert_eq!((spend(&world).status, spend(&world).status), (200, 200));
    let refused = spend(&world);
    assert_eq!(code(&refused), (429, "budget_exhausted"));
    assert!(refused.text().contains("opens again on 2026-11-27 00:00 Asia/Kolkata"), "{}", refused.text());
    clock.set("2026-11-26T18:29:30Z");
    assert_eq!(code(&spend(&world)), (429, "budget_exhausted"), "half a minute before");
    clock.set("2026-11-26T18:30:00Z");
    assert_eq!(spend(&world).status, 200, "at the first moment, without a restart, a reload or a timer");
    let today = spent(&world);
    assert!(today > Money::ZERO && today < Money::from_nanos(5_000_000), "{today}");
    clock.set("2026-11-27T00:00:00Z");
    assert_eq!(spent(&world), today, "midnight in UTC is nobody's");
    world.restart();
    assert_eq!(spent(&world), today, "the ledger's rows of today are summed, and no others");
}

/// A stream that began yesterday is yesterday's money.
#[test]
fn a_stream_that_lasts_over_midnight_is_booked_in_the_day_in_which_it_began() {
    let clock = Moved::at("2026-11-26T18:29:00Z");
    let mut world = World::by(setup(DAILY), clock.clone());
    let body = json!({"model": "on-openai", "max_completion_tokens": 2_000, "stream": true, "service_tier": "default",
        "messages": [{"role": "user", "content": "[[sim: tokens=1900 chunk=100 delay=20ms]] much"}]});
    let call = Call::post("/v1/chat/completions", body.to_string()).header("content-type", "application/json");
    let mut running = world.keyed(&call).open(world.address);
    running.piece().unwrap();
    let held = purses(&world)[0].held;
    assert!(held > Money::ZERO);
    clock.set("2026-11-26T18:31:00Z");
    assert_eq!((purses(&world)[0].held, spent(&world)), (Money::ZERO, Money::ZERO), "today is untouched");
    let answer = running.whole();
    let row = world.row(&answer);
    let cost = row.cost.amount;
    assert!(row.started_at < Timestamp::parse("2026-11-26T18:30:00Z").unwrap() && cost > Money::ZERO, "{row:?}");
    let yesterday = |world: &World| {
        let living = &world.gateway().living;
        living.purses.view(Timestamp::parse("2026-11-26T18:29:59Z").unwrap())[0].clone()
    };
    until("it is booked yesterday", || (yesterday(&world).spent == cost).then_some(()));
    assert_eq!((yesterday(&world).held, spent(&world)), (Money::ZERO, Money::ZERO));
    assert_eq!((spend(&world).status, spend(&world).status), (200, 200), "all of today's money is there");
    assert_eq!(code(&spend(&world)), (429, "budget_exhausted"));
    world.restart();
    let today = spent(&world);
    let rows = world.rows();
    let all = rows.iter().fold(Money::ZERO, |sum, row| sum.plus(row.cost.amount));
    assert_eq!(today.plus(cost), all);
}

/// docs/budgets.md: a clock that goes back opens no window again.
#[test]
fn a_clock_that_is_put_back_over_midnight_gives_nobody_yesterday_s_money_again() {
    let clock = Moved::at("2026-11-26T18:29:00Z");
    let world = World::by(setup(DAILY), clock.clone());
    assert_eq!((spend(&world).status, spend(&world).status), (200, 200));
    clock.set("2026-11-26T18:30:30Z");
    assert_eq!(spend(&world).status, 200);
    clock.set("2026-11-26T18:00:00Z");
    assert_eq!(code(&spend(&world)), (429, "budget_exhausted"), "yesterday is spent");
    // So far back that the gateway was never there: the oldest day that it knows stands for it.
    clock.set("2026-11-20T12:00:00Z");
    assert_eq!(code(&spend(&world)), (429, "budget_exhausted"));
    clock.set("2026-11-26T18:31:00Z");
    assert_eq!(spend(&world).status, 200, "today's other half");
    assert_eq!(code(&spend(&world)), (429, "budget_exhausted"));
    let rows = world.finish();
    let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((rows.len(), ids.len()), (7, 7), "a row for each call, each under an id of its own");
}
