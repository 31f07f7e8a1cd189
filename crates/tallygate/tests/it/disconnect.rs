//! Callers who leave: before the head, and after every event of a stream.

use crate::speak::{CHAT, Manner, ask};
use crate::wire::PATIENCE;
use crate::world::{Setup, World, until};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_kernel::record::{Ending, Record};
use tg_kernel::usage::UsageSource;

const TOKENS: usize = 6;

/// The row of the only call that this prompt's length tells apart is the newest; waits for `count` rows.
fn newest(world: &World, count: usize) -> Record {
    let ledger = world.gateway().store.ledger().unwrap();
    until(&format!("{count} rows"), || {
        let rows = ledger.calls(&Default::default(), 1000).unwrap();
        (rows.len() == count).then(|| rows.into_iter().next().unwrap())
    })
}

/// How many pieces an answer to this prompt has, and how many of them are before the first content.
fn pieces(world: &World, dialect: Dialect, model: &str) -> usize {
    let prompt = format!("[[sim: tokens={TOKENS} delay=3ms]] hi");
    let mut exchange = world.keyed(&ask(dialect, Manner::Streamed, model, &prompt)).open(world.address);
    assert_eq!(exchange.status, 200);
    std::iter::from_fn(|| exchange.piece()).count()
}

/// Field report A 4: what a partial stream used is booked, wherever it was cut.
#[test]
fn a_caller_who_leaves_after_any_event_leaves_exactly_one_row() {
    let world = World::start();
    let mut rows = 0;
    for dialect in CHAT {
        for model in ["on-bedrock", "on-openai"] {
            let all = pieces(&world, dialect, model);
            rows += 1;
            assert_eq!(newest(&world, rows).ending, Ending::Ok);
            // After that many pieces the provider falls silent, so that no later byte can end the call.
            for seen in 0..=TOKENS {
                let place = format!("{dialect:?} {model} after {seen} of {all}");
                let prompt = format!("[[sim: tokens=60 hang_after={seen}]] hi");
                let mut exchange = world.keyed(&ask(dialect, Manner::Streamed, model, &prompt)).open(world.address);
                assert_eq!(exchange.status, 200, "{place}");
                let mut got = Vec::new();
                while crate::speak::streamed(dialect, &got).text.len() < 4 * seen {
                    got.extend(exchange.piece().unwrap_or_else(|| panic!("{place}: it ended early")));
                }
                let left = Instant::now();
                exchange.leave();
                let open = &world.sim.books;
                until("the upstream call is cancelled", || (open.open() == 0).then_some(()));
                assert!(left.elapsed() < Duration::from_secs(1), "{place}: cancelled after {:?}", left.elapsed());
                assert_eq!(world.sim.books.last().unwrap().ending, tg_sim::Ending::CallerGone, "{place}");
                rows += 1;
                let row = newest(&world, rows);
                assert_eq!((row.ending, row.fault.as_deref()), (Ending::ClientGone, None), "{place}");
                assert_eq!(row.usage_source, UsageSource::Estimated, "{place}");
                assert!(row.usage.total_input_tokens() > 0, "{place}");
                assert!(row.usage.output_tokens >= seen as u64, "{place}: {row:?}");
                assert!(row.cost.amount.nanos() > 0, "{place}");
            }
        }
    }
    assert_eq!(world.finish().len(), rows);
}

#[test]
fn a_caller_who_leaves_before_the_head_leaves_exactly_one_row() {
    let world = World::start();
    let mut rows = 0;
    for dialect in CHAT {
        for (manner, model) in [(Manner::Plain, "on-anthropic"), (Manner::Streamed, "on-bedrock")] {
            let prompt = "[[sim: hang_before_head]] hello, are you there?";
            let exchange = world.keyed(&ask(dialect, manner, model, prompt)).launch(world.address);
            until("the call has reached the provider", || (world.sim.books.open() == 1).then_some(()));
            let left = Instant::now();
            exchange.leave();
            until("the upstream call is cancelled", || (world.sim.books.open() == 0).then_some(()));
            assert!(left.elapsed() < Duration::from_secs(1), "{dialect:?}: {:?}", left.elapsed());
            rows += 1;
            let row = newest(&world, rows);
            assert_eq!((row.ending, row.status), (Ending::ClientGone, 499), "{dialect:?} {manner:?}");
            assert_eq!(row.usage_source, UsageSource::Estimated);
            assert!(row.usage.input_tokens > 0 && row.usage.output_tokens == 0, "{row:?}");
        }
    }
    assert_eq!(world.finish().len(), rows);
}

