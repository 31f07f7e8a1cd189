//! Traces: one span per call, made after the call, delivered in batches over OTLP/HTTP, never waited for.

use crate::names::attribute as a;
use crate::otlp::{ExportRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status, Value, pair};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use prost::Message as _;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tg_kernel::dialect::Family;
use tg_kernel::record::{Ending, Pricing, Record};
use tg_kernel::secret::Secret;
use tg_kernel::trace::TraceContext;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Where spans go, and as whose.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// The collector's address for traces, path included (`http://127.0.0.1:4318/v1/traces`).
    pub endpoint: Uri,
    /// Headers of every delivery, such as a credential.
    pub headers: Vec<(HeaderName, Secret)>,
    /// `service.name`.
    pub service_name: String,
    /// `service.instance.id`: tells replicas apart.
    pub instance_id: String,
    /// `service.version`.
    pub version: String,
    /// Most spans that wait for delivery; those past it are dropped and counted.
    pub queue_max: usize,
}

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A header's value has characters that a header cannot carry.
    #[error("the value of the trace exporter's header {0} has characters that a header cannot carry")]
    BadHeader(HeaderName),
}

/// A failure to deliver.
pub type SendFailure = Box<dyn Error + Send + Sync>;

/// What became of the spans so far.
#[derive(Debug, Default)]
struct Tally {
    exported: AtomicU64,
    dropped: AtomicU64,
}

/// Takes finished calls. Clones share one queue. When the last is dropped, [`Export::run`] delivers the rest and ends.
#[derive(Clone, Debug)]
pub struct Spans {
    queue: mpsc::Sender<Span>,
    tally: Arc<Tally>,
}

/// Delivers what the queue holds.
#[derive(Debug)]
pub struct Export {
    queue: mpsc::Receiver<Span>,
    tally: Arc<Tally>,
    head: Request<()>,
    resource: Resource,
    version: String,
}

/// Most spans in one delivery.
const BATCH_MAX: usize = 512;
/// Longest wait for a batch to fill: how late a span may be seen.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// Longest wait for the collector's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Tries per batch, with pauses between them that double from the first.
const TRIES_MAX: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Makes the queue and its delivery.
///
/// # Errors
/// When a header cannot be sent.
pub fn export(options: TraceOptions) -> Result<(Spans, Export), TraceError> {
    let mut head = Request::new(());
    *head.method_mut() = http::Method::POST;
    *head.uri_mut() = options.endpoint;
    head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    for (name, value) in options.headers {
        let Ok(mut value) = HeaderValue::from_str(value.expose()) else { return Err(TraceError::BadHeader(name)) };
        value.set_sensitive(true);
        head.headers_mut().insert(name, value);
    }
    let resource = Resource {
        attributes: vec![
            pair("service.name", options.service_name.as_str()),
            pair("service.instance.id", options.instance_id.as_str()),
            pair("service.version", options.version.as_str()),
        ],
    };
    let (sender, queue) = mpsc::channel(options.queue_max.max(1));
    let tally = Arc::<Tally>::default();
    let spans = Spans { queue: sender, tally: Arc::clone(&tally) };
    Ok((spans, Export { queue, tally, head, resource, version: options.version }))
}

