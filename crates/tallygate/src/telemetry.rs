//! Log, metrics and traces of the process, wired to the meter.

use crate::gateway::Gateway;
use crate::revisions::Standing;
use crate::source::Loaded;
use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::io::Stderr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_config::document::{Document, GenAiNames, LogFormat, LogLevel};
use tg_kernel::record::Record;
use tg_kernel::trace::TraceContext;
use tg_net::client::{Client, ClientOptions};
use tg_net::egress::EgressPolicy;
use tg_net::resolve::Resolver;
use tg_net::tasks::Task;
use tg_net::tls::TrustedRoots;
use tg_proxy::cached::CacheFigures;
use tg_proxy::meter::{Queue, Sink};
use tg_proxy::shared::Decisions;
use tg_store::shared::Figures;
use tg_telemetry::log::{CallLog, Calls, Format};
use tg_telemetry::metrics::{
    BudgetFigures, CountersReading, Known, Metrics, Naming, PoolFigures, ProbeFigures, Reading, SeriesLimits,
    ServiceFigures,
};
use tg_telemetry::traces::{Spans, TraceOptions};

/// Spans that may wait for the collector: about 30 s of a busy gateway.
const SPANS_MAX: usize = 65_536;

/// Longest wait for the collector at the end.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// What makes a running gateway visible.
pub struct Telemetry {
    metrics: Metrics,
    calls: Calls,
    format: Format,
    spans: Option<Spans>,
    export: Option<Task<()>>,
    sampling: f64,
}

impl Telemetry {
    /// Sets the process's log up and starts the trace exporter, if one is configured. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the log was set up before, or the exporter's address or headers cannot be used.
    pub fn start(loaded: &Loaded, roots: &TrustedRoots) -> Result<Self> {
        let declared = &loaded.document.telemetry;
        let format = match declared.log.format {
            LogFormat::Json => Format::Json,
            LogFormat::Text => Format::Text,
        };
        tg_telemetry::log::init(format, filter(declared.log.level))?;
        let naming = match declared.metrics.gen_ai_names {
            GenAiNames::Old => Naming::Old,
            GenAiNames::New => Naming::New,
            GenAiNames::Both => Naming::Both,
        };
        let metrics = Metrics::new(naming, SeriesLimits::default(), known(loaded));
        let calls = if declared.log.level >= LogLevel::Info { Calls::All } else { Calls::Errors };
        let (spans, export) = exporter(loaded, roots)?.unzip();
        let sampling = declared.otlp.as_ref().map_or(0.0, |otlp| otlp.sample_ratio.get());
        Ok(Self { metrics, calls, format, spans, export, sampling })
    }

