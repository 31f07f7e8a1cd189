//! How pools stand.

use super::sentence;
use crate::names::{
    Kind, Metric, POOL_ENTRIES, POOL_IN_FLIGHT, POOL_LIMIT, POOL_REFUSALS, POOL_WAIT, POOL_WAITING, label,
};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// How one pool stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolFigures {
    /// Its name.
    pub pool: Arc<str>,
    /// The target whose it is; empty where targets share it.
    pub target: Arc<str>,
    /// How many may be under way; `None`: as many as come.
    pub limit: Option<u64>,
    /// How many are.
    pub in_flight: u64,
    /// How many wait.
    pub waiting: u64,
    /// How many had a place.
    pub entries: u64,
    /// How many had none, by the reason.
    pub refusals: [(&'static str, u64); 3],
    /// How many waited up to each of the metric's bounds, and longer: each is counted once.
    pub waits: Vec<u64>,
    /// How long together, in microseconds.
    pub waited_us: u64,
}

/// A metric, and where it stands.
type Of = (&'static Metric, fn(&PoolFigures) -> Option<u64>);

/// Writes the metrics of all pools.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, all: &[PoolFigures]) -> Result<(), fmt::Error> {
    if all.is_empty() {
        return Ok(());
    }
    let numbers: [Of; 4] = [
        (&POOL_LIMIT, |of| of.limit),
        (&POOL_IN_FLIGHT, |of| Some(of.in_flight)),
        (&POOL_WAITING, |of| Some(of.waiting)),
        (&POOL_ENTRIES, |of| Some(of.entries)),
    ];
    for (metric, number) in numbers {
        let kind = if metric.kind == Kind::Counter { MetricType::Counter } else { MetricType::Gauge };
        let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, kind)?;
        for (of, number) in all.iter().filter_map(|of| Some((of, number(of)?))) {
            let labels = labels(of);
            let place = family.encode_family(&labels)?;
            if metric.kind == Kind::Counter {
                ConstCounter::new(number).encode(place)?;
            } else {
                ConstGauge::new(number as f64).encode(place)?;
            }
        }
    }
    let metric = &POOL_REFUSALS;
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Counter)?;
    for of in all {
        for (reason, count) in of.refusals {
            let [pool, target] = labels(of);
            ConstCounter::new(count).encode(family.encode_family(&[pool, target, (label::REASON, reason)])?)?;
        }
    }
    waits(encoder, all)
}

fn waits(encoder: &mut DescriptorEncoder<'_>, all: &[PoolFigures]) -> Result<(), fmt::Error> {
    let metric = &POOL_WAIT;
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Histogram)?;
    for of in all {
        let bounds = metric.buckets.iter().copied().chain([f64::MAX]);
        let buckets: Vec<(f64, u64)> = bounds.zip(of.waits.iter().copied()).collect();
        let count = of.waits.iter().sum();
        let labels = labels(of);
        let mut place = family.encode_family(&labels)?;
        place.encode_histogram::<NoLabelSet>(of.waited_us as f64 / 1e6, count, &buckets, None)?;
    }
    Ok(())
}

fn labels(of: &PoolFigures) -> [(&'static str, &str); 2] {
    [(label::POOL, &*of.pool), (label::TARGET, &*of.target)]
}
