//! Callers who leave while the server is asked for them.

use super::server::{Server, until};
use super::{Replica, gauge, options};
use crate::counters::HoldId;
use std::time::Duration;
use tg_kernel::ids::CallId;

#[tokio::test]
async fn who_leaves_before_the_answer_holds_nothing() {
    let server = Server::start();
    let replica = Replica::of(options(&server));
    // The connection is there.
    let first = replica.held(HoldId::of(CallId::fresh()), &[gauge("g", 4)]).await;
    server.pause();
    for _ in 0..3 {
        let asks = [gauge("g", 4)];
        let asking = replica.link.reserve(HoldId::of(CallId::fresh()), &asks);
        tokio::time::timeout(Duration::from_millis(50), asking).await.expect_err("nothing is answered");
    }
    server.go_on();
    until("what was asked is heard", || server.number("HLEN {tallygate}:g:g") >= 1);
    replica.say().await;
    for _ in 0..3 {
        assert!(replica.passes(&[gauge("g", 4)]).await, "all but the first are free");
    }
    assert!(!replica.passes(&[gauge("g", 4)]).await);
    replica.counters.settle(first, |_, _| 0);
    replica.say().await;
    assert!(replica.passes(&[gauge("g", 4)]).await);
}
