//! The callers in front of a contender: a closed loop of connections, each with one call at a time.

use super::contender::Contender;
use super::provider::{CHUNKS, HOLD};
use super::{CONNECTIONS, CORE_AROUND, pinned};
use crate::terminal::say;
use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// What callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// Calls answered in one piece.
    Plain,
    /// Streams, heard to the end.
    Stream,
    /// Streams, kept open after their first chunk.
    Hold,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Stream => "stream",
            Self::Hold => "hold",
        }
    }
}

/// The callers in front of a contender.
#[derive(Debug, Args)]
pub struct Drive {
    /// `127.0.0.1:PORT`
    address: String,
    /// The key to present
    key: String,
    load: Load,
    /// For how long
    seconds: u64,
    connections: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Driven {
    /// Calls that ended well.
    pub calls: u64,
    /// Calls, or chunks of streams.
    pub units: u64,
    /// Calls that did not.
    pub failed: u64,
    /// What was wrong with the first of them.
    pub failure: String,
    /// How long it took.
    pub millis: u64,
    /// Half of the calls took no longer.
    pub median_micros: u64,
    /// 99 of 100 calls took no longer.
    pub p99_micros: u64,
}

/// Drives a contender for a while.
///
/// # Errors
/// When the driver fails.
pub fn drive(program: &Path, contender: &Contender, load: Load, time: Duration) -> Result<Driven> {
    let mut child = start(program, contender, load, (time, u32::try_from(CONNECTIONS)?))?;
    let line = first_line(&mut child)?;
    let status = child.wait()?;
    ensure!(status.success(), "the driver ended with {status}");
    serde_json::from_str(&line).with_context(|| format!("the driver says {line:?}"))
}

/// Streams that are kept open by a process of their own.
#[derive(Debug)]
pub struct Held(Child);

/// Opens streams and keeps them open.
///
/// # Errors
/// When one cannot be opened.
pub fn hold(program: &Path, contender: &Contender, streams: u32) -> Result<Held> {
    let mut child = start(program, contender, Load::Hold, (Duration::from_secs(60), streams))?;
    let line = first_line(&mut child)?;
    let driven: Driven = serde_json::from_str(&line).with_context(|| format!("the driver says {line:?}"))?;
    ensure!(driven.failed == 0, "{} streams could not be opened: {}", driven.failed, driven.failure);
    Ok(Held(child))
}

impl Held {
    /// Lets them go.
    ///
    /// # Errors
    /// When the process cannot be ended.
    pub fn end(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

fn start(program: &Path, contender: &Contender, load: Load, (time, connections): (Duration, u32)) -> Result<Child> {
    let mut command = pinned(program, CORE_AROUND);
    command.args(["bench-part", "drive", &contender.address(load), contender.key(), load.name()]);
    command.arg(time.as_secs().to_string()).arg(connections.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the driver")
}

fn first_line(child: &mut Child) -> Result<String> {
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
    Ok(line)
}

impl Drive {
    /// Drives, and says what came of it.
    ///
    /// # Errors
    /// When no connection can be made.
    pub async fn run(self) -> Result<()> {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(self.seconds);
        let request = self.request()?;
        let callers = (0..self.connections).map(|_| Caller::run(&self.address, &request, self.load, end));
        let mut all = Driven::default();
        let mut times = Vec::new();
        let mut held = Vec::new();
        for caller in join_all(callers).await {
            let caller = caller?;
            all.failed += u64::from(caller.failure.is_some());
            all.failure = caller.failure.unwrap_or(all.failure);
            times.extend(caller.times);
            held.extend(caller.held);
        }
        times.sort_unstable();
        all.calls = times.len() as u64;
        all.units = if self.load == Load::Plain { all.calls } else { all.calls * CHUNKS };
        all.millis = u64::try_from(begun.elapsed().as_millis())?;
        let at = |index: usize| times.get(index).copied().unwrap_or_default();
        (all.median_micros, all.p99_micros) = (at(times.len() / 2), at(times.len() * 99 / 100));
        say(serde_json::to_string(&all)?);
        if self.load == Load::Hold {
            tokio::time::sleep_until(end.into()).await;
        }
        drop(held);
        Ok(())
    }

    /// A call of 1 KB.
    fn request(&self) -> Result<Request<Full<Bytes>>> {
        let words = if self.load == Load::Hold { HOLD } else { "What does a reverse proxy do?" };
        let rules = "You answer questions about networks, briefly and in plain words. ".repeat(13);
        let mut body = serde_json::json!({ "model": "gpt-5-mini", "messages": [
            { "role": "system", "content": rules }, { "role": "user", "content": words }
        ] });
        if self.load != Load::Plain {
            body["stream"] = true.into();
        }
        let builder = Request::post("/v1/chat/completions").header("host", &self.address);
        let builder = builder.header("content-type", "application/json").header("user-agent", "bench");
        let builder = builder.header("authorization", format!("Bearer {}", self.key));
        Ok(builder.body(Full::new(Bytes::from(body.to_string())))?)
    }
}

/// One connection.
#[derive(Default)]
struct Caller {
    times: Vec<u64>,
    failure: Option<String>,
    held: Option<(SendRequest<Full<Bytes>>, hyper::body::Incoming)>,
}

impl Caller {
    async fn run(address: &str, request: &Request<Full<Bytes>>, load: Load, end: Instant) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut caller = Self::default();
        while Instant::now() < end && caller.held.is_none() {
            let begun = Instant::now();
            let heard = match load {
                Load::Hold => caller.open(sender, request).await.map(|()| None),
                _ => hear(&mut sender, request, load).await.map(|()| Some(sender)),
            };
            match heard {
                Ok(Some(again)) => {
                    sender = again;
                    caller.times.push(u64::try_from(begun.elapsed().as_micros())?);
                }
                Ok(None) => return Ok(caller),
                Err(error) => {
                    caller.failure = Some(format!("{error:#}"));
                    return Ok(caller);
                }
            }
        }
        Ok(caller)
    }

    async fn open(&mut self, mut sender: SendRequest<Full<Bytes>>, request: &Request<Full<Bytes>>) -> Result<()> {
        let mut body = begin(&mut sender, request).await?;
        body.frame().await.context("no first chunk")??;
        self.held = Some((sender, body));
        Ok(())
    }
}

async fn begin(sender: &mut SendRequest<Full<Bytes>>, request: &Request<Full<Bytes>>) -> Result<hyper::body::Incoming> {
    sender.ready().await?;
    let response = sender.send_request(request.clone()).await?;
    let status = response.status();
    if !status.is_success() {
        let body = response.into_body().collect().await?.to_bytes();
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(response.into_body())
}

/// Makes a call and hears it to the end, which must be a proper one.
async fn hear(sender: &mut SendRequest<Full<Bytes>>, request: &Request<Full<Bytes>>, load: Load) -> Result<()> {
    let mut body = begin(sender, request).await?;
    let (mut size, mut last) = (0, Bytes::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            size += data.len();
            last = data;
        }
    }
    let whole = match load {
        Load::Plain => size > 700 && last.ends_with(b"}\n"),
        Load::Stream | Load::Hold => size > 20_000 && last.ends_with(b"[DONE]\n\n"),
    };
    ensure!(whole, "an answer of {size} bytes that ends with {:?}", String::from_utf8_lossy(&last));
    Ok(())
}
