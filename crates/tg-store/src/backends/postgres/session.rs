//! One connection to the server: every piece of work ends in bounded time, and a broken connection is made anew.
//!
//! The store is called from plain threads and from threads that drive a runtime. Each session therefore has a small
//! runtime of its own, and lends it a thread where the caller's must not block. Nothing runs between two pieces of
//! work: what the server sends meanwhile waits in the socket.

use super::address::{Encryption, Postgres};
use super::tls::{Connect, Encrypted};
use super::{Place, Server, chain, is_passing};
use crate::error::StoreError;
use socket2::{SockRef, TcpKeepalive};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::{Handle, Runtime};
use tokio::time::{sleep, timeout, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};

/// How long it may take, over all hosts, until a connection can be used.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long a host, or an address of one, is asked alone before the next is asked as well.
const HEAD_START: Duration = Duration::from_millis(200);
/// How long work on the directory may take, connecting included.
pub(super) const STATEMENT_MAX: Duration = Duration::from_secs(5);
/// How long a batch of rows may take, connecting included.
pub(super) const APPEND_MAX: Duration = Duration::from_secs(15);
/// How long a report may take, connecting included.
pub(super) const REPORT_MAX: Duration = Duration::from_secs(30);
/// How long a question may take that is asked again and again, on a connection that is there.
const GLIMPSE_MAX: Duration = Duration::from_millis(1500);
/// How often work that met a passing failure is begun in all.
const TRIES: u32 = 3;
/// The pauses between attempts to connect: doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long to look for what has arrived.
const GLANCE: Duration = Duration::from_millis(1);

/// A connection, made when it is needed and made anew when it broke.
pub(super) struct Session {
    address: Arc<Postgres>,
    place: Place,
    limit: Duration,
    /// What is said first on every connection.
    greeting: String,
    runtime: Option<Runtime>,
    link: Option<Box<Link>>,
    rest: Option<Rest>,
    notified: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("place", &self.place).field("connected", &self.link.is_some()).finish()
    }
}

struct Link {
    client: Client,
    connection: Connection<TcpStream, Encrypted>,
}

/// After a failure to connect: when the next attempt may be, and what the last one met.
struct Rest {
    until: Instant,
    pause: Duration,
    reason: String,
}

