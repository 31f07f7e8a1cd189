//! What probes of providers see.

use super::sentence;
use crate::names::{PROBE_UP, PROBES, label};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::Arc;

/// What probes saw of one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeFigures {
    /// Its name.
    pub provider: Arc<str>,
    /// Whether it is not passed over by them.
    pub is_up: bool,
    /// How many succeeded.
    pub well: u64,
    /// How many failed.
    pub failed: u64,
}

/// Writes the metrics of all; nothing where nobody is probed.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, all: &[ProbeFigures]) -> Result<(), fmt::Error> {
    if all.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(PROBE_UP.name, &sentence(&PROBE_UP), None, MetricType::Gauge)?;
    for of in all {
        let value = ConstGauge::new(f64::from(u8::from(of.is_up)));
        value.encode(family.encode_family(&[(label::PROVIDER, &*of.provider)])?)?;
    }
    let mut family = encoder.encode_descriptor(PROBES.name, &sentence(&PROBES), None, MetricType::Counter)?;
    for of in all {
        for (outcome, count) in [("ok", of.well), ("failed", of.failed)] {
            let labels = [(label::PROVIDER, &*of.provider), (label::OUTCOME, outcome)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
