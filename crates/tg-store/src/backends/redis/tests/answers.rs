//! Answers that replicas share.

use super::server::Server;
use super::{Options, Replica, options};
use crate::answers::Kept;
use crate::seal::SecretsKey;
use crate::shared::{AnswersLink, Patience};
use std::time::{Duration, Instant};
use tg_kernel::clock::{Clock as _, SystemClock, Timestamp};
use tg_kernel::secret::Secret;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    SystemClock::new().now()
}

fn kept(bytes: usize, life: Duration) -> Kept {
    crate::answers::tests::kept(bytes, now(), life)
}

fn link(server: &Server, secrets: Option<&str>) -> AnswersLink {
    let secrets = secrets.map(|text| SecretsKey::parse(&Secret::new(text)).unwrap());
    Replica::of(options(server)).counters.answers(secrets)
}

#[tokio::test]
async fn what_one_replica_keeps_another_finds() {
    let server = Server::start();
    let (one, other) = (link(&server, None), link(&server, None));
    let (first, second) = (kept(10, MINUTE), kept(20, MINUTE));
    assert!(one.put(&[1; 32], &first, 1 << 20).await.unwrap());
    assert_eq!(other.get(&[1; 32], now()).await.unwrap(), Some(first.clone()));
    assert_eq!(other.get(&[2; 32], now()).await.unwrap(), None);
    assert_eq!(other.get(&[1; 32], first.origin.until).await.unwrap(), None, "its time is over");
    assert!(other.put(&[1; 32], &second, 1 << 20).await.unwrap());
    assert_eq!(one.get(&[1; 32], now()).await.unwrap(), Some(second));
    assert_eq!(server.number("ZCARD {tallygate}:answers"), 1);
    assert!(server.number(&format!("PTTL {{tallygate}}:answer:{}", "01".repeat(32))) > 0);
}

#[tokio::test]
async fn no_text_of_an_answer_stands_in_the_server_where_there_is_a_key() {
    let server = Server::start();
    let sealed = link(&server, Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
    let answer = kept(100, MINUTE);
    assert!(sealed.put(&[1; 32], &answer, 1 << 20).await.unwrap());
    assert_eq!(sealed.get(&[1; 32], now()).await.unwrap(), Some(answer.clone()));
    assert_eq!(link(&server, None).get(&[1; 32], now()).await.unwrap(), None);
    // Whoever can write to the server cannot put words into a gateway's mouth.
    assert!(link(&server, None).put(&[2; 32], &answer, 1 << 20).await.unwrap());
    assert_eq!(sealed.get(&[2; 32], now()).await.unwrap(), None);
}

#[tokio::test]
async fn all_together_stay_within_their_bound_and_those_that_end_soonest_go() {
    let server = Server::start();
    let link = link(&server, None);
    assert!(link.put(&[9; 32], &kept(300, MINUTE), 1 << 20).await.unwrap());
    let each = server.number("GET {tallygate}:answers:bytes");
    let bytes_max = u64::try_from(each).unwrap() * 3 + 60;
    for number in 1..=3_u8 {
        let life = MINUTE * (10 - u32::from(number));
        assert!(link.put(&[number; 32], &kept(300, life), bytes_max).await.unwrap(), "{number}");
    }
    let mut there = Vec::new();
    for number in [1_u8, 2, 3, 9] {
        if link.get(&[number; 32], now()).await.unwrap().is_some() {
            there.push(number);
        }
    }
    assert_eq!(there, [1, 2, 3], "9 ended first");
    assert!(!link.put(&[4; 32], &kept(9_000, MINUTE), bytes_max).await.unwrap());
    assert_eq!(server.number("ZCARD {tallygate}:answers"), 3, "what is too large crowds nobody out");
    assert!(u64::try_from(server.number("GET {tallygate}:answers:bytes")).unwrap() <= bytes_max);
}

#[tokio::test]
async fn nobody_waits_for_answers_of_a_server_that_is_away() {
    let server = Server::start();
    let patience = Patience { connect: Duration::from_millis(200), command: Duration::from_millis(20) };
    let counters = Replica::of(Options { patience, ..options(&server) }).counters;
    let link = counters.answers(None);
    drop(server);
    let begun = Instant::now();
    for _ in 0..50 {
        assert!(link.get(&[1; 32], now()).await.is_err());
    }
    // A few wait for 20 ms each; then nobody asks for a while.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(counters.figures().tally, Default::default(), "of the counters nobody says that they are away");
}
