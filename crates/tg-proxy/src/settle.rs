//! The debt of one call: from its head on, exactly one ledger row is owed, and paid also when the call is dropped.

mod caching;
mod draft;
mod growth;
mod guarding;
mod kept;
mod meanwhile;
mod places;
mod rival;
mod shadow;
mod shared;

pub(crate) use rival::{NO_HEDGE, Over, Which};
pub(crate) use shared::NoRoom;

use crate::admission::Admission;
use crate::cached::{Keeping, Watching};
use crate::guarding::{Guarding, Unguarded};
use crate::linger::Absence;
use crate::living::Worker;
use crate::outcome::{Counts, draining, may_be_billed};
use crate::queueing::{Place, signal_of};
use crate::quote::PriceTag;
use crate::recognise::Head;
use crate::shadow::Hearing;
use crate::shared::Instead;
use crate::snapshot::Snapshot;
use crate::spending::Spending;
use growth::Growth;
use meanwhile::Meanwhile;
use rival::Rival;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_dialect::scan::Members;
use tg_dialect::weight::weigh;
use tg_kernel::chat::StopReason;
use tg_kernel::clock::Timestamp;
use tg_kernel::decided::Decided;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::{Peek, Weight};
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Cost, Ending, Record, Timing};
use tg_kernel::target::Target;
use tg_kernel::trace::TraceContext;
use tg_kernel::units::Money;
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_net::drain::Ear;
use tg_policy::admit::budget::Exhausted;
use tg_policy::admit::{Standing, Used};
use tg_policy::route::{Plan, Task, UnknownPrice};
use tg_store::journal::Ticket;
use tg_upstream::provider::PriceScope;

/// Longest model name kept in a record, in bytes.
const MODEL_BYTES_MAX: usize = 256;

/// The HTTP status booked for a caller that left before one was sent, as nginx does.
const STATUS_CLIENT_GONE: u16 = 499;

/// The status booked for a caller whose connection the gateway cut: it may have seen a head or not.
const STATUS_UNKNOWN: u16 = 0;

/// What is owed for one call. Dropping it settles the call as `client_gone`.
pub(crate) struct Settlement(Option<Box<Draft>>);

struct Draft {
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    record: Record,
    trace: TraceContext,
    /// The clock's reading when the head arrived.
    arrived: Duration,
    /// Time spent waiting for the caller's body, and for AWS to say who he is.
    waited: Duration,
    weight: Weight,
    price: PriceBasis,
    admission: Admission,
    /// The bound on output to which the last try was lowered.
    clamped: Option<u64>,
    spending: Spending,
    /// What content checks find and do.
    guarding: Option<Guarding>,
    meanwhile: Meanwhile,
    /// Whose content checks hold for the call; `None`: those of who pays for it.
    subject: Option<Box<Attribution>>,
    /// The copy of its answer, where that is to be kept.
    keeping: Option<Keeping>,
    /// What is looked at where no rule says so.
    watching: Option<Watching>,
    /// More output that is asked for its stream, where replicas count together.
    growth: Option<Growth>,
    /// What became of the try that the record's `served` names, once it has failed.
    failed: Option<Failed>,
    /// What holds if the caller leaves; `None` where the call then ends.
    absence: Option<Arc<Absence>>,
    ticket: Option<Ticket>,
    /// The try that is under way: where to, and since when. Only where a route wants to know.
    going: Option<(Target, Duration)>,
    /// What the try has of its target's pool.
    place: Option<Place>,
    /// How long the call has waited for such places.
    queued: Duration,
    /// What a try had reported that began to answer, and failed.
    began: Option<Usage>,
    /// The first of two tries at once.
    rival: Option<Box<Rival>>,
    /// Who listens to the answer.
    hearing: Option<Box<Hearing>>,
}

/// A try that failed, and what it may be billed for.
struct Failed {
    code: &'static str,
    counts: Counts,
}

/// By what a call is priced.
struct PriceBasis {
    scope: Option<PriceScope>,
    unknown: UnknownPrice,
}

/// How the limits of a call stand.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    /// When.
    pub(crate) at: Timestamp,
    /// Each bound.
    pub(crate) of: Vec<Standing>,
    /// The budget for whose sake the call goes to another model.
    pub(crate) downgraded: Option<Arc<str>>,
    /// By what the call was decided where shared counts were away.
    pub(crate) instead: Option<Instead>,
    /// How long it waited for a place in a pool; zero where it did not.
    pub(crate) queued: Duration,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) ending: Ending,
    pub(crate) status: u16,
    pub(crate) fault: Option<&'static str>,
    pub(crate) counts: Counts,
}

