//! What calls hold is said again: to a server that lost it, to one that was not asked, and for hours that come later.

use super::server::Server;
use super::{DAY, Replica, gauge, manual, options, purse};
use crate::backends::redis::outbox::OUTBOX_MAX;
use crate::backends::redis::{Extended, Options, Patience, Seeding};
use crate::counters::{Ask, CounterKey, HoldId, Known, Reason, Reserved};
use std::time::Duration;
use tg_kernel::ids::CallId;

fn call() -> HoldId {
    HoldId::of(CallId::fresh())
}

/// What must be summed before this can be asked for.
async fn unseeded(replica: &Replica, asks: &[Ask]) -> crate::counters::Unseeded {
    match replica.link.reserve(call(), asks).await.unwrap() {
        Reserved::Unseeded(mut purses) => purses.remove(0),
        other => panic!("{other:?}"),
    }
}

async fn restated(replica: &Replica) {
    replica.beat().await;
    replica.counters.0.restate(&replica.link.link).await.unwrap();
}

/// A hard budget that is overspent by calls under way, as a server that starts again empty has forgotten them.
#[tokio::test]
async fn a_server_that_lost_its_data_believes_no_purse_before_all_gateways_have_said_what_their_calls_hold() {
    let (mut server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (one, other) = (Replica::of(with_clock()), Replica::of(with_clock()));
    one.seed("p", 100).await;
    let (hold, mut theirs) =
        (one.held(call(), &[purse("p", 1_000, 300)]).await, other.held(call(), &[purse("p", 1_000, 200)]).await);
    assert!(matches!(other.link.extend(&mut theirs, &[purse("p", 1_000, 50)]).await.unwrap(), Extended::Held));
    for replica in [&one, &other, &one] {
        restated(replica).await;
    }
    assert_eq!(one.counters.figures().replicas, 2);
    server.restart();
    let ask = [purse("p", 1_000, 400)];
    let asked = unseeded(&one, &ask).await;
    let seed = |spent| one.link.seed(&asked.key, asked.mark, spent, DAY);
    let Seeding::Later(wait) = seed(100).await.unwrap() else { panic!("nobody knows what the other holds") };
    assert_eq!(wait, Duration::from_secs(3));
    assert!(matches!(one.link.reserve(call(), &ask).await.unwrap(), Reserved::Unseeded(_)), "and nothing passes");
    restated(&other).await;
    assert_eq!(seed(100).await.unwrap(), Seeding::Done, "at once, when all have said it");
    assert_eq!(one.left("p", 1_000).await, 1_000 - 100 - 300 - 250);
    assert!(!one.passes(&ask).await);
    let extended = other.link.extend(&mut theirs, &[purse("p", 1_000, 1)]).await.unwrap();
    assert!(matches!(extended, Extended::Held), "it goes on: {extended:?}");
    let id = hold.id.call();
    one.counters.settle(hold, |_, _| 30);
    one.counters.book(id, 30, std::slice::from_ref(&asked.key));
    other.counters.settle(theirs, |_, _| 0);
    for replica in [&one, &other] {
        replica.say().await;
    }
    assert_eq!(one.left("p", 1_000).await, 1_000 - 100 - 30, "and holds return to zero");
}

#[tokio::test]
async fn purses_do_not_wait_for_a_gateway_that_is_gone_longer_than_three_seconds() {
    let (mut server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (one, dead) = (Replica::of(with_clock()), Replica::of(with_clock()));
    for replica in [&one, &dead, &one] {
        restated(replica).await;
    }
    server.restart();
    let asked = unseeded(&one, &[purse("p", 1_000, 1)]).await;
    for left in [3_000, 1_000, 1] {
        let Seeding::Later(wait) = one.link.seed(&asked.key, asked.mark, 7, DAY).await.unwrap() else {
            panic!("{left}")
        };
        assert_eq!(wait, Duration::from_millis(left));
        clock.advance(Duration::from_millis(if left == 3_000 {
            2_000
        } else if left == 1_000 {
            999
        } else {
            1
        }));
    }
    assert_eq!(one.link.seed(&asked.key, asked.mark, 7, DAY).await.unwrap(), Seeding::Done);
}

/// A call that was let through by a local share while the server was away is known to it when it is back.
#[tokio::test]
async fn what_was_held_without_asking_is_held_when_the_server_is_back_and_given_back_at_the_end() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    let (id, free) = (call().again(), call().again());
    let key = purse("p", 1, 1).key;
    for id in [&id, &free] {
        replica.counters.holds(id, &[(key.clone(), 400, DAY)]);
    }
    restated(&replica).await;
    assert_eq!(replica.left("p", 1_000).await, 200);
    replica.counters.ends(&free, std::slice::from_ref(&key), 0);
    replica.counters.ends(&id, std::slice::from_ref(&key), 90);
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 910);
    replica.counters.book(id.call(), 90, std::slice::from_ref(&key));
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 910);
    let seen = replica.link.look(&[key, purse("q", 1, 1).key]).await.unwrap();
    assert_eq!((seen[0].held, seen[0].spent), (Some(0), Some(90)));
    assert_eq!((seen[1].held, seen[1].spent), (None, None), "one that is not there");
}

