//! Connecting: resolves the host, checks every address, and dials the very address that was checked.
//!
//! Nothing between check and dial resolves again, so a name that changes its mind (DNS rebinding) gains nothing.

use crate::BoxError;
use crate::egress::{EgressPolicy, EgressRefusal};
use crate::resolve::Resolver;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Egress(#[from] EgressRefusal),
    #[error("cannot resolve the host name: {0}")]
    Name(#[source] std::io::Error),
    #[error("cannot connect to {0}: {1}")]
    Refused(SocketAddr, #[source] std::io::Error),
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
}

/// Opens TCP connections for one provider.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) policy: EgressPolicy,
    pub(crate) resolver: Resolver,
    pub(crate) connect_timeout: Duration,
}

impl Dialer {
    async fn dial(self, uri: Uri) -> Result<TokioIo<TcpStream>, DialError> {
        self.policy.check_scheme(uri.scheme_str())?;
        let host = uri.host().ok_or(EgressRefusal::NotAnAddress)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) => self.try_each(&[address], port).await,
            Err(_) => {
                let addresses = self.resolver.resolve(host).await.map_err(DialError::Name)?;
                self.try_each(&addresses, port).await
            }
        }
    }

    /// Tries the allowed addresses in turn, each with an equal share of the time that is left.
    async fn try_each(&self, addresses: &[IpAddr], port: u16) -> Result<TokioIo<TcpStream>, DialError> {
        let started = Instant::now();
        let mut refusal = None;
        let allowed: Vec<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|address| self.policy.check(*address).map_err(|r| refusal = Some(r)).is_ok())
            .collect();
        let mut last = refusal.map_or(DialError::Egress(EgressRefusal::NotAnAddress), DialError::Egress);
        for (tried, address) in allowed.iter().enumerate() {
            let remaining = self.connect_timeout.saturating_sub(started.elapsed());
            let share = remaining / u32::try_from(allowed.len() - tried).unwrap_or(u32::MAX);
            let address = SocketAddr::new(*address, port);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // A socket that refuses the option still works, only slower.
                    let _ = stream.set_nodelay(true);
                    return Ok(TokioIo::new(stream));
                }
                Ok(Err(error)) => last = DialError::Refused(address, error),
                Err(_) => last = DialError::TimedOut(share),
            }
        }
        Err(last)
    }
}

impl tower_service::Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// The dialer with TLS on top, and one time limit around name, TCP and handshake together.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) https: HttpsConnector<Dialer>,
    pub(crate) connect_timeout: Duration,
}

impl tower_service::Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.https.call(uri), self.connect_timeout);
        Box::pin(async move { timeout(limit, connecting).await.unwrap_or(Err(DialError::TimedOut(limit).into())) })
    }
}
