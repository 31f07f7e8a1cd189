//! Answers that do not end well, and how the books call it.

use super::wire_client::{Bench, CHAT, CONVERSE_STREAM, INVOKE, MESSAGES, saying, streaming};
use crate::{Ending, Personality};
use http_body_util::BodyExt as _;

#[tokio::test]
async fn a_caller_that_leaves_is_noticed() {
    let bench = Bench::start();
    let body = streaming(MESSAGES, "long [[sim: tokens=900 delay=2ms]]");
    let mut response = bench.open(Personality::Anthropic, MESSAGES, &body).await.expect("a head");
    for _ in 0..5 {
        response.body_mut().frame().await.expect("a frame").expect("data");
    }
    drop(response);
    bench.settled().await;
    let entry = bench.sim.books.last().expect("an entry");
    assert_eq!(entry.ending, Ending::CallerGone);
    assert!(entry.output_emitted > 0 && entry.output_emitted < 900, "{}", entry.output_emitted);
    assert_eq!(entry.counts.output, 900);
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_head_is_noticed() {
    let bench = Bench::start();
    let body = saying(CHAT, "wait [[sim: hang_before_head]]");
    let wait = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(wait, bench.send(Personality::Openai, CHAT, &body)).await.is_err());
    bench.settled().await;
    let entry = bench.sim.books.last().expect("an entry");
    assert_eq!((entry.ending, entry.status), (Ending::CallerGone, 0));
}

#[tokio::test]
async fn a_script_may_be_for_one_model_alone() {
    let bench = Bench::start();
    let text = "x [[sim@anthropic.claude-opus-5-5: status=503]]";
    for (path, status) in [(CONVERSE_STREAM, 503), (INVOKE, 503), ("/model/anthropic.claude-opus-5/converse", 200)] {
        let answered = bench.send(Personality::Bedrock, path, &saying(path, text)).await.expect("an answer");
        assert_eq!(answered.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_head_may_come_and_nothing_after_it() {
    let bench = Bench::start();
    for (path, body) in
        [(CHAT, saying(CHAT, "x [[sim: hang_after_head]]")), (CHAT, streaming(CHAT, "x [[sim: hang_after_head]]"))]
    {
        let mut response = bench.open(Personality::Openai, path, &body).await.expect("a head");
        assert_eq!(response.status(), 200);
        let wait = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(wait, response.body_mut().frame()).await.is_err(), "{body}");
        drop(response);
        bench.settled().await;
        let entry = bench.sim.books.last().expect("an entry");
        assert_eq!((entry.ending, entry.status), (Ending::CallerGone, 200));
    }
}

#[tokio::test]
async fn broken_streams_end_as_scripted() {
    let bench = Bench::start();
    for (directive, arrives, mark) in [
        ("die_after=3", false, ""),
        ("truncate_after=3", true, ""),
        ("fail_after=3", true, "overloaded_error"),
        ("garbage_after=3", true, "not a frame"),
    ] {
        let body = streaming(MESSAGES, &format!("x [[sim: {directive}]]"));
        let answered = bench.send(Personality::Anthropic, MESSAGES, &body).await;
        assert_eq!(answered.is_some(), arrives, "{directive}");
        if let Some(answered) = answered {
            let text = answered.text();
            assert!(text.contains(mark) && !text.contains("message_stop"), "{directive}: {text}");
        }
        bench.settled().await;
        let entry = bench.sim.books.last().expect("an entry");
        assert_eq!((entry.ending, entry.output_emitted), (Ending::Broken, 3), "{directive}");
    }
    let body = streaming(CONVERSE_STREAM, "x [[sim: fail_after=1]]");
    let text = bench.send(Personality::Bedrock, CONVERSE_STREAM, &body).await.expect("a stream").text();
    assert!(text.contains("serviceUnavailableException") && !text.contains("messageStop"), "{text}");
}

#[tokio::test]
async fn spoilt_heads_come_as_scripted_and_only_so_often() {
    let bench = Bench::start();
    let send = async |text: &str| bench.send(Personality::Openai, CHAT, &saying(CHAT, text)).await;
    let refused = send("x [[sim: status=429 retry_after=2]]").await.expect("an answer");
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &http::HeaderValue::from_static("2")));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(bench.sim.books.last().expect("an entry").ending, Ending::Refused);
    let page = send("x [[sim: html]]").await.expect("an answer");
    assert_eq!((page.status, &page.headers["content-type"]), (502, &http::HeaderValue::from_static("text/html")));
    let garbage = send("x [[sim: garbage]]").await.expect("an answer");
    assert!(garbage.status == 200 && serde_json::from_slice::<serde_json::Value>(&garbage.body).is_err());
    assert!(send("x [[sim: reset]]").await.is_none());
    let half = bench.send(Personality::Openai, CHAT, &saying(CHAT, "x [[sim: die_after=1]]")).await;
    assert!(half.is_none());
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(send("again [[sim: status=503 times=2]]").await.expect("an answer").status);
    }
    assert_eq!(statuses, [503, 503, 200]);
}