#[tokio::test]
async fn a_call_that_asks_again_after_a_late_answer_keeps_what_it_then_gets() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    let (id, ask) = (call(), [purse("p", 1_000, 400)]);
    // Heard too late: nobody knows whether it was taken.
    replica.link.give_up(&id, 0, &ask.iter().collect::<Vec<_>>(), &Reason::Late);
    let hold = replica.held(id.again(), &ask).await;
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 600, "what was given up is the first asking alone");
    replica.counters.settle(hold, |_, _| 100);
    replica.counters.book(id.call(), 100, std::slice::from_ref(&ask[0].key));
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 900, "and its row ends it");
    let seen = replica.link.look(std::slice::from_ref(&ask[0].key)).await.unwrap();
    assert_eq!(seen[0].held, Some(0));
}

#[tokio::test]
async fn a_call_that_costs_nothing_leaves_no_record_for_a_day() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    for cost in [0, 5] {
        let id = call();
        let hold = replica.held(id.clone(), &[purse("p", 1_000, 400)]).await;
        replica.counters.settle(hold, |_, _| cost);
        replica.say().await;
        let life = server.number(&format!("PTTL {{tallygate}}:c:{id}"));
        assert_eq!(life > 600_000, cost > 0, "{life} ms are left of one that cost {cost}");
        assert_eq!(server.number(&format!("HLEN {{tallygate}}:c:{id}")), if cost > 0 { 5 } else { 4 });
    }
    assert_eq!(replica.left("p", 1_000).await, 995);
}

/// Money that a purse missed stays owed to it until the server has heard so, whatever fails in between.
#[tokio::test]
async fn a_purse_that_lacks_bookings_is_summed_anew_also_where_saying_so_failed_first() {
    let mut server = Server::start();
    let patience = Patience { command: Duration::from_millis(50), ..super::PATIENT };
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    server.says("SAVE").unwrap();
    let hurried = Replica::of(Options { patience, ..options(&server) });
    hurried.counters.mistrust(&[purse("p", 1, 1).key]);
    server.pause();
    for overflowed in [false, true] {
        if overflowed {
            (0..=crate::backends::redis::outbox::OUTBOX_MAX)
                .for_each(|_| hurried.counters.book(CallId::fresh(), 1, &[]));
        }
        assert!(hurried.counters.say_all(&hurried.link.link).await.is_err());
        assert!(!hurried.counters.has_said_all());
    }
    server.go_on();
    let begun = std::time::Instant::now();
    while hurried.counters.say_all(&hurried.link.link).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it rests for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(hurried.counters.has_said_all());
    let _ = unseeded(&replica, &[purse("p", 1_000, 1)]).await;
    server.kill();
}

#[tokio::test]
async fn a_purse_that_says_less_than_the_ledger_is_summed_anew_and_no_other() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 500).await;
    let ask = [purse("p", 1_000, 1)];
    for nanos in [0, 500] {
        replica.counters.doubt(&replica.link, &ask[0].key, nanos).await.unwrap();
        assert!(replica.passes(&ask).await, "it says as much as {nanos}");
    }
    replica.counters.doubt(&replica.link, &ask[0].key, 501).await.unwrap();
    let asked = unseeded(&replica, &ask).await;
    replica.counters.doubt(&replica.link, &ask[0].key, 502).await.unwrap();
    assert_eq!(unseeded(&replica, &ask).await.mark.asked, asked.mark.asked, "one sum is enough");
}