impl Settlement {
    /// Takes on the debt. From here on the call is in flight.
    pub(crate) fn begin(worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, head: &Head, trace: TraceContext) -> Self {
        let clock = &worker.living.clock;
        worker.living.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        let asked = Asked {
            dialect: head.dialect,
            operation: head.operation,
            model: Arc::from(""),
            stream: head.facts.path_stream,
        };
        let record = Record {
            id: CallId::fresh(),
            started_at: clock.now(),
            attribution: Attribution::default(),
            asked,
            served: None,
            ending: Ending::ClientGone,
            status: STATUS_CLIENT_GONE,
            fault: None,
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost: Cost::default(),
            losses: Vec::new(),
            guarded: None,
            decided: None,
            earlier: Vec::new(),
            timing: Timing::default(),
        };
        Self(Some(Box::new(Draft {
            worker: Arc::clone(worker),
            snapshot: Arc::clone(snapshot),
            record,
            trace,
            arrived: clock.monotonic(),
            waited: Duration::ZERO,
            weight: Weight::default(),
            price: PriceBasis::default(),
            admission: Admission::default(),
            clamped: None,
            spending: Spending::default(),
            guarding: None,
            meanwhile: Meanwhile::default(),
            subject: None,
            keeping: None,
            watching: None,
            growth: None,
            failed: None,
            absence: Absence::of(&snapshot.streams),
            ticket: None,
            going: None,
            place: None,
            queued: Duration::ZERO,
            began: None,
            rival: None,
            hearing: None,
        })))
    }

