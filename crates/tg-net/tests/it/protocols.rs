//! HTTP/1.1 and HTTP/2, plain and encrypted; keep-alive; several workers on one address; certificate reload.

use crate::support::{authority, client, get, plain, raw, serve, text, within};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_net::certs::make_local_ca;
use tg_net::listener::{BindError, ListenerOptions, bind};
use tg_net::tasks::{Spawner, spawn};
use tg_net::tls::TrustedRoots;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn http1_in_plain_and_a_kept_connection() {
    let server = plain();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /facts HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("HTTP/1.1 tls=false 127.0.0.1") {
            let mut buffer = [0; 1024];
            let read = within(stream.read(&mut buffer)).await.unwrap();
            assert_ne!(read, 0, "the connection is kept");
            seen.extend_from_slice(&buffer[..read]);
        }
    }
    assert_eq!(server.listener.open_connections(), 1);
}

#[tokio::test]
async fn http2_in_plain_by_prior_knowledge() {
    let server = plain();
    let stream = TcpStream::connect(server.addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(Spawner, TokioIo::new(stream)).await.unwrap();
    let _connection = spawn("client", connection);
    let request = Request::post("http://here/echo").body(Full::new(Bytes::from(vec![b'x'; 300_000]))).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 300_000);
}

/// As the AWS SDK for JavaScript does it: no other call will come on this connection.
#[tokio::test]
async fn it_is_left_to_an_http2_caller_to_end_a_connection_that_it_wants_no_more() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    /// GET http://here/facts, and then GOAWAY.
    const CALL: &[u8] = b"\0\0\x10\x01\x05\0\0\0\x01\x82\x86\x04\x06/facts\x41\x04here";
    const GOAWAY: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let server = plain();
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(&[PREFACE, CALL, GOAWAY].concat()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("HTTP/2.0 tls=false") {
        let mut buffer = [0; 1024];
        let read = within(stream.read(&mut buffer)).await.unwrap();
        assert_ne!(read, 0, "the answer comes");
        seen.extend_from_slice(&buffer[..read]);
    }
    let rest = tokio::time::timeout(Duration::from_millis(500), stream.read_to_end(&mut Vec::new())).await;
    assert!(rest.is_err(), "what has come may be read in peace");
    // Whoever does not end it is not waited for for ever.
    within(stream.read_to_end(&mut Vec::new())).await.unwrap();
    crate::support::eventually(|| server.listener.open_connections() == 0).await;
}

#[tokio::test]
async fn tls_agrees_on_http2_and_still_speaks_http1() {
    let authority = authority();
    let server = serve(ListenerOptions::default(), Some(authority.server()));
    let uri = format!("https://localhost:{}/facts", server.addr.port());
    let response = within(client(&authority.roots()).send(get(&uri))).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(text(response).await, "HTTP/2.0 tls=true 127.0.0.1");
    assert_eq!(http1_over_tls(&server.addr, &authority).await, "HTTP/1.1 tls=true 127.0.0.1");
}

/// As a client that offers no ALPN at all.
async fn http1_over_tls(addr: &SocketAddr, authority: &crate::support::Authority) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(tg_net::tls::read_certificates(&authority.files.ca).unwrap().remove(0)).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = TcpStream::connect(addr).await.unwrap();
    let stream = connector.connect("127.0.0.1".try_into().unwrap(), stream).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let _connection = spawn("client", connection);
    let request = Request::get("/facts").header("host", "here").body(Full::<Bytes>::default()).unwrap();
    text(within(sender.send_request(request)).await.unwrap()).await
}

#[tokio::test]
async fn a_certificate_is_replaced_while_serving() {
    let authority = authority();
    let tls = authority.server();
    let server = serve(ListenerOptions::default(), Some(tls.clone()));
    let uri = format!("https://localhost:{}/facts", server.addr.port());
    let old = authority.roots();
    within(client(&old).send(get(&uri))).await.unwrap();

    for file in [&authority.files.ca, &authority.files.ca_key] {
        std::fs::remove_file(file).unwrap();
    }
    make_local_ca(authority.dir.path(), &[], SystemClock::new().now()).unwrap();
    tls.reload().unwrap();
    within(client(&authority.roots()).send(get(&uri))).await.unwrap();
    assert!(within(client(&old).send(get(&uri))).await.is_err());

    std::fs::write(&authority.files.server, "not a certificate").unwrap();
    let refused = tls.reload().unwrap_err().to_string();
    assert!(refused.contains("server.pem holds no certificate"), "{refused}");
    within(client(&authority.roots()).send(get(&uri))).await.unwrap();
}

#[tokio::test]
async fn workers_share_an_address_and_strangers_do_not() {
    let bound = bind(SocketAddr::from(([127, 0, 0, 1], 0)), NonZeroUsize::new(3).unwrap()).unwrap();
    assert_eq!(bound.sockets.len(), 3);
    for socket in &bound.sockets {
        assert_eq!(socket.local_addr().unwrap(), bound.addr);
    }
    let second = bind(bound.addr, NonZeroUsize::new(3).unwrap());
    assert!(matches!(second, Err(BindError::InUse(addr)) if addr == bound.addr), "{second:?}");
}

#[tokio::test]
async fn connections_past_the_limit_wait_their_turn() {
    let server = serve(ListenerOptions { connections_max: 1, ..ListenerOptions::default() }, None);
    let first = TcpStream::connect(server.addr).await.unwrap();
    let waiting = spawn("second", {
        let addr = server.addr;
        async move { raw(addr, b"GET /facts HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await }
    });
    crate::support::eventually(|| server.listener.open_connections() == 1).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert!(within(waiting).await.unwrap().contains("tls=false"));
}

#[tokio::test]
async fn an_answer_that_is_cut_does_not_end_cleanly() {
    let server = plain();
    let answer = raw(server.addr, b"GET /cut HTTP/1.1\r\nhost: here\r\n\r\n").await;
    assert!(answer.contains("half"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");

    let authority = authority();
    let server = serve(ListenerOptions::default(), Some(authority.server()));
    let uri = format!("https://localhost:{}/cut", server.addr.port());
    let response = within(client(&authority.roots()).send(get(&uri))).await.unwrap();
    assert!(within(response.into_body().collect()).await.is_err());
}

#[tokio::test]
async fn unreadable_certificates_say_what_is_wrong() {
    let authority = authority();
    let (files, dir) = (&authority.files, authority.dir.path());
    std::fs::write(dir.join("empty.pem"), "").unwrap();
    for (certificate, key, expected) in [
        (dir.join("absent.pem"), files.server_key.clone(), "cannot read"),
        (files.server_key.clone(), files.server_key.clone(), "no certificate in PEM form"),
        (files.server.clone(), files.server.clone(), "no private key in PEM form"),
        (files.server.clone(), dir.join("empty.pem"), "no private key in PEM form"),
        (files.server.clone(), files.ca_key.clone(), "cannot be used"),
    ] {
        let error = tg_net::tls::ServerTls::load(&certificate, &key).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(TrustedRoots::public().and(&files.ca).is_ok());
}
