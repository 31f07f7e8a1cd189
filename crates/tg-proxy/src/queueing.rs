//! A place in the pool of a call's target: had before each try leaves, waited for where the pool lets calls wait, and given
//! back when the try is over.

use crate::admission;
use crate::linger::Absence;
use crate::living::Worker;
use crate::outcome::draining;
use crate::output;
use crate::send::Outgoing;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use http::{HeaderMap, HeaderName};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tg_kernel::clock::Clock;
use tg_kernel::fault::{Class as FaultClass, Fault, Origin, Retry};
use tg_kernel::target::Target;
use tg_net::drain::Ear;
use tg_policy::admit::{Reserve, Used};
use tg_policy::pool::{Arrival, Ask, Class, End, Gate, Need, Reason, Refusal, Seen, Signal, Spec, Taken};
use tokio::time::{Instant, Sleep};

/// By which a caller says that its call can wait: its class, no higher than that which it has.
const PRIORITY: HeaderName = HeaderName::from_static("x-tallygate-priority");

/// Shortest sleep between two looks: a clock may stand.
const LOOK_MIN: Duration = Duration::from_millis(1);

/// A place that a call has in a pool. Dropped, it is given back.
pub(crate) struct Place {
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    taken: Option<Taken>,
    /// When its try left.
    left: Option<Duration>,
}

impl Place {
    /// Its try has left.
    pub(crate) fn leaves(&mut self) {
        self.left = Some(self.clock.monotonic());
    }

    /// When its try left.
    pub(crate) const fn left(&self) -> Option<Duration> {
        self.left
    }

    /// Its try is over.
    pub(crate) fn end(mut self, used: Used, signal: Signal) {
        self.give_back(Some(used), signal);
    }

    fn give_back(&mut self, used: Option<Used>, signal: Signal) {
        let Some(taken) = self.taken.take() else { return };
        let end = self.left.map_or(End::UNUSED, |left| End { used, left, signal });
        self.gate.end(taken, end, self.clock.monotonic());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give_back(Some(Used::default()), Signal::Nothing);
    }
}

/// What a failed try says of how much its target bears; `is_over`: the time that its call had is over.
pub(crate) fn signal_of(fault: &Fault, is_over: bool) -> Signal {
    match fault.class {
        // It was not given the time that it may take.
        FaultClass::TimedOut if is_over => Signal::Nothing,
        FaultClass::Limited | FaultClass::Overloaded | FaultClass::TimedOut if fault.origin == Origin::Provider => {
            Signal::Congested
        }
        _ => Signal::Nothing,
    }
}

/// The class that a caller asks for.
///
/// # Errors
/// `Class::Malformed` where it is none.
pub(crate) fn wish(headers: &HeaderMap) -> Result<Option<Class>, Fault> {
    let Some(value) = headers.get(&PRIORITY) else { return Ok(None) };
    let class = value.to_str().ok().and_then(|value| Class::parse(value.trim()));
    class.map(Some).ok_or_else(|| {
        let message = "The header x-tallygate-priority must be 'interactive', 'normal' or 'batch'.";
        Fault::malformed_at(PRIORITY.as_str(), message)
    })
}

/// Puts the targets whose pools have places before those for which a call would have to wait, the shorter wait first; all
/// others keep their order.
pub(crate) fn prefer(
    (worker, snapshot): (&Worker, &Snapshot),
    outgoing: &Outgoing<'_>,
    settlement: &Settlement,
    left: &mut [&Target],
) {
    if left.len() < 2 || snapshot.pools.is_empty() || !outgoing.call.operation.runs_a_model() {
        return;
    }
    let now = worker.living.clock.monotonic();
    let mut ask = ask(snapshot, outgoing, settlement, Need::default());
    left.sort_by_cached_key(|target| {
        let Some(spec) = snapshot.pools.of(target) else { return Duration::ZERO };
        ask.need = need((worker, snapshot), (spec, target), outgoing, settlement);
        worker.living.gates.of(spec, target, now).expected(&ask, now)
    });
}

/// Whether a call would have a place in the pool of `target` at once.
pub(crate) fn has_place(
    (worker, snapshot): (&Worker, &Snapshot),
    target: &Target,
    outgoing: &Outgoing<'_>,
    settlement: &Settlement,
) -> bool {
    let Some(spec) = snapshot.pools.of(target) else { return true };
    let now = worker.living.clock.monotonic();
    let need = need((worker, snapshot), (spec, target), outgoing, settlement);
    let ask = ask(snapshot, outgoing, settlement, need);
    worker.living.gates.of(spec, target, now).expected(&ask, now).is_zero()
}

