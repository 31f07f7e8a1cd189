//! Streams that services outside judge piece by piece, before callers who do not read on, or have left, and those that end otherwise
//! while a service is asked: none of these keeps a service from others, and what was asked is known.

use crate::beside::{ALLOW, Service, world_of};
use crate::outside::outside;
use crate::outside_pieces::{hesitating, in_pieces, prose, questions, repeats, so_far, until_signs};
use crate::speak::{CHAT, Manner, ask, echo, hear};
use crate::wire::{Call, PATIENCE};
use crate::world::{Setup, World, until};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Said;
use tg_kernel::record::Ending;
use tg_policy::guard::{Action, On};

const DIALECT: Dialect = Dialect::AnthropicMessages;

/// A service that is asked one thing at a time, and thinks about so many of the first until it is told to go on.
fn thinking(first: usize, streams: &str) -> (World, Receiver<()>, Sender<()>) {
    let setup = Setup { streams: streams.to_owned(), ..Setup::default() };
    let (world, service) = world_of(in_pieces("own", 200, Action::Block), setup, "15s, questions_max: 1");
    let (asked, tell) = thinks(&service, first);
    (world, asked, tell)
}

fn thinks(service: &Service, first: usize) -> (Receiver<()>, Sender<()>) {
    let ((waits, asked), (tell, go)) = (channel(), channel());
    let (go, count) = (Mutex::new(go), Mutex::new(0));
    service.judges(move |_| {
        let nth = {
            let mut count = count.lock().unwrap();
            *count += 1;
            *count
        };
        // Who asks no more is told nothing.
        if nth <= first && (waits.send(()).is_err() || go.lock().unwrap().recv().is_err()) {
            return (500, "");
        }
        (200, ALLOW)
    });
    (asked, tell)
}

/// That somebody else has an opinion of the service.
fn is_heard(world: &World) {
    let answer = world.send(&ask(DIALECT, Manner::Plain, "on-anthropic", "hello"));
    assert_eq!(hear(DIALECT, Manner::Plain, &answer).text, echo("hello", 30), "{}", answer.text());
}

/// A call by a client of HTTP/2 who has room for a kilobyte that he has not read.
async fn opened(world: &World, call: &Call) -> Incoming {
    let stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) =
        builder.initial_stream_window_size(1024).handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let call = world.keyed(call);
    let mut request = http::Request::post(format!("http://{}{}", world.address, call.path));
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    sender.send_request(request.body(Full::new(Bytes::from(call.body))).unwrap()).await.unwrap().into_body()
}

/// The next of a body, or nothing where that is not there for a while.
async fn next(body: &mut Incoming) -> Bytes {
    let frame = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
    frame.map_or_else(|_| Bytes::new(), |frame| frame.unwrap().unwrap().into_data().unwrap_or_default())
}

#[test]
fn a_caller_who_does_not_read_on_keeps_nobody_from_a_service() {
    let (world, asked, tell) = thinking(1, "{ keepalive: 20ms }");
    let (call, whole) = repeats(DIALECT, &prose(1_500), "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut incoming = opened(&world, &call).await;
        let mut body = Vec::new();
        let began = Instant::now();
        let signs = |body: &[u8]| String::from_utf8_lossy(body).matches(": keepalive").count();
        // The second piece is there when the first is let go, and is asked about before that is read.
        while signs(&body) < 5 || asked.try_recv().is_err() {
            body.extend(next(&mut incoming).await);
            assert!(began.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&body));
        }
        tell.send(()).unwrap();
        while so_far(DIALECT, &body).text.is_empty() {
            body.extend(next(&mut incoming).await);
            assert!(began.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&body));
        }
        // Nothing more is read meanwhile, and most of the first piece has no room.
        is_heard(&world);
        while !so_far(DIALECT, &body).ended {
            body.extend(next(&mut incoming).await);
            assert!(began.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&body));
        }
        assert_eq!(so_far(DIALECT, &body).text, whole);
    });
}

#[test]
fn a_caller_who_has_left_and_whose_answer_is_read_on_keeps_nobody_from_a_service() {
    let drain = "{ on_disconnect: { drain: { time_max: 60s, bytes_max: 1MiB } } }";
    let (world, asked, tell) = thinking(1, drain);
    // Its provider falls silent, and is waited for.
    let (call, _) = repeats(DIALECT, &prose(900), "hang_after=70");
    let exchange = world.keyed(&call).open(world.address);
    asked.recv().unwrap();
    exchange.leave();
    is_heard(&world);
    assert_eq!(world.sim.books.open(), 1, "its provider has not ended");
    drop(tell);
}

#[test]
fn what_was_asked_when_a_provider_failed_is_known() {
    let (world, asked, tell) = hesitating();
    let (call, whole) = repeats(DIALECT, &prose(3_500), "die_after=170");
    let (exchange, mut body) = until_signs(&world, &asked, (&call, &whole));
    tell.send(()).unwrap();
    body.extend(exchange.whole().body);
    let heard = so_far(DIALECT, &body);
    assert!(heard.error.is_some() && heard.text == whole[..400], "{heard:?}");
    let row = until("the call is booked", || world.rows().pop());
    assert_eq!((row.ending, questions(&row)), (Ending::Truncated, (Said::Clear, 3)));
}

#[test]
fn an_answer_that_is_shorter_than_a_piece_or_kept_has_a_first_token() {
    for rule in [in_pieces("own", 200, Action::Block), outside("own", Action::Block, On::Output)] {
        let (world, service) = world_of(rule, Setup::default(), "15s");
        service.judges(|_| (200, ALLOW));
        for dialect in CHAT {
            let answer = world.send(&ask(dialect, Manner::Streamed, "on-anthropic", "hello"));
            assert!(hear(dialect, Manner::Streamed, &answer).ended, "{dialect:?}: {}", answer.text());
            let timing = world.row(&answer).timing;
            assert!(timing.first_token_us.is_some_and(|at| at > 0 && at <= timing.total_us), "{dialect:?}");
        }
    }
}
