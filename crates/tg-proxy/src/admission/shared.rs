//! Limits of one call that are counted where replicas count together.

use super::Admission;
use crate::living::Living;
use crate::shared::{Absence, Instead, Shared};
use crate::snapshot::Snapshot;
use tg_kernel::fault::{Fault, Retry};
use tg_kernel::ids::CallId;
use tg_kernel::peek::{Peek, Weight};
use tg_kernel::record::Record;
use tg_policy::admit::{Denied, Facts, Hold, SharedPart, Used};
use tg_policy::route::Plan;
use tg_store::counters::{Ask, HoldId, Reserved};
use tg_store::shared::SharedLink;

/// How often something is asked for again, as there was less room than it needs, and other calls came between.
pub(crate) const ROUNDS_MAX: usize = 6;

impl Admission {
    /// Finds out what limits want to know of the call, and says it.
    pub(crate) fn known<'a>(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &'a Record,
        weight: Weight,
        asked: (&Peek, &Plan),
    ) -> Facts<'a> {
        self.refused = None;
        self.weigh((snapshot, living), record, weight, asked);
        self.facts(record, None)
    }

    /// The same of a call that uses no tokens, as its answer is there.
    pub(crate) fn known_again<'a>(&mut self, record: &'a Record) -> Facts<'a> {
        self.refused = None;
        self.facts(record, None)
    }

    /// By which name something is asked for the call: another one each time, as what was asked before may be given up.
    pub(crate) fn asks(&mut self, call: CallId) -> HoldId {
        let id = self.asked.as_ref().map_or(HoldId::of(call), HoldId::again);
        self.asked = Some(id.clone());
        id
    }

    /// This was taken for the call.
    pub(crate) fn took(&mut self, hold: Hold) {
        self.call = hold;
    }

    /// A limit refuses the call.
    pub(crate) fn refuses(&mut self, denied: Denied) -> Fault {
        self.refused = Some(denied.standing);
        denied.into()
    }

    /// The call, or a try of it, was decided without the shared counts. What was decided by less stays said.
    pub(crate) fn decided(&mut self, instead: Option<Instead>) {
        self.instead = self.instead.max(instead);
    }

    /// By what the call was decided where shared counts were away.
    pub(crate) const fn instead(&self) -> Option<Instead> {
        self.instead
    }

    /// What the call holds of shared counts.
    pub(crate) fn held(&mut self) -> Option<&mut SharedPart> {
        self.call.shared_mut()
    }

    /// Whether more is taken in this process's memory as its output grows.
    pub(crate) fn grows_here(&self) -> bool {
        self.call.grows_here() || self.attempt.grows_here()
    }

    /// What its last try holds of them.
    pub(crate) fn held_by_try(&mut self) -> Option<&mut SharedPart> {
        self.attempt.shared_mut()
    }

    /// As [`Admission::begin_try`], where replicas count together.
    ///
    /// # Errors
    /// As there; and `Class::Overloaded` where the counts are away and a limit wants it refused then.
    pub(crate) async fn begin_try_together(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        (shared, link): (&Shared, &SharedLink),
        (record, provider): (&Record, &str),
        earlier: Option<Used>,
    ) -> Result<(), Fault> {
        self.end_try(living, earlier);
        self.refused = None;
        let facts = self.facts(record, Some(provider));
        let mut limits = snapshot.limits.shared_try(&facts, &living.limits, living.clock.monotonic());
        if limits.is_empty() {
            return Ok(());
        }
        self.tries = self.tries.saturating_add(1);
        let id = HoldId::of_try(record.id, self.tries);
        for _ in 0..ROUNDS_MAX {
            let asks: Vec<Ask> = limits.asks(shared.settings.lease_percent).collect();
            match link.reserve(id.clone(), &asks).await {
                Ok(Reserved::Held(hold)) => {
                    limits.note(hold.standings(), &living.limits);
                    self.attempt = limits.held(hold);
                    return Ok(());
                }
                Ok(Reserved::Full(standings)) => {
                    limits.fit(&standings, &living.limits).map_err(|denied| self.refuses(denied))?;
                }
                Ok(Reserved::Unseeded(_) | Reserved::Ended) => return Err(Fault::internal("a try was counted twice")),
                Err(away) => {
                    let instead = shared.instead(&Absence::Away(away), limits.when_away());
                    self.decided(instead.map_err(|fault| fault.retry(Retry::Elsewhere))?);
                    let now = living.clock.monotonic();
                    let taken = snapshot.limits.admit_try_share(&facts, &living.limits, now, shared.replicas());
                    self.attempt = self.taken(taken)?;
                    return Ok(());
                }
            }
        }
        Err(busy())
    }
}

/// The refusal of a call that others were quicker than, again and again.
pub(crate) fn busy() -> Fault {
    use tg_kernel::fault::{Class, Origin};
    let message = "What is left of the limits on this call changes faster than it can be taken. Try again in a moment.";
    Fault::new(Class::Overloaded, Origin::Gateway, "counters_busy", message)
        .retry(Retry::After(std::time::Duration::from_secs(1)))
}