    /// What the meter tells of every call.
    #[must_use]
    pub fn sinks(&self) -> Vec<Box<dyn Sink>> {
        let log = CallLog::new(self.calls, self.format, std::io::stderr());
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Measure(self.metrics.clone())), Box::new(Log(log))];
        if let Some(spans) = &self.spans {
            sinks.push(Box::new(Trace { spans: spans.clone(), sampling: self.sampling }));
        }
        sinks
    }

    /// Exposes the figures that a running gateway keeps.
    pub fn watch(&self, gateway: &Gateway) {
        let set = |reading, read: fn(&tg_proxy::living::Counts) -> u64| {
            let living = Arc::clone(&gateway.living);
            self.metrics.set_reading(reading, move || read(&living.counts));
        };
        set(Reading::CallsSent, |counts| counts.sent.load(Ordering::Relaxed));
        set(Reading::ClockSteps, |counts| counts.clock_steps.load(Ordering::Relaxed));
        set(Reading::CallsInFlight, |counts| u64::try_from(counts.in_flight.load(Ordering::Relaxed)).unwrap_or(0));
        self.watch_unguarded(gateway);
        self.metrics.set_reading(Reading::Connections, gateway.connections());
        let sum = |reading, read: fn(&Queue) -> u64| {
            let queues = gateway.queues().to_vec();
            self.metrics.set_reading(reading, move || queues.iter().map(|queue| read(queue)).sum());
        };
        sum(Reading::MeterQueue, Queue::depth);
        sum(Reading::MeterDeferred, Queue::deferred);
        sum(Reading::MeterDropped, Queue::dropped);
        let living = Arc::clone(&gateway.living);
        self.metrics.set_limits(move || living.limits.figures());
        let living = Arc::clone(&gateway.living);
        self.metrics.set_budgets(move || {
            let figures = living.purses.figures(living.clock.now());
            figures.iter().map(budget_figures).collect()
        });
        let living = Arc::clone(&gateway.living);
        self.metrics
            .set_services(move || living.snapshot.load().outside.figures().into_iter().map(service_figures).collect());
        let (open, bytes) = (Arc::clone(gateway.journal()), Arc::clone(gateway.journal()));
        self.metrics.set_reading(Reading::JournalOpen, move || open.open());
        let [late, unwritten, failing] = std::array::from_fn(|_| Arc::clone(gateway.journal()));
        self.metrics.set_reading(Reading::JournalLate, move || late.late());
        self.metrics.set_reading(Reading::JournalUnwritten, move || unwritten.unwritten());
        self.metrics.set_reading(Reading::JournalFailing, move || u64::from(failing.is_failing()));
        self.metrics.set_reading(Reading::JournalBytes, move || bytes.bytes());
        let upkept = |reading, read: fn(&crate::upkeep::Figures) -> u64| {
            let figures = Arc::clone(gateway.upkeep());
            self.metrics.set_reading(reading, move || read(&figures));
        };
        upkept(Reading::StoreBytes, crate::upkeep::Figures::bytes);
        upkept(Reading::LedgerOldest, crate::upkeep::Figures::oldest);
        upkept(Reading::LedgerDeletedRows, crate::upkeep::Figures::deleted_rows);
        upkept(Reading::LedgerDeletedRollups, crate::upkeep::Figures::deleted_rollups);
        // Corrections are made by other processes too: whoever looks after the store asks it. A reading asks nobody.
        upkept(Reading::Corrections, crate::upkeep::Figures::corrections);
        self.watch_counters(gateway);
        self.watch_targets(gateway);
        let living = Arc::clone(&gateway.living);
        self.metrics.set_shadows(move || crate::quality::figures(&living));
        self.watch_answers(gateway);
        if let Some(spans) = self.spans.clone() {
            let exported = spans.clone();
            self.metrics.set_reading(Reading::SpansExported, move || exported.exported());
            self.metrics.set_reading(Reading::SpansDropped, move || spans.dropped());
        }
    }

    /// Exposes what left and no guardrail let go.
    fn watch_unguarded(&self, gateway: &Gateway) {
        let living = Arc::clone(&gateway.living);
        self.metrics.set_unguarded(move || {
            let counts = &living.counts;
            [
                ("not_checked", counts.unguarded.load(Ordering::Relaxed)),
                ("no_set", counts.without_set.load(Ordering::Relaxed)),
                ("no_guardrails", counts.without_guardrails.load(Ordering::Relaxed)),
            ]
        });
    }

    /// How targets fare.
    fn watch_targets(&self, gateway: &Gateway) {
        let [benched, retries, denied, benches] = std::array::from_fn(|_| Arc::clone(&gateway.living));
        self.metrics.set_reading(Reading::TargetsBenched, move || benched.health.benched(benched.clock.monotonic()));
        self.metrics.set_reading(Reading::Retries, move || retries.health.tallies().retries);
        self.metrics.set_reading(Reading::RetriesDenied, move || denied.health.tallies().denied);
        let hedges = Arc::clone(&gateway.living);
        self.metrics.set_hedges(move || [hedges.hedges.outcomes().to_vec(), hedges.hedges.none().to_vec()]);
        let pools = Arc::clone(&gateway.living);
        self.metrics.set_pools(move || {
            pools.gates.figures(&pools.snapshot.load().pools).into_iter().map(pool_figures).collect()
        });
        self.metrics.set_benches(move || {
            let tallies = benches.health.tallies();
            [
                ("credential", tallies.credential),
                ("quota", tallies.quota),
                ("model", tallies.model),
                ("absent", tallies.absent),
                ("provider", tallies.provider),
                ("slow", tallies.slow),
                ("probe", tallies.probe),
            ]
        });
        let probes = Arc::clone(&gateway.living);
        self.metrics.set_probes(move || {
            let figures = probes.health.probe_figures(probes.clock.monotonic()).into_iter();
            figures
                .map(|of| ProbeFigures { provider: of.provider, is_up: of.is_up, well: of.well, failed: of.failed })
                .collect()
        });
    }

    /// Exposes which answers are kept.
    fn watch_answers(&self, gateway: &Gateway) {
        let set = |reading, read: fn(&CacheFigures) -> u64| {
            let living = Arc::clone(&gateway.living);
            self.metrics.set_reading(reading, move || read(&living.answers.figures()));
        };
        set(Reading::CacheKept, |of| of.kept);
        set(Reading::CacheCrowdedOut, |of| of.held.crowded_out);
        set(Reading::CacheAnswers, |of| of.held.answers);
        set(Reading::CacheBytes, |of| of.held.bytes);
    }

    /// Exposes which revision of the configuration is in force, where they are followed.
    pub fn follow(&self, standing: Option<&Arc<Standing>>) {
        let Some(standing) = standing else { return };
        let set = |reading, read: fn(&Standing) -> u64| {
            let standing = Arc::clone(standing);
            self.metrics.set_reading(reading, move || read(&standing));
        };
        set(Reading::ConfigRevision, Standing::number);
        set(Reading::ConfigRevisionRefused, Standing::refused);
        set(Reading::ConfigRevisionBlind, |standing| u64::from(standing.is_blind()));
    }

    /// What is seen of counters that gateways share, where they do.
    fn watch_counters(&self, gateway: &Gateway) {
        let Some(shared) = &gateway.living.shared else { return };
        let set = |reading, read: fn(&Figures, &Decisions) -> u64| {
            let shared = Arc::clone(shared);
            self.metrics.set_reading(Reading::Counters(reading), move || {
                let (figures, decisions) = shared.figures();
                read(&figures, &decisions)
            });
        };
        set(CountersReading::Away, |of, _| u64::from(of.tally.is_away));
        set(CountersReading::AwaySeconds, |of, _| of.tally.away.as_secs());
        set(CountersReading::RoundTrips, |of, _| of.tally.round_trips);
        set(CountersReading::Late, |of, _| of.tally.late);
        set(CountersReading::Failed, |of, _| of.tally.failed);
        set(CountersReading::Resting, |of, _| of.tally.resting);
        set(CountersReading::Local, |_, of| of.local);
        set(CountersReading::Shadow, |_, of| of.shadow);
        set(CountersReading::Refused, |_, of| of.refused);
        set(CountersReading::Unknown, |_, of| of.unknown);
        set(CountersReading::Waiting, |of, _| of.waiting as u64);
        set(CountersReading::Lost, |of, _| of.lost);
        set(CountersReading::Replicas, |of, _| u64::from(of.replicas));
        set(CountersReading::ClockSkew, |of, _| of.skew.as_secs());
    }

    /// Takes over what a reload made known.
    pub fn reload(&self, loaded: &Loaded) {
        self.metrics.relabel(known(loaded));
    }

    /// Renders the metrics; for the admin listener.
    #[must_use]
    pub fn metrics_renderer(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        let metrics = self.metrics.clone();
        Arc::new(move || metrics.render())
    }

    /// Delivers the spans that still wait. Call it when the meter has ended.
    pub async fn flush(mut self) {
        drop(self.spans.take());
        // The readings hold the queue open.
        self.metrics.set_reading(Reading::SpansExported, || 0);
        self.metrics.set_reading(Reading::SpansDropped, || 0);
        if let Some(export) = self.export.take()
            && tokio::time::timeout(FLUSH_MAX, export).await.is_err()
        {
            tracing::warn!("the trace collector did not take the last spans in time");
        }
    }
}