impl Spans {
    /// Queues the span of a finished call, if its trace is sampled. Never waits: a span that finds the queue full is
    /// dropped and counted. `provider_name` is OpenTelemetry's name for the provider, if it is not that of its dialect.
    pub fn offer(&self, record: &Record, trace: &TraceContext, provider_name: Option<&str>) {
        if trace.sampled && self.queue.try_send(span(record, trace, provider_name)).is_err() {
            self.tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that the collector accepted.
    #[must_use]
    pub fn exported(&self) -> u64 {
        self.tally.exported.load(Ordering::Relaxed)
    }

    /// Spans that were lost: the queue was full, or the collector did not take them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.tally.dropped.load(Ordering::Relaxed)
    }
}

impl Export {
    /// Delivers batches with `send` (which answers the collector's status) until every [`Spans`] is gone and the queue
    /// is empty. Retries twice what may pass (no answer, 429, 502, 503, 504); then the batch is dropped and counted.
    pub async fn run<S, F>(mut self, send: S)
    where
        S: Fn(Request<Full<Bytes>>) -> F,
        F: Future<Output = Result<StatusCode, SendFailure>>,
    {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let until = Instant::now() + BATCH_WAIT;
            while batch.len() < BATCH_MAX {
                let room = BATCH_MAX - batch.len();
                match timeout_at(until, self.queue.recv_many(&mut batch, room)).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => break,
                }
            }
            let count = batch.len() as u64;
            let outcome = self.deliver(std::mem::take(&mut batch), &send).await;
            let counter = if outcome.is_ok() { &self.tally.exported } else { &self.tally.dropped };
            counter.fetch_add(count, Ordering::Relaxed);
            if let Err(error) = outcome {
                tracing::warn!(%error, spans = count, "the trace collector did not take a batch; it is dropped");
            }
        }
    }

    async fn deliver<S, F>(&self, spans: Vec<Span>, send: &S) -> Result<(), SendFailure>
    where
        S: Fn(Request<Full<Bytes>>) -> F,
        F: Future<Output = Result<StatusCode, SendFailure>>,
    {
        let scope = Scope { name: "tallygate".to_owned(), version: self.version.clone() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        let resource_spans = vec![ResourceSpans { resource: Some(self.resource.clone()), scope_spans }];
        let body = Bytes::from(ExportRequest { resource_spans }.encode_to_vec());
        let mut pause = FIRST_PAUSE;
        let mut tries = 1;
        loop {
            let request = self.head.clone().map(|()| Full::new(body.clone()));
            let failure: SendFailure = match timeout(ANSWER_WITHIN, send(request)).await {
                Ok(Ok(status)) if status.is_success() => return Ok(()),
                Ok(Ok(status)) if !matches!(status.as_u16(), 429 | 502 | 503 | 504) => {
                    return Err(format!("it answered {status}").into());
                }
                Ok(Ok(status)) => format!("it answered {status}").into(),
                Ok(Err(failure)) => failure,
                Err(_) => "it did not answer in time".into(),
            };
            if tries == TRIES_MAX {
                return Err(failure);
            }
            sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }
}

/// `SPAN_KIND_CLIENT`, as the GenAI conventions ask for inference.
const KIND_CLIENT: i32 = 3;
/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: i32 = 2;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `…_IS_REMOTE_MASK`: the parent is in another process.
const REMOTE_PARENT: u32 = 0x300;

fn span(record: &Record, trace: &TraceContext, provider_name: Option<&str>) -> Span {
    let start = u64::try_from(record.started_at.micros()).unwrap_or(0).saturating_mul(1000);
    let model = record.served.as_ref().map_or(&record.asked.model, |served| &served.model);
    let failed = record.ending != Ending::Ok;
    let message = record.fault.clone().unwrap_or_else(|| record.ending.as_str().to_owned());
    Span {
        trace_id: trace.trace_id.into(),
        span_id: trace.span_id.into(),
        parent_span_id: trace.parent_id.map(Vec::from).unwrap_or_default(),
        name: format!("{} {model}", record.asked.operation.as_str()),
        kind: KIND_CLIENT,
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(record.timing.total_us.saturating_mul(1000)),
        attributes: attributes(record, model, provider_name),
        status: failed.then_some(Status { message, code: STATUS_ERROR }),
        flags: 1 | if trace.parent_id.is_some() { REMOTE_PARENT } else { 0 },
    }
}

fn attributes(record: &Record, model: &str, provider_name: Option<&str>) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(28);
    all.push(pair(a::OPERATION, record.asked.operation.as_str()));
    all.push(pair(a::REQUEST_MODEL, model));
    all.push(pair(a::REQUEST_STREAM, Value::Bool(record.asked.stream)));
    all.push(pair(a::CALL_ID, record.id.to_string().as_str()));
    all.push(pair(a::ENDING, record.ending.as_str()));
    all.push(pair(a::DIALECT, record.asked.dialect.as_str()));
    all.push(pair(a::STATUS_CODE, u64::from(record.status)));
    all.push(pair(a::OVERHEAD_MICROSECONDS, record.timing.overhead_us));
    if let Some(fault) = &record.fault {
        all.push(pair(a::ERROR_TYPE, fault.as_str()));
    }
    if let Some(micros) = record.timing.first_token_us {
        all.push(pair(a::FIRST_CHUNK, Value::Double(micros as f64 / 1e6)));
    }
    attribution(&mut all, record);
    provider(&mut all, record, provider_name);
    usage(&mut all, record);
    guards(&mut all, record);
    all
}

