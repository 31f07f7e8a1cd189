//! The upstream client: what it reuses, what it never does, and how it names what went wrong.

use crate::support::{PATIENCE, authority, client, client_with, get, plain, serve, text, within};
use http::Request;
use http_body_util::Full;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tg_net::client::{Client, ClientOptions, SendErrorKind};
use tg_net::egress::EgressPolicy;
use tg_net::listener::ListenerOptions;
use tg_net::resolve::Resolver;
use tg_net::tasks::spawn;
use tg_net::tls::TrustedRoots;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test]
async fn one_connection_serves_calls_in_turn() {
    let server = plain();
    let client = client(&TrustedRoots::none());
    for _ in 0..5 {
        let request = Request::post(format!("http://{}/echo", server.addr)).body(Full::from("hello")).unwrap();
        assert_eq!(text(client.send(request).await.unwrap()).await, "hello");
        assert_eq!(server.listener.open_connections(), 1);
    }
}

#[tokio::test]
async fn redirects_are_answers() {
    let server = plain();
    let response = client(&TrustedRoots::none()).send(get(&format!("http://{}/redirect", server.addr))).await.unwrap();
    assert_eq!(response.status(), 302);
}

async fn failure(client: &Client, uri: &str) -> SendErrorKind {
    let error = within(client.send(get(uri))).await.unwrap_err();
    assert!(error.to_string().starts_with(error.kind().as_str()), "{error}");
    error.kind()
}

/// A server that answers every connection with the same bytes once it has read something, then closes.
async fn answering(bytes: &'static [u8]) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    drop(spawn("odd server", async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(bytes).await;
        }
    }));
    addr
}

#[tokio::test]
async fn failures_have_names() {
    let local = client(&TrustedRoots::none());
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closes = answering(b"").await;
    let babbles = answering(b"SSH-2.0-whatever\r\n\r\n").await;
    assert_eq!(failure(&local, &format!("http://{refused}/")).await, SendErrorKind::Connect);
    assert_eq!(failure(&local, &format!("http://{closes}/")).await, SendErrorKind::Reset);
    assert_eq!(failure(&local, &format!("http://{babbles}/")).await, SendErrorKind::Protocol);
    assert_eq!(failure(&local, &format!("https://{babbles}/")).await, SendErrorKind::Tls);
    assert_eq!(failure(&local, "http://no-such-host.invalid/").await, SendErrorKind::Name);

    let authority = authority();
    let server = serve(ListenerOptions::default(), Some(authority.server()));
    let untrusted = failure(&local, &format!("https://localhost:{}/", server.addr.port())).await;
    assert_eq!(untrusted, SendErrorKind::Tls);
    assert!(untrusted.is_unsent() && !SendErrorKind::Reset.is_unsent());
}

#[tokio::test]
async fn a_peer_that_never_finishes_the_handshake_times_out() {
    // Accepted by the system, never read by anyone.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("https://{}/", silent.local_addr().unwrap());
    let connect_timeout = Duration::from_millis(50);
    let options = ClientOptions { egress: EgressPolicy::LOCAL, connect_timeout, ..ClientOptions::default() };
    let hasty = client_with(options, &TrustedRoots::none());
    assert_eq!(failure(&hasty, &uri).await, SendErrorKind::ConnectTimeout);
}

#[tokio::test]
async fn the_address_dialled_is_the_address_checked() {
    let server = plain();
    let port = server.addr.port();
    let resolver = Resolver::new();
    resolver.remember("rebound.test", &[IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    resolver.remember("metadata.test", &[IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))]);
    let egress = |egress| {
        let options = ClientOptions { egress, ..ClientOptions::default() };
        Client::new(&options, &TrustedRoots::none(), &resolver).unwrap()
    };
    let strict = egress(EgressPolicy { allow_http: true, ..EgressPolicy::default() });
    for host in ["rebound.test", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "metadata.test", "0.0.0.0"] {
        assert_eq!(failure(&strict, &format!("http://{host}:{port}/facts")).await, SendErrorKind::Egress, "{host}");
    }
    let local = egress(EgressPolicy::LOCAL);
    assert_eq!(failure(&local, &format!("http://metadata.test:{port}/")).await, SendErrorKind::Egress);
    let answer = local.send(get(&format!("http://rebound.test:{port}/facts"))).await.unwrap();
    assert_eq!(text(answer).await, "HTTP/1.1 tls=false 127.0.0.1");
    let encrypted_only = egress(EgressPolicy { allow_http: false, ..EgressPolicy::LOCAL });
    assert_eq!(failure(&encrypted_only, &format!("http://127.0.0.1:{port}/")).await, SendErrorKind::Egress);
}

#[tokio::test]
async fn a_dropped_call_ends_at_the_provider() {
    let server = plain();
    let client = client(&TrustedRoots::none());
    let request = get(&format!("http://{}/held", server.addr));
    let call = spawn("call", async move { client.send(request).await.map(drop) });
    within(server.begun.notified()).await;
    call.cancel();
    tokio::time::timeout(PATIENCE, server.dropped.notified()).await.unwrap();
}