    /// The call.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.0.as_deref().map(|draft| &draft.record)
    }

    /// The call's id, and when it arrived.
    pub(crate) fn identity(&self) -> (CallId, Timestamp) {
        self.record().map_or_else(|| (CallId::fresh(), Timestamp::default()), |record| (record.id, record.started_at))
    }

    /// The span of the call.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        self.0.as_deref().map(|draft| draft.trace)
    }

    /// The reading of the clock that does not go back.
    pub(crate) fn monotonic(&self) -> Duration {
        self.0.as_deref().map_or(Duration::ZERO, |draft| draft.worker.living.clock.monotonic())
    }

    /// That reading when the call arrived.
    pub(crate) fn arrived(&self) -> Duration {
        self.0.as_deref().map_or(Duration::ZERO, |draft| draft.arrived)
    }

    /// Hears when the gateway ends.
    pub(crate) fn ear(&self) -> Option<Ear> {
        self.0.as_deref().map(|draft| Ear::new(Arc::clone(&draft.worker.closing)))
    }

    /// What holds if the caller leaves.
    pub(crate) fn absence(&self) -> Option<Arc<Absence>> {
        self.0.as_deref().and_then(|draft| draft.absence.clone())
    }

    /// Whether the caller has left before its answer had begun, and the call goes on without it.
    pub(crate) fn is_unheard(&self) -> bool {
        self.0.as_deref().is_some_and(Draft::is_unheard)
    }

    /// What there is of the request to be read by a model.
    pub(crate) fn weight(&self) -> Weight {
        self.0.as_deref().map_or(Weight::default(), |draft| draft.weight)
    }

    /// How many times the call has left for a provider.
    pub(crate) fn attempts(&self) -> u16 {
        self.record().and_then(|record| record.served.as_ref()).map_or(0, |served| served.attempts)
    }

    /// Whether the call has left for a provider.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.as_deref().is_some_and(|draft| draft.ticket.is_some())
    }

    /// Books the call to somebody.
    pub(crate) fn book(&mut self, attribution: Attribution) {
        if let Some(draft) = &mut self.0 {
            draft.record.attribution = attribution;
        }
    }

    /// What kind of task the call is taken for, where somebody has looked.
    pub(crate) fn takes_it_for(&mut self, task: Option<&Task>) {
        if let Some(task) = task {
            self.decide(|decided| decided.task = Some(task.into()));
        }
    }

    /// What the gateway itself decides about the call; nothing is kept once it is settled.
    pub(crate) fn decide(&mut self, with: impl FnOnce(&mut Decided)) {
        if let Some(draft) = &mut self.0 {
            with(draft.record.decided.get_or_insert_default());
        }
    }

    /// Others were waited for this long before the body was read.
    pub(crate) fn has_waited(&mut self, waited: Duration) {
        if let Some(draft) = &mut self.0 {
            draft.waited += waited;
        }
    }

    /// The body is here: how long it took, how much of it a model has to read.
    pub(crate) fn body_read(&mut self, waited: Duration, body: &[u8]) {
        if let Some(draft) = &mut self.0 {
            draft.waited += waited;
            draft.weight = weigh(body);
        }
    }

    /// What is asked for.
    pub(crate) fn asks(&mut self, model: &str, stream: bool) {
        if let Some(draft) = &mut self.0 {
            draft.record.asked.model = Arc::from(&model[..model.floor_char_boundary(MODEL_BYTES_MAX)]);
            draft.record.asked.stream = stream;
        }
    }

    /// Takes what the call needs of the limits on calls.
    ///
    /// # Errors
    /// `Class::Limited` when one of them has no room.
    pub(crate) fn admit(&mut self, peek: &Peek, plan: &Plan) -> Result<(), Fault> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let Draft { snapshot, worker, record, admission, weight, .. } = &mut **draft;
        admission.begin((snapshot, &worker.living), record, *weight, (peek, plan))
    }

    /// Holds what the call can cost in every budget that it meets, before anything else is taken.
    ///
    /// # Errors
    /// When one of them has no money for it.
    pub(crate) fn afford(&mut self, asked: (&Peek, &Members<'_>), plan: &Plan) -> Result<(), Box<Exhausted>> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let Draft { snapshot, worker, record, spending, weight, .. } = &mut **draft;
        spending.begin((snapshot, &worker.living), record, (asked.0, asked.1, *weight), plan)
    }

    /// The call goes to another model for a budget's sake.
    pub(crate) fn downgraded(&mut self, budget: Arc<str>) {
        if let Some(draft) = &mut self.0 {
            draft.spending.downgrade(budget);
        }
    }

    /// Makes sure that what is held of budgets is enough for the next try.
    ///
    /// # Errors
    /// See [`Spending::begin_try`].
    pub(crate) fn afford_try(&mut self, tag: &PriceTag<'_>) -> Result<(), Fault> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let earlier = draft.earlier().iter().fold(Money::ZERO, |sum, attempt| sum.plus(attempt.cost.amount));
        let Draft { snapshot, worker, record, spending, .. } = &mut **draft;
        spending.begin_try((snapshot, &worker.living), record, tag, earlier)
    }

    /// Takes what the next try needs of the limits on providers.
    ///
    /// # Errors
    /// `Class::Limited` when one of them has no room; another target may.
    pub(crate) fn admit_try(&mut self, provider: &str) -> Result<(), Fault> {
        let Some(draft) = &mut self.0 else { return Ok(()) };
        let Draft { snapshot, worker, record, admission, failed, .. } = &mut **draft;
        let earlier = failed.as_ref().map(|failed| Used::from(&failed.counts.usage));
        admission.begin_try((snapshot, &worker.living), record, provider, earlier)
    }

    /// Output tokens that the call may make at most, where its own bound is to be lowered.
    pub(crate) fn output_bound(&self) -> Option<u64> {
        let draft = self.0.as_deref()?;
        [draft.admission.output_bound(), draft.spending.output_bound()].into_iter().flatten().min()
    }

    /// Output tokens that the call's stream may make before it must take [more](Self::extend_output).
    pub(crate) fn output_granted(&mut self) -> Option<u64> {
        let draft = self.0.as_deref_mut()?;
        let granted =
            [draft.admission.output_granted(), draft.spending.output_granted()].into_iter().flatten().min()?;
        draft.spending.grants(granted);
        Some(granted)
    }

    /// Takes up to `wanted` more output tokens for the stream; answers how many.
    pub(crate) fn extend_output(&mut self, wanted: u64) -> u64 {
        let Some(draft) = &mut self.0 else { return 0 };
        let Draft { worker, record, admission, spending, .. } = &mut **draft;
        let of_limits = match admission.output_granted() {
            Some(_) => admission.extend(&worker.living, wanted),
            None => wanted,
        };
        spending.extend(&worker.living, record.id, of_limits)
    }

    /// How the limits of the call stand, for the caller.
    pub(crate) fn standings(&self) -> Standings {
        let draft = self.0.as_deref();
        let of: Vec<Standing> = draft.map_or_else(Vec::new, |draft| draft.admission.standings().copied().collect());
        // Without limits nobody asks for the time.
        let at = draft.filter(|_| !of.is_empty()).map(|draft| draft.worker.living.clock.now());
        let downgraded = draft.and_then(|draft| draft.spending.downgraded().cloned());
        let instead = draft.and_then(|draft| draft.admission.instead());
        Standings { at: at.unwrap_or_default(), of, downgraded, instead, queued: self.queued() }
    }

    /// The call is about to leave for `target`: makes sure that it cannot be forgotten, whatever dies.
    ///
    /// # Errors
    /// `Class::Overloaded` when the journal cannot be written: then the call must not be sent.
    pub(crate) fn leaves(&mut self, leaving: Leaving<'_>) -> Result<(), Fault> {
        self.0.as_mut().map_or(Ok(()), |draft| draft.leave(leaving))
    }

    /// The try that left had begun to answer when it failed: it may be billed, and for this at least.
    pub(crate) fn had_begun(&mut self, reported: Usage) {
        if let Some(draft) = &mut self.0 {
            draft.began = Some(reported);
        }
    }

    /// The try that left has failed; `is_over`: the time that the call had is over. What the try may be billed for is kept,
    /// whatever becomes of the call.
    pub(crate) fn failed(&mut self, fault: &Fault, is_over: bool) {
        if let Some(draft) = &mut self.0 {
            let billed = draft.began.is_some() || may_be_billed(fault);
            let mut counts = if billed { draft.unanswered() } else { Counts::NONE };
            // What the provider has said of it is owed, and known better than by an estimate.
            if let Some(reported) = draft.began.filter(|reported| reported.total_tokens() > 0) {
                counts = Counts { usage: reported, source: UsageSource::Estimated, reported };
            }
            if let Some(place) = draft.place.take() {
                place.end(Used::from(&counts.usage), signal_of(fault, is_over));
            }
            draft.failed = Some(Failed { code: fault.code, counts });
        }
    }

    /// What is owed for the last try where nobody will hear its answer: nothing before the call has left.
    pub(crate) fn owed(&self) -> Counts {
        self.0.as_deref().map_or(Counts::NONE, Draft::owed)
    }

    /// What could not be expressed.
    pub(crate) fn lost(&mut self, losses: Vec<String>) {
        if let Some(draft) = &mut self.0 {
            draft.record.losses = losses;
        }
    }

    /// The provider's id of the call.
    pub(crate) fn answered(&mut self, request_id: Option<String>) {
        if let Some(served) = self.0.as_mut().and_then(|draft| draft.record.served.as_mut()) {
            served.request_id = request_id;
        }
    }

    /// What the answer said of itself.
    pub(crate) fn learned(&mut self, stop: Option<StopReason>, tier: Option<ServiceTier>) {
        if let Some(served) = self.0.as_mut().and_then(|draft| draft.record.served.as_mut()) {
            served.stop = stop.map(|reason| reason.as_str().to_owned());
            served.tier = tier.unwrap_or(served.tier);
        }
    }

    /// The first content is on its way to the caller. Only the first time counts.
    pub(crate) fn first_token(&mut self) {
        if let Some(draft) = &mut self.0
            && draft.record.timing.first_token_us.is_none()
        {
            draft.record.timing.first_token_us = Some(draft.elapsed_us());
        }
    }

    /// Pays the debt: prices the call, notes its end in the journal, and hands the record to the meter.
    /// Answers the cost of all its tries.
    pub(crate) fn close(mut self, closing: Closing) -> Cost {
        self.0.take().map_or_else(Cost::default, |draft| draft.close(closing))
    }
}

/// A call that is about to leave.
pub(crate) struct Leaving<'a> {
    pub(crate) target: &'a Target,
    /// The application inference profile that is named in the model's place, or the project to which the call counts.
    pub(crate) profile: Option<Arc<str>>,
    pub(crate) dialect: Dialect,
    pub(crate) tier: ServiceTier,
    pub(crate) session: Option<Arc<str>>,
    pub(crate) losses: Vec<String>,
    pub(crate) price: PriceScope,
    pub(crate) unknown_price: UnknownPrice,
    /// Why what leaves is not what guardrails let go; `None` where it is.
    pub(crate) unguarded: Option<Unguarded>,
}

impl Drop for Settlement {
    /// The caller left while nobody held an answer, before sending or while waiting for the provider; or it was cut, as
    /// the gateway ends.
    fn drop(&mut self) {
        let Some(draft) = self.0.take() else { return };
        let counts = draft.owed();
        let closing = if draft.worker.closing.has_begun() {
            Closing { ending: Ending::Interrupted, status: STATUS_UNKNOWN, fault: Some(draining().code), counts }
        } else {
            Closing { ending: Ending::ClientGone, status: STATUS_CLIENT_GONE, fault: None, counts }
        };
        draft.close(closing);
    }
}