/// Waits for a place in the pool of `target`, if that has one, until the call's `end` at most, if it `may_wait`. The
/// settlement has it.
///
/// # Errors
/// `Class::Overloaded` (`pool_full`) where there is none, and waiting is not allowed, or would take too long: then at once.
pub(crate) async fn enter(
    (worker, snapshot): (&Worker, &Snapshot),
    target: &Target,
    outgoing: &Outgoing<'_>,
    (end, may_wait): (Option<Instant>, bool),
    settlement: &mut Settlement,
) -> Result<(), Fault> {
    if snapshot.pools.is_empty() || !outgoing.call.operation.runs_a_model() {
        return Ok(());
    }
    let Some(spec) = snapshot.pools.of(target) else { return Ok(()) };
    let need = need((worker, snapshot), (spec, target), outgoing, settlement);
    let mut ask = ask(snapshot, outgoing, settlement, need);
    // Its waits for all its targets together are bounded, and so is its time.
    let wait_max = spec.queue.map_or(Duration::ZERO, |queue| queue.wait_max);
    let until_end = end.map_or(wait_max, |end| end.saturating_duration_since(Instant::now()));
    // For whom nobody waits, nothing is waited for: it must not stand before calls that somebody wants.
    let wait_max = if settlement.has_no_caller() || !may_wait { Duration::ZERO } else { wait_max };
    ask.patience = wait_max.saturating_sub(settlement.queued()).min(until_end);
    let clock = Arc::clone(&worker.living.clock);
    let begun = clock.monotonic();
    let gate = worker.living.gates.of(spec, target, begun);
    let place = |taken| Place { gate: Arc::clone(&gate), clock: Arc::clone(&clock), taken: Some(taken), left: None };
    let ticket = match gate.arrive(&ask, begun) {
        Arrival::Enters(taken) => {
            settlement.takes_place(Some(place(taken)));
            return Ok(());
        }
        Arrival::Refused(refusal) => return Err(full(spec, refusal)),
        Arrival::Waits(ticket, _) => ticket,
    };
    let until = Instant::now() + ask.patience;
    let (ear, absence) = (Ear::new(Arc::clone(&worker.closing)), settlement.absence());
    let sleep = Box::pin(tokio::time::sleep_until(until));
    let waiting = Waiting { gate: &gate, clock: &clock, ticket: Some(ticket), until, sleep, ear, absence };
    let waited = waiting.await;
    settlement.has_queued(clock.monotonic().saturating_sub(begun));
    match waited {
        Ok(taken) => {
            settlement.takes_place(Some(place(taken)));
            Ok(())
        }
        Err(Unserved::Refused(refusal)) => Err(full(spec, refusal)),
        Err(Unserved::Ends) => Err(draining()),
    }
}

/// How a call stands beside others.
fn ask(snapshot: &Snapshot, outgoing: &Outgoing<'_>, settlement: &Settlement, need: Need) -> Ask {
    let (mut standing, mut team) = (tg_policy::pool::Standing::default(), Arc::from(""));
    if let Some(record) = settlement.record() {
        standing = snapshot.priorities.of(&record.attribution, &record.asked.model);
        team = Arc::clone(&record.attribution.team);
    }
    // What is no class was refused when the call came.
    standing.class = standing.class.lowered(wish(&outgoing.head.headers).ok().flatten());
    // For copies and judges nobody waits.
    if settlement.record().and_then(|record| record.decided.as_ref()).is_some_and(|decided| decided.purpose.is_some()) {
        standing.class = Class::Batch;
    }
    Ask { team, standing, need, patience: Duration::ZERO }
}

/// What a call is likely to take of the pool of a target.
fn need(
    (worker, snapshot): (&Worker, &Snapshot),
    (spec, target): (&Spec, &Target),
    outgoing: &Outgoing<'_>,
    settlement: &Settlement,
) -> Need {
    let bytes = outgoing.members.body().len() as u64;
    let Some(record) = settlement.record().filter(|_| spec.counts_tokens()) else {
        return Need { bytes, ..Need::default() };
    };
    let most = output::most_at(snapshot, &worker.living, outgoing.peek, target);
    let estimate = admission::estimate(&worker.living, record, settlement.weight(), outgoing.peek, most);
    let output = match spec.reserve {
        Reserve::Usual => estimate.output_usual,
        Reserve::Most => estimate.output_most,
    };
    Need { input: estimate.input, output: output.min(settlement.output_bound().unwrap_or(u64::MAX)), bytes }
}

