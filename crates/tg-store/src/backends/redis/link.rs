//! One connection to the server, for one thread: made when it is needed, made again when it breaks, and not waited for.

use super::breaker::Breaker;
use super::place::{Node, Place, Shape, named};
use super::script::{Digests, Invocation, Speech};
use super::tally::Tally;
use crate::counters::{Away, Reason};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Servers that one command is led to at most.
const HOPS_MAX: usize = 5;

/// How long is waited for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, handshake included. Calls do not wait for it any longer than for an answer.
    pub connect: Duration,
    /// For the answer to one command.
    pub command: Duration,
}

impl Default for Patience {
    /// 500 ms for a connection (TLS, a cold name server); 20 ms for an answer, some twenty times what one takes.
    fn default() -> Self {
        Self { connect: Duration::from_millis(500), command: Duration::from_millis(20) }
    }
}

/// A connection that works, as far as is known.
struct Live {
    connection: MultiplexedConnection,
    node: Node,
    digests: Digests,
    /// The server's name for its own run: another one may lack what the last has heard.
    server: Arc<str>,
    number: u64,
}

type Dial = Pin<Box<dyn Future<Output = RedisResult<Arc<Live>>> + Send>>;

enum State {
    Idle,
    Dialing(Dial),
    Live(Arc<Live>),
}

/// Where to look for the server next.
#[derive(Default)]
struct Aim {
    /// Where a node of a cluster says that the keys are.
    led_to: Option<Node>,
    /// The place in the list of servers that is asked first.
    first: usize,
    dialed: u64,
    /// The run of the server that answered last.
    answered: Option<Arc<str>>,
}

/// See the module. All commands share one connection and are answered in order.
pub(super) struct Link {
    place: Arc<Place>,
    shown: Arc<str>,
    speech: Arc<Speech>,
    patience: Patience,
    state: tokio::sync::Mutex<State>,
    aim: Mutex<Aim>,
    breaker: Mutex<Breaker>,
    tally: Arc<Tally>,
    born: Instant,
}

/// What is done about an error.
enum Remedy {
    /// The keys are there.
    GoTo(Node),
    /// The scripts are loaded again, or another server is looked for.
    Reconnect(RedisError),
    /// Nothing that a new connection would mend.
    GiveUp(RedisError),
}

impl Link {
    pub(super) fn new(place: Arc<Place>, speech: Arc<Speech>, patience: Patience, tally: Arc<Tally>) -> Self {
        let shown = place.shown();
        let state = tokio::sync::Mutex::new(State::Idle);
        let (aim, breaker) = (Mutex::default(), Mutex::default());
        Self { place, shown, speech, patience, state, aim, breaker, tally, born: Instant::now() }
    }

    /// With so long a rest after several failures. Nobody waits behind one who says what has to be said.
    pub(super) fn resting(self, rest: Duration) -> Self {
        Self { breaker: Mutex::new(Breaker::resting(rest)), ..self }
    }

    /// Whether the server is not asked now, as it failed several times.
    pub(super) fn rests(&self) -> bool {
        lock(&self.breaker).rests()
    }

    /// The run of the server that answered last.
    pub(super) fn server(&self) -> Option<Arc<str>> {
        lock(&self.aim).answered.clone()
    }

    /// Runs one script.
    ///
    /// # Errors
    /// When no answer comes in time.
    pub(super) async fn run(&self, invocation: &Invocation) -> Result<Value, Away> {
        let mut answers = self.run_all(std::slice::from_ref(invocation)).await?;
        match answers.pop() {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(self.away(Reason::Server(error))),
            None => Err(self.away(Reason::Server("nothing".to_owned()))),
        }
    }

