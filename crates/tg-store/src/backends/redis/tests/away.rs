//! A server that is slow, stopped, gone, or empty when it comes back.

use super::server::Server;
use super::{Replica, bucket, gauge, options, per_minute, purse};
use crate::backends::redis::outbox::OUTBOX_MAX;
use crate::backends::redis::{Login, Options, Patience};
use crate::counters::{HoldId, Reason, Reserved};
use std::time::{Duration, Instant};
use tg_kernel::ids::CallId;
use tg_kernel::secret::Secret;

fn call() -> HoldId {
    HoldId::of(CallId::fresh())
}

fn hurried(server: &Server) -> Options {
    Options { patience: Patience { command: Duration::from_millis(20), ..super::PATIENT }, ..options(server) }
}

/// What goes on beside the calls of a replica.
fn driven(replica: &Replica) -> tokio::task::JoinHandle<()> {
    let counters = replica.counters.clone();
    tokio::spawn(async move { counters.drive().await })
}

/// Tries until the server is asked again and answers.
async fn back(replica: &Replica) {
    let begun = Instant::now();
    while replica.link.reserve(call(), &[bucket("probe", per_minute(1_000_000), 1)]).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until all was said.
async fn said(replica: &Replica) {
    let begun = Instant::now();
    while replica.counters.figures().waiting > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not said: {:?}", replica.counters.figures());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_that_stands_still_holds_calls_up_for_milliseconds_and_then_not_at_all() {
    let server = Server::start();
    let replica = Replica::of(hurried(&server));
    let driver = driven(&replica);
    back(&replica).await;
    server.pause();
    let mut reasons = Vec::new();
    let begun = Instant::now();
    for _ in 0..50 {
        reasons.push(replica.link.reserve(call(), &[gauge("g", 1)]).await.unwrap_err().reason);
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(reasons[..5], [const { Reason::Late }; 5]);
    assert!(reasons[5..].iter().all(|reason| *reason == Reason::Resting), "{reasons:?}");
    assert!(replica.link.rests());
    server.go_on();
    back(&replica).await;
    said(&replica).await;
    assert!(!replica.link.rests());
    assert!(replica.passes(&[gauge("g", 1)]).await, "what was heard too late has left no phantom");
    driver.abort();
}

#[tokio::test]
async fn an_answer_that_is_slow_once_is_waited_for_no_longer_and_costs_nothing_else() {
    let server = Server::start();
    let replica = Replica::of(hurried(&server));
    let driver = driven(&replica);
    back(&replica).await;
    let port = server.port;
    let sleeper = std::thread::spawn(move || {
        let mut connection =
            redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap().get_connection().unwrap();
        redis::cmd("DEBUG").arg("SLEEP").arg("0.3").exec(&mut connection).unwrap();
    });
    let mut late = 0;
    while !sleeper.is_finished() {
        late += u32::from(
            replica.link.reserve(call(), &[gauge("g", 1)]).await.is_err_and(|away| away.reason == Reason::Late),
        );
        replica.counters.book(CallId::fresh(), 1, &[]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sleeper.join().unwrap();
    assert!(late > 0);
    back(&replica).await;
    said(&replica).await;
    driver.abort();
}

#[tokio::test]
async fn what_is_settled_and_booked_during_an_outage_is_said_afterwards_in_order() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    let asks = [gauge("g", 50), purse("p", 1_000_000, 1_000)];
    let mut holds = Vec::new();
    for _ in 0..50 {
        let id = CallId::fresh();
        holds.push((id, replica.held(HoldId::of(id), &asks).await));
    }
    let away = Replica::of(hurried(&server));
    server.pause();
    for (id, hold) in holds {
        replica.counters.settle(hold, |_, _| 10);
        replica.counters.book(id, 10, &[asks[1].key.clone()]);
    }
    let driver = driven(&replica);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(replica.counters.figures().waiting, 100);
    assert!(away.link.reserve(call(), &asks).await.is_err());
    server.go_on();
    said(&replica).await;
    assert_eq!(replica.left("p", 1_000_000).await, 1_000_000 - 50 * 10, "each once");
    assert_eq!(replica.held(call(), &asks[..1]).await.standings()[0].remaining, 49);
    driver.abort();
}

#[tokio::test]
async fn a_server_that_lost_everything_asks_for_the_money_that_was_spent() {
    let mut server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 300).await;
    let ask = [purse("p", 1_000, 200)];
    let hold = replica.held(call(), &ask).await;
    server.kill();
    let quick = Replica::of(hurried(&server));
    let away = quick.link.reserve(call(), &ask).await.unwrap_err();
    assert!(matches!(away.reason, Reason::Connection(_)), "{away}");
    assert!(away.to_string().contains(&format!("127.0.0.1:{}", server.port)), "{away}");
    server.restart();
    back(&replica).await;
    replica.seed("p", 500).await;
    assert_eq!(replica.left("p", 1_000).await, 300, "what a call holds that goes on was said again");
    replica.counters.settle(hold, |_, _| 100);
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 400);
}

#[tokio::test]
async fn a_server_that_started_again_may_lack_its_last_moments_and_is_filled_anew() {
    let mut server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 300).await;
    let hold = replica.held(call(), &[purse("p", 1_000, 200)]).await;
    server.says("SAVE").unwrap();
    replica.counters.book(CallId::fresh(), 50, &[purse("p", 1, 1).key]);
    replica.say().await;
    server.restart();
    back(&replica).await;
    // The ledger has the row that the server lost.
    replica.seed("p", 350).await;
    assert_eq!(replica.left("p", 1_000).await, 450, "and the hold was kept");
    replica.counters.settle(hold, |_, _| 10);
    replica.say().await;
    assert_eq!(replica.left("p", 1_000).await, 640);
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_loaded_again() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    assert!(replica.passes(&[gauge("g", 5)]).await);
    server.says("SCRIPT FLUSH").unwrap();
    assert!(replica.passes(&[gauge("g", 5)]).await);
    server.says("CLIENT KILL TYPE normal").unwrap();
    assert!(replica.passes(&[gauge("g", 5)]).await, "nor does a lost connection lose a call");
    let standing = replica.held(call(), &[gauge("g", 5)]).await.standings()[0];
    assert_eq!(standing.remaining, 1);
}