/// A call of a rolling budget that runs into the hours after the next.
#[tokio::test]
async fn what_a_call_holds_of_a_rolling_window_is_held_in_every_hour_until_it_is_booked() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    let common = CounterKey::of(&["rolling"]);
    let hour = |hour: &str, nanos| {
        let ask = purse(hour, 1_000, nanos);
        Ask { key: CounterKey::of(&["rolling", hour]).holding(&common), ..ask }
    };
    for name in ["1", "2", "9"] {
        let asked = unseeded(&replica, &[hour(name, 1)]).await;
        assert_eq!(replica.link.seed(&asked.key, asked.mark, 100, DAY).await.unwrap(), Seeding::Done);
    }
    let id = CallId::fresh();
    let mut hold = replica.held(HoldId::of(id), &[hour("1", 300)]).await;
    let left = async |name| {
        let hold = replica.held(call(), &[hour(name, 0)]).await;
        let left = hold.standings()[0].remaining;
        replica.counters.settle(hold, |_, _| 0);
        replica.say().await;
        left
    };
    assert_eq!((left("2").await, left("9").await), (600, 600));
    let more = replica.link.extend(&mut hold, &[hour("9", 600)]).await.unwrap();
    assert!(matches!(more, Extended::Held), "it grows by the hour in which it is: {more:?}");
    assert_eq!((hold.taken(0), hold.known, left("2").await), (Some(900), Known::Yes, 0));
    replica.counters.settle(hold, |_, _| 250);
    replica.say().await;
    assert_eq!(left("9").await, 650, "until it is booked");
    replica.counters.book(id, 250, std::slice::from_ref(&hour("9", 0).key));
    replica.say().await;
    assert_eq!((left("2").await, left("9").await), (900, 650));
    let seen = replica.link.look(std::slice::from_ref(&hour("9", 0).key)).await.unwrap();
    assert_eq!((seen[0].held, seen[0].spent), (Some(0), Some(350)));
}

