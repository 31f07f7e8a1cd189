//! What content checks did, counted.

use super::families::{Counters, Histograms, Registrar};
use crate::labels::{Labels, Values};
use crate::names::label as l;
use crate::names::{GUARD_HITS, GUARD_TIME, GUARDED_CALLS};
use tg_kernel::guarded::Guarded;

/// Sets and rules are closed sets of the configuration; the limit only guards against a thousand reloads.
const NAMES_MAX: usize = 2_000;

/// The families, and the names that they have seen.
pub(super) struct Guards {
    calls: Counters,
    hits: Counters,
    time: Histograms,
    names: Values,
}

impl Guards {
    pub(super) fn register(registrar: &mut Registrar<'_>) -> Self {
        Self {
            calls: registrar.counters(&GUARDED_CALLS),
            hits: registrar.counters(&GUARD_HITS),
            time: registrar.histograms(&GUARD_TIME),
            names: Values::up_to(NAMES_MAX),
        }
    }

    pub(super) fn count(&mut self, guarded: &Guarded) {
        self.calls.get_or_create(&Labels::from([(l::VERDICT, &guarded.verdict.as_str().into())])).inc();
        self.time.get_or_create(&Labels::from([])).observe(guarded.micros as f64);
        for hit in &guarded.hits {
            let [set, rule] = [&hit.set, &hit.rule].map(|name| {
                let id = self.names.id_or_none(Some(name));
                self.names.value(id)
            });
            let (way, action) = (hit.way.as_str().into(), hit.action.as_str().into());
            let labels = Labels::from([(l::SET, &set), (l::RULE, &rule), (l::WAY, &way), (l::ACTION, &action)]);
            self.hits.get_or_create(&labels).inc_by(u64::from(hit.count));
        }
    }
}