/// Why work did not come to its end.
pub(super) enum Failure {
    /// The server refused it, or the connection broke.
    Server(Error),
    /// There is no connection.
    Connecting(String),
    /// What the store holds cannot be read.
    Corrupt(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl Session {
    /// A session that has not connected yet. `more` is said after the usual settings on every connection.
    pub(super) fn new(server: &Server, limit: Duration, more: &str) -> Result<Self, StoreError> {
        let place = server.place.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|source| {
            StoreError::Io { place: place.0.clone(), doing: "making a runtime for its connection", source }
        })?;
        // The server gives up just before we do, so that nothing goes on there for nobody. A commit must be on its disk
        // whatever the server's default is: the journal forgets a call as soon as the ledger has it.
        let greeting = format!(
            "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 10000; \
             SET synchronous_commit = on; SET search_path = tallygate; SET default_transaction_isolation = 'read committed'; \
             {more}",
            limit.as_millis().saturating_sub(200),
            STATEMENT_MAX.as_millis().saturating_sub(1000),
        );
        Ok(Self {
            address: Arc::clone(&server.address),
            place,
            limit,
            greeting,
            runtime: Some(runtime),
            link: None,
            rest: None,
            notified: false,
        })
    }

    /// Does the work; begins it again on a new connection where the failure was a passing one, so it must be harmless
    /// to do twice. After any failure the connection is given up, and with it what the work had begun.
    pub(super) fn run<T: Send>(
        &mut self,
        work: impl AsyncFn(&Client) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, StoreError> {
        self.run_within(self.limit, work)
    }

    /// As [`Session::run`], for a question whose answer takes no time: the connection is given up after [`GLIMPSE_MAX`],
    /// which is less than the session's own limit. One that must be made first has the usual time for that.
    pub(super) fn glimpse<T: Send>(
        &mut self,
        work: impl AsyncFn(&Client) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, StoreError> {
        let connecting = if self.link.is_some() { Duration::ZERO } else { CONNECT_MAX };
        self.run_within((connecting + GLIMPSE_MAX).min(self.limit), work)
    }

    fn run_within<T: Send>(
        &mut self,
        limit: Duration,
        work: impl AsyncFn(&Client) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, StoreError> {
        if self.link.is_none()
            && let Some(rest) = self.rest.as_ref().filter(|rest| Instant::now() < rest.until)
        {
            return Err(self.place.away(rest.reason.clone()));
        }
        self.bounded(limit, async |session| {
            let mut tries = 1;
            loop {
                match session.attempt(&work).await {
                    Err(Failure::Server(error)) if tries < TRIES && is_passing(&error) => {
                        tracing::debug!(%error, "the store's connection failed; the work is begun again");
                        session.link = None;
                        tries += 1;
                    }
                    done => return done,
                }
            }
        })
    }

    /// Goes on with work on the connection that the work before left: a transaction that is open there.
    pub(super) fn go_on<T: Send>(
        &mut self,
        work: impl AsyncFn(&Client) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, StoreError> {
        self.go_on_until(Instant::now() + self.limit, work)
    }

    /// As [`Session::go_on`], for one of several pieces of work that have the session's limit together, which ends then.
    pub(super) fn go_on_until<T: Send>(
        &mut self,
        end: Instant,
        work: impl AsyncFn(&Client) -> Result<T, Failure> + Send + Sync,
    ) -> Result<T, StoreError> {
        self.bounded_until(end, self.limit, async |session| {
            let lost = || Failure::Connecting("the connection was lost in the middle of a transaction".to_owned());
            let Session { link, notified, .. } = session;
            let Link { client, connection } = link.as_deref_mut().ok_or_else(lost)?;
            driven(connection, notified, work(client)).await
        })
    }

    /// Whether a notification has arrived since this was last asked. True as well where the connection is not there or
    /// has broken: what was sent meanwhile is lost.
    pub(super) fn was_notified(&mut self) -> bool {
        let seen = self.bounded(self.limit, async |session| {
            let Session { link, notified, .. } = session;
            let Some(Link { connection, .. }) = link.as_deref_mut() else { return Ok(false) };
            // The runtime must sleep once to see what has arrived.
            let glance = async {
                sleep(GLANCE).await;
                Ok::<(), Failure>(())
            };
            driven(connection, notified, glance).await.map(|()| true)
        });
        std::mem::take(&mut self.notified) || !matches!(seen, Ok(true))
    }

    /// Lets the runtime work on this, on a thread that may block, and no longer than the limit.
    fn bounded<T: Send>(
        &mut self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Failure> + Send,
    ) -> Result<T, StoreError> {
        self.bounded_until(Instant::now() + limit, limit, work)
    }

    /// As [`Session::bounded`], where some of the limit may have passed.
    fn bounded_until<T: Send>(
        &mut self,
        end: Instant,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, Failure> + Send,
    ) -> Result<T, StoreError> {
        let Some(runtime) = self.runtime.take() else {
            return Err(self.place.away("its connection has no runtime".to_owned()));
        };
        let done = on_thread_that_may_block(|| {
            let done = runtime.block_on(async { timeout_at(end.into(), work(self)).await });
            self.runtime = Some(runtime);
            done
        });
        let error = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(Failure::Server(error))) => self.place.error(error),
            Ok(Err(Failure::Connecting(reason))) => self.place.away(reason),
            Ok(Err(Failure::Corrupt(detail))) => self.place.corrupt(detail),
            Err(_) => self.place.away(format!("no answer within {} seconds", limit.as_secs_f64())),
        };
        self.link = None;
        Err(error)
    }

    async fn attempt<T>(&mut self, work: &impl AsyncFn(&Client) -> Result<T, Failure>) -> Result<T, Failure> {
        if self.link.is_none() {
            self.connect().await?;
        }
        let Session { link, notified, .. } = self;
        let Some(Link { client, connection }) = link.as_deref_mut() else {
            return Err(Failure::Connecting("the connection was lost".to_owned()));
        };
        driven(connection, notified, work(client)).await
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        // Set first: whoever drops this future half-way has met a failure too.
        let pause = self.rest.take().map_or(PAUSES.0, |rest| (rest.pause * 2).min(PAUSES.1));
        let resting = |reason: String| Some(Rest { until: Instant::now() + pause, pause, reason });
        self.rest = resting(format!("no answer within {} seconds", CONNECT_MAX.as_secs()));
        let address = &self.address;
        let hosts = address.hosts.iter().map(|(host, port)| dial(address, &self.greeting, host, *port));
        let dialled = timeout(CONNECT_MAX, in_turn(hosts, "no host is named")).await;
        let failure = match dialled {
            Ok(Ok(link)) => {
                // What was sent while there was no connection is lost.
                (self.link, self.rest, self.notified) = (Some(Box::new(link)), None, true);
                return Ok(());
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Connecting(format!("no answer within {} seconds", CONNECT_MAX.as_secs())),
        };
        self.rest = resting(match &failure {
            Failure::Server(error) => chain(error),
            Failure::Connecting(reason) | Failure::Corrupt(reason) => reason.clone(),
        });
        Err(failure)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The link first: it belongs to the runtime. A plain drop of a runtime panics within another.
        self.link = None;
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs this here, or on a thread of its own where this one drives a runtime.
fn on_thread_that_may_block<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if Handle::try_current().is_err() {
        return work();
    }
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Waits for the work while the connection moves its messages; notes notifications in passing.
async fn driven<T, E: From<Error>>(
    connection: &mut Connection<TcpStream, Encrypted>,
    notified: &mut bool,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let ended = loop {
            match connection.poll_message(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(_)))) => *notified = true,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => break Some(error),
                Poll::Ready(None) | Poll::Pending => break None,
            }
        };
        match (work.as_mut().poll(cx), ended) {
            (Poll::Pending, Some(error)) => Poll::Ready(Err(error.into())),
            (polled, _) => polled,
        }
    })
    .await
}

/// The first of these attempts that succeeds. Each is begun when one before it has failed, or when the one just before it
/// has had its head start: those that are silent hold up nobody behind them. Fails with what the last to fail met.
async fn in_turn<T>(
    attempts: impl Iterator<Item = impl Future<Output = Result<T, Failure>>>,
    none: &str,
) -> Result<T, Failure> {
    let (mut attempts, mut going) = (attempts.fuse(), Vec::new());
    let mut last = Failure::Connecting(none.to_owned());
    loop {
        let next = attempts.next();
        let is_last = next.is_none();
        going.extend(next.map(Box::pin));
        if going.is_empty() {
            return Err(last);
        }
        let ended = poll_fn(|cx| {
            for (number, attempt) in going.iter_mut().enumerate() {
                if let Poll::Ready(ended) = attempt.as_mut().poll(cx) {
                    return Poll::Ready((number, ended));
                }
            }
            Poll::Pending
        });
        let ended = if is_last { Some(ended.await) } else { timeout(HEAD_START, ended).await.ok() };
        match ended {
            Some((_, Ok(value))) => return Ok(value),
            Some((number, Err(failure))) => {
                drop(going.swap_remove(number));
                last = failure;
            }
            None => {}
        }
    }
}

async fn dial(address: &Postgres, greeting: &str, host: &str, port: u16) -> Result<Link, Failure> {
    let io = |e: std::io::Error| Failure::Connecting(e.to_string());
    let targets = lookup_host((host, port)).await.map_err(io)?.map(async |target| {
        (address.may_dial)(target.ip()).map_err(Failure::Connecting)?;
        TcpStream::connect(target).await.map_err(io)
    });
    let stream = in_turn(targets, "the name has no address").await?;
    greet(address, greeting, host, stream).await
}

async fn greet(address: &Postgres, greeting: &str, host: &str, stream: TcpStream) -> Result<Link, Failure> {
    let io = |e: std::io::Error| Failure::Connecting(e.to_string());
    stream.set_nodelay(true).map_err(io)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    SockRef::from(&stream).set_tcp_keepalive(&keepalive).map_err(io)?;
    let mut config = Config::new();
    config.user(&address.user).dbname(&address.database).application_name("tallygate");
    config.ssl_mode(if matches!(address.encryption, Encryption::Off) { SslMode::Disable } else { SslMode::Require });
    if let Some(password) = &address.password {
        config.password(password.expose());
    }
    let tls = Connect::new(&address.encryption, host).map_err(io)?;
    let (client, mut connection) = config.connect_raw(stream, tls).await?;
    driven(&mut connection, &mut false, client.batch_execute(greeting)).await?;
    if address.hosts.len() > 1 {
        let ask = client.query_typed_one("SELECT pg_is_in_recovery()", &[]);
        if driven(&mut connection, &mut false, ask).await?.try_get(0)? {
            return Err(Failure::Connecting("it is a standby, which cannot be written".to_owned()));
        }
    }
    Ok(Link { client, connection })
}
