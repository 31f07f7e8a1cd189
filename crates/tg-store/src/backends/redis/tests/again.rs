//! What calls hold is said again: to a server that lost it, to one that was not asked, and for hours that come later.

use super::server::Server;
use super::{DAY, Replica, gauge, manual, options, purse};
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
    super::server::until("it rests no more", || {
        !hurried.link.rests() || {
            std::thread::sleep(Duration::from_millis(1_100));
            true
        }
    });
    hurried.counters.say_all(&hurried.link.link).await.unwrap();
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
    assert_eq!(unseeded(&replica, &ask).await, asked, "one sum is enough");
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
    let one = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    one.seed("p", 0).await;
    let asks = [gauge("g", 2), purse("p", 1_000, 100)];
    let (first, second) = (one.held(call(), &asks).await, one.held(call(), &asks).await);
    assert!(!one.passes(&asks).await, "two at a time");
    server.restart();
    restated(&one).await;
    let place = [gauge("g", 2)];
    assert!(one.passes(&place).await && one.passes(&place).await && !one.passes(&place).await);
    for hold in [first, second] {
        one.counters.settle(hold, |_, _| 0);
    }
    one.say().await;
    assert!(!one.passes(&place).await, "those who came later still have both places");
}