#[test]
fn a_caller_who_resets_a_stream_of_http2_leaves_exactly_one_row() {
    let world = World::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        for (number, dialect) in (1..).zip(CHAT) {
            let call = world.keyed(&ask(dialect, Manner::Streamed, "on-openai", "[[sim: tokens=60 hang_after=3]] hi"));
            let mut request = http::Request::post(format!("http://{}{}", world.address, call.path));
            for (name, value) in &call.headers {
                request = request.header(name, value);
            }
            let request = request.body(Full::new(Bytes::from(call.body))).unwrap();
            let mut body = sender.send_request(request).await.unwrap().into_body();
            let mut got = Vec::new();
            while crate::speak::streamed(dialect, &got).text.len() < 12 {
                got.extend_from_slice(body.frame().await.unwrap().unwrap().data_ref().unwrap());
            }
            let left = Instant::now();
            drop(body);
            // Not `until`: the connection needs this thread to tell of the reset.
            while world.sim.books.open() > 0 {
                assert!(left.elapsed() < Duration::from_secs(1), "{dialect:?}: the upstream call goes on");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let row = newest(&world, number);
            assert_eq!((row.ending, row.usage_source), (Ending::ClientGone, UsageSource::Estimated), "{dialect:?}");
            assert!(row.usage.output_tokens >= 3 && row.cost.amount.nanos() > 0, "{row:?}");
        }
        // The connection outlives its streams.
        assert!(!sender.is_closed());
        driver.abort();
    });
    drop(runtime);
    assert_eq!(world.finish().len(), CHAT.len());
}

