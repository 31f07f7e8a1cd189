//! The upstream client: one per provider and worker, with its own pool. Follows no redirect and retries nothing.

use crate::BoxError;
use crate::dial::{Connector, DialError, Dialer};
use crate::egress::{EgressPolicy, EgressRefusal};
use crate::resolve::Resolver;
use crate::tasks::Spawner;
use crate::tls::{TlsError, TrustedRoots};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::rt::TokioTimer;
use std::error::Error;
use std::time::Duration;

/// How a client connects and what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// Which addresses may be dialled.
    pub egress: EgressPolicy,
    /// Longest wait for name, TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Most unused connections kept per host.
    pub idle_max: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            egress: EgressPolicy::default(),
            // A provider that cannot be reached in five seconds is better left for the next target.
            connect_timeout: Duration::from_secs(5),
            // Shorter than the 60 s after which common load balancers close silently.
            idle_timeout: Duration::from_secs(50),
            // Covers the concurrency of one worker without holding on to a burst's connections for ever.
            idle_max: 512,
        }
    }
}

/// Why a request got no answer. Nothing of the answer has been seen in any of these cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// The egress policy forbids the address. Nothing was sent.
    Egress,
    /// The host name cannot be resolved. Nothing was sent.
    Name,
    /// Nobody listens there, or the network refuses. Nothing was sent.
    Connect,
    /// No connection within the time given. Nothing was sent.
    ConnectTimeout,
    /// The TLS handshake failed. Nothing was sent.
    Tls,
    /// The connection broke before the answer's head. The provider may have begun to work on the request.
    Reset,
    /// What came back is not HTTP, or breaks its rules. The provider may have worked on the request.
    Protocol,
    /// The request cannot be sent as it is: no absolute URI, or a version that the connection cannot speak.
    Unsendable,
}

impl SendErrorKind {
    /// Whether it is certain that the provider saw nothing of the request.
    #[must_use]
    pub const fn is_unsent(self) -> bool {
        !matches!(self, Self::Reset | Self::Protocol)
    }

    /// The name in logs and fault codes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Egress => "egress_refused",
            Self::Name => "name_not_resolved",
            Self::Connect => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls_failed",
            Self::Reset => "connection_reset",
            Self::Protocol => "protocol_error",
            Self::Unsendable => "unsendable_request",
        }
    }
}

/// A request that got no answer. `Display` names the kind and the deepest cause; for logs, not for callers.
#[derive(Debug)]
pub struct SendError {
    kind: SendErrorKind,
    cause: BoxError,
}

impl SendError {
    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> SendErrorKind {
        self.kind
    }
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind.as_str())?;
        let deepest = causes(self.cause.as_ref()).last();
        deepest.map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_ref())
    }
}

/// Sends requests to one provider. Clones share the pool. Use it on the runtime of one worker only.
#[derive(Clone, Debug)]
pub struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
}

impl Client {
    /// A client without open connections. HTTPS offers `h2` and `http/1.1`; plain HTTP speaks HTTP/1.1.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(options: &ClientOptions, roots: &TrustedRoots, resolver: &Resolver) -> Result<Self, TlsError> {
        let dialer =
            Dialer { policy: options.egress, resolver: resolver.clone(), connect_timeout: options.connect_timeout };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(roots.client_config()?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dialer);
        let inner = legacy::Client::builder(Spawner)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.idle_max)
            .http1_max_headers(HEADERS_MAX)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(HEADER_LIST_MAX)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_ANSWER_WITHIN)
            .build(Connector { https, connect_timeout: options.connect_timeout });
        Ok(Self { inner })
    }

    /// Sends a request whose URI is absolute and waits for the answer's head. `Host` is set from the URI if absent.
    ///
    /// A pooled connection that turns out to be closed before anything was written is replaced silently; nothing else
    /// is retried and no redirect is followed. There is no limit on the wait for the head: the caller sets its own, and
    /// cancels by dropping the future or the answer's body.
    ///
    /// # Errors
    /// When no answer's head arrives; [`SendErrorKind::is_unsent`] tells whether the provider saw anything.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, SendError> {
        self.inner.request(request).await.map_err(|error| {
            let kind = classify(&error);
            SendError { kind, cause: error.into() }
        })
    }
}

/// Providers send at most some dozens of answer headers.
const HEADERS_MAX: usize = 128;
/// Enough for a fast stream over a long line, small enough to bound what a slow caller makes us hold per stream.
const STREAM_WINDOW: u32 = 1 << 20;
/// Shared by all streams of a connection, so that one slow caller does not stop the others.
const CONNECTION_WINDOW: u32 = 16 << 20;
const HEADER_LIST_MAX: u32 = 64 << 10;
/// Notices a dead connection under a silent stream.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_ANSWER_WITHIN: Duration = Duration::from_secs(20);

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn Error + 'static)| (**e).source())
}

fn classify(error: &legacy::Error) -> SendErrorKind {
    for cause in causes(error) {
        if let Some(dial) = cause.downcast_ref::<DialError>() {
            return match dial {
                DialError::Egress(_) => SendErrorKind::Egress,
                DialError::Name(_) => SendErrorKind::Name,
                DialError::Refused(..) => SendErrorKind::Connect,
                DialError::TimedOut(_) => SendErrorKind::ConnectTimeout,
            };
        }
        if cause.is::<EgressRefusal>() {
            return SendErrorKind::Egress;
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            return match () {
                () if hyper.is_parse() || hyper.is_parse_too_large() => SendErrorKind::Protocol,
                () if hyper.is_user() => SendErrorKind::Unsendable,
                () => SendErrorKind::Reset,
            };
        }
    }
    // What fails while connecting and is not the dialer is the handshake.
    if error.is_connect() { SendErrorKind::Tls } else { SendErrorKind::Unsendable }
}