    /// Runs several scripts in one round trip, in order. Answers what the server said to each.
    ///
    /// # Errors
    /// When no answer comes in time; some may have been run.
    pub(super) async fn run_all(&self, all: &[Invocation]) -> Result<Vec<Result<Value, String>>, Away> {
        if !lock(&self.breaker).lets_through(self.born.elapsed()) {
            self.tally.rests();
            return Err(self.away(Reason::Resting));
        }
        // What is dropped with the timeout is the wait: a connection that is being made goes on with the next call.
        let reason = match timeout(self.patience.command, self.ask(all)).await {
            Ok(Ok(answers)) => {
                lock(&self.breaker).succeeded();
                self.tally.heard();
                return Ok(answers);
            }
            Ok(Err(error)) => reason(&error),
            Err(_) => Reason::Late,
        };
        self.tally.failed(reason == Reason::Late);
        let rests = lock(&self.breaker).failed(self.born.elapsed());
        if rests && let Ok(mut state) = self.state.try_lock() {
            // Of a connection whose other end has vanished, nobody would ever say so.
            if matches!(*state, State::Live(_)) {
                *state = State::Idle;
            }
        }
        Err(self.away(reason))
    }

    async fn ask(&self, all: &[Invocation]) -> RedisResult<Vec<Result<Value, String>>> {
        let mut last = None;
        for _ in 0..HOPS_MAX {
            let live = self.live().await?;
            let mut pipeline = redis::pipe();
            for invocation in all {
                pipeline.add_command(invocation.command(&live.digests, &live.server, &self.speech));
            }
            let answers = live.connection.clone().send_packed_commands(&pipeline, 0, all.len()).await;
            let heard = answers.is_ok();
            let remedy = match answers {
                Ok(values) => match sorted(values, &live.node) {
                    Ok(answers) => {
                        lock(&self.aim).answered = Some(Arc::clone(&live.server));
                        return Ok(answers);
                    }
                    Err(remedy) => remedy,
                },
                Err(error) => remedy(error, &live.node),
            };
            last = Some(match remedy {
                Remedy::GoTo(node) => {
                    lock(&self.aim).led_to = Some(node);
                    self.forget(live.number).await;
                    continue;
                }
                Remedy::Reconnect(error) => {
                    self.forget(live.number).await;
                    error
                }
                Remedy::GiveUp(error) => return Err(error),
            });
            if !heard && !all.iter().all(Invocation::is_repeatable) {
                break;
            }
        }
        Err(last.unwrap_or_else(|| RedisError::from((ErrorKind::Client, "led from server to server"))))
    }

    /// Makes the connection if there is none, and waits for it however long that takes.
    pub(super) async fn connect(&self) {
        // Why it failed, calls hear themselves.
        let _ = self.live().await;
    }

    /// The connection, made if there is none. Whoever waits for it makes it; if he gives up, the next goes on.
    async fn live(&self) -> RedisResult<Arc<Live>> {
        let mut state = self.state.lock().await;
        loop {
            match &mut *state {
                State::Live(live) => return Ok(Arc::clone(live)),
                State::Idle => *state = State::Dialing(self.dial()),
                State::Dialing(dial) => {
                    let dialed = dial.await;
                    match dialed {
                        Ok(live) => {
                            // It has answered several commands.
                            lock(&self.breaker).succeeded();
                            *state = State::Live(live);
                        }
                        Err(error) => {
                            *state = State::Idle;
                            let mut aim = lock(&self.aim);
                            aim.led_to = None;
                            aim.first = aim.first.wrapping_add(1);
                            return Err(error);
                        }
                    }
                }
            }
        }
    }