fn budget_figures(figures: &tg_policy::admit::budget::BudgetFigures) -> BudgetFigures {
    BudgetFigures {
        budget: Arc::clone(&figures.budget),
        amount: figures.amount,
        spent: figures.spent,
        held: figures.held,
        fullest: figures.fullest,
        overdrawn: figures.overdrawn,
        refused: figures.refused,
        notices: figures.notices,
        crowded: figures.crowded,
    }
}

fn pool_figures(figures: tg_policy::pool::Figures) -> PoolFigures {
    let tallies = figures.tallies;
    PoolFigures {
        pool: figures.pool,
        target: figures.target,
        limit: figures.limit,
        in_flight: figures.under_way,
        waiting: figures.waiting,
        entries: tallies.at_once + tallies.waited,
        refusals: [("too_long", tallies.too_long), ("full", tallies.full), ("in_vain", tallies.in_vain)],
        waits: figures.waits.to_vec(),
        waited_us: figures.waited_us,
    }
}

fn service_figures(figures: tg_upstream::guard::Figures) -> ServiceFigures {
    ServiceFigures {
        guard: figures.guard,
        questions: figures.questions,
        remembered: figures.remembered,
        micros: figures.micros,
        failures: figures.failures.map(|(kind, count)| (kind.as_str(), count)).to_vec(),
    }
}

