//! What comes of asking the services that guardrails ask.

use super::{counters, sentence};
use crate::names::{GUARD_FAILURES, GUARD_QUESTIONS, GUARD_REMEMBERED, GUARD_SECONDS, label};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use std::fmt;
use std::sync::Arc;

/// Counts of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFigures {
    /// Its name.
    pub guard: Arc<str>,
    /// Questions.
    pub questions: u64,
    /// Texts about which it was known before.
    pub remembered: u64,
    /// How long questions took together, in microseconds.
    pub micros: u64,
    /// Questions without an opinion, by the reason.
    pub failures: Vec<(&'static str, u64)>,
}

/// Writes the metrics of all services.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, all: &[ServiceFigures]) -> Result<(), fmt::Error> {
    if all.is_empty() {
        return Ok(());
    }
    counters(encoder, &GUARD_QUESTIONS, label::GUARD, all.iter().map(|of| (&*of.guard, of.questions)))?;
    counters(encoder, &GUARD_REMEMBERED, label::GUARD, all.iter().map(|of| (&*of.guard, of.remembered)))?;
    let metric = &GUARD_SECONDS;
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Counter)?;
    for of in all {
        ConstCounter::new(of.micros as f64 / 1e6).encode(family.encode_family(&[(label::GUARD, &*of.guard)])?)?;
    }
    let metric = &GUARD_FAILURES;
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Counter)?;
    for of in all {
        for (reason, count) in &of.failures {
            let labels = [(label::GUARD, &*of.guard), (label::REASON, *reason)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