/// A limit on calls at a time that more calls pass than it says, as calls from before give back what they never took.
#[tokio::test]
async fn calls_that_are_said_again_give_back_no_place_that_others_have_taken() {
    let (mut server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (one, other) = (Replica::of(with_clock()), Replica::of(with_clock()));
    one.seed("p", 0).await;
    let asks = [gauge("g", 2), purse("p", 1_000, 100)];
    let (first, second) = (one.held(call(), &asks).await, one.held(call(), &asks).await);
    assert!(!one.passes(&asks).await, "two at a time");
    server.restart();
    let place = [gauge("g", 2)];
    let third = other.held(call(), &place).await;
    restated(&one).await;
    assert!(!other.passes(&place).await, "the two that go on have their places again");
    one.counters.settle(first, |_, _| 0);
    one.say().await;
    assert!(!other.passes(&place).await, "two go on");
    other.counters.settle(third, |_, _| 0);
    other.say().await;
    let fourth = other.held(call(), &place).await;
    assert!(!other.passes(&place).await);
    for (replica, hold) in [(&one, second), (&other, fourth)] {
        replica.counters.settle(hold, |_, _| 0);
        replica.say().await;
    }
    assert_eq!(other.held(call(), &place).await.standings()[0].remaining, 1, "and places return to none taken");
}

/// A limit that is full of calls that are over until the gateway is started again, as the server that took over had not heard
/// that they ended.
#[tokio::test]
async fn calls_whose_end_a_failover_lost_hold_nothing_and_those_that_go_on_hold_all_they_did() {
    let (mut server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (one, other) = (Replica::of(with_clock()), Replica::of(with_clock()));
    one.seed("p", 100).await;
    let (key, asks) = (purse("p", 1, 1).key, [gauge("g", 4), purse("p", 1_000, 100)]);
    let (booked, free, ended) = (call(), call(), call());
    let (one_booked, one_free) = (one.held(booked.clone(), &asks).await, one.held(free, &asks).await);
    let one_ended = one.held(ended.clone(), &asks).await;
    let goes_on = one.held(call(), &asks).await;
    let tried = one.held(HoldId::of_try(goes_on.id.call(), 1), &[gauge("t", 2)]).await;
    for replica in [&one, &other] {
        restated(replica).await;
    }
    server.says("SAVE").unwrap();
    one.counters.settle(one_booked, |ask, _| if ask == 1 { 30 } else { 1 });
    one.counters.book(booked.call(), 30, std::slice::from_ref(&key));
    one.counters.settle(one_free, |_, _| 0);
    one.counters.settle(one_ended, |ask, _| if ask == 1 { 40 } else { 1 });
    one.say().await;
    assert_eq!(other.held(call(), &asks[..1]).await.standings()[0].remaining, 2);
    server.restart();
    assert!(!other.passes(&asks[..1]).await, "it has heard of no end");
    for _ in 0..2 {
        restated(&other).await;
        restated(&one).await;
    }
    other.seed("p", 130).await;
    assert_eq!(other.left("p", 1_000).await, 1_000 - 130 - 40 - 100, "nothing is held of what is spent");
    // What the other took after the copy goes on, too.
    assert_eq!(other.held(call(), &asks[..1]).await.standings()[0].remaining, 1);
    assert_eq!(other.held(call(), &[gauge("t", 2)]).await.standings()[0].remaining, 0, "a try goes on");
    one.counters.book(ended.call(), 40, std::slice::from_ref(&key));
    one.counters.settle(goes_on, |_, _| 0);
    one.counters.settle(tried, |_, _| 0);
    one.say().await;
    assert_eq!(other.left("p", 1_000).await, 1_000 - 130 - 40);
    let (calls, tries) = (other.held(call(), &asks[..1]).await, other.held(call(), &[gauge("t", 2)]).await);
    assert_eq!((calls.standings()[0].remaining, tries.standings()[0].remaining), (1, 0), "places return to none taken");
    assert_eq!(one.counters.figures().replicas, 2, "a gateway of several names is one");
}

/// A budget that lets others have what a long call holds, as its gateway could not say so much at some time.
#[tokio::test]
async fn a_gateway_that_lost_count_ends_no_hold_of_a_long_call() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    replica.seed("p", 0).await;
    let asks = [gauge("g", 3), purse("p", 1_000, 300)];
    let (long, over) = (replica.held(call(), &asks).await, replica.held(call(), &asks).await);
    (0..OUTBOX_MAX).for_each(|_| replica.counters.book(CallId::fresh(), 1, &[]));
    replica.counters.settle(over, |_, _| 0);
    replica.counters.say_all(&replica.link.link).await.unwrap();
    for _ in 0..90 {
        restated(&replica).await;
        clock.advance(Duration::from_secs(10));
    }
    let look = async || replica.held(call(), &[gauge("g", 3), purse("p", 1_000, 0)]).await;
    let hold = look().await;
    let left: Vec<u64> = hold.standings().iter().map(|standing| standing.remaining).collect();
    assert_eq!(left, [1, 700], "and the end that was lost is known by the new name");
    for hold in [long, hold] {
        replica.counters.settle(hold, |_, _| 0);
    }
    replica.counters.say_all(&replica.link.link).await.unwrap();
    assert_eq!(look().await.standings()[0].remaining, 2);
}

#[tokio::test]
async fn purses_that_are_not_believed_are_told_many_at_a_time_and_beats_come_in_between() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.beat().await;
    let purses: Vec<CounterKey> = (0..640).map(|number| CounterKey::of(&["p", &number.to_string()])).collect();
    replica.counters.mistrust(&purses);
    let before = replica.counters.figures().tally.round_trips;
    assert!(!replica.counters.say_some(&replica.link.link).await.unwrap(), "not all at once");
    assert_eq!(replica.counters.figures().tally.round_trips - before, 1);
    replica.say().await;
    assert_eq!(replica.counters.figures().tally.round_trips - before, 10);
}
