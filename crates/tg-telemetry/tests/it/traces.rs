//! Spans, as a collector that speaks OTLP/HTTP sees them; decoded by OpenTelemetry's own definitions.

use crate::sample::{refused, served};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tg_kernel::secret::Secret;
use tg_kernel::trace::TraceContext;
use tg_net::body::{BodyLimits, OutBody, read};
use tg_net::client::{Client, ClientOptions};
use tg_net::drain::{Drain, signal};
use tg_net::egress::EgressPolicy;
use tg_net::listener::{Listener, ListenerOptions, bind};
use tg_net::resolve::Resolver;
use tg_net::tasks::{Task, spawn};
use tg_net::tls::TrustedRoots;
use tg_telemetry::traces::{Export, Spans, TraceOptions, export};

#[derive(Clone, Default)]
struct Collector {
    seen: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Collector {
    /// Answers with the given statuses in turn, then with 200.
    fn start(answers: &[u16]) -> (Self, SocketAddr, Drain) {
        let collector =
            Self { answers: Arc::new(Mutex::new(answers.iter().rev().copied().collect())), ..Self::default() };
        let bound = bind(SocketAddr::from(([127, 0, 0, 1], 0)), NonZeroUsize::MIN).unwrap();
        let (drain, draining) = signal();
        let handling = collector.clone();
        let handler = move |request: Request<hyper::body::Incoming>, _| {
            let collector = handling.clone();
            async move { Ok::<_, Infallible>(collector.take(request).await) }
        };
        let listener = Listener::new(ListenerOptions::default(), None);
        drop(spawn("collector", listener.serve(bound.sockets.into_iter().next().unwrap(), draining, handler)));
        (collector, bound.addr, drain)
    }

    async fn take(self, request: Request<hyper::body::Incoming>) -> Response<OutBody> {
        assert_eq!(request.uri().path(), "/v1/traces");
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        assert_eq!(request.headers()["x-token"], "let me in");
        let limits = BodyLimits { bytes_max: 16 << 20, idle_timeout: Duration::from_secs(10), whole_timeout: None };
        let body = read(request.into_body(), limits).await.unwrap();
        let status = self.answers.lock().unwrap().pop().unwrap_or(200);
        if status == 200 {
            self.seen.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
        }
        Response::builder().status(status).body(OutBody::Empty).unwrap()
    }

    fn spans(&self) -> Vec<Span> {
        let seen = self.seen.lock().unwrap();
        let scopes = seen.iter().flat_map(|r| &r.resource_spans).flat_map(|r| &r.scope_spans);
        scopes.flat_map(|s| s.spans.clone()).collect()
    }
}

fn exporter(addr: SocketAddr, queue_max: usize) -> (Spans, Export) {
    let endpoint = format!("http://{addr}/v1/traces").parse().unwrap();
    let headers = vec![(http::HeaderName::from_static("x-token"), Secret::new("let me in"))];
    let [service_name, instance_id, version] = ["gateway", "node-1", "1.2.3"].map(str::to_owned);
    export(TraceOptions { endpoint, headers, service_name, instance_id, version, queue_max }).unwrap()
}

fn run(export: Export) -> Task<()> {
    let options = ClientOptions { egress: EgressPolicy::LOCAL, ..ClientOptions::default() };
    let client = Client::new(&options, &TrustedRoots::none(), &Resolver::new()).unwrap();
    let send = move |request: Request<Full<Bytes>>| {
        let client = client.clone();
        async move { Ok(client.send(request).await?.status()) }
    };
    spawn("exporter", async move { export.run(send).await })
}

const TRACE: TraceContext = TraceContext { trace_id: [1; 16], span_id: [2; 8], parent_id: Some([3; 8]), sampled: true };

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|a| a.key == key)?.value.as_ref()?.value.as_ref()
}

