//! A server with a small handler, and ways to talk to it.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tg_kernel::clock::{Clock as _, SystemClock};
use tg_net::body::{BodyError, BodyLimits, Cut, OutBody, read};
use tg_net::certs::{LocalCa, make_local_ca};
use tg_net::client::{Client, ClientOptions};
use tg_net::drain::{Drain, Drained, signal};
use tg_net::egress::EgressPolicy;
use tg_net::listener::{Listener, ListenerOptions, Peer, bind};
use tg_net::resolve::Resolver;
use tg_net::tasks::{Task, spawn};
use tg_net::tls::{ServerTls, TrustedRoots};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Longest wait for anything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub struct Server {
    pub addr: SocketAddr,
    pub listener: Listener,
    pub drain: Drain,
    /// Lets a call of `/held` go on.
    pub release: Arc<Notify>,
    /// Told when a call of `/held` has begun, and when one is dropped unfinished.
    pub begun: Arc<Notify>,
    pub dropped: Arc<Notify>,
    pub ended: Task<std::io::Result<Drained>>,
}

pub fn serve(options: ListenerOptions, tls: Option<ServerTls>) -> Server {
    let bound = bind(ANY_PORT, NonZeroUsize::MIN).unwrap();
    let listener = Listener::new(options, tls);
    let (drain, draining) = signal();
    let (release, begun, dropped) = (Arc::<Notify>::default(), Arc::<Notify>::default(), Arc::<Notify>::default());
    let hall = Hall { release: Arc::clone(&release), begun: Arc::clone(&begun), dropped: Arc::clone(&dropped) };
    let socket = bound.sockets.into_iter().next().unwrap();
    let handler = move |request, peer| hall.clone().answer(request, peer);
    let ended = spawn("server", listener.clone().serve(socket, draining, handler));
    Server { addr: bound.addr, listener, drain, release, begun, dropped, ended }
}

pub fn plain() -> Server {
    serve(ListenerOptions::default(), None)
}

#[derive(Clone)]
struct Hall {
    release: Arc<Notify>,
    begun: Arc<Notify>,
    dropped: Arc<Notify>,
}

struct Told(Option<Arc<Notify>>);

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(told) = &self.0 {
            told.notify_one();
        }
    }
}

impl Hall {
    async fn answer(self, request: Request<Incoming>, peer: Peer) -> Result<Response<OutBody>, Infallible> {
        let body = match request.uri().path() {
            "/facts" => {
                let text = format!("{:?} tls={} {}", request.version(), peer.tls, peer.addr.ip());
                OutBody::from(Bytes::from(text))
            }
            "/echo" => return Ok(echo(request).await),
            "/held" => {
                let mut told = Told(Some(Arc::clone(&self.dropped)));
                self.begun.notify_one();
                self.release.notified().await;
                told.0 = None;
                OutBody::from(Bytes::from_static(b"released"))
            }
            "/cut" => {
                OutBody::frames(futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"half"))), Err(Cut)]))
            }
            "/drip" => {
                self.begun.notify_one();
                let release = Arc::clone(&self.release);
                OutBody::frames(futures_util::stream::unfold(0, move |sent| {
                    let release = Arc::clone(&release);
                    async move {
                        match sent {
                            0 => {}
                            1 => release.notified().await,
                            _ => return None,
                        }
                        Some((Ok::<_, Cut>(Frame::data(Bytes::from_static(b"drop\n"))), sent + 1))
                    }
                }))
            }
            "/redirect" => {
                let response = Response::builder().status(302).header("location", "/facts");
                return Ok(response.body(OutBody::Empty).unwrap());
            }
            _ => OutBody::Empty,
        };
        Ok(Response::new(body))
    }
}

async fn echo(request: Request<Incoming>) -> Response<OutBody> {
    let limits = BodyLimits { bytes_max: 1 << 20, idle_timeout: Duration::from_secs(10), whole_timeout: None };
    let (status, body) = match read(request.into_body(), limits).await {
        Ok(bytes) => (200, bytes),
        Err(BodyError::TooLarge { .. }) => (413, Bytes::new()),
        Err(_) => (400, Bytes::new()),
    };
    Response::builder().status(status).body(body.into()).unwrap()
}

/// A directory with a local authority, and what it takes to serve and to trust it.
pub struct Authority {
    pub dir: TempDir,
    pub files: LocalCa,
}

pub fn authority() -> Authority {
    let dir = TempDir::new().unwrap();
    let files = make_local_ca(dir.path(), &[], SystemClock::new().now()).unwrap();
    Authority { dir, files }
}

impl Authority {
    pub fn server(&self) -> ServerTls {
        ServerTls::load(&self.files.server, &self.files.server_key).unwrap()
    }

    pub fn roots(&self) -> TrustedRoots {
        TrustedRoots::none().and(&self.files.ca).unwrap()
    }
}

pub fn client(roots: &TrustedRoots) -> Client {
    client_with(ClientOptions { egress: EgressPolicy::LOCAL, ..ClientOptions::default() }, roots)
}

pub fn client_with(options: ClientOptions, roots: &TrustedRoots) -> Client {
    Client::new(&options, roots, &Resolver::new()).unwrap()
}

pub fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).unwrap()
}

pub async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// Sends raw bytes and reads until the server closes.
pub async fn raw(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may close before it has read everything: that is its right.
    let _ = stream.write_all(bytes).await;
    until_closed(&mut stream).await
}

pub async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    tokio::time::timeout(PATIENCE, async {
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..read]);
        }
    })
    .await
    .expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until a condition holds.
pub async fn eventually(mut condition: impl FnMut() -> bool) {
    tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .expect("the condition comes true");
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it ends in time")
}
