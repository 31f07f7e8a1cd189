//! What one call has taken of limits: of those on calls when it came, of those on providers with each try.

mod beside;
mod shared;

pub(crate) use beside::OfTry;
pub(crate) use shared::{ROUNDS_MAX, busy};

use crate::living::Living;
use crate::output;
use crate::shared::Instead;
use crate::snapshot::Snapshot;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::Fault;
use tg_kernel::peek::{Peek, Weight};
use tg_kernel::record::Record;
use tg_kernel::usage::{Usage, UsageSource};
use tg_policy::admit::{Denied, Estimate, Facts, Hold, OutputFacts, Standing, Used};
use tg_policy::route::Plan;
use tg_store::counters::HoldId;

/// What a call has taken. Whoever drops it owes [`Admission::end`].
#[derive(Default)]
pub(crate) struct Admission {
    call: Hold,
    attempt: Hold,
    /// Whether the try for which `attempt` was taken has left.
    left: bool,
    /// What a second try took of the limits on calls.
    beside: Hold,
    estimate: Estimate,
    output: OutputFacts,
    /// The bound that refused the call, or its last try.
    refused: Option<Standing>,
    /// Tries for which something was asked of shared counts.
    tries: u16,
    /// By which name the call as a whole was asked for last.
    asked: Option<HoldId>,
    /// By what it was decided where shared counts were away.
    instead: Option<Instead>,
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
        weight: Weight,
        (peek, plan): (&Peek, &Plan),
    ) -> Result<(), Fault> {
        if snapshot.limits.is_empty() {
            return Ok(());
        }
        self.weigh((snapshot, living), record, weight, (peek, plan));
        let facts = self.facts(record, None);
        let taken = snapshot.limits.admit_call(&facts, &living.limits, living.clock.monotonic());
        self.call = self.taken(taken)?;
        Ok(())
    }

    /// Takes what a call needs that uses no tokens, as its answer is there.
    ///
    /// # Errors
    /// As [`Admission::begin`].
    pub(crate) fn begin_again(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
    ) -> Result<(), Fault> {
        if snapshot.limits.is_empty() {
            return Ok(());
        }
        let facts = self.facts(record, None);
        let taken = snapshot.limits.admit_call(&facts, &living.limits, living.clock.monotonic());
        self.call = self.taken(taken)?;
        Ok(())
    }

    /// Finds out what limits want to know of the call.
    fn weigh(
        &mut self,
        (snapshot, living): (&Snapshot, &Living),
        record: &Record,
        weight: Weight,
        (peek, plan): (&Peek, &Plan),
    ) {
        if snapshot.limits.count_tokens() {
            let most = output::most(snapshot, living, (peek, plan));
            self.estimate = estimate(living, record, weight, peek, most);
            self.output = output::facts(snapshot, living, record, (peek, plan), most);
        }
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
        earlier: Option<Used>,
    ) -> Result<(), Fault> {
        self.end_try(living, earlier);
        self.refused = None;
        if snapshot.limits.is_empty() {
            return Ok(());
        }
        let facts = self.facts(record, Some(provider));
        let taken = snapshot.limits.admit_try(&facts, &living.limits, living.clock.monotonic());
        self.attempt = self.taken(taken)?;
        Ok(())
    }

    /// The try has left.
    pub(crate) fn leaves(&mut self) {
        self.left = true;
    }

    fn end_try(&mut self, living: &Living, used: Option<Used>) {
        let used = used.filter(|_| std::mem::take(&mut self.left));
        settle(living, std::mem::take(&mut self.attempt), used, 0);
    }

    /// Sets everything right by what the call has used: the last try's is in `record`, as is that of earlier ones.
    pub(crate) fn end(mut self, living: &Living, record: &Record, weight: Weight) {
        let cost = u64::try_from(record.total_cost().amount.nanos()).unwrap_or(0);
        let last = Used::from(&record.usage);
        self.end_try(living, Some(last));
        let mut all = last;
        for attempt in &record.earlier {
            all += Used::from(&attempt.usage);
        }
        settle(living, std::mem::take(&mut self.call), Some(all), cost);
        // What both tries have used is in the sum: the second has one request of its own.
        settle(living, std::mem::take(&mut self.beside), Some(Used::default()), 0);
        // What another model than that of the call has used says nothing of what such calls use.
        let is_callers = record.decided.as_ref().is_none_or(|decided| decided.purpose.is_none());
        if is_callers && self.learns() && record.usage_source == UsageSource::Reported {
            let answers = self.output.further_answers.saturating_add(1);
            let usage = Usage { output_tokens: record.usage.output_tokens / answers, ..record.usage };
            living.lessons.learn(&record.attribution.team, &record.asked.model, weight, &usage);
        }
    }

    /// Whether it counts tokens: then something is learned from the call.
    pub(crate) fn learns(&self) -> bool {
        self.estimate != Estimate::default()
    }

    /// How each bound stood when the call was let through, or the one that refused it.
    pub(crate) fn standings(&self) -> impl Iterator<Item = &Standing> {
        self.refused.iter().chain(self.call.standings()).chain(self.attempt.standings())
    }

    /// Output tokens that the call may make at most, all answers together, where its own bound is to be lowered.
    pub(crate) fn output_bound(&self) -> Option<u64> {
        // Between the look whether there is room for a second try and its taking others may have taken some.
        [&self.call, &self.attempt, &self.beside].into_iter().filter_map(Hold::output_bound).min()
    }

    /// Output tokens that its stream may make before more must be taken; `None` where it goes on as long as it likes.
    pub(crate) fn output_granted(&self) -> Option<u64> {
        [&self.call, &self.attempt].into_iter().filter_map(Hold::output_granted).min()
    }

    /// Takes up to `wanted` more for the stream; answers how many.
    pub(crate) fn extend(&mut self, living: &Living, wanted: u64) -> u64 {
        living.limits.extend([&mut self.call, &mut self.attempt], wanted, living.clock.monotonic())
    }

    fn facts<'a>(&self, record: &'a Record, provider: Option<&'a str>) -> Facts<'a> {
        // Only a chat is answered by a stream, whatever a count of tokens says of one.
        let stream = record.asked.stream && record.asked.operation == Operation::Chat;
        let (estimate, output) = (self.estimate, self.output);
        Facts { attribution: &record.attribution, model: &record.asked.model, provider, stream, estimate, output }
    }

    fn taken(&mut self, taken: Result<Hold, Denied>) -> Result<Hold, Fault> {
        taken.map_err(|denied| {
            self.refused = Some(denied.standing);
            denied.into()
        })
    }
}

/// Ends a hold, here or where it is kept.
fn settle(living: &Living, mut hold: Hold, used: Option<Used>, nanos: u64) {
    if let Some((part, shared)) = hold.take_shared().zip(living.shared.as_ref()) {
        let (hold, of) = part.ended(used, nanos);
        shared.counters.settle(hold, of);
    }
    living.limits.settle(hold, used, living.clock.monotonic());
}

/// What the call may use: by what the team's calls for the model needed, and by the bound that the call or its targets'
/// models have.
pub(crate) fn estimate(
    living: &Living,
    record: &Record,
    weight: Weight,
    peek: &Peek,
    output_max: Option<u64>,
) -> Estimate {
    let learned = living.lessons.estimate(&record.attribution.team, &record.asked.model, weight, output_max);
    let learned = learned.times(peek.answers.unwrap_or(1).max(1));
    match record.asked.operation {
        // Whatever a request says, a chat may use some of each.
        Operation::Chat => learned.at_least_one(),
        Operation::Embeddings => Estimate { output_usual: 0, output_most: 0, ..learned },
        _ => Estimate::default(),
    }
}
