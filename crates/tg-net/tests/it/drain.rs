//! Ending: open calls finish, late ones are cut and counted, and a caller who leaves ends its call.

use crate::support::{Server, authority, client, get, plain, serve, text, until_closed, within};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tg_net::drain::Drained;
use tg_net::listener::ListenerOptions;
use tg_net::tasks::{Spawner, spawn};
use tg_net::tls::TrustedRoots;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn ended(server: Server) -> Drained {
    within(server.ended).await.unwrap().unwrap()
}

#[tokio::test]
async fn open_streams_finish_and_idle_connections_close() {
    let server = plain();
    let client = client(&TrustedRoots::none());
    let idle = client.send(get(&format!("http://{}/facts", server.addr))).await.unwrap();
    text(idle).await;
    let streaming = client.send(get(&format!("http://{}/drip", server.addr))).await.unwrap();
    server.drain.begin(Duration::from_secs(3600));
    let mut body = streaming.into_body();
    assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "drop\n");
    crate::support::eventually(|| std::net::TcpStream::connect(server.addr).is_err()).await;
    server.release.notify_one();
    assert_eq!(within(body.collect()).await.unwrap().to_bytes(), "drop\n");
    assert_eq!(ended(server).await.cut, 0);
}

#[tokio::test]
async fn an_http1_caller_is_told_that_its_connection_closes() {
    let server = plain();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /held HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    within(server.begun.notified()).await;
    server.drain.begin(Duration::from_secs(3600));
    crate::support::eventually(|| std::net::TcpStream::connect(server.addr).is_err()).await;
    server.release.notify_one();
    let answer = until_closed(&mut stream).await;
    assert!(answer.contains("connection: close") && answer.ends_with("released"), "{answer}");
    assert_eq!(ended(server).await, Drained { finished: 1, cut: 0 });
}

#[tokio::test]
async fn an_http2_stream_survives_the_goaway() {
    let server = plain();
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(Spawner, TokioIo::new(stream)).await.unwrap();
    let connection = spawn("client", connection);
    let answer = spawn("call", sender.send_request(get("http://here/held")));
    within(server.begun.notified()).await;
    server.drain.begin(Duration::from_secs(3600));
    crate::support::eventually(|| std::net::TcpStream::connect(server.addr).is_err()).await;
    server.release.notify_one();
    assert_eq!(text(within(answer).await.unwrap().unwrap()).await, "released");
    drop(sender);
    within(connection).await.unwrap().unwrap();
    assert_eq!(ended(server).await, Drained { finished: 1, cut: 0 });
}

#[tokio::test]
async fn what_outlives_the_limit_is_cut_and_counted() {
    let server = plain();
    let mut first = TcpStream::connect(server.addr).await.unwrap();
    let mut second = TcpStream::connect(server.addr).await.unwrap();
    for stream in [&mut first, &mut second] {
        stream.write_all(b"GET /held HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        within(server.begun.notified()).await;
    }
    server.drain.begin(Duration::ZERO);
    assert_eq!(until_closed(&mut first).await, "");
    within(server.dropped.notified()).await;
    assert_eq!(ended(server).await, Drained { finished: 0, cut: 2 });
}

#[tokio::test]
async fn a_handshake_that_outlives_the_limit_is_cut() {
    let options = ListenerOptions { header_timeout: Duration::from_secs(3600), ..ListenerOptions::default() };
    let server = serve(options, Some(authority().server()));
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    // As much of a handshake as its first byte: the connection is accepted before the drain, and says no more.
    silent.write_all(&[22]).await.unwrap();
    crate::support::eventually(|| server.listener.open_connections() == 1).await;
    server.drain.begin(Duration::ZERO);
    assert_eq!(ended(server).await, Drained { finished: 0, cut: 1 });
}

#[tokio::test]
async fn a_caller_who_leaves_ends_its_call() {
    let server = plain();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /held HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    within(server.begun.notified()).await;
    drop(stream);
    within(server.dropped.notified()).await;

    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(Spawner, TokioIo::new(stream)).await.unwrap();
    let _connection = spawn("client", connection);
    let call = spawn("call", sender.send_request(get("http://here/held")));
    within(server.begun.notified()).await;
    call.cancel();
    within(server.dropped.notified()).await;
}

#[tokio::test]
async fn a_call_in_the_backlog_is_still_answered() {
    let server = plain();
    let mut early = TcpStream::connect(server.addr).await.unwrap();
    server.drain.begin(Duration::from_secs(3600));
    early.write_all(b"GET /facts HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within(early.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains("tls=false"), "{answer}");
}
