//! Shares of purses that replicas share, while these are away; and purses that lack calls of the ledger.

use super::*;
use crate::admit::budget::SharedPurse;
use std::time::Duration;
use tg_store::counters::CounterKey;
use tg_store::shared::Seen;

fn adopted(budgets: Vec<Budget>) -> Purses {
    let purses = Purses::default();
    purses.adopt(Arc::new(Budgets::new(budgets)), at(NOON));
    purses
}

fn met(purses: &Purses, now: &str) -> Vec<SharedPurse> {
    purses.shared(&Payer { attribution: &of("red"), model: "m" }, at(now))
}

/// A look at all that is open.
fn look(
    purses: &Purses,
    (spent, held): (u64, u64),
    told: &[(String, Money)],
    seconds: u64,
) -> Vec<(CounterKey, Money)> {
    let seen = Seen { held: Some(held), spent: Some(spent) };
    let all: Vec<_> = purses.open(at(NOON)).into_iter().map(|(name, key)| (name, key, seen)).collect();
    purses.seen(&all, told, (at(NOON), Duration::from_secs(seconds)))
}

fn take(purses: &Purses, met: &[SharedPurse], nanos: i64, replicas: u32) -> Result<CallId, Box<Exhausted>> {
    let id = CallId::fresh();
    purses.reserve_share(id, met, &Want::fixed(money(nanos)), (replicas, at(NOON))).map(|_| id)
}

#[test]
fn all_shares_together_are_no_more_than_what_was_left() {
    let gateways: Vec<Purses> = (0..3).map(|_| adopted(vec![budget("b", 1_000)])).collect();
    let mut passed = 0;
    for purses in &gateways {
        let met = met(purses, NOON);
        assert!(take(purses, &met, 1, 3).is_err(), "of what is not known nobody has a share");
        look(purses, (500, 200), &[], 0);
        let turn = || {
            std::thread::scope(|scope| {
                let calls: Vec<_> = (0..40).map(|_| scope.spawn(|| take(purses, &met, 30, 3).is_ok())).collect();
                calls.into_iter().map(|call| i64::from(call.join().unwrap())).sum::<i64>()
            })
        };
        passed += turn() * 30;
    }
    assert_eq!(passed, 3 * 90, "of 300 that were left, in parts of 30");
    look(&gateways[0], (1_000, 0), &[], 1);
    assert!(take(&gateways[0], &met(&gateways[0], NOON), 1, 3).is_err(), "a spent budget stays spent");
}

#[test]
fn what_nobody_has_looked_at_is_as_the_ledger_says() {
    let purses = adopted(vec![budget("b", 1_000)]);
    let met = met(&purses, NOON);
    assert_eq!(purses.unknown(&met).len(), 1);
    purses.know(&met[0], money(900));
    assert!(purses.unknown(&met).is_empty());
    assert_eq!(take(&purses, &met, 51, 2).unwrap_err().left, money(50));
    assert!(take(&purses, &met, 50, 2).is_ok());
}

#[test]
fn a_share_is_counted_until_the_shared_purses_have_heard_of_it() {
    let purses = adopted(vec![budget("b", 1_000)]);
    let met = met(&purses, NOON);
    look(&purses, (0, 0), &[], 0);
    let id = take(&purses, &met, 600, 1).unwrap();
    assert!(take(&purses, &met, 401, 1).is_err());
    let raised = purses.raise_share(id, &met, &Want::fixed(money(700)), Money::ZERO, (1, at(NOON))).unwrap();
    assert_eq!(raised, money(700));
    assert!(purses.raise_share(id, &met, &Want::fixed(money(1_001)), Money::ZERO, (1, at(NOON))).is_err());
    purses.settle_share(id, money(300));
    assert_eq!(take(&purses, &met, 701, 1).unwrap_err().left, money(700), "the rest came back at once");
    purses.book_share(id);
    purses.book_share(id);
    look(&purses, (0, 0), &[], 1);
    assert_eq!(take(&purses, &met, 701, 1).unwrap_err().left, money(700), "it was not told yet");
    let told = purses.booked_shares();
    assert_eq!(told.len(), 1);
    look(&purses, (300, 0), &told, 2);
    assert!(purses.booked_shares().is_empty());
    assert_eq!(take(&purses, &met, 701, 1).unwrap_err().left, money(700), "once, not twice");
    let free = take(&purses, &met, 700, 1).unwrap();
    purses.settle_share(free, Money::ZERO);
    assert!(take(&purses, &met, 700, 1).is_ok());
}

