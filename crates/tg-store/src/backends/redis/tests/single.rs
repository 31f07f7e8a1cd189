//! What one server does, by its name.

use super::server::Server;
use super::{Replica, bucket, gauge, manual, options, per_minute, purse};
use crate::backends::redis::script::{Invocation, Script};
use crate::backends::redis::{Extended, Options, Seeding, wire};
use crate::counters::{Ask, HoldId, Mark, Mode, Rate, Reserved, UNITS_MAX};
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::clock::{ManualClock, Timestamp};
use tg_kernel::ids::CallId;

fn call() -> HoldId {
    HoldId::of(CallId::fresh())
}

#[tokio::test]
async fn a_limit_is_one_limit_however_many_replicas_there_are() {
    let server = Server::start();
    let replicas: Vec<Replica> = (0..5).map(|_| Replica::of(options(&server))).collect();
    let hourly = Rate::new(100, Duration::from_secs(3600), 100);
    let mut passed = 0;
    for turn in 0..300 {
        passed += usize::from(replicas[turn % 5].passes(&[bucket("l", hourly, 1)]).await);
    }
    assert_eq!(passed, 100, "and not five times as many");
}

#[tokio::test]
async fn remaining_falls_with_every_call_and_the_wait_is_right_to_the_microsecond() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    let ask = [bucket("l", per_minute(60), 7)];
    let mut last = 60;
    for _ in 0..8 {
        let standing = replica.held(call(), &ask).await.standings()[0];
        assert_eq!((standing.limit, standing.remaining, standing.full), (60, last - 7, false));
        assert_eq!(standing.reset, Duration::from_secs(67 - last));
        last = standing.remaining;
    }
    let Reserved::Full(standings) = replica.link.reserve(call(), &ask).await.unwrap() else { panic!("4 are left") };
    assert_eq!((standings[0].remaining, standings[0].wait), (4, Some(Duration::from_secs(3))));
    clock.advance(Duration::from_micros(2_999_999));
    assert!(!replica.passes(&ask).await);
    clock.advance(Duration::from_micros(1));
    assert!(replica.passes(&ask).await);
}

#[tokio::test]
async fn a_hard_cap_is_not_overshot_by_calls_that_come_at_once_to_several_replicas() {
    let server = Server::start();
    let replicas: Vec<Replica> = (0..3).map(|_| Replica::of(options(&server))).collect();
    replicas[0].seed("p", 0).await;
    let (cap, worst) = (1_000_000_u64, 9_999);
    let one = async |number: usize| {
        let replica = &replicas[number % 3];
        let mut spent = 0;
        for turn in 0..8_u64 {
            let id = CallId::fresh();
            let asked = replica.link.reserve(HoldId::of(id), &[purse("p", cap, worst)]).await.unwrap();
            if let Reserved::Held(hold) = asked {
                let cost = worst - turn * 1_000;
                replica.counters.settle(hold, |_, _| cost);
                replica.counters.book(id, cost, &[purse("p", cap, 0).key]);
                replica.counters.say_all(&replica.link.link).await.unwrap();
                spent += cost;
            }
        }
        spent
    };
    let spent: u64 = futures_util::future::join_all((0..128).map(one)).await.into_iter().sum();
    assert!(spent <= cap && spent >= cap * 97 / 100, "{spent}");
    assert_eq!(replicas[1].left("p", cap).await, cap - spent);
}