#[tokio::test]
async fn who_has_no_password_is_not_let_in_and_nobody_is_told_it() {
    let server = Server::start();
    // As docs/counters.md says it.
    let rights = "+@hash +@string +@sortedset +del +pexpire +time +evalsha +script|load +info +select +ping";
    server.says(&format!("ACL SETUSER tally on >hunter2 ~{{tallygate}}:* {rights}")).unwrap();
    server.says("ACL SETUSER default off").unwrap();
    let login = |password: &str| Login { user: Some("tally".into()), password: Some(Secret::new(password)) };
    let with = |password| {
        let place = server.place().login(login(password));
        Replica::of(Options { place, ..options(&server) })
    };
    let away = with("hunter3").link.reserve(call(), &[gauge("g", 1)]).await.unwrap_err();
    assert!(matches!(away.reason, Reason::Server(_)), "{away:?}");
    assert!(!format!("{away} {away:?}").contains("hunter3"), "{away:?}");
    let tally = with("hunter2");
    tally.seed("p", 0).await;
    let (id, purse) = (CallId::fresh(), purse("p", 9, 2));
    let asks = [gauge("g", 1), bucket("b", per_minute(9), 2), purse.clone()];
    let hold = tally.held(HoldId::of(id), &asks).await;
    tally.counters.settle(hold, |_, taken| taken);
    tally.counters.book(id, 2, &[purse.key]);
    tally.beat().await;
    tally.say().await;
    assert_eq!(tally.left("p", 9).await, 7, "keys of others, and other commands, need not be open to it");
}

#[tokio::test]
async fn bookings_that_found_no_room_are_read_from_the_ledger_and_holds_that_found_none_are_given_up() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    replica.seed("p", 0).await;
    let key = purse("p", 1, 1).key;
    let hold = replica.held(call(), &[gauge("g", 1)]).await;
    for _ in 0..OUTBOX_MAX {
        replica.counters.book(CallId::fresh(), 1, &[]);
    }
    replica.counters.book(CallId::fresh(), 77, &[key]);
    replica.counters.settle(hold, |_, _| 0);
    assert_eq!(replica.counters.figures().lost, 2);
    replica.counters.say_all(&replica.link.link).await.unwrap();
    let Reserved::Unseeded(_) = replica.link.reserve(call(), &[purse("p", 1_000, 1)]).await.unwrap() else {
        panic!("it lacks 77")
    };
    replica.seed("p", 77).await;
    let hold = replica.held(call(), &[purse("p", 1_000, 1), gauge("h", 1)]).await;
    assert_eq!(hold.standings()[0].remaining, 922);
}

#[tokio::test]
async fn who_leaves_in_order_is_not_counted_any_more_and_leaves_nothing_behind() {
    let server = Server::start();
    let (one, other) = (Replica::of(options(&server)), Replica::of(options(&server)));
    for replica in [&one, &other] {
        replica.beat().await;
    }
    other.beat().await;
    assert_eq!(other.counters.figures().replicas, 2);
    let hold = one.held(call(), &[gauge("g", 1)]).await;
    one.counters.settle(hold, |_, _| 0);
    one.counters.finish(Duration::from_secs(10)).await.unwrap();
    other.beat().await;
    assert_eq!(other.counters.figures().replicas, 1);
    assert!(other.passes(&[gauge("g", 1)]).await);
    server.pause();
    other.counters.book(CallId::fresh(), 1, &[]);
    let late = Replica::of(Options { patience: Patience::default(), ..options(&server) });
    late.counters.book(CallId::fresh(), 1, &[]);
    assert!(late.counters.finish(Duration::from_millis(300)).await.is_err(), "not all was said");
}