#[tokio::test]
async fn a_collector_sees_the_whole_call() {
    let (collector, addr, _drain) = Collector::start(&[]);
    let (spans, export) = exporter(addr, 100);
    spans.offer(&served(), &TRACE, None);
    spans.offer(&refused(), &TraceContext { parent_id: None, ..TRACE }, None);
    spans.offer(&served(), &TraceContext { sampled: false, ..TRACE }, None);
    let watched = spans.clone();
    drop(spans);
    let running = run(export);
    while watched.exported() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((watched.exported(), watched.dropped()), (2, 0));
    drop(watched);
    running.await.unwrap();

    let resource = collector.seen.lock().unwrap()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(attribute(&resource.attributes, "service.name"), Some(&Value::StringValue("gateway".into())));
    let [first, second] = &collector.spans()[..] else { panic!("two spans") };
    assert_eq!(
        (&first.trace_id[..], &first.span_id[..], &first.parent_span_id[..]),
        (&[1; 16][..], &[2; 8][..], &[3; 8][..])
    );
    assert_eq!((first.name.as_str(), first.kind), ("chat anthropic.claude", 3));
    assert_eq!(first.start_time_unix_nano, 1_700_000_000_000_000_000);
    assert_eq!(first.end_time_unix_nano - first.start_time_unix_nano, 1_500_000_000);
    assert_eq!(first.status, None);
    let text = |text: &str| Value::StringValue(text.into());
    for (key, expected) in [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text("aws.bedrock")),
        ("gen_ai.request.model", text("anthropic.claude")),
        ("gen_ai.request.stream", Value::BoolValue(true)),
        ("gen_ai.response.time_to_first_chunk", Value::DoubleValue(0.3)),
        ("gen_ai.usage.input_tokens", Value::IntValue(132)),
        ("gen_ai.usage.output_tokens", Value::IntValue(56)),
        ("gen_ai.usage.cache_read.input_tokens", Value::IntValue(20)),
        ("gen_ai.usage.cache_write.input_tokens", Value::IntValue(7)),
        ("gen_ai.usage.reasoning.output_tokens", Value::IntValue(10)),
        ("gen_ai.usage.cost", Value::DoubleValue(0.00125)),
        ("http.response.status_code", Value::IntValue(200)),
        ("tallygate.team", text("search")),
        ("tallygate.call.id", text("req_07070707070707070707070707070707")),
        ("tallygate.attempts", Value::IntValue(2)),
    ] {
        assert_eq!(attribute(&first.attributes, key), Some(&expected), "{key}");
    }
    let Some(Value::ArrayValue(reasons)) = attribute(&first.attributes, "gen_ai.response.finish_reasons") else {
        panic!("a list")
    };
    assert_eq!(reasons.values[0].value, Some(text("end_turn")));

    assert_eq!(second.parent_span_id, [0; 0]);
    assert_eq!(second.status.as_ref().map(|s| (s.code, s.message.as_str())), Some((2, "key_unknown")));
    assert_eq!(attribute(&second.attributes, "error.type"), Some(&text("key_unknown")));
    assert_eq!(attribute(&second.attributes, "gen_ai.usage.input_tokens"), None);
    uses_just_the_listed_attributes(&[first, second]);
}

fn uses_just_the_listed_attributes(spans: &[&Span]) {
    let known: Vec<_> = tg_telemetry::names::ATTRIBUTES.iter().map(|a| a.key).collect();
    for used in spans.iter().flat_map(|span| &span.attributes) {
        assert!(known.contains(&used.key.as_str()), "{} is not in the list", used.key);
    }
    for key in known {
        let used = spans.iter().any(|span| attribute(&span.attributes, key).is_some());
        assert!(used, "{key} is in the list and never used");
    }
}

#[tokio::test]
async fn spans_past_the_queue_are_dropped_and_counted() {
    let (spans, _export) = exporter(SocketAddr::from(([127, 0, 0, 1], 1)), 3);
    for _ in 0..10 {
        spans.offer(&served(), &TRACE, None);
    }
    assert_eq!(spans.dropped(), 7);
}

/// Runs an exporter over scripted answers, with the clock running ahead of its pauses.
async fn outcome(answers: &[Result<u16, &'static str>]) -> (u64, u64, usize) {
    let (spans, export) = exporter(SocketAddr::from(([127, 0, 0, 1], 1)), 10);
    spans.offer(&served(), &TRACE, None);
    let watched = spans.clone();
    drop(spans);
    let script = Mutex::new(answers.iter().copied());
    let tries = Mutex::new(0);
    let send = |_: Request<Full<Bytes>>| {
        *tries.lock().unwrap() += 1;
        let answer = script.lock().unwrap().next().unwrap();
        async move { answer.map(|s| StatusCode::from_u16(s).unwrap()).map_err(Into::into) }
    };
    let run = export.run(send);
    let mut run = std::pin::pin!(run);
    loop {
        tokio::select! {
            () = &mut run => break,
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                if watched.exported() + watched.dropped() == 1 { break }
            }
        }
    }
    let tries = *tries.lock().unwrap();
    (watched.exported(), watched.dropped(), tries)
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    for (answers, expected) in [
        (&[Ok(503), Ok(429), Ok(200)][..], (1, 0, 3)),
        (&[Err("refused"), Ok(200)], (1, 0, 2)),
        (&[Ok(503), Ok(503), Ok(503)], (0, 1, 3)),
        (&[Ok(400)], (0, 1, 1)),
    ] {
        assert_eq!(outcome(answers).await, expected, "{answers:?}");
    }
}

#[tokio::test]
async fn a_collector_that_was_busy_gets_the_batch_later() {
    let (collector, addr, _drain) = Collector::start(&[503]);
    let (spans, export) = exporter(addr, 100);
    spans.offer(&served(), &TRACE, Some("groq"));
    drop(spans);
    run(export).await.unwrap();
    let spans = collector.spans();
    assert_eq!(attribute(&spans[0].attributes, "gen_ai.provider.name"), Some(&Value::StringValue("groq".into())));
}
