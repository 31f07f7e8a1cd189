//! Callers that mean no good, or do badly: each gets a 4xx or a closed connection, and the server goes on.

use crate::support::{Server, client, eventually, get, plain, raw, serve, text, until_closed, within};
use std::time::Duration;
use tg_net::listener::ListenerOptions;
use tg_net::tls::TrustedRoots;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

async fn still_serves(server: &Server) {
    let answer = client(&TrustedRoots::none()).send(get(&format!("http://{}/facts", server.addr))).await.unwrap();
    assert!(text(answer).await.contains("tls=false"));
}

#[tokio::test]
async fn broken_requests_are_refused() {
    let server = plain();
    let long = "x".repeat(200 << 10);
    let many = "a: b\r\n".repeat(1000);
    for (what, request, statuses) in [
        ("nothing of HTTP", "hello\r\n\r\n".to_owned(), &["400"][..]),
        ("bare line feeds with garbage", "GET\n\n\n".to_owned(), &["400"]),
        ("a header with a bare CR", "GET /facts HTTP/1.1\r\nhost: a\rb\r\n\r\n".to_owned(), &["400"]),
        ("a header with a NUL", "GET /facts HTTP/1.1\r\nhost: a\0b\r\n\r\n".to_owned(), &["400"]),
        ("a folded header", "GET /facts HTTP/1.1\r\nhost: a\r\n b\r\n\r\n".to_owned(), &["400"]),
        ("a space before the colon", "GET /facts HTTP/1.1\r\nhost : a\r\n\r\n".to_owned(), &["400"]),
        ("an oversized header", format!("GET /facts HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"), &["431"]),
        ("an oversized path", format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), &["414", "431"]),
        ("too many headers", format!("GET /facts HTTP/1.1\r\nhost: a\r\n{many}\r\n"), &["431"]),
        (
            "two lengths",
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(),
            &["400"],
        ),
        ("a negative length", "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_owned(), &["400"]),
        (
            "a length past all bounds",
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n".to_owned(),
            &["400"],
        ),
        (
            "a bad chunk",
            "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            &["400"],
        ),
        (
            "an unknown encoding",
            "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: rot13\r\n\r\n".to_owned(),
            &["400"],
        ),
    ] {
        let answer = raw(server.addr, request.as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or("closed");
        assert!(statuses.contains(&status) || status == "closed", "{what}: {}", answer.lines().next().unwrap_or(""));
        still_serves(&server).await;
    }
    eventually(|| server.listener.open_connections() <= 1).await;
}

#[tokio::test]
async fn a_smuggled_second_length_does_not_win() {
    let server = plain();
    let request = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
                   GET /facts HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = raw(server.addr, request.as_bytes()).await;
    // Either refused outright or read as chunked and the connection closed: never two ways of counting.
    assert!(answer.starts_with("HTTP/1.1 400") || !answer.contains("tls=false"), "{answer}");
}

#[tokio::test]
async fn large_heads_of_real_clients_pass() {
    let server = plain();
    let token = "t".repeat(64 << 10);
    let request =
        format!("GET /facts HTTP/1.1\r\nhost: a\r\nx-amz-security-token: {token}\r\nconnection: close\r\n\r\n");
    assert!(raw(server.addr, request.as_bytes()).await.contains("tls=false"));
}

#[tokio::test]
async fn bodies_past_the_limit_are_refused_unread() {
    let server = plain();
    let announced = b"POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1048577\r\n\r\n";
    assert!(raw(server.addr, announced).await.starts_with("HTTP/1.1 413"));
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "y".repeat(1 << 16)).repeat(17);
    let chunked = format!("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    assert!(raw(server.addr, chunked.as_bytes()).await.starts_with("HTTP/1.1 413"));
    still_serves(&server).await;
}

#[tokio::test]
async fn a_caller_that_sends_on_after_a_refusal_still_finds_the_answer() {
    let server = plain();
    let long = "y".repeat(8 << 20);
    let request = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{long}", long.len());
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    // The whole body goes out: nothing resets the connection under it.
    within(stream.write_all(request.as_bytes())).await.unwrap();
    assert!(until_closed(&mut stream).await.starts_with("HTTP/1.1 413"));
    drop(stream);
    eventually(|| server.listener.open_connections() == 0).await;
}

const HASTY: ListenerOptions = ListenerOptions {
    connections_max: 64,
    header_timeout: Duration::from_millis(50),
    idle_timeout: Duration::from_millis(200),
    head_bytes_max: 64 << 10,
    streams_max: 16,
};

#[tokio::test]
async fn connections_without_a_request_are_closed() {
    let server = serve(HASTY, None);
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    assert_eq!(until_closed(&mut silent).await, "");
    let mut half = TcpStream::connect(server.addr).await.unwrap();
    half.write_all(b"GET /facts HTTP/1.1\r\nhost: ").await.unwrap();
    until_closed(&mut half).await;
    let mut half_preface = TcpStream::connect(server.addr).await.unwrap();
    half_preface.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    until_closed(&mut half_preface).await;
}

#[tokio::test]
async fn a_dripping_second_head_is_closed_and_an_idle_connection_later() {
    let server = serve(HASTY, None);
    let mut dripping = TcpStream::connect(server.addr).await.unwrap();
    dripping.write_all(b"GET /facts HTTP/1.1\r\nhost: a\r\n\r\nGET /facts HTTP/1.1\r\nx: ").await.unwrap();
    within(async {
        while dripping.write_all(b"y").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let mut idle = TcpStream::connect(server.addr).await.unwrap();
    idle.write_all(b"GET /facts HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(until_closed(&mut idle).await.contains("tls=false"));
}

#[tokio::test]
async fn a_long_call_is_not_an_idle_connection() {
    let server = serve(HASTY, None);
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /held HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    // Longer than every limit of the listener: nothing may happen meanwhile.
    assert!(tokio::time::timeout(HASTY.idle_timeout * 3, server.dropped.notified()).await.is_err());
    server.release.notify_one();
    assert!(until_closed(&mut stream).await.ends_with("released"));
}

#[tokio::test]
async fn a_tls_handshake_that_stalls_is_closed() {
    let authority = crate::support::authority();
    let server = serve(HASTY, Some(authority.server()));
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    assert_eq!(until_closed(&mut silent).await, "");
    let mut plain_text = TcpStream::connect(server.addr).await.unwrap();
    plain_text.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until_closed(&mut plain_text).await;
    eventually(|| server.listener.open_connections() == 0).await;
}
