//! The registered families: one field per metric that is made from records.

use super::Naming;
use super::cache::Cache;
use super::guards::Guards;
use crate::labels::Labels;
use crate::names::{self, Generation, Metric};
use prometheus_client::encoding::{CounterValueEncoder, EncodeCounterValue};
use prometheus_client::metrics::counter::{Atomic, Counter};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use tg_kernel::units::Money;

pub(super) type Counters = Family<Labels, Counter>;
pub(super) type Dollars = Family<Labels, Counter<Spent, Nanos>>;
pub(super) type Histograms = Family<Labels, Histogram, Buckets>;

/// Makes histograms with the buckets of their metric.
#[derive(Clone, Debug)]
pub(super) struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// An amount that was spent; kept as an integer, shown as dollars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent(pub(super) Money);

/// A sum of nano-dollars.
#[derive(Debug, Default)]
pub(super) struct Nanos(AtomicU64);

impl Atomic<Spent> for Nanos {
    fn inc(&self) -> Spent {
        self.inc_by(Spent(Money::from_nanos(1)))
    }

    fn inc_by(&self, amount: Spent) -> Spent {
        let nanos = u64::try_from(amount.0.nanos()).unwrap_or(0);
        spent(self.0.fetch_add(nanos, Ordering::Relaxed))
    }

    fn get(&self) -> Spent {
        spent(self.0.load(Ordering::Relaxed))
    }
}

fn spent(nanos: u64) -> Spent {
    Spent(Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)))
}

impl EncodeCounterValue for Spent {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        (self.0.nanos() as f64 / 1e9).encode(encoder)
    }
}

/// Families under the old GenAI names.
pub(super) struct OldNames {
    pub(super) token_usage: Histograms,
    pub(super) duration: Histograms,
}

/// Families under the new GenAI names.
pub(super) struct NewNames {
    pub(super) duration: Histograms,
    pub(super) first_chunk: Histograms,
    pub(super) input_per_call: Histograms,
    pub(super) output_per_call: Histograms,
    pub(super) input: Counters,
    pub(super) output: Counters,
    pub(super) cache_read: Counters,
    pub(super) cache_write: Counters,
    pub(super) reasoning: Counters,
}

/// Every family.
pub(super) struct Families {
    pub(super) calls: Counters,
    pub(super) overhead: Histograms,
    pub(super) spend: Dollars,
    pub(super) tokens: Counters,
    pub(super) unpriced: Counters,
    pub(super) losses: Counters,
    pub(super) unknown_stops: Counters,
    pub(super) guards: Guards,
    pub(super) cache: Cache,
    pub(super) request_duration: Histograms,
    pub(super) first_token: Histograms,
    pub(super) old: Option<OldNames>,
    pub(super) new: Option<NewNames>,
}

impl Families {
    pub(super) fn register(registry: &mut Registry, naming: Naming) -> Self {
        let mut in_registry = Registrar { registry };
        let r = &mut in_registry;
        Self {
            calls: r.counters(&names::CALLS),
            overhead: r.histograms(&names::OVERHEAD),
            spend: r.dollars(&names::SPEND),
            tokens: r.counters(&names::TOKENS),
            unpriced: r.counters(&names::UNPRICED),
            losses: r.counters(&names::LOSSES),
            unknown_stops: r.counters(&names::UNKNOWN_STOPS),
            guards: Guards::register(r),
            cache: Cache::register(r),
            request_duration: r.histograms(&names::REQUEST_DURATION),
            first_token: r.histograms(&names::TIME_TO_FIRST_TOKEN),
            old: exposes(naming, Generation::Old).then(|| OldNames {
                token_usage: r.histograms(&names::TOKEN_USAGE),
                duration: r.histograms(&names::OPERATION_DURATION),
            }),
            new: exposes(naming, Generation::New).then(|| NewNames {
                duration: r.histograms(&names::INFERENCE_DURATION),
                first_chunk: r.histograms(&names::TIME_TO_FIRST_CHUNK),
                input_per_call: r.histograms(&names::INPUT_PER_CALL),
                output_per_call: r.histograms(&names::OUTPUT_PER_CALL),
                input: r.counters(&names::USAGE_INPUT),
                output: r.counters(&names::USAGE_OUTPUT),
                cache_read: r.counters(&names::USAGE_CACHE_READ),
                cache_write: r.counters(&names::USAGE_CACHE_WRITE),
                reasoning: r.counters(&names::USAGE_REASONING),
            }),
        }
    }
}

fn exposes(naming: Naming, generation: Generation) -> bool {
    match generation {
        Generation::Always => true,
        Generation::Old => matches!(naming, Naming::Old | Naming::Both),
        Generation::New => matches!(naming, Naming::New | Naming::Both),
    }
}

pub(super) struct Registrar<'a> {
    registry: &'a mut Registry,
}

impl Registrar<'_> {
    pub(super) fn counters(&mut self, metric: &Metric) -> Counters {
        let family = Counters::default();
        self.registry.register(metric.name, metric.help, family.clone());
        family
    }

    pub(super) fn dollars(&mut self, metric: &Metric) -> Dollars {
        let family = Dollars::default();
        self.registry.register(metric.name, metric.help, family.clone());
        family
    }

    pub(super) fn histograms(&mut self, metric: &Metric) -> Histograms {
        let family = Histograms::new_with_constructor(Buckets(metric.buckets));
        self.registry.register(metric.name, metric.help, family.clone());
        family
    }
}
