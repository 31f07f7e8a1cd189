//! What becomes of calls that no caller made, and what they tell of cheaper answers.

use super::{counters, sentence};
use crate::names::{COMPARISONS, Metric, QUALITY_KEPT, QUALITY_SAMPLES, SHADOW_CALLS, TASK_ROUTING_OFF, label};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// Counts since the start, and what is known now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShadowFigures {
    /// Calls by purpose and fate.
    pub calls: Vec<(&'static str, &'static str, u64)>,
    /// Comparisons by what they came to.
    pub comparisons: Vec<(&'static str, u64)>,
    /// Rules by tasks.
    pub rules: Vec<RuleFigures>,
}

/// What is known of one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFigures {
    /// The route.
    pub route: Arc<str>,
    /// Whether it has switched itself off.
    pub is_off: bool,
    /// By task: in how many comparisons the cheaper answer was as good, and of how many.
    pub tasks: Vec<(Arc<str>, u32, u32)>,
}

/// Writes the metrics.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, of: &ShadowFigures) -> Result<(), fmt::Error> {
    let used = of.calls.iter().any(|(.., count)| *count > 0);
    if !used && of.rules.is_empty() {
        return Ok(());
    }
    let metric = &SHADOW_CALLS;
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Counter)?;
    for (purpose, fate, count) in &of.calls {
        let labels = [(label::PURPOSE, *purpose), (label::FATE, *fate)];
        ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
    }
    counters(encoder, &COMPARISONS, label::VERDICT, of.comparisons.iter().copied())?;
    let kept: fn(u32, u32) -> f64 = |kept, of| f64::from(kept) / f64::from(of.max(1));
    for (metric, value) in [(&QUALITY_KEPT, kept), (&QUALITY_SAMPLES, |_, of| f64::from(of))] {
        by_task(encoder, metric, value, &of.rules)?;
    }
    let metric = &TASK_ROUTING_OFF;
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Gauge)?;
    for rule in &of.rules {
        ConstGauge::new(i64::from(rule.is_off)).encode(family.encode_family(&[(label::ROUTE, &*rule.route)])?)?;
    }
    Ok(())
}

fn by_task(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &Metric,
    value: fn(u32, u32) -> f64,
    rules: &[RuleFigures],
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(metric.name, &sentence(metric), None, MetricType::Gauge)?;
    for rule in rules {
        for (task, kept, of) in &rule.tasks {
            let labels = [(label::ROUTE, &*rule.route), (label::TASK, &**task)];
            ConstGauge::new(value(*kept, *of)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