#[tokio::test]
async fn all_is_taken_or_nothing() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    let (rate, cap) = (per_minute(60), 1_000);
    let asks = |nanos, most| [bucket("l", rate, 10), gauge("g", most), purse("p", cap, nanos)];
    assert!(!replica.passes(&asks(1_001, 1)).await, "the purse");
    assert!(!replica.passes(&asks(1, 0)).await, "the gauge");
    let hold = replica.held(call(), &asks(1_000, 1)).await;
    let [l, g, p] = hold.standings() else { panic!() };
    assert_eq!((l.remaining, g.remaining, p.remaining), (50, 0, 0), "the refused have left nothing");
    assert_eq!((g.reset, p.reset), (Duration::ZERO, Duration::ZERO));
    let observing = asks(5, 1).map(|ask| Ask { mode: Mode::Observe, ..ask });
    let watched = replica.held(call(), &observing).await;
    assert_eq!((watched.taken(0), watched.taken(1), watched.taken(2)), (Some(10), None, None));
    replica.counters.settle(watched, |_, _| 0);
    replica.counters.settle(hold, |ask, taken| if ask == 2 { 300 } else { taken - taken / 2 });
    replica.say().await;
    let hold = replica.held(call(), &asks(700, 1)).await;
    assert_eq!(hold.standings().iter().map(|one| one.remaining).collect::<Vec<_>>(), [40 + 10 / 2, 0, 0]);
}

#[tokio::test]
async fn what_is_said_twice_is_counted_once() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    let hourly = Rate::new(100, Duration::from_secs(3600), 100);
    let (id, call) = (CallId::fresh(), 900);
    let asks = [bucket("l", hourly, 40), gauge("g", 1), purse("p", 1_000, call)];
    let first = replica.held(HoldId::of(id), &asks).await;
    let again = replica.held(HoldId::of(id), &asks).await;
    assert_eq!(first.standings()[2], again.standings()[2], "its answer may have been lost");
    let all: Vec<_> = first.items.iter().map(|item| (item.clone(), 10)).collect();
    let settle = wire::settle(&first.id, all.iter().map(|(item, used)| (item, *used)));
    let keys = vec![wire::record(&first.id), wire::purse(&asks[2].key)];
    let book = Invocation { script: Script::Book, keys, arguments: vec!["10".to_owned(), "0".to_owned()] };
    let mut said = Vec::new();
    for invocation in [&settle, &settle, &book, &book, &settle] {
        said.push(wire::number(&replica.link.link.run(invocation).await.unwrap()).unwrap());
    }
    assert_eq!(said, [1, 0, 1, 0, 0]);
    assert_eq!(replica.left("p", 1_000).await, 990);
    let hold = replica.held(super::HoldId::of(CallId::fresh()), &asks[..2]).await;
    assert_eq!((hold.standings()[0].remaining, hold.standings()[1].remaining), (50, 0));
    let late = replica.link.reserve(HoldId::of(id), &asks).await.unwrap();
    assert!(matches!(late, Reserved::Ended), "{late:?}");
}

#[tokio::test]
async fn a_call_that_ended_before_its_ask_was_heard_takes_nothing() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    let (id, asks) = (call(), [gauge("g", 1)]);
    replica.link.give_up(&id, 0, &asks.iter().collect::<Vec<_>>(), &crate::counters::Reason::Late);
    replica.say().await;
    assert!(matches!(replica.link.reserve(id, &asks).await.unwrap(), Reserved::Ended));
    assert!(replica.passes(&asks).await);
}

#[tokio::test]
async fn a_hold_grows_with_its_stream_and_ends_as_one() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 100).await;
    let mut hold = replica.held(call(), &[purse("p", 1_000, 200)]).await;
    assert!(matches!(replica.link.extend(&mut hold, &[purse("p", 1_000, 300)]).await.unwrap(), Extended::Held));
    assert_eq!((hold.taken(0), hold.standings()[0].remaining), (Some(500), 400));
    let refused = replica.link.extend(&mut hold, &[purse("p", 1_000, 401)]).await.unwrap();
    let Extended::Full(standings) = refused else { panic!("{refused:?}") };
    assert_eq!((standings[0].remaining, standings[0].wait), (400, None));
    assert!(matches!(replica.link.extend(&mut hold, &[purse("p", 1_000, 400)]).await.unwrap(), Extended::Held));
    assert_eq!(replica.left("p", 1_000).await, 0);
    let id = hold.id.clone();
    replica.counters.settle(hold, |_, taken| taken - 800);
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 800);
    let mut ended = crate::counters::Hold::new(id, Vec::new(), crate::counters::Known::Yes, Vec::new());
    assert!(matches!(replica.link.extend(&mut ended, &[purse("p", 1_000, 1)]).await.unwrap(), Extended::Ended));
}

