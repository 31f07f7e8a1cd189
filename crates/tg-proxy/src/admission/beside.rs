//! What a second try takes of limits beside the first of the same call: as a call of its own would.

use super::{Admission, settle};
use crate::living::Living;
use crate::snapshot::Snapshot;
use tg_kernel::record::Record;
use tg_policy::admit::{Hold, Used};

/// What one try has taken of the limits on providers.
#[derive(Default)]
pub(crate) struct OfTry {
    attempt: Hold,
    left: bool,
}

impl Admission {
    /// Exchanges what the last try has with what another has.
    pub(crate) fn swap(&mut self, other: &mut OfTry) {
        std::mem::swap(&mut self.attempt, &mut other.attempt);
        std::mem::swap(&mut self.left, &mut other.left);
    }

    /// Takes what a second try at `provider` needs of all limits; whether there was room for it.
    pub(crate) fn begin_beside(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        provider: &str,
    ) -> bool {
        if snapshot.limits.is_empty() {
            return true;
        }
        let facts = (&self.facts(record, None), &self.facts(record, Some(provider)));
        let taken = snapshot.limits.admit_beside(facts, &living.limits, living.clock.monotonic());
        let Some((call, attempt)) = taken else { return false };
        settle(living, std::mem::replace(&mut self.beside, call), None, 0);
        settle(living, std::mem::replace(&mut self.attempt, attempt), None, 0);
        true
    }

    /// The second try has not left: what it took goes back.
    pub(crate) fn forgo_beside(&mut self, living: &Living, of: OfTry) {
        settle(living, of.attempt, None, 0);
        settle(living, std::mem::take(&mut self.beside), None, 0);
    }

    /// One of two tries is over, and has used so much.
    pub(crate) fn end_aside(&mut self, living: &Living, of: OfTry, used: Used) {
        settle(living, of.attempt, Some(used).filter(|_| of.left), 0);
    }
}
