//! One accepted connection: handshake, protocol, calls, watch over silence, and its end.

use crate::BoxError;
use crate::drain::Drained;
use crate::listener::{ListenerOptions, Peer};
use crate::socket::Socket;
use crate::tasks::{self, Spawner};
use crate::tls::ServerTls;
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// hyper's settings, one set per way of telling the protocol.
#[derive(Clone, Debug)]
pub(crate) struct Protocols {
    either: auto::Builder<Spawner>,
    http1: auto::Builder<Spawner>,
    http2: auto::Builder<Spawner>,
}

impl Protocols {
    pub(crate) fn new(options: &ListenerOptions) -> Self {
        let mut builder = auto::Builder::new(Spawner);
        builder
            .http1()
            .timer(TokioTimer::new())
            // hyper's own limit costs a timer per request and closes idle connections; `Watch` does it per connection.
            .header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            // hyper refuses a buffer below 8 KiB.
            .max_buf_size(options.head_bytes_max.max(8 << 10))
            .pipeline_flush(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(options.streams_max)
            .max_header_list_size(u32::try_from(options.head_bytes_max).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER_WITHIN);
        Self { http1: builder.clone().http1_only(), http2: builder.clone().http2_only(), either: builder }
    }
}

/// SDKs behind proxies send some dozens of headers.
const HEADERS_MAX: usize = 128;
/// Holds a usual request body, so that an upload is not slowed by round trips.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// What one slow caller's stream may hold in memory.
const SEND_BUFFER_MAX: usize = 64 << 10;
/// Notices a dead connection under silent streams.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_ANSWER_WITHIN: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    Draining,
    Cut,
}

/// The connections of one worker.
pub(crate) struct Connections {
    protocols: Protocols,
    options: ListenerOptions,
    tls: Option<ServerTls>,
    phase: watch::Sender<Phase>,
    cut: Arc<AtomicUsize>,
}

impl Connections {
    pub(crate) fn new(protocols: Protocols, options: ListenerOptions, tls: Option<ServerTls>) -> Self {
        let (phase, _) = watch::channel(Phase::Serving);
        Self { protocols, options, tls, phase, cut: Arc::default() }
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn start<H, F, B>(&self, stream: TcpStream, addr: SocketAddr, place: OwnedSemaphorePermit, handler: H)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // A socket that refuses the option still works, only slower.
        let _ = stream.set_nodelay(true);
        let protocols = self.protocols.clone();
        let run = Run {
            options: self.options,
            peer: Peer { addr, tls: self.tls.is_some() },
            phase: self.phase.subscribe(),
            cut: Arc::clone(&self.cut),
            handler,
        };
        let header_timeout = self.options.header_timeout;
        let tls = self.tls.as_ref().map(ServerTls::current);
        let task = async move {
            let _place = place;
            let Some(config) = tls else {
                return run.serve(&protocols.either, stream).await;
            };
            let accept = TlsAcceptor::from(config).accept(stream);
            let mut run = run;
            let Some(stream) = run.unless_cut(handshake(accept, header_timeout, addr)).await else { return };
            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            run.serve(if is_h2 { &protocols.http2 } else { &protocols.http1 }, stream).await;
        };
        drop(tasks::spawn("connection", task));
    }

    /// Lets every connection finish its calls, and cuts those that still have some at `until`.
    pub(crate) async fn drain(self, until: Instant) -> Drained {
        let open = self.phase.receiver_count();
        self.phase.send_replace(Phase::Draining);
        if timeout_at(until, self.phase.closed()).await.is_err() {
            self.phase.send_replace(Phase::Cut);
            self.phase.closed().await;
        }
        let cut = self.cut.load(Ordering::Relaxed);
        Drained { finished: open.saturating_sub(cut), cut }
    }
}

async fn handshake(accept: Accept<TcpStream>, limit: Duration, peer: SocketAddr) -> Option<TlsStream<TcpStream>> {
    match timeout(limit, accept).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, %peer, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}

struct Run<H> {
    options: ListenerOptions,
    peer: Peer,
    phase: watch::Receiver<Phase>,
    cut: Arc<AtomicUsize>,
    handler: H,
}

impl<H> Run<H> {
    /// What the handshake comes to, or nothing once connections are cut. A drain lets it go on: a call may follow.
    async fn unless_cut<T>(&mut self, handshake: impl Future<Output = Option<T>>) -> Option<T> {
        let ended = tokio::select! {
            stream = handshake => stream,
            _ = self.phase.wait_for(|phase| *phase == Phase::Cut) => {
                self.cut.fetch_add(1, Ordering::Relaxed);
                None
            }
        };
        // What was seen here is still news to what follows.
        self.phase.mark_changed();
        ended
    }

