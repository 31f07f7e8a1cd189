//! Calls that no rule of the cache is for: a part of them is looked at, so that it is known what a rule would save.

use super::{Asked, Wish};
use crate::guarding::Guarding;
use crate::settle::Settlement;
use std::sync::Arc;
use tg_kernel::dialect::Operation;
use tg_kernel::record::Record;
use tg_kernel::target::Target;
use tg_policy::cache::{Share, Sight, is_determined, key, may_be_kept};

/// Longest request that is looked at: it is read for this alone.
const LOOKED_AT_MAX: usize = 64 << 10;

/// A call that is looked at: how much of its answer has left, and whether it is one that would be kept.
pub(crate) struct Watching {
    sight: Sight,
    /// The target that is first in line.
    first: Target,
    bytes: usize,
}

impl Watching {
    /// So many bytes go to the caller.
    pub(crate) const fn take(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// What is to be remembered of this finished call, if its answer would be kept.
    pub(crate) fn finish(self, record: &Record, bytes_max: usize) -> Option<Sight> {
        let fits = self.bytes > 0 && self.bytes <= bytes_max;
        (fits && may_be_kept(record, &self.first)).then_some(self.sight)
    }
}

/// Looks at the call, if it is one of those: for a team's calls, whatever they say of being determined.
pub(super) fn look(asked: &Asked<'_>, settlement: &mut Settlement) {
    let (Some((worker, snapshot)), Some(record)) = (settlement.surroundings(), settlement.record()) else { return };
    let (booked, members) = (&record.attribution, asked.members);
    let may_be = matches!(asked.head.operation, Operation::Chat | Operation::Embeddings);
    if !may_be || members.body().len() > LOOKED_AT_MAX {
        return;
    }
    let whose = (&*booked.team, &*asked.peek.model, asked.head.dialect);
    let Some(rank) = worker.living.repeats.rank(whose, members.iter()) else { return };
    let wish = Wish::of(&asked.parts.headers);
    let is_changed = asked.is_changed || settlement.guarding().is_some_and(Guarding::has_changed);
    let (Some(first), true) = (asked.plan.targets.first(), wish == Wish::default() && !is_changed) else { return };
    let Some(body) = asked.fit(false, booked, snapshot) else { return };
    let key = asked.with(&body, (Share::Team, booked, snapshot), key);
    let determined = is_determined(asked.operation(), &body);
    let living = Arc::clone(&worker.living);
    let (repeat, sight) = living.repeats.look(&key, rank, determined, living.clock.monotonic());
    settlement.repeats(repeat, Watching { sight, first: first.clone(), bytes: 0 });
}