#[tokio::test]
async fn what_a_dead_replica_held_is_no_phantom() {
    let (server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (dead, alive) = (Replica::of(with_clock()), Replica::of(with_clock()));
    alive.seed("p", 0).await;
    let asks = [gauge("g", 1), purse("p", 1_000, 1_000)];
    let _lost = dead.held(call(), &asks).await;
    for seconds in 1..30 {
        clock.advance(Duration::from_secs(1));
        alive.beat().await;
        assert!(!alive.passes(&asks[..1]).await, "after {seconds} s");
    }
    clock.advance(Duration::from_secs(1));
    let hold = alive.held(call(), &asks[..1]).await;
    alive.counters.settle(hold, |_, _| 0);
    alive.say().await;
    for _ in 0..569 {
        clock.advance(Duration::from_secs(1));
        alive.beat().await;
    }
    assert!(!alive.passes(&asks).await, "its money is held a while longer");
    clock.advance(Duration::from_secs(1));
    alive.beat().await;
    assert!(alive.passes(&asks).await);
    let hold = dead.held(call(), &[gauge("h", 1)]).await;
    assert_eq!(hold.standings()[0].remaining, 0, "who was thought dead goes on under another name");
}

#[tokio::test]
async fn a_replica_that_was_silent_does_not_touch_the_counts_of_its_new_calls() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    replica.seed("p", 0).await;
    let asks = [gauge("g", 1), purse("p", 1_000, 300)];
    let old = replica.held(call(), &asks).await;
    clock.advance(Duration::from_secs(31));
    let new = replica.held(call(), &asks).await;
    replica.counters.settle(old, |_, _| 100);
    replica.say().await;
    assert!(!replica.passes(&asks[..1]).await, "the new call goes on");
    assert_eq!(replica.left("p", 1_000).await, 600, "money of the old one stayed held");
    for _ in 0..200 {
        clock.advance(Duration::from_secs(10));
        replica.beat().await;
    }
    assert_eq!(replica.left("p", 1_000).await, 600, "as long as the process lives");
    replica.counters.settle(new, |_, _| 0);
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 900);
}

#[tokio::test]
async fn a_purse_is_filled_from_the_ledger_and_never_undercounts() {
    let (server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (one, other) = (Replica::of(with_clock()), Replica::of(with_clock()));
    let ask = [purse("p", 1_000, 1)];
    let Reserved::Unseeded(asked) = one.link.reserve(call(), &ask).await.unwrap() else { panic!("it is not there") };
    // A row that the sum may lack, as it was appended after the mark.
    clock.advance(Duration::from_millis(1));
    other.counters.book(CallId::fresh(), 50, &[ask[0].key.clone()]);
    other.say().await;
    let Reserved::Unseeded(too) = other.link.reserve(call(), &ask).await.unwrap() else { panic!("it is empty") };
    assert_eq!(asked[0].mark.asked, too[0].mark.asked, "both sum up for the same mark");
    let wrong = one
        .link
        .seed(&ask[0].key, Mark { asked: asked[0].mark.asked - 1, ..asked[0].mark }, 7, super::DAY)
        .await
        .unwrap();
    assert_eq!(wrong, Seeding::Again(too[0].mark));
    for (replica, spent) in [(&one, 200), (&other, 250)] {
        assert_eq!(replica.link.seed(&ask[0].key, asked[0].mark, spent, super::DAY).await.unwrap(), Seeding::Done);
    }
    assert_eq!(one.left("p", 1_000).await, 750, "the first sum counts, and what was booked since");
    one.counters.book(CallId::fresh(), 25, &[ask[0].key.clone()]);
    one.say().await;
    assert_eq!(one.left("p", 1_000).await, 725, "also of a call that held nothing");
    let lost = other.link.seed(&super::purse("q", 1, 1).key, Mark { asked: 1, from: 1 }, 7, super::DAY).await.unwrap();
    assert!(matches!(lost, Seeding::Again(mark) if mark.asked > 1), "a purse that was lost in between");
}

#[tokio::test]
async fn a_booking_that_is_heard_late_is_not_counted_on_top_of_a_sum_that_has_it() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    let key = purse("p", 1, 1).key;
    let keys = |id| vec![wire::record(&HoldId::of(id)), wire::purse(&key)];
    replica.seed("p", 500).await;
    for (age, counts) in [(2_000_000, false), (0, true)] {
        let arguments = vec!["100".to_owned(), age.to_string()];
        let book = Invocation { script: Script::Book, keys: keys(CallId::fresh()), arguments };
        let before = replica.left("p", 1_000).await;
        clock.advance(Duration::from_secs(1));
        replica.link.link.run(&book).await.unwrap();
        assert_eq!(before - replica.left("p", 1_000).await, if counts { 100 } else { 0 }, "{age} us ago");
    }
}