/// The fault of a call that has no place.
fn full(spec: &Spec, refusal: Refusal) -> Fault {
    let seconds = refusal.wait.as_secs() + u64::from(refusal.wait.subsec_nanos() > 0);
    let name = &spec.name;
    let wait_max = spec.queue.map_or(Duration::ZERO, |queue| queue.wait_max);
    let why = match refusal.reason {
        Reason::TooLong => format!(" A place is free in about {seconds} s, and calls wait {wait_max:?} at most."),
        Reason::Waited => " This call has waited as long as it may.".to_owned(),
        Reason::Full if spec.queue.is_some() => " As many calls wait for a place as may.".to_owned(),
        Reason::Full => String::new(),
    };
    let message = format!("The pool '{name}' of this model's provider is full.{why} Try again in {seconds} s.");
    Fault::new(FaultClass::Overloaded, Origin::Gateway, "pool_full", message).retry(Retry::After(refusal.wait))
}

/// Why a call that waited has no place.
enum Unserved {
    Refused(Refusal),
    /// The gateway ends, or the caller has left.
    Ends,
}

/// A call that waits. Dropped, it waits no longer.
struct Waiting<'a> {
    gate: &'a Gate,
    clock: &'a Arc<dyn Clock>,
    /// Under which it waits; `None` once it is over.
    ticket: Option<u64>,
    until: Instant,
    sleep: Pin<Box<Sleep>>,
    ear: Ear,
    /// Tells that the caller has left, where the call goes on without it: one that has not begun does not.
    absence: Option<Arc<Absence>>,
}

impl Future for Waiting<'_> {
    type Output = Result<Taken, Unserved>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let is_alone = self.absence.as_ref().is_some_and(|absence| absence.has_begun());
        let Some(ticket) = self.ticket else { return Poll::Ready(Err(Unserved::Ends)) };
        if is_alone || self.ear.poll(cx).is_ready() {
            return Poll::Ready(Err(Unserved::Ends));
        }
        loop {
            let now = self.clock.monotonic();
            let at = match self.gate.look(ticket, cx.waker(), now) {
                Seen::Place(taken) => {
                    self.ticket = None;
                    return Poll::Ready(Ok(taken));
                }
                Seen::Refused(refusal) => {
                    self.ticket = None;
                    return Poll::Ready(Err(Unserved::Refused(refusal)));
                }
                Seen::Waits(at) => at,
            };
            if Instant::now() >= self.until {
                self.ticket = None;
                return Poll::Ready(self.gate.give_up(ticket, now).map_err(Unserved::Refused));
            }
            let look = at.map(|at| Instant::now() + at.saturating_sub(now).max(LOOK_MIN));
            let next = look.map_or(self.until, |look| look.min(self.until));
            self.sleep.as_mut().reset(next);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.gate.cancel(ticket, self.clock.monotonic());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_wish_is_one_of_three_words() {
        let headers = |value: &'static str| HeaderMap::from_iter([(PRIORITY, HeaderValue::from_static(value))]);
        assert_eq!(wish(&HeaderMap::new()).unwrap(), None);
        assert_eq!(wish(&headers(" batch ")).unwrap(), Some(Class::Batch));
        for wrong in ["urgent", "", "Batch"] {
            assert_eq!(wish(&headers(wrong)).unwrap_err().param.as_deref(), Some("x-tallygate-priority"), "{wrong}");
        }
    }

    #[test]
    fn only_what_a_provider_bears_no_more_lowers_its_limit() {
        let fault = |class, origin| Fault::new(class, origin, "x", "x");
        for (fault, signal) in [
            (fault(FaultClass::Limited, Origin::Provider), Signal::Congested),
            (fault(FaultClass::Overloaded, Origin::Provider), Signal::Congested),
            (fault(FaultClass::TimedOut, Origin::Provider), Signal::Congested),
            (fault(FaultClass::UpstreamFailed, Origin::Provider), Signal::Nothing),
            (fault(FaultClass::UpstreamRefused, Origin::Provider), Signal::Nothing),
            (fault(FaultClass::Limited, Origin::Gateway), Signal::Nothing),
        ] {
            assert_eq!(signal_of(&fault, false), signal, "{fault}");
        }
    }

    #[test]
    fn a_callers_own_short_deadline_is_no_congestion() {
        let fault = |class| Fault::new(class, Origin::Provider, "x", "x");
        assert_eq!(signal_of(&fault(FaultClass::TimedOut), true), Signal::Nothing);
        for class in [FaultClass::Limited, FaultClass::Overloaded] {
            assert_eq!(signal_of(&fault(class), true), Signal::Congested, "that a provider says of itself");
        }
    }
}
