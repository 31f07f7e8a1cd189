//! Metrics: made from finished calls by the meter's thread, read as text by whoever scrapes.

mod cache;
mod cells;
mod families;
mod guards;

pub use crate::readings::{
    BudgetFigures, CountersReading, PoolFigures, ProbeFigures, Reading, RuleFigures, ServiceFigures, ShadowFigures,
};

use crate::readings::{Collected, Readings};
use cells::Cells;
use families::Families;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tg_kernel::record::Record;

/// The content type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which of OpenTelemetry's GenAI names are exposed, where old and new ones differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The names that dashboards know.
    Old,
    /// The names since autumn 2026.
    New,
    /// Both.
    #[default]
    Both,
}

/// What the metrics need to know of the configuration. Replaced on reload.
pub struct Known {
    /// Whether a model (as sent to the provider) is named by configuration or catalogue. Others appear as `other`.
    pub model: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// OpenTelemetry's name (`aws.bedrock`, `groq`, …) per configured provider. Absent ones are named by their dialect.
    pub provider_names: HashMap<Arc<str>, Arc<str>>,
}

impl Default for Known {
    /// Knows no model.
    fn default() -> Self {
        Self { model: Box::new(|_| false), provider_names: HashMap::new() }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("provider_names", &self.provider_names).finish_non_exhaustive()
    }
}

/// Bounds on the number of time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Most teams that have a label value of their own.
    pub teams_max: usize,
    /// Most models that have a label value of their own.
    pub models_max: usize,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        // A few thousand series per provider at the very worst: what one Prometheus takes without notice.
        Self { teams_max: 100, models_max: 200 }
    }
}

/// The metrics of the process. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    readings: Arc<Readings>,
    cells: Arc<Mutex<Cells>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Metrics that stand at zero.
    #[must_use]
    pub fn new(naming: Naming, limits: SeriesLimits, known: Known) -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry, naming);
        let readings = Arc::new(Readings::default());
        registry.register_collector(Box::new(Collected(Arc::clone(&readings))));
        let cells = Cells::new(families, limits, known);
        Self { registry: Arc::new(registry), readings, cells: Arc::new(Mutex::new(cells)) }
    }

    /// Counts a finished call. Under a microsecond once a combination of labels has been seen; meant for one thread.
    pub fn record(&self, record: &Record) {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).count(record, &self.readings);
    }

    /// Takes over what a reload made known. Values already given out stay.
    pub fn relabel(&self, known: Known) {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).known = known;
    }

    /// Exposes a figure that someone else keeps; `source` is called at each scrape and must not block.
    pub fn set_reading(&self, reading: Reading, source: impl Fn() -> u64 + Send + Sync + 'static) {
        self.readings.set(reading, Box::new(source));
    }

    /// Exposes of each limit for how many calls it had no room, and how many it could not count apart; `source` is called
    /// at each scrape and must not block.
    pub fn set_limits(&self, source: impl Fn() -> Vec<(Arc<str>, u64, u64)> + Send + Sync + 'static) {
        self.readings.set_limits(Box::new(source));
    }

    /// Exposes how often targets were benched, by whose fault; `source` is called at each scrape and must not block.
    pub fn set_benches(&self, source: impl Fn() -> [(&'static str, u64); 7] + Send + Sync + 'static) {
        self.readings.set_benches(Box::new(source));
    }

    /// Exposes calls that left for a provider and that no guardrail let go, by why; `source` is called at each scrape and must
    /// not block.
    pub fn set_unguarded(&self, source: impl Fn() -> [(&'static str, u64); 3] + Send + Sync + 'static) {
        self.readings.set_unguarded(Box::new(source));
    }

    /// Exposes second tries by what became of them, and why there were none; `source` is called at each scrape and must not
    /// block.
    pub fn set_hedges(&self, source: impl Fn() -> [Vec<(&'static str, u64)>; 2] + Send + Sync + 'static) {
        self.readings.set_hedges(Box::new(source));
    }

    /// Exposes how each budget stands; `source` is called at each scrape and must not block.
    pub fn set_budgets(&self, source: impl Fn() -> Vec<BudgetFigures> + Send + Sync + 'static) {
        self.readings.set_budgets(Box::new(source));
    }

    /// Exposes how each pool stands; `source` is called at each scrape and must not block for long.
    pub fn set_pools(&self, source: impl Fn() -> Vec<PoolFigures> + Send + Sync + 'static) {
        self.readings.set_pools(Box::new(source));
    }

    /// Exposes what probes of providers see; `source` is called at each scrape and must not block for long.
    pub fn set_probes(&self, source: impl Fn() -> Vec<ProbeFigures> + Send + Sync + 'static) {
        self.readings.set_probes(Box::new(source));
    }

    /// Exposes what comes of asking the services that guardrails ask; `source` is called at each scrape and must not block.
    pub fn set_services(&self, source: impl Fn() -> Vec<ServiceFigures> + Send + Sync + 'static) {
        self.readings.set_services(Box::new(source));
    }

    /// Exposes what becomes of calls that no caller made; `source` is called at each scrape and must not block.
    pub fn set_shadows(&self, source: impl Fn() -> ShadowFigures + Send + Sync + 'static) {
        self.readings.set_shadows(Box::new(source));
    }

    /// Everything in the OpenMetrics text format, with [`CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