#[tokio::test]
async fn the_largest_and_smallest_numbers_are_exact() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    let vast = Rate::new(u64::MAX, Duration::MAX, u64::MAX);
    assert_eq!((vast.amount(), vast.burst()), (UNITS_MAX, UNITS_MAX));
    let hold = replica.held(call(), &[bucket("vast", vast, u64::MAX)]).await;
    assert_eq!(hold.standings()[0].remaining, 0);
    replica.counters.settle(hold, |_, _| u64::MAX);
    replica.say().await;
    clock.advance(Duration::from_secs(400 * 86_400 - 1));
    let Reserved::Full(standings) = replica.link.reserve(call(), &[bucket("vast", vast, 1)]).await.unwrap() else {
        panic!("twice as much was used as fits")
    };
    assert_eq!((standings[0].remaining, standings[0].reset), (0, Duration::from_secs(400 * 86_400 + 1)));
    let slow = Rate::new(1, Duration::MAX, UNITS_MAX);
    let hold = replica.held(call(), &[bucket("slow", slow, UNITS_MAX)]).await;
    assert!(hold.standings()[0].reset > Duration::from_secs(400 * 86_400));
    let quick = Rate::new(UNITS_MAX, Duration::from_nanos(1), 1);
    assert!(replica.passes(&[bucket("quick", quick, 0)]).await);
    replica.seed("rich", u64::MAX - 1).await;
    assert!(replica.passes(&[purse("rich", u64::MAX, 1)]).await);
    assert!(!replica.passes(&[purse("rich", u64::MAX, 1)]).await, "of 18 thousand million dollars, not a nano more");
    assert!(!replica.passes(&[purse("rich", u64::MAX, u64::MAX)]).await);
    replica.counters.book(CallId::fresh(), u64::MAX, &[purse("rich", 1, 1).key]);
    replica.say().await;
    assert_eq!(replica.left("rich", u64::MAX).await, 0);
}

#[tokio::test]
async fn a_clock_of_the_server_that_goes_back_brings_nothing_and_stops_nothing() {
    let server = Server::start();
    let start = 1_800_000_000_000_000_i64;
    let at = |micros| {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(start + micros)));
        Replica::of(Options { clock: Some(clock), ..options(&server) })
    };
    let ask = |units| [bucket("l", per_minute(60), units)];
    assert!(at(0).passes(&ask(60)).await);
    for behind in [1, 999_999, 3_600_000_000] {
        assert!(!at(-behind).passes(&ask(1)).await, "{behind}");
    }
    // Calls that are refused move nothing; one that takes something of it makes the new time its own.
    assert!(at(-3_600_000_000).passes(&ask(0)).await);
    assert!(!at(-3_599_000_001).passes(&ask(1)).await);
    assert!(at(-3_599_000_000).passes(&ask(1)).await, "a second is a second");
}

