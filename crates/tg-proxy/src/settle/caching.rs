//! What the cache of answers does for a call, kept with its debt: the answer is kept when the debt is paid.

use super::{Draft, Settlement};
use crate::cached::{Fresh, Keeping, Watching};
use bytes::Bytes;
use tg_kernel::decided::Repeat;
use tg_kernel::fault::Fault;
use tg_kernel::record::Ending;
use tg_kernel::reuse::{Outcome, Reuse};

impl Settlement {
    /// This is what the cache does for the call, and so its answer is to be kept.
    pub(crate) fn reuses(&mut self, reuse: Reuse, keeping: Option<Keeping>) {
        self.decide(|decided| decided.cache = Some(reuse));
        if let Some(draft) = &mut self.0 {
            draft.keeping = keeping;
        }
    }

    /// No rule of the cache is for the call, and this is what one would have done.
    pub(crate) fn repeats(&mut self, repeat: Repeat, watching: Watching) {
        self.decide(|decided| decided.repeat = Some(repeat));
        if let Some(draft) = &mut self.0 {
            draft.watching = Some(watching);
        }
    }

    /// What became of the call at the cache; `None` where no rule is for it.
    pub(crate) fn cache_outcome(&self) -> Option<Outcome> {
        Some(self.record()?.decided.as_ref()?.cache.as_ref()?.outcome)
    }

    /// Takes what a call needs whose answer is there: of the limits on calls, no tokens and no money.
    ///
    /// # Errors
    /// `Class::Limited` when one of them has no room.
    pub(crate) fn admit_again(&mut self) -> Result<(), Fault> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let Draft { snapshot, worker, record, admission, .. } = &mut **draft;
        admission.begin_again((snapshot, &worker.living), record)
    }

    /// These bytes of the answer go to the caller.
    pub(crate) fn hands_over(&mut self, bytes: &[Bytes]) {
        if let Some(keeping) = self.0.as_mut().and_then(|draft| draft.keeping.as_mut()) {
            bytes.iter().for_each(|bytes| keeping.take(bytes));
        }
        if let Some(watching) = self.0.as_mut().and_then(|draft| draft.watching.as_mut()) {
            bytes.iter().for_each(|bytes| watching.take(bytes.len()));
        }
        self.hear(bytes);
    }
}

impl Draft {
    /// An answer that was there, and that nobody got, has saved nothing.
    pub(super) fn tell_reuse(&mut self) {
        if self.record.ending != Ending::Ok
            && let Some(decided) = &mut self.record.decided
        {
            decided.cache.take_if(|reuse| reuse.hit.is_some());
        }
    }

    /// Keeps the answer of the call, which has ended, if it is worth that.
    pub(super) fn keep_answer(&mut self) {
        if let Some(watching) = self.watching.take() {
            let (living, bytes_max) = (&self.worker.living, self.snapshot.cache.rules.answer_bytes_max);
            if let Some(sight) = watching.finish(&self.record, bytes_max) {
                living.repeats.keep(sight, living.clock.monotonic());
            }
        }
        let Some(keeping) = self.keeping.take() else { return };
        let Some((key, kept, near)) = keeping.finish(&self.record, self.worker.living.clock.now()) else { return };
        let fresh =
            Fresh { key, until: kept.origin.until, body: kept.body.clone(), cost: self.record.total_cost().amount };
        let is_kept = self.worker.keep(key, kept, self.snapshot.cache.bytes_max);
        if let Some(near) = near.filter(|_| is_kept) {
            near.keep(&self.worker, &self.snapshot, fresh);
        }
        if let Some(reuse) = self.record.decided.as_mut().and_then(|decided| decided.cache.as_mut()) {
            reuse.kept = is_kept;
        }
    }
}