    /// Gives up a connection, unless another was made since.
    async fn forget(&self, number: u64) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Live(live) if live.number == number) {
            *state = State::Idle;
        }
    }

    fn dial(&self) -> Dial {
        let (place, patience) = (Arc::clone(&self.place), self.patience);
        let mut aim = lock(&self.aim);
        aim.dialed += 1;
        let (led_to, first, number) = (aim.led_to.clone(), aim.first, aim.dialed);
        Box::pin(async move {
            let dialed = timeout(patience.connect, async {
                let node = match (&place.shape, led_to) {
                    (Shape::Cluster, Some(node)) => node,
                    (Shape::Sentinel(name), _) => ask_sentinels(&place, name, first, patience.connect).await?,
                    _ => listed(&place, first)?.clone(),
                };
                greet(&place, node, number).await
            });
            dialed.await.unwrap_or_else(|_| Err(RedisError::from((ErrorKind::Io, "no connection came about in time"))))
        })
    }

    fn away(&self, reason: Reason) -> Away {
        Away { place: Arc::clone(&self.shown), reason }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listed(place: &Place, first: usize) -> RedisResult<&Node> {
    let node = first.checked_rem(place.nodes.len()).and_then(|number| place.nodes.get(number));
    node.ok_or_else(|| RedisError::from((ErrorKind::InvalidClientConfig, "no server is named")))
}

/// Connects, loads the scripts and learns which run of the server this is.
async fn greet(place: &Place, node: Node, number: u64) -> RedisResult<Arc<Live>> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = place.server(&node)?.get_multiplexed_async_connection_with_config(&config).await?;
    let mut pipeline = Digests::load();
    pipeline.cmd("INFO").arg("server");
    let values = connection.send_packed_commands(&pipeline, 0, Digests::COUNT + 1).await?;
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        texts.push(redis::from_redis_value::<String>(value.extract_error()?)?);
    }
    let info = texts.pop().unwrap_or_default();
    let server = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or_default().trim().into();
    let strange = |_| RedisError::from((ErrorKind::UnexpectedReturnType, "the scripts could not be loaded"));
    let digests = Digests::new(<[String; Digests::COUNT]>::try_from(texts).map_err(strange)?);
    Ok(Arc::new(Live { connection, node, digests, server, number }))
}

/// Asks one Sentinel after the other where the server is.
async fn ask_sentinels(place: &Place, name: &str, first: usize, patience: Duration) -> RedisResult<Node> {
    let share = patience / u32::try_from(place.nodes.len() + 1).unwrap_or(u32::MAX);
    let mut last = RedisError::from((ErrorKind::Io, "no Sentinel answered in time"));
    for turn in 0..place.nodes.len() {
        let sentinel = listed(place, first.wrapping_add(turn))?;
        let asked = timeout(share, async {
            let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
            let client = place.sentinel(sentinel)?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            let mut command = redis::cmd("SENTINEL");
            command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
            command.query_async::<Option<(String, u16)>>(&mut connection).await
        });
        match asked.await {
            Ok(Ok(Some((host, port)))) => return Ok(Node { host, port }),
            Ok(Ok(None)) => last = RedisError::from((ErrorKind::Client, "the Sentinels know no server of this name")),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

/// What the server said to each command; or what is done where it answered for itself rather than for the script.
fn sorted(values: Vec<Value>, node: &Node) -> Result<Vec<Result<Value, String>>, Remedy> {
    let mut answers = Vec::with_capacity(values.len());
    for value in values {
        answers.push(match value.extract_error() {
            Ok(value) => Ok(value),
            Err(error) if is_of_script(&error) => Err(shown(&error)),
            Err(error) => return Err(remedy(error, node)),
        });
    }
    Ok(answers)
}

/// Whether an error is the script's own, and would come again at any server.
fn is_of_script(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::Extension)
        && !matches!(error.code(), Some("BUSY" | "MISCONF" | "NOREPLICAS" | "OOM" | "NOAUTH" | "UNKILLABLE"))
}

fn remedy(error: RedisError, speaker: &Node) -> Remedy {
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => match error.redirect_node() {
            Some((address, _)) => named(address, speaker).map_or_else(|| Remedy::GiveUp(error.clone()), Remedy::GoTo),
            None => Remedy::GiveUp(error),
        },
        // A server that lost its scripts, or that serves others as a replica now.
        ErrorKind::Server(ServerErrorKind::NoScript | ServerErrorKind::ReadOnly)
        | ErrorKind::Io
        | ErrorKind::Parse
        | ErrorKind::AuthenticationFailed => Remedy::Reconnect(error),
        _ => Remedy::GiveUp(error),
    }
}

fn reason(error: &RedisError) -> Reason {
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => Reason::Server(shown(error)),
        _ => Reason::Connection(error.to_string()),
    }
}

/// An error in the server's words, without the arguments of a script that they may name.
fn shown(error: &RedisError) -> String {
    let detail = error.detail().unwrap_or_default();
    let detail: String = detail.chars().take(200).collect();
    format!("{} {detail}", error.code().unwrap_or("ERR"))
}
