//! Figures that others keep and that are read only when someone looks: queue depths, calls in flight, capture rate.

mod counters;
mod pools;
mod probes;
mod services;
mod shadows;

pub use counters::CountersReading;
pub use pools::PoolFigures;
pub use probes::ProbeFigures;
pub use services::ServiceFigures;
pub use shadows::{RuleFigures, ShadowFigures};

use crate::names::{
    BUDGET_AMOUNT, BUDGET_CROWDED, BUDGET_FULLEST, BUDGET_HELD, BUDGET_NOTICES, BUDGET_OVERDRAWN, BUDGET_REFUSALS,
    BUDGET_SPENT, CACHE_ANSWERS, CACHE_BYTES, CACHE_CROWDED_OUT, CACHE_KEPT, CALLS_SENT, CAPTURE_RATE, CLOCK_STEPS,
    CONFIG_REVISION, CONFIG_REVISION_BLIND, CONFIG_REVISION_REFUSED, CONNECTIONS, CORRECTIONS, HEDGES, HEDGES_DENIED,
    IN_FLIGHT, JOURNAL_BYTES, JOURNAL_FAILING, JOURNAL_LATE, JOURNAL_OPEN, JOURNAL_UNWRITTEN, Kind,
    LEDGER_DELETED_ROLLUPS, LEDGER_DELETED_ROWS, LEDGER_OLDEST, LIMIT_CROWDED, LIMIT_REFUSALS, METER_DEFERRED,
    METER_DROPPED, METER_QUEUE, Metric, RETRIES, RETRIES_DENIED, SPANS_DROPPED, SPANS_EXPORTED, STORE_BYTES,
    TARGET_BENCHES, TARGETS_BENCHED, UNGUARDED_CALLS, label,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tg_kernel::units::Money;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reading {
    /// Calls sent to a provider since start. Also the denominator of the capture rate.
    CallsSent,
    /// Calls that have begun and not ended.
    CallsInFlight,
    /// Open connections from callers.
    Connections,
    /// Finished calls that wait to be booked.
    MeterQueue,
    /// Finished calls that found the queue of those full.
    MeterDeferred,
    /// Refused calls without a row.
    MeterDropped,
    /// Calls in the journal that are not in the ledger yet.
    JournalOpen,
    /// Size on disk of what this run keeps in the journal, in bytes.
    JournalBytes,
    /// Size of the store in bytes.
    StoreBytes,
    /// When the call of the ledger's oldest row arrived, in seconds since 1970.
    LedgerOldest,
    /// Rows of the ledger that were deleted by policy.
    LedgerDeletedRows,
    /// Sums of the ledger that were deleted by policy.
    LedgerDeletedRollups,
    /// Corrections that were ever made in the store.
    Corrections,
    /// Finished calls that the journal alone has.
    JournalLate,
    /// Calls that were sent without an entry in the journal.
    JournalUnwritten,
    /// 1 while the journal cannot be written.
    JournalFailing,
    /// Number of the revision of the configuration in force.
    ConfigRevision,
    /// Number of the newest revision, while it cannot be used.
    ConfigRevisionRefused,
    /// 1 while the store cannot be asked for revisions.
    ConfigRevisionBlind,
    /// Spans that the collector accepted.
    SpansExported,
    /// Spans that were dropped.
    SpansDropped,
    /// How often the clock was put back or leapt ahead.
    ClockSteps,
    /// Targets that are passed over now.
    TargetsBenched,
    /// How often all targets of a call were tried once more.
    Retries,
    /// How often they were not, as too many were.
    RetriesDenied,
    /// Answers that were kept.
    CacheKept,
    /// Answers in memory that had to make room.
    CacheCrowdedOut,
    /// Answers in memory.
    CacheAnswers,
    /// What they take, in bytes.
    CacheBytes,
    /// Of counters that gateways share.
    Counters(CountersReading),
}

impl Reading {
    const fn metric(self) -> Metric {
        match self {
            Self::CallsSent => CALLS_SENT,
            Self::CallsInFlight => IN_FLIGHT,
            Self::Connections => CONNECTIONS,
            Self::MeterQueue => METER_QUEUE,
            Self::MeterDeferred => METER_DEFERRED,
            Self::MeterDropped => METER_DROPPED,
            Self::JournalOpen => JOURNAL_OPEN,
            Self::JournalBytes => JOURNAL_BYTES,
            Self::StoreBytes => STORE_BYTES,
            Self::LedgerOldest => LEDGER_OLDEST,
            Self::LedgerDeletedRows => LEDGER_DELETED_ROWS,
            Self::LedgerDeletedRollups => LEDGER_DELETED_ROLLUPS,
            Self::Corrections => CORRECTIONS,
            Self::JournalLate => JOURNAL_LATE,
            Self::JournalUnwritten => JOURNAL_UNWRITTEN,
            Self::JournalFailing => JOURNAL_FAILING,
            Self::ConfigRevision => CONFIG_REVISION,
            Self::ConfigRevisionRefused => CONFIG_REVISION_REFUSED,
            Self::ConfigRevisionBlind => CONFIG_REVISION_BLIND,
            Self::SpansExported => SPANS_EXPORTED,
            Self::SpansDropped => SPANS_DROPPED,
            Self::ClockSteps => CLOCK_STEPS,
            Self::TargetsBenched => TARGETS_BENCHED,
            Self::Retries => RETRIES,
            Self::RetriesDenied => RETRIES_DENIED,
            Self::CacheKept => CACHE_KEPT,
            Self::CacheCrowdedOut => CACHE_CROWDED_OUT,
            Self::CacheAnswers => CACHE_ANSWERS,
            Self::CacheBytes => CACHE_BYTES,
            Self::Counters(of) => of.metric(),
        }
    }
}

type Source = Box<dyn Fn() -> u64 + Send + Sync>;

/// Of each limit: its name, for how many calls it had no room, and how many it could not count apart.
pub(crate) type OfLimits = Box<dyn Fn() -> Vec<(Arc<str>, u64, u64)> + Send + Sync>;

/// How many calls left without guardrails having let them go, by why.
pub(crate) type OfUnguarded = Box<dyn Fn() -> [(&'static str, u64); 3] + Send + Sync>;

/// How often a target was passed over from then on, by whose fault.
pub(crate) type OfBenches = Box<dyn Fn() -> [(&'static str, u64); 7] + Send + Sync>;

/// How one budget stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetFigures {
    /// Its name.
    pub budget: Arc<str>,
    /// What may be spent in one window.
    pub amount: Money,
    /// What is spent.
    pub spent: Money,
    /// What is held.
    pub held: Money,
    /// What is spent of the value of which most is.
    pub fullest: Money,
    /// By how much what is spent and held passes the amount.
    pub overdrawn: Money,
    /// Calls for which it had no money.
    pub refused: u64,
    /// Notices.
    pub notices: u64,
    /// Calls that it could not count apart.
    pub crowded: u64,
}

/// A metric of each budget, and where it stands.
type OfBudget<T> = (&'static Metric, fn(&BudgetFigures) -> T);

pub(crate) type OfShadows = Box<dyn Fn() -> ShadowFigures + Send + Sync>;

pub(crate) type OfServices = Box<dyn Fn() -> Vec<ServiceFigures> + Send + Sync>;

pub(crate) type OfPools = Box<dyn Fn() -> Vec<PoolFigures> + Send + Sync>;

pub(crate) type OfProbes = Box<dyn Fn() -> Vec<ProbeFigures> + Send + Sync>;

/// Second tries by what became of them, and why there were none.
pub(crate) type OfHedges = Box<dyn Fn() -> [Vec<(&'static str, u64)>; 2] + Send + Sync>;

type OfBudgets = Box<dyn Fn() -> Vec<BudgetFigures> + Send + Sync>;

#[derive(Default)]
pub(crate) struct Readings {
    sources: RwLock<BTreeMap<Reading, Source>>,
    limits: RwLock<Option<OfLimits>>,
    budgets: RwLock<Option<OfBudgets>>,
    services: RwLock<Option<OfServices>>,
    pools: RwLock<Option<OfPools>>,
    probes: RwLock<Option<OfProbes>>,
    shadows: RwLock<Option<OfShadows>>,
    benches: RwLock<Option<OfBenches>>,
    unguarded: RwLock<Option<OfUnguarded>>,
    hedges: RwLock<Option<OfHedges>>,
    /// Settled calls that had been sent in this run of the process.
    pub(crate) settled: AtomicU64,
}

impl Readings {
    pub(crate) fn set(&self, reading: Reading, source: Source) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).insert(reading, source);
    }
}

impl Readings {
    pub(crate) fn set_limits(&self, source: OfLimits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_limits(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        let figures = source.as_ref().map(|source| source()).unwrap_or_default();
        if figures.is_empty() {
            return Ok(());
        }
        let refused = figures.iter().map(|(limit, refused, _)| (&**limit, *refused));
        counters(encoder, &LIMIT_REFUSALS, label::LIMIT, refused)?;
        let crowded = figures.iter().map(|(limit, _, crowded)| (&**limit, *crowded));
        counters(encoder, &LIMIT_CROWDED, label::LIMIT, crowded)
    }

    pub(crate) fn set_services(&self, source: OfServices) {
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_services(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.services.read().unwrap_or_else(PoisonError::into_inner);
        services::encode(encoder, &source.as_ref().map(|source| source()).unwrap_or_default())
    }

    pub(crate) fn set_pools(&self, source: OfPools) {
        *self.pools.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_pools(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        pools::encode(encoder, &source.as_ref().map(|source| source()).unwrap_or_default())
    }

    pub(crate) fn set_probes(&self, source: OfProbes) {
        *self.probes.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_probes(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.probes.read().unwrap_or_else(PoisonError::into_inner);
        probes::encode(encoder, &source.as_ref().map(|source| source()).unwrap_or_default())
    }

    pub(crate) fn set_shadows(&self, source: OfShadows) {
        *self.shadows.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_shadows(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.shadows.read().unwrap_or_else(PoisonError::into_inner);
        shadows::encode(encoder, &source.as_ref().map(|source| source()).unwrap_or_default())
    }

    pub(crate) fn set_benches(&self, source: OfBenches) {
        *self.benches.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_benches(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.benches.read().unwrap_or_else(PoisonError::into_inner);
        let Some(benches) = source.as_ref().map(|source| source()) else { return Ok(()) };
        counters(encoder, &TARGET_BENCHES, label::CULPRIT, benches.into_iter())
    }

    pub(crate) fn set_unguarded(&self, source: OfUnguarded) {
        *self.unguarded.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_unguarded(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.unguarded.read().unwrap_or_else(PoisonError::into_inner);
        let Some(unguarded) = source.as_ref().map(|source| source()) else { return Ok(()) };
        counters(encoder, &UNGUARDED_CALLS, label::REASON, unguarded.into_iter())
    }

    pub(crate) fn set_hedges(&self, source: OfHedges) {
        *self.hedges.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_hedges(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.hedges.read().unwrap_or_else(PoisonError::into_inner);
        let Some([outcomes, none]) = source.as_ref().map(|source| source()) else { return Ok(()) };
        // Without them nobody asks.
        if outcomes.iter().chain(&none).all(|(_, count)| *count == 0) {
            return Ok(());
        }
        counters(encoder, &HEDGES, label::OUTCOME, outcomes.into_iter())?;
        counters(encoder, &HEDGES_DENIED, label::REASON, none.into_iter())
    }

    pub(crate) fn set_budgets(&self, source: OfBudgets) {
        *self.budgets.write().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    fn encode_budgets(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let source = self.budgets.read().unwrap_or_else(PoisonError::into_inner);
        let figures = source.as_ref().map(|source| source()).unwrap_or_default();
        if figures.is_empty() {
            return Ok(());
        }
        let sums: [OfBudget<Money>; 5] = [
            (&BUDGET_AMOUNT, |of| of.amount),
            (&BUDGET_SPENT, |of| of.spent),
            (&BUDGET_HELD, |of| of.held),
            (&BUDGET_FULLEST, |of| of.fullest),
            (&BUDGET_OVERDRAWN, |of| of.overdrawn),
        ];
        for (metric, sum) in sums {
            let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Gauge)?;
            for of in &figures {
                let value = ConstGauge::new(sum(of).nanos() as f64 / 1e9);
                value.encode(family.encode_family(&[(label::BUDGET, &*of.budget)])?)?;
            }
        }
        let counts: [OfBudget<u64>; 3] = [
            (&BUDGET_REFUSALS, |of| of.refused),
            (&BUDGET_NOTICES, |of| of.notices),
            (&BUDGET_CROWDED, |of| of.crowded),
        ];
        for (metric, count) in counts {
            counters(encoder, metric, label::BUDGET, figures.iter().map(|of| (&*of.budget, count(of))))?;
        }
        Ok(())
    }
}

fn counters<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    label: &'static str,
    counts: impl Iterator<Item = (&'a str, u64)>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Counter)?;
    for (name, count) in counts {
        ConstCounter::new(count).encode(family.encode_family(&[(label, name)])?)?;
    }
    Ok(())
}

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}

/// What the registry collects from.
#[derive(Debug)]
pub(crate) struct Collected(pub(crate) Arc<Readings>);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        // Read before the calls sent, so that the rate never exceeds one by a call in between.
        let settled = self.0.settled.load(Ordering::Acquire);
        let sources = self.0.sources.read().unwrap_or_else(PoisonError::into_inner);
        for (reading, source) in sources.iter() {
            let (metric, value) = (reading.metric(), source());
            if metric.kind == Kind::Counter {
                let value = ConstCounter::new(value);
                let help = sentence(&metric);
                value.encode(encoder.encode_descriptor(metric.name, &help, None, value.metric_type())?)?;
            } else {
                gauge(&mut encoder, &metric, value as f64)?;
            }
            if *reading == Reading::CallsSent {
                let rate = if value == 0 { 1.0 } else { settled as f64 / value as f64 };
                gauge(&mut encoder, &CAPTURE_RATE, rate)?;
            }
        }
        self.0.encode_benches(&mut encoder)?;
        self.0.encode_unguarded(&mut encoder)?;
        self.0.encode_hedges(&mut encoder)?;
        self.0.encode_limits(&mut encoder)?;
        self.0.encode_budgets(&mut encoder)?;
        self.0.encode_pools(&mut encoder)?;
        self.0.encode_probes(&mut encoder)?;
        self.0.encode_shadows(&mut encoder)?;
        self.0.encode_services(&mut encoder)
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, metric: &Metric, value: f64) -> Result<(), fmt::Error> {
    let value = ConstGauge::new(value);
    value.encode(encoder.encode_descriptor(metric.name, &sentence(metric), None, value.metric_type())?)
}

/// The registry ends the help text of its own metrics with a full stop; collected ones must bring theirs.
fn sentence(metric: &Metric) -> String {
    format!("{}.", metric.help)
}