/// What fetches AWS credentials may show them, or what other programs say, in its own lines: only its errors are kept.
fn filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn,aws_=error",
        LogLevel::Info => "info,aws_=error",
        LogLevel::Debug => "debug,aws_=error",
        LogLevel::Trace => "trace,aws_=error",
    }
}

/// Models and providers that may have time series of their own.
fn known(loaded: &Loaded) -> Known {
    let snapshot = Arc::clone(&loaded.snapshot);
    let named: std::collections::HashSet<String> = target_models(&loaded.document).collect();
    let provider_names: HashMap<Arc<str>, Arc<str>> = loaded
        .snapshot
        .upstreams
        .values()
        .map(|upstream| (upstream.name.clone(), Arc::from(upstream.telemetry_name)))
        .collect();
    let model =
        move |model: &str| named.contains(model) || snapshot.catalogue.rows().iter().any(|row| row.id() == model);
    Known { model: Box::new(model), provider_names }
}

fn target_models(document: &Document) -> impl Iterator<Item = String> + '_ {
    document.models.iter().flat_map(|model| {
        let own = model.name.is_exact().then(|| model.name.as_str().to_owned());
        let steps = model.task_routing.iter().flat_map(|routing| &routing.steps).map(|step| step.model.clone());
        let mirror = model.mirror.iter().map(|mirror| mirror.model.clone());
        own.into_iter().chain(model.targets.iter().filter_map(|target| target.model.clone())).chain(steps).chain(mirror)
    })
}

fn exporter(loaded: &Loaded, roots: &TrustedRoots) -> Result<Option<(Spans, Task<()>)>> {
    let Some(otlp) = &loaded.document.telemetry.otlp else { return Ok(None) };
    let mut headers = Vec::new();
    for (name, text) in &otlp.headers {
        let value = loaded.secrets.header(text).context("telemetry.otlp: a header's secret is missing")?;
        headers.push((name.parse().with_context(|| format!("telemetry.otlp: header '{name}'"))?, value));
    }
    let base = otlp.endpoint.as_str();
    let options = TraceOptions {
        endpoint: format!("{base}/v1/traces").parse().context("telemetry.otlp.endpoint")?,
        headers,
        service_name: "tallygate".to_owned(),
        instance_id: tg_kernel::ids::CallId::fresh().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        queue_max: SPANS_MAX,
    };
    let (spans, export) = tg_telemetry::traces::export(options)?;
    // A collector is the operator's own machine more often than not: any address that the operator names.
    let client_options = ClientOptions { egress: EgressPolicy::LOCAL, ..ClientOptions::default() };
    let client = Client::new(&client_options, roots, &Resolver::new())?;
    let task = tg_net::tasks::spawn("trace exporter", async move {
        export
            .run(move |request| {
                let client = client.clone();
                async move { Ok(client.send(request).await.map_err(Box::new)?.status()) }
            })
            .await;
    });
    Ok(Some((spans, task)))
}

struct Measure(Metrics);

impl Sink for Measure {
    fn observe(&mut self, record: &Record, _trace: &TraceContext) {
        self.0.record(record);
    }

    fn observe_late(&mut self, record: &Record) {
        self.0.record(record);
    }
}

struct Log(CallLog<Stderr>);

impl Sink for Log {
    fn observe(&mut self, record: &Record, _trace: &TraceContext) {
        // A log that cannot be written must not stop the meter, and there is no other place to say so.
        drop(self.0.write(record));
    }

    fn observe_late(&mut self, record: &Record) {
        drop(self.0.write(record));
    }

    fn flush(&mut self) {
        drop(self.0.flush());
    }
}

struct Trace {
    spans: Spans,
    sampling: f64,
}

impl Sink for Trace {
    fn observe(&mut self, record: &Record, trace: &TraceContext) {
        // Traces that callers began carry their callers' decision; those that begin here are thinned by their id.
        if trace.parent_id.is_some() || share(trace.trace_id) < self.sampling {
            self.spans.offer(record, trace, None);
        }
    }

    /// Which trace the call belongs to is not known any more.
    fn observe_late(&mut self, _record: &Record) {}
}

/// Where a random trace id stands between 0 and 1.
fn share(trace_id: [u8; 16]) -> f64 {
    let [a, b, c, d, ..] = trace_id;
    f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
}
