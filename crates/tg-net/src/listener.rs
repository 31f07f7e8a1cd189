//! Listening: one socket per worker on a shared address, an accept loop, and an end by drain.

use crate::BoxError;
use crate::connection::{Connections, Protocols};
use crate::drain::{Drained, Draining};
use crate::tls::ServerTls;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use std::convert::Infallible;
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// Bounds on what a listener's callers may do. The same for all workers of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerOptions {
    /// Most connections open at once, over all workers. Further ones wait in the system's backlog.
    pub connections_max: usize,
    /// Longest wait for a TLS handshake, and for a request's head once it has begun or the connection is new. A head
    /// is given at least this and at most twice this.
    pub header_timeout: Duration,
    /// How long a connection without a call is kept. At least `header_timeout`; longer than the caller's own limit, or
    /// else callers meet connections that are just being closed.
    pub idle_timeout: Duration,
    /// Most bytes of a request's head over HTTP/1.1; over HTTP/2, most bytes of its header list.
    pub head_bytes_max: usize,
    /// Most HTTP/2 streams open at once on one connection.
    pub streams_max: u32,
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            header_timeout: Duration::from_secs(15),
            // AWS load balancers keep connections for 60 s, and SDK pools for up to 90 s.
            idle_timeout: Duration::from_secs(120),
            // Cloud session tokens alone reach several KiB, cookies and trace baggage come on top.
            head_bytes_max: 128 << 10,
            streams_max: 1024,
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("{0} is in use by another program; stop it, or choose another address")]
    InUse(SocketAddr),
    /// The system does not allow it.
    #[error("not allowed to listen on {0}; ports below 1024 need a privilege, choose a higher one")]
    NotAllowed(SocketAddr),
    /// The address is not of this machine, or the system failed.
    #[error("cannot listen on {0}: {1}")]
    Failed(SocketAddr, #[source] Error),
}

/// Sockets that listen on one address.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the port that the system chose if port 0 was asked for.
    pub addr: SocketAddr,
    /// One socket per worker.
    pub sockets: Vec<std::net::TcpListener>,
}

/// Opens one socket per worker on `addr`; the system spreads connections over them. Where it cannot share an address
/// between sockets, the workers share one socket. Fails if any other program listens there, sharing or not.
///
/// # Errors
/// When the address is in use, not allowed, or not of this machine.
pub fn bind(addr: SocketAddr, workers: NonZeroUsize) -> Result<Bound, BindError> {
    let failed = |error: Error| match error.kind() {
        ErrorKind::AddrInUse => BindError::InUse(addr),
        ErrorKind::PermissionDenied => BindError::NotAllowed(addr),
        _ => BindError::Failed(addr, error),
    };
    if addr.port() != 0 {
        // Two gateways would share a port without a word; a socket that does not share tells whether one is there.
        open(addr, Sharing::Alone).map_err(failed)?;
    }
    let sharing = if workers.get() > 1 { Sharing::Reuse } else { Sharing::Alone };
    let first = listen(addr, sharing).map_err(failed)?;
    let addr = first.local_addr().map_err(failed)?;
    let mut sockets = vec![first];
    while let Some(first) = sockets.first().filter(|_| sockets.len() < workers.get()) {
        let next = if REUSE_PORT { listen(addr, sharing) } else { first.try_clone() };
        sockets.push(next.map_err(failed)?);
    }
    Ok(Bound { addr, sockets })
}

/// Only Linux spreads connections over sockets that share a port; elsewhere the last one would take them all.
const REUSE_PORT: bool = cfg!(target_os = "linux");

/// Connections that the system holds until a worker accepts them; it may cap this lower.
const BACKLOG: i32 = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Reuse,
}

fn open(addr: SocketAddr, sharing: Sharing) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(sharing == Sharing::Reuse)?;
    #[cfg(not(target_os = "linux"))]
    let _ = sharing;
    socket.bind(&SockAddr::from(addr))?;
    Ok(socket)
}

fn listen(addr: SocketAddr, sharing: Sharing) -> std::io::Result<std::net::TcpListener> {
    let socket = open(addr, sharing)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets inherit these: a vanished caller is noticed under a silent stream, and one that stops reading.
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(30)))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNREAD_MAX))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How long a caller may leave bytes unread before the system gives the connection up.
#[cfg(target_os = "linux")]
const UNREAD_MAX: Duration = Duration::from_secs(120);

/// What every worker of one listener shares: options, certificate, and the count of connections.
#[derive(Clone, Debug)]
pub struct Listener {
    options: ListenerOptions,
    tls: Option<ServerTls>,
    places: Arc<Semaphore>,
}

impl Listener {
    /// A listener for plain HTTP (HTTP/1.1 and HTTP/2 with prior knowledge), or with `tls` for HTTPS (both by ALPN).
    #[must_use]
    pub fn new(options: ListenerOptions, tls: Option<ServerTls>) -> Self {
        let places = Arc::new(Semaphore::new(options.connections_max.min(Semaphore::MAX_PERMITS)));
        Self { options, tls, places }
    }

    /// Connections open now, over all workers.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.options.connections_max.saturating_sub(self.places.available_permits())
    }

    /// Accepts connections of one worker and hands each request to `handler`, until the drain is over. The handler's
    /// future is dropped when its caller leaves. Connections run as tasks of the current runtime.
    ///
    /// # Errors
    /// When the socket cannot be given to the runtime. Failures to accept are logged and waited out.
    pub async fn serve<H, F, B>(
        self,
        socket: std::net::TcpListener,
        mut draining: Draining,
        handler: H,
    ) -> std::io::Result<Drained>
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let socket = TcpListener::from_std(socket)?;
        let connections = Connections::new(Protocols::new(&self.options), self.options, self.tls.clone());
        let until = loop {
            tokio::select! {
                biased;
                until = draining.begun() => break until,
                (stream, addr, place) = self.accept(&socket) => {
                    connections.start(stream, addr, place, handler.clone());
                }
            }
        };
        // Callers whose connection the system has already made still get their answer.
        while let Some((stream, addr, place)) = self.accept_waiting(&socket).await {
            connections.start(stream, addr, place, handler.clone());
        }
        drop(socket);
        Ok(connections.drain(until).await)
    }

    /// The next connection that has a place. At the limit, one connection per worker waits here, the rest in the
    /// system's backlog.
    async fn accept(&self, socket: &TcpListener) -> Accepted {
        loop {
            match socket.accept().await {
                Ok((stream, addr)) => match Arc::clone(&self.places).acquire_owned().await {
                    Ok(place) => return (stream, addr, place),
                    // The semaphore is never closed.
                    Err(_) => std::future::pending().await,
                },
                Err(error) => pause_after(&error).await,
            }
        }
    }

    /// A connection that needs no waiting.
    async fn accept_waiting(&self, socket: &TcpListener) -> Option<Accepted> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let accepted = std::future::poll_fn(|cx| match socket.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
            Poll::Pending => Poll::Ready(None),
        });
        accepted.await.map(|(stream, addr)| (stream, addr, place))
    }
}

/// A connection, whose it is, and its place under the limit.
type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

/// A connection that died in the backlog says nothing about the next; anything else (no file descriptors, no memory)
/// needs time to pass.
async fn pause_after(error: &Error) {
    if matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    ) {
        return;
    }
    tracing::warn!(%error, "cannot accept connections for the moment; raise the limit of open files if this repeats");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