#[test]
fn a_caller_who_leaves_while_its_body_is_awaited_is_not_billed() {
    let world = World::start();
    let mut call = world.keyed(&ask(Dialect::OpenaiChat, Manner::Plain, "on-openai", "hi"));
    call = call.header("content-length", "100000");
    call.body.truncate(20);
    let exchange = call.launch(world.address);
    until("the call has arrived", || {
        let in_flight = &world.gateway().living.counts.in_flight;
        (in_flight.load(std::sync::atomic::Ordering::Relaxed) == 1).then_some(())
    });
    exchange.leave();
    let row = newest(&world, 1);
    assert!(matches!(row.ending, Ending::ClientGone | Ending::Refused), "{row:?}");
    assert_eq!((row.usage_source, row.cost.amount.nanos()), (UsageSource::None, 0));
    assert!(world.sim.books.entries().is_empty());
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn a_drained_call_has_exact_counts() {
    let streams = "{ on_disconnect: { drain: { time_max: 10s, bytes_max: 1MiB } } }".to_owned();
    let world = World::with(Setup { streams, ..Setup::default() });
    let mut rows = 0;
    for dialect in CHAT {
        for model in ["on-bedrock", "on-anthropic", "on-openai"] {
            let prompt = "[[sim: tokens=40 delay=5ms]] hi";
            let mut exchange = world.keyed(&ask(dialect, Manner::Streamed, model, prompt)).open(world.address);
            exchange.piece().unwrap();
            exchange.leave();
            rows += 1;
            let row = newest(&world, rows);
            let entry = world.entry(&row);
            assert_eq!(entry.ending, tg_sim::Ending::Complete, "{dialect:?} {model}");
            assert_eq!(row.usage, crate::matrix::usage_of(&entry.counts), "{dialect:?} {model}");
            assert_eq!((row.ending, row.usage_source), (Ending::ClientGone, UsageSource::Reported));
        }
    }
    assert_eq!(world.finish().len(), rows);
}

#[test]
fn a_call_whose_caller_leaves_before_the_head_is_drained_too() {
    let streams = "{ keepalive: off, on_disconnect: { drain: { time_max: 10s, bytes_max: 1MiB } } }".to_owned();
    let patient = "{ keepalive: 20ms, on_disconnect: { drain: { time_max: 10s, bytes_max: 1MiB } } }".to_owned();
    for streams in [streams, patient] {
        let world = World::with(Setup { streams: streams.clone(), ..Setup::default() });
        let mut rows = 0;
        for dialect in CHAT {
            for (manner, model) in
                [(Manner::Plain, "on-bedrock"), (Manner::Plain, "on-openai"), (Manner::Streamed, "on-anthropic")]
            {
                let place = format!("{dialect:?} {manner:?} {model} {streams}");
                let call = ask(dialect, manner, model, "[[sim: tokens=40 ttft=300ms]] hi");
                let exchange = world.keyed(&call).launch(world.address);
                until("the call has reached the provider", || (world.sim.books.open() == 1).then_some(()));
                exchange.leave();
                rows += 1;
                let row = newest(&world, rows);
                let entry = world.entry(&row);
                assert_eq!(entry.ending, tg_sim::Ending::Complete, "{place}");
                assert_eq!(row.usage, crate::matrix::usage_of(&entry.counts), "{place}");
                assert_eq!((row.ending, row.usage_source), (Ending::ClientGone, UsageSource::Reported), "{place}");
                assert_eq!((row.status, row.fault), (499, None), "{place}");
            }
        }
        assert_eq!(world.finish().len(), rows);
    }
}

#[test]
fn a_drain_before_the_head_has_a_cap_and_begins_nothing_more() {
    let streams = "{ on_disconnect: { drain: { time_max: 400ms, bytes_max: 1MiB } } }".to_owned();
    let targets = "targets: [{ provider: openai, model: gpt-5-mini }, { provider: local, model: local-chat }]";
    let models = format!("- {{ name: with-fallback, {targets} }}\n");
    for (timeouts, model) in [("{}", "on-openai"), ("{ first_byte: 200ms }", "with-fallback")] {
        let setup = Setup {
            streams: streams.clone(),
            models: models.clone(),
            timeouts: timeouts.to_owned(),
            ..Setup::default()
        };
        let world = World::with(setup);
        let call = ask(Dialect::OpenaiChat, Manner::Plain, model, "[[sim: hang_before_head]] hi");
        let exchange = world.keyed(&call).launch(world.address);
        until("the call has reached the provider", || (world.sim.books.open() == 1).then_some(()));
        let left = Instant::now();
        exchange.leave();
        let row = newest(&world, 1);
        assert!(left.elapsed() < PATIENCE / 4);
        assert_eq!((row.ending, row.status, row.usage_source), (Ending::ClientGone, 499, UsageSource::Estimated));
        assert!(row.usage.input_tokens > 0 && row.earlier.is_empty(), "{row:?}");
        assert_eq!(world.sim.books.entries().len(), 1, "{model}");
    }
}

#[test]
fn a_drain_has_a_cap_of_time() {
    let streams = "{ on_disconnect: { drain: { time_max: 100ms, bytes_max: 1MiB } } }".to_owned();
    let world = World::with(Setup { streams, ..Setup::default() });
    let prompt = "[[sim: tokens=40 hang_after=3]] hi";
    let mut exchange =
        world.keyed(&ask(Dialect::OpenaiChat, Manner::Streamed, "on-openai", prompt)).open(world.address);
    exchange.piece().unwrap();
    let left = Instant::now();
    exchange.leave();
    let row = newest(&world, 1);
    assert!(left.elapsed() < PATIENCE / 4);
    assert_eq!((row.ending, row.usage_source), (Ending::ClientGone, UsageSource::Estimated));
    assert!(row.usage.output_tokens >= 3);
}
