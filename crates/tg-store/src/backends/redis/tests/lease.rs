//! Leases: what they spare, and what they cost.

use super::server::Server;
use super::{Replica, bucket, manual, options};
use crate::backends::redis::{Extended, Extension, Options};
use crate::counters::{Ask, HoldId, Known, Rate, Reserved};
use std::time::Duration;
use tg_kernel::ids::CallId;

fn rate() -> Rate {
    Rate::new(1_000, Duration::from_secs(1), 1_000)
}

fn leased(units: u64) -> [Ask; 1] {
    [Ask { lease: rate().slice(5), ..bucket("l", rate(), units) }]
}

#[tokio::test]
async fn a_lease_spares_most_round_trips() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    let evals = || {
        let text = server.text("INFO commandstats");
        let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=").map(str::to_owned));
        line.and_then(|line| line.split(',').next().and_then(|calls| calls.parse::<u64>().ok())).unwrap_or(0)
    };
    let hold = replica.held(HoldId::of(CallId::fresh()), &leased(1)).await;
    replica.counters.settle(hold, |_, taken| taken);
    replica.say().await;
    let begun = evals();
    for _ in 0..50 {
        let hold = replica.held(HoldId::of(CallId::fresh()), &leased(1)).await;
        replica.counters.settle(hold, |_, taken| taken);
    }
    assert_eq!(evals() - begun, 0, "fifty units were taken ahead");
    for _ in 0..50 {
        let hold = replica.held(HoldId::of(CallId::fresh()), &[bucket("l", rate(), 1)]).await;
        replica.counters.settle(hold, |_, taken| taken);
        replica.say().await;
    }
    assert_eq!(evals() - begun, 100, "without: one for the ask, one behind its back");
}

#[tokio::test]
async fn leases_let_through_no_more_than_a_slice_for_each_replica_beyond_the_bucket() {
    let (server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let replicas: Vec<Replica> = (0..4).map(|_| Replica::of(with_clock())).collect();
    // The worst case: each takes its slice, the bucket fills again, and then all is spent at one moment.
    for replica in &replicas {
        assert!(replica.passes(&leased(1)).await);
    }
    clock.advance(Duration::from_secs(10));
    let mut passed = 0;
    for turn in 0..8_000 {
        passed += u64::from(replicas[turn % 4].passes(&leased(1)).await);
    }
    let slice = rate().slice(5);
    assert_eq!(slice, 50);
    assert_eq!(passed, 1_000 + 4 * slice, "the bucket, and what was taken before");
    assert!(!replicas[0].passes(&leased(1)).await);
}

#[tokio::test]
async fn what_a_replica_does_not_use_of_its_lease_is_there_for_the_others_soon() {
    let (server, clock) = (Server::start(), manual());
    let with_clock = || Options { clock: Some(clock.clone()), ..options(&server) };
    let (one, other) = (Replica::of(with_clock()), Replica::of(with_clock()));
    assert!(one.passes(&leased(1)).await);
    let all = [bucket("l", rate(), 949)];
    assert!(other.passes(&all).await);
    let Reserved::Full(standings) = other.link.reserve(HoldId::of(CallId::fresh()), &leased(50)).await.unwrap() else {
        panic!("fifty are leased")
    };
    assert_eq!((standings[0].remaining, standings[0].wait), (0, Some(Duration::from_millis(50))));
    tokio::time::sleep(crate::backends::redis::lease::LEASE_LIFE + Duration::from_millis(10)).await;
    one.say().await;
    assert!(other.passes(&leased(50)).await);
}

#[tokio::test]
async fn what_a_leased_call_used_beyond_its_estimate_is_owed() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    assert!(replica.passes(&leased(1)).await);
    let hold = replica.held(HoldId::of(CallId::fresh()), &leased(10)).await;
    assert_eq!(hold.known, Known::Not, "from the lease");
    replica.counters.settle(hold, |_, _| 500);
    tokio::time::sleep(crate::backends::redis::lease::LEASE_LIFE + Duration::from_millis(10)).await;
    replica.say().await;
    let standing = replica.held(HoldId::of(CallId::fresh()), &[bucket("l", rate(), 0)]).await.standings()[0];
    assert_eq!(standing.remaining, 1_000 - 1 - 500);
}

#[tokio::test]
async fn a_call_from_a_lease_whose_first_extension_was_refused_or_not_heard_is_extended_later() {
    let (server, clock) = (Server::start(), manual());
    let replica = Replica::of(Options { clock: Some(clock.clone()), ..options(&server) });
    assert!(replica.passes(&leased(1)).await);
    let mut hold = replica.held(HoldId::of(CallId::fresh()), &leased(1)).await;
    let refused = replica.link.extend(&mut hold, &[bucket("l", rate(), 990)]).await.unwrap();
    assert!(matches!(refused, Extended::Full(_)), "there are 949");
    let lost = Extension::of(&mut hold, vec![bucket("l", rate(), 30)]);
    let asks: Vec<&Ask> = lost.asks().iter().collect();
    replica.link.give_up(&hold.id, 0, &asks, &crate::counters::Reason::Late);
    replica.say().await;
    let taken = replica.link.extend(&mut hold, &[bucket("l", rate(), 900)]).await.unwrap();
    assert!(matches!(taken, Extended::Held), "{taken:?}");
    assert!(matches!(replica.link.extend(&mut hold, &[bucket("l", rate(), 9)]).await.unwrap(), Extended::Held));
    replica.counters.settle(hold, |_, taken| taken);
    replica.say().await;
    let standing = replica.held(HoldId::of(CallId::fresh()), &[bucket("l", rate(), 0)]).await.standings()[0];
    assert_eq!(standing.remaining, 1_000 - 51 - 900 - 9);
}
