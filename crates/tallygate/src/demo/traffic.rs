//! The demo's callers: many at once, in their own dialects, streamed and plain.

use super::scenario::{HABITS, Habit, TeamKey};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tg_kernel::dialect::Dialect;
use tg_net::body::BodyLimits;
use tg_net::client::{Client, ClientOptions};
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tls::TrustedRoots;

/// Callers at once.
const CALLERS: usize = 48;

/// Far above what any simulated answer needs.
const LIMITS: BodyLimits =
    BodyLimits { bytes_max: 16 << 20, idle_timeout: Duration::from_secs(30), whole_timeout: None };

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// What was sent.
#[derive(Debug)]
pub(super) struct Sent {
    calls: u64,
    failed: u64,
    duration: Duration,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, failed, duration } = self;
        let seconds = duration.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = *calls as f64 / seconds.max(0.001);
        writeln!(f, "{calls} calls in {seconds:.1} s ({rate:.0} per second), {failed} failed")
    }
}

/// Sends calls for `duration`, telling `progress` how far it is.
///
/// # Errors
/// When a call cannot be made at all; calls that are refused are counted.
pub(super) async fn run(
    gateway: SocketAddr,
    keys: &[TeamKey],
    duration: Duration,
    progress: impl Fn(Duration, u64),
) -> Result<Sent> {
    let options = ClientOptions { egress: EgressPolicy::LOCAL, ..ClientOptions::default() };
    let client = Client::new(&options, &TrustedRoots::none(), &Resolver::new())?;
    let requests =
        HABITS.iter().zip(keys).map(|(habit, key)| Prepared::new(habit, key, gateway)).collect::<Result<Vec<_>>>()?;
    let began = Instant::now();
    let tally = Tally::default();
    let callers = (0..CALLERS).map(|caller| calls(&client, &requests, &tally, caller, began + duration));
    let watch = async {
        while began.elapsed() < duration {
            progress(began.elapsed(), tally.calls.get());
            tokio::time::sleep(TICK).await;
        }
    };
    let ((), _callers) = tokio::join!(watch, futures_util::future::join_all(callers));
    if let Some(error) = tally.broken.take() {
        return Err(error);
    }
    Ok(Sent { calls: tally.calls.get(), failed: tally.failed.get(), duration: began.elapsed() })
}

#[derive(Default)]
struct Tally {
    calls: Cell<u64>,
    failed: Cell<u64>,
    broken: RefCell<Option<anyhow::Error>>,
}

/// One caller: one call after the other, each habit as often as its weight says.
async fn calls(client: &Client, requests: &[Prepared], tally: &Tally, caller: usize, until: Instant) {
    let mut dice = u32::try_from(caller).unwrap_or_default().wrapping_mul(2_654_435_761).wrapping_add(1);
    let total: u32 = HABITS.iter().map(|habit| habit.weight).sum();
    while Instant::now() < until {
        // A linear congruential generator: the mix must be mixed, not random.
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut point = (dice >> 8) % total.max(1);
        let chosen = HABITS.iter().zip(requests).find(|(habit, _)| {
            let hit = point < habit.weight;
            point = point.saturating_sub(habit.weight);
            hit
        });
        let Some((_, request)) = chosen else { return };
        match request.send(client).await {
            Ok(StatusCode::OK) => tally.calls.set(tally.calls.get() + 1),
            Ok(_) => {
                tally.calls.set(tally.calls.get() + 1);
                tally.failed.set(tally.failed.get() + 1);
            }
            Err(error) => {
                tally.broken.replace(Some(error));
                return;
            }
        }
    }
}

/// A call that can be made again and again.
struct Prepared {
    uri: http::Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Prepared {
    fn new(habit: &Habit, key: &TeamKey, gateway: SocketAddr) -> Result<Self> {
        let (path, body) = ask(habit);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if habit.dialect == Dialect::AnthropicMessages {
            headers.insert("x-api-key", HeaderValue::from_str(key.secret.expose())?);
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        } else {
            headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {}", key.secret.expose()))?);
        }
        Ok(Self { uri: format!("http://{gateway}{path}").parse()?, headers, body: body.to_string().into() })
    }

    async fn send(&self, client: &Client) -> Result<StatusCode> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = client.send(request).await.context("the gateway does not answer")?;
        let status = response.status();
        tg_net::body::read(response.into_body(), LIMITS).await.context("an answer broke off")?;
        Ok(status)
    }
}

/// The path and body of a habit, in its dialect.
fn ask(habit: &Habit) -> (String, Value) {
    let Habit { model, stream, prompt, .. } = habit;
    let messages = json!([{"role": "user", "content": prompt}]);
    match habit.dialect {
        Dialect::OpenaiChat => {
            ("/v1/chat/completions".to_owned(), json!({"model": model, "messages": messages, "stream": stream}))
        }
        Dialect::OpenaiResponses => {
            ("/v1/responses".to_owned(), json!({"model": model, "input": prompt, "stream": stream}))
        }
        Dialect::OpenaiEmbeddings => ("/v1/embeddings".to_owned(), json!({"model": model, "input": prompt})),
        Dialect::AnthropicMessages => (
            "/v1/messages".to_owned(),
            json!({"model": model, "max_tokens": 1024, "messages": messages, "stream": stream}),
        ),
        Dialect::BedrockConverse => (
            format!("/model/{model}/{}", if *stream { "converse-stream" } else { "converse" }),
            json!({"messages": [{"role": "user", "content": [{"text": prompt}]}]}),
        ),
        Dialect::BedrockInvoke => (
            format!("/model/{model}/{}", if *stream { "invoke-with-response-stream" } else { "invoke" }),
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "messages": messages}),
        ),
    }
}