fn attribution(all: &mut Vec<KeyValue>, record: &Record) {
    let whose = &record.attribution;
    for (key, value) in [
        (a::TEAM, Some(&whose.team)),
        (a::PROJECT, whose.project.as_ref()),
        (a::ENVIRONMENT, whose.environment.as_ref()),
        (a::KEY_ID, Some(&whose.key_id)),
    ] {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            all.push(pair(key, &**value));
        }
    }
}

fn provider(all: &mut Vec<KeyValue>, record: &Record, provider_name: Option<&str>) {
    let Some(served) = &record.served else { return };
    let of_dialect = match served.dialect.family() {
        Family::Openai => "openai",
        Family::Anthropic => "anthropic",
        Family::Bedrock => "aws.bedrock",
    };
    all.push(pair(a::PROVIDER_NAME, provider_name.unwrap_or(of_dialect)));
    all.push(pair(a::PROVIDER, &*served.provider));
    all.push(pair(a::ATTEMPTS, u64::from(served.attempts)));
    if let Some(id) = &served.request_id {
        all.push(pair(a::PROVIDER_REQUEST_ID, id.as_str()));
    }
    if let Some(stop) = &served.stop {
        all.push(pair(a::FINISH_REASONS, Value::from_iter([Value::from(stop.as_str())])));
    }
    if !record.losses.is_empty() {
        let losses: Value = record.losses.iter().map(|loss| Value::from(loss.as_str())).collect();
        all.push(pair(a::TRANSLATION_LOSSES, losses));
    }
}

fn guards(all: &mut Vec<KeyValue>, record: &Record) {
    let Some(guarded) = &record.guarded else { return };
    all.push(pair(a::GUARD_VERDICT, guarded.verdict.as_str()));
    if !guarded.hits.is_empty() {
        let hits: Value = guarded.hits.iter().map(|hit| Value::from(hit.to_string().as_str())).collect();
        all.push(pair(a::GUARD_HITS, hits));
    }
}

fn usage(all: &mut Vec<KeyValue>, record: &Record) {
    all.push(pair(a::USAGE_SOURCE, record.usage_source.as_str()));
    let cost = record.total_cost();
    all.push(pair(a::PRICING, cost.pricing.as_str()));
    if record.served.is_none() {
        return;
    }
    let usage = &record.usage;
    all.push(pair(a::INPUT_TOKENS, usage.total_input_tokens()));
    all.push(pair(a::OUTPUT_TOKENS, usage.output_tokens.saturating_add(usage.audio_output_tokens)));
    for (key, count) in [
        (a::CACHE_READ_TOKENS, usage.cache_read_tokens),
        (a::CACHE_WRITE_TOKENS, usage.cache_write_5m_tokens.saturating_add(usage.cache_write_1h_tokens)),
        (a::REASONING_TOKENS, usage.reasoning_tokens),
    ] {
        if count > 0 {
            all.push(pair(key, count));
        }
    }
    if cost.pricing != Pricing::Unpriced {
        all.push(pair(a::USAGE_COST, Value::Double(cost.amount.nanos() as f64 / 1e9)));
    }
}