#[tokio::test]
async fn everything_that_is_kept_has_a_life() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 7).await;
    let asks = [bucket("l", per_minute(60), 7), gauge("g", 5), purse("p", 1_000, 5)];
    for ended in [false, true] {
        let id = CallId::fresh();
        let hold = replica.held(HoldId::of(id), &asks).await;
        if ended {
            replica.counters.settle(hold, |_, taken| taken);
            replica.counters.book(id, 5, &[asks[2].key.clone()]);
            replica.say().await;
        }
    }
    replica.beat().await;
    let keys: Vec<String> = redis::from_redis_value(server.says("KEYS *").unwrap()).unwrap();
    assert!(keys.len() >= 7, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("{tallygate}:"), "{key}");
        let life = server.number(&format!("PTTL {key}"));
        assert!((1..=86_400_000).contains(&life), "{key}: {life}");
    }
}

/// A purse that is not believed may be asked of only much later; the sum that is made then has what was booked meanwhile.
#[tokio::test]
async fn what_is_booked_between_a_doubt_and_the_next_ask_is_counted_once() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 100).await;
    let (id, key) = (CallId::fresh(), purse("p", 1, 1).key);
    let hold = replica.held(HoldId::of(id), &[purse("p", 1_000, 50)]).await;
    replica.counters.mistrust(std::slice::from_ref(&key));
    replica.say().await;
    replica.counters.settle(hold, |_, _| 50);
    replica.counters.book(id, 50, std::slice::from_ref(&key));
    replica.say().await;
    replica.seed("p", 150).await;
    assert_eq!(replica.left("p", 1_000).await, 850);
}

/// A budget that lacks money until its window ends, as calls that were booked while it was summed count twice.
#[tokio::test]
async fn what_is_booked_between_a_mark_and_its_sum_is_counted_once() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    let (ask, millis) = ([purse("p", 10_000, 1)], Duration::from_millis);
    let Reserved::Unseeded(asked) = replica.link.reserve(call(), &ask).await.unwrap() else {
        panic!("it is not there")
    };
    let mut ledger = 100;
    // As many as are not all kept apart.
    for turn in 0..300 {
        clock.advance(millis(20));
        replica.counters.book(CallId::fresh(), 10, &[ask[0].key.clone()]);
        replica.say().await;
        if turn < 290 {
            ledger += 10;
        }
    }
    let mark = asked[0].mark.begun_after(millis(290 * 20 + 18));
    assert_eq!(replica.link.seed(&ask[0].key, mark, ledger, super::DAY).await.unwrap(), Seeding::Done);
    assert_eq!(replica.left("p", 10_000).await, 10_000 - 100 - 3_000);
}

#[tokio::test]
async fn what_is_booked_while_a_sum_is_made_for_long_is_counted_whatever_becomes_of_its_time() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    let ask = [purse("p", 10_000, 1)];
    let Reserved::Unseeded(asked) = replica.link.reserve(call(), &ask).await.unwrap() else {
        panic!("it is not there")
    };
    for _ in 0..600 {
        clock.advance(Duration::from_millis(5));
        replica.counters.book(CallId::fresh(), 10, &[ask[0].key.clone()]);
        replica.say().await;
    }
    let life = server.number("HLEN {tallygate}:p:p");
    assert!(life < 8, "{life} fields");
    // Of a sum that was begun at once, and took so long.
    assert_eq!(replica.link.seed(&ask[0].key, asked[0].mark, 100, super::DAY).await.unwrap(), Seeding::Done);
    assert_eq!(replica.left("p", 10_000).await, 10_000 - 100 - 6_000);
}