    async fn serve<S, F, B>(mut self, builder: &auto::Builder<Spawner>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let activity = Arc::new(Activity::default());
        let io = TokioIo::new(Socket::new(stream, Arc::clone(&activity)));
        let (handler, peer, calls) = (self.handler, self.peer, Arc::clone(&activity));
        let service = service_fn(move |request: Request<Incoming>| {
            let call = calls.begin(request.version());
            let has_body = !request.body().is_end_stream();
            let answer = handler(request, peer);
            async move {
                let answer = answer.await?;
                // A refusal may come before the body has been read; an answer comes after it.
                call.0.may_have_unread.store(has_body && !answer.status().is_success(), Ordering::Relaxed);
                Ok::<_, Infallible>(answer.map(|body| Tracked { body, call, failed: None }))
            }
        });
        let mut connection = pin!(builder.serve_connection(io, service));
        let mut watch = Watch::new(&self.options);
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, peer = %peer.addr, "a connection ended early");
                    }
                    return;
                }
                changed = self.phase.changed() => match (changed, *self.phase.borrow()) {
                    (Ok(()), Phase::Draining) => connection.as_mut().graceful_shutdown(),
                    (Ok(()), Phase::Serving) => {}
                    (Ok(()), Phase::Cut) | (Err(_), _) => {
                        self.cut.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                },
                verdict = watch.next(&activity) => match verdict {
                    Verdict::Keep => {}
                    Verdict::Finish => connection.as_mut().graceful_shutdown(),
                    Verdict::Drop => {
                        tracing::debug!(peer = %peer.addr, "a connection was closed: no request within the time limit");
                        return;
                    }
                },
            }
        }
    }
}

/// What happens on a connection, counted for [`Watch`] and [`Socket`].
#[derive(Debug, Default)]
pub(crate) struct Activity {
    pub(crate) bytes_read: AtomicU64,
    /// Whether the last answer may have gone out before its request was read to the end.
    pub(crate) may_have_unread: AtomicBool,
    begun: AtomicU64,
    open: AtomicU64,
    /// HTTP/2 connections carry pings, so that bytes without a request prove nothing.
    is_http2: AtomicBool,
}

impl Activity {
    fn begin(self: &Arc<Self>, version: Version) -> OpenCall {
        self.is_http2.store(version == Version::HTTP_2, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(self))
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }
}

/// Lives as long as a call: from its head to the end of its answer's body.
struct OpenCall(Arc<Activity>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Looks at a connection's counts once per `header_timeout`: one timer per connection rather than one per request.
struct Watch {
    every: Duration,
    at: Instant,
    idle_looks_max: u32,
    idle_looks: u32,
    last_begun: u64,
    last_read: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    Finish,
    Drop,
}

impl Watch {
    fn new(options: &ListenerOptions) -> Self {
        let every = options.header_timeout.max(Duration::from_millis(1));
        let looks = options.idle_timeout.as_millis() / every.as_millis();
        let idle_looks_max = u32::try_from(looks).unwrap_or(u32::MAX).max(1);
        Self { every, at: Instant::now() + every, idle_looks_max, idle_looks: 0, last_begun: 0, last_read: 0 }
    }

    async fn next(&mut self, activity: &Activity) -> Verdict {
        tokio::time::sleep_until(self.at).await;
        self.at += self.every;
        self.judge(activity)
    }

    fn judge(&mut self, activity: &Activity) -> Verdict {
        let begun = activity.begun.load(Ordering::Relaxed);
        let read = activity.bytes_read.load(Ordering::Relaxed);
        let open = activity.open.load(Ordering::Relaxed);
        let is_http2 = activity.is_http2();
        let quiet = open == 0 && begun == self.last_begun;
        // Bytes came, but no request did, since the last look: a head that is being dripped.
        let dripping = quiet && !is_http2 && self.idle_looks > 0 && read != self.last_read;
        self.idle_looks = if quiet { self.idle_looks + 1 } else { 0 };
        (self.last_begun, self.last_read) = (begun, read);
        match () {
            () if begun == 0 || dripping || self.idle_looks > self.idle_looks_max => Verdict::Drop,
            () if self.idle_looks == self.idle_looks_max => Verdict::Finish,
            () => Verdict::Keep,
        }
    }
}

pin_project_lite::pin_project! {
    /// An answer's body, with the mark that its call is open.
    ///
    /// A failure is held back for one turn: hyper drops what it has buffered as soon as it sees one, and the caller
    /// should get what came before.
    struct Tracked<B> {
        #[pin]
        body: B,
        call: OpenCall,
        failed: Option<BoxError>,
    }
}

impl<B> Body for Tracked<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if let Some(error) = this.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match this.body.poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => {
                *this.failed = Some(error.into());
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