/// Calls that hold of a shared purse, and need more when it is away.
#[test]
fn what_calls_need_beside_what_they_hold_of_shared_purses_is_counted_in_the_share() {
    let purses = adopted(vec![budget("b", 1_000)]);
    let met = met(&purses, NOON);
    // Four of them hold 200 each. Of the rest one of two replicas has a half.
    look(&purses, (0, 800), &[], 0);
    let raise =
        |id: CallId, nanos: i64| purses.raise_share(id, &met, &Want::fixed(money(nanos)), money(200), (2, at(NOON)));
    let calls: Vec<CallId> = (0..4).map(|_| CallId::fresh()).collect();
    let raised: Vec<Option<Money>> = calls.iter().map(|id| raise(*id, 240).ok()).collect();
    assert_eq!(raised, [Some(money(240)), Some(money(240)), None, None]);
    assert_eq!(raise(calls[0], 230).unwrap(), money(240), "what is held is not lowered");
    let refused = raise(calls[0], 261).unwrap_err();
    assert_eq!(refused.left, money(260), "with what it holds");
    assert_eq!(raise(calls[0], 260).unwrap(), money(260));
    assert!(raise(calls[1], 241).is_err());
    // It cost less than was held of the purses themselves.
    purses.settle_share(calls[0], Money::ZERO);
    assert_eq!(raise(calls[2], 260).unwrap(), money(260));
}

#[test]
fn a_purse_that_lacks_calls_of_the_ledger_is_doubted_once_they_should_have_come() {
    let rows = Rows(vec![record(CallId::fresh(), &of("red"), at(NOON), 400)]);
    for window in [Window::Calendar(Unit::Month), Window::Rolling(24)] {
        let purses = adopted(vec![Budget { window, ..budget("b", 1_000) }]);
        let key = met(&purses, NOON)[0].key.clone();
        purses.mirror(at(NOON), |query, each| rows.read(query, each)).unwrap();
        for seconds in 0..5 {
            assert!(look(&purses, (100, 0), &[], seconds).is_empty(), "they may be under way");
        }
        assert_eq!(look(&purses, (100, 0), &[], 5), [(key, money(400))], "{window:?}");
        for seconds in 6..30 {
            assert!(look(&purses, (100, 0), &[], seconds).is_empty(), "not again by the same sum");
        }
        look(&purses, (400, 0), &[], 30);
        assert!(look(&purses, (100, 0), &[], 31).is_empty());
        assert_eq!(look(&purses, (100, 0), &[], 36).len(), 1, "it was well in between");
    }
}

#[test]
fn a_call_of_a_rolling_window_is_held_whatever_hour_it_is_and_grows_by_the_present_one() {
    let purses = adopted(vec![Budget { window: Window::Rolling(24), ..budget("b", 1_000) }]);
    let mut met = met(&purses, NOON);
    assert_eq!(met.len(), 1);
    let first = met[0].clone();
    met[0].turn(at("2026-11-26T12:59:59Z"));
    assert_eq!(met[0].key, first.key);
    met[0].turn(at("2026-11-26T15:10:00Z"));
    assert_ne!(met[0].key, first.key);
    let late = purses.shared(&Payer { attribution: &of("red"), model: "m" }, at("2026-11-26T15:20:00Z"));
    assert_eq!(late[0].key, met[0].key);
    assert_eq!(late[0].summed_by().map(|(query, _)| query.since), met[0].summed_by().map(|(query, _)| query.since));
}

/// docs/budgets.md: a clock that goes back opens no window again, and gives nobody its money.
#[test]
fn a_clock_that_goes_back_asks_of_the_window_that_it_knows_and_books_there() {
    let purses = adopted(vec![Budget { window: Window::Calendar(Unit::Day), ..budget("b", 1_000) }]);
    let yesterday = record(CallId::fresh(), &of("red"), at("2026-11-25T12:00:00Z"), 400);
    let today = met(&purses, NOON)[0].key.clone();
    assert!(!purses.booked(&yesterday, at(NOON)).contains(&today), "a call that began before is of its own day");
    let back = "2026-11-20T12:00:00Z";
    let late = met(&purses, back);
    assert_eq!(late[0].key, today);
    let (query, _) = late[0].summed_by().unwrap();
    assert_eq!(query.since, at("2026-11-26T00:00:00Z"));
    let here = record(CallId::fresh(), &of("red"), at(back), 400);
    assert_eq!(purses.booked(&here, at(back)), std::slice::from_ref(&today));
    let open: Vec<_> = purses.open(at(back)).into_iter().map(|(_, key)| key).collect();
    assert!(open.contains(&today) && open.len() == 2, "that day, yesterday, and no other: {open:?}");
    let rows = Rows(vec![record(CallId::fresh(), &of("red"), at(NOON), 400)]);
    assert_eq!(purses.mirror(at(back), |query, each| rows.read(query, each)).unwrap(), [today], "what is shown of it");
}
