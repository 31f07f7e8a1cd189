//! What one call has taken of limits: of those on calls when it came, of those on providers with each try.

use crate::living::Living;
use crate::snapshot::Snapshot;
use tg_dialect::weight::weigh;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;
use tg_kernel::record::{Record, Served};
use tg_kernel::usage::{Usage, UsageSource};
use tg_policy::admit::{Denied, Estimate, Facts, Hold, Standing, Used, Weight};
use tg_policy::route::Plan;

/// What a call has taken. Whoever drops it owes [`Admission::end`].
#[derive(Default)]
pub(crate) struct Admission {
    call: Hold,
    attempt: Hold,
    estimate: Estimate,
    /// Absent where nobody counts tokens.
    weight: Option<Weight>,
    /// The bound that refused the call.
    refused: Option<Standing>,
}

impl Admission {
    /// Takes what the call needs of the limits on calls.
    ///
    /// # Errors
    /// `Class::Limited` when one of them has no room.
    pub(crate) fn begin(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        body: &[u8],
        (peek, plan): (&Peek, &Plan),
    ) -> Result<(), Fault> {
        if snapshot.limits.is_empty() {
            return Ok(());
        }
        let operation = record.asked.operation;
        if snapshot.limits.weigh() && matches!(operation, Operation::Chat | Operation::Embeddings) {
            let (text_bytes, media) = weigh(body);
            let weight = Weight { text_bytes, media };
            self.weight = Some(weight);
            self.estimate = estimate(snapshot, living, plan, weight, peek.output_tokens_max);
            if operation == Operation::Embeddings {
                (self.estimate.output_usual, self.estimate.output_most) = (0, 0);
            }
        }
        let stream = peek.stream && operation == Operation::Chat;
        let facts = self.facts(record, None, stream);
        let taken = snapshot.limits.admit_call(&facts, &living.limits, living.clock.monotonic());
        self.call = self.taken(taken)?;
        Ok(())
    }

    /// Takes what a try at `provider` needs of the limits on providers; what an earlier try took goes back, but for what
    /// it may have used.
    ///
    /// # Errors
    /// `Class::Limited` when one of them has no room.
    pub(crate) fn begin_try(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        provider: &str,
        earlier: &Usage,
    ) -> Result<(), Fault> {
        living.limits.settle(std::mem::take(&mut self.attempt), Used::from(earlier), living.clock.monotonic());
        if snapshot.limits.is_empty() {
            return Ok(());
        }
        let facts = self.facts(record, Some(provider), record.asked.stream);
        let taken = snapshot.limits.admit_try(&facts, &living.limits, living.clock.monotonic());
        self.attempt = self.taken(taken)?;
        Ok(())
    }

    /// Sets everything right by what the call has used: the last try's is in `record`, as is that of earlier ones.
    pub(crate) fn end(self, living: &Living, record: &Record) {
        let last = Used::from(&record.usage);
        let now = living.clock.monotonic();
        living.limits.settle(self.attempt, last, now);
        let mut all = last;
        for attempt in &record.earlier {
            all += Used::from(&attempt.usage);
        }
        living.limits.settle(self.call, all, now);
        if let (Some(weight), Some(Served { model, .. })) = (self.weight, &record.served)
            && record.usage_source == UsageSource::Reported
        {
            living.lessons.learn(model, weight, &record.usage);
        }
    }

    /// How each bound stood when the call was let through, or the one that refused it.
    pub(crate) fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.refused.iter().chain(self.call.standings()).chain(self.attempt.standings())
    }

    fn facts<'a>(&self, record: &'a Record, provider: Option<&'a str>, stream: bool) -> Facts<'a> {
        let estimate = self.estimate;
        Facts { attribution: &record.attribution, model: &record.asked.model, provider, stream, estimate }
    }

    fn taken(&mut self, taken: Result<Hold, Denied>) -> Result<Hold, Fault> {
        taken.map_err(|denied| {
            self.refused = Some(denied.standing);
            denied.into()
        })
    }
}

/// What the call may use at its first target. Further targets are the same call.
fn estimate(snapshot: &Snapshot, living: &Living, plan: &Plan, weight: Weight, own_max: Option<u64>) -> Estimate {
    let Some(target) = plan.targets.first() else { return Estimate::default() };
    let of_model = || {
        let upstream = snapshot.upstreams.get(&target.provider)?;
        let row = upstream.price.find(&snapshot.catalogue, &target.model, living.clock.now())?;
        row.limits().output_max.map(u64::from)
    };
    living.lessons.estimate(&target.model, weight, own_max.or_else(of_model))
}
