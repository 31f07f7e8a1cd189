//! Processes that died: what they held goes when the next one has said what their journal knew.

use super::server::Server;
use super::{Replica, gauge, manual, options, purse};
use crate::backends::redis::Options;
use crate::counters::{HoldId, Reserved};
use std::time::Duration;
use tg_kernel::ids::CallId;

/// Says what waits, as the thread beside calls does, and tells of what came of that.
async fn says(replica: &Replica) {
    replica.say().await;
    replica.counters.0.bury();
    replica.beat().await;
}

/// A limit that is full of calls of a gateway that was killed, for half a minute; a budget that is, for ten minutes.
#[tokio::test]
async fn a_gateway_that_is_killed_and_started_again_keeps_nothing_of_limits_and_budgets() {
    let (server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (dead, other) = (Replica::of(with_clock()), Replica::of(with_clock()));
    other.seed("p", 0).await;
    let asks = [gauge("g", 3), purse("p", 1_000, 300)];
    let (journaled, unheard) = (HoldId::of(CallId::fresh()), HoldId::of(CallId::fresh()));
    let _killed = (dead.held(journaled.clone(), &asks).await, dead.held(unheard, &asks).await);
    let _theirs = other.held(HoldId::of(CallId::fresh()), &asks).await;
    assert!(!other.passes(&asks).await);
    let next = Replica::of(with_clock());
    next.counters.book(journaled.call(), 200, std::slice::from_ref(&asks[1].key));
    next.counters.succeeds([dead.counters.process(), next.counters.process()]);
    next.beat().await;
    let left = async || {
        let observed = [gauge("g", 9), purse("p", 10_000, 0)];
        let hold = next.held(HoldId::of(CallId::fresh()), &observed).await;
        let left: Vec<u64> = hold.standings().iter().map(|standing| standing.remaining).collect();
        next.counters.settle(hold, |_, _| 0);
        next.say().await;
        left
    };
    assert_eq!(left().await, [5, 9_100], "before anything is said, all that three calls hold");
    says(&next).await;
    assert_eq!(left().await, [7, 9_500], "what was booked is spent, and the other's is held");
    assert_eq!(next.counters.figures().replicas, 2, "it is no gateway any more");
    // What it had asked for reaches a server that stood still only now.
    let late = dead.link.reserve(HoldId::of(CallId::fresh()), &asks).await;
    assert!(matches!(late, Ok(Reserved::Held(_))), "by another name: {late:?}");
    next.beat().await;
    assert_eq!(left().await, [7, 9_500], "nor is it one that says so late");
    clock.advance(Duration::from_secs(20));
    for replica in [&next, &other] {
        replica.beat().await;
    }
    assert_eq!(left().await, [7, 9_500], "those that live hold on");
}

#[tokio::test]
async fn what_a_dead_gateway_left_unsaid_is_said_before_its_holds_go() {
    let server = Server::start();
    let (dead, next) = (Replica::of(options(&server)), Replica::of(options(&server)));
    next.seed("p", 0).await;
    let ask = [purse("p", 1_000, 900)];
    let _killed = dead.held(HoldId::of(CallId::fresh()), &ask).await;
    next.counters.succeeds([dead.counters.process()]);
    next.counters.mistrust(std::slice::from_ref(&ask[0].key));
    let driving = async {
        next.counters.drive().await;
    };
    let watching = async {
        loop {
            match next.link.reserve(HoldId::of(CallId::fresh()), &ask).await.unwrap() {
                Reserved::Full(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                Reserved::Unseeded(purses) => break purses,
                other => panic!("its hold went before the purse was to be summed anew: {other:?}"),
            }
        }
    };
    let purses = tokio::select! {
        () = driving => panic!("it ends"),
        purses = watching => purses,
    };
    assert_eq!(purses.len(), 1);
    tokio::select! {
        () = next.counters.drive() => panic!("it ends"),
        () = async {
            while next.link.look(std::slice::from_ref(&ask[0].key)).await.unwrap()[0].held != Some(0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        } => {}
    }
}
