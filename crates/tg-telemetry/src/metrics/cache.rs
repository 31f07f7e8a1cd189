//! What the cache of answers did, counted.

use super::families::{Counters, Dollars, Registrar, Spent};
use crate::labels::Labels;
use crate::names::label as l;
use crate::names::{CACHE_CALLS, CACHE_SAVED};
use std::sync::Arc;
use tg_kernel::reuse::Reuse;

/// The families.
pub(super) struct Cache {
    calls: Counters,
    saved: Dollars,
}

impl Cache {
    pub(super) fn register(registrar: &mut Registrar<'_>) -> Self {
        Self { calls: registrar.counters(&CACHE_CALLS), saved: registrar.dollars(&CACHE_SAVED) }
    }

    pub(super) fn count(&self, reuse: &Reuse, team: &Arc<str>) {
        self.calls.get_or_create(&Labels::from([(l::OUTCOME, &reuse.outcome.as_str().into())])).inc();
        if let Some(hit) = &reuse.hit {
            self.saved.get_or_create(&Labels::from([(l::TEAM, team)])).inc_by(Spent(hit.saved.amount));
        }
    }
}
