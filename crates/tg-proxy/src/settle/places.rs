//! What a call has of the pools of its targets, and how long it waited for it.

use super::Settlement;
use crate::queueing::Place;
use std::time::Duration;

impl Settlement {
    /// The call has waited so long for a place in a pool.
    pub(crate) fn has_queued(&mut self, waited: Duration) {
        self.has_waited(waited);
        if let Some(draft) = &mut self.0 {
            draft.queued += waited;
            let waited_us = u64::try_from(draft.queued.as_micros()).unwrap_or(u64::MAX);
            draft.record.decided.get_or_insert_default().waited_us = Some(waited_us);
        }
    }

    /// How long it has waited so.
    pub(crate) fn queued(&self) -> Duration {
        self.0.as_deref().map_or(Duration::ZERO, |draft| draft.queued)
    }

    /// The next try has a place in its target's pool, or none; what an earlier one had goes back.
    pub(crate) fn takes_place(&mut self, place: Option<Place>) {
        if let Some(draft) = &mut self.0 {
            draft.place = place;
        }
    }
}
