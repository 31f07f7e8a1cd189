//! The flow of one call. Read this first: every step is an argument to the next.

use crate::answer;
use crate::cached;
use crate::choose::{self, Asked, Booked, Choosing};
use crate::deadline;
use crate::deliver;
use crate::guarding::Cleared;
use crate::guarding::filtered::Stopped;
use crate::guarding::meanwhile;
use crate::guarding::request::{self, Question};
use crate::intake;
use crate::invocations;
use crate::living::Worker;
use crate::models;
use crate::outcome::{Counts, ending_of};
use crate::patient;
use crate::queueing;
use crate::recognise::{Head, Recognised, recognise};
use crate::room;
use crate::send;
use crate::settle::{Closing, Settlement};
use crate::shadow;
use crate::snapshot::{Snapshot, Streams};
use crate::whois;
use http::{Request, Response};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tg_dialect::dialects::{inbound, peek};
use tg_dialect::scan::Members;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Ending;
use tg_kernel::trace::TraceContext;
use tg_net::body::OutBody;
use tg_policy::attribute;
use tg_policy::authenticate::{Caller, Door};
use tg_policy::guard::Route;
use tg_policy::route::Plan;

/// Answers one request.
pub async fn answer(worker: Arc<Worker>, request: Request<Incoming>, from: IpAddr) -> Response<OutBody> {
    let snapshot = worker.living.snapshot.load_full();
    let (head, body) = request.into_parts();
    match recognise(&head.method, head.uri.path(), &head.headers) {
        Ok(Recognised::Call(call)) => {
            let trace = intake::trace(&head.headers);
            let mut settlement = Settlement::begin(&worker, &snapshot, &call, trace);
            let arrival = Arrival { head, call, body, from, trace };
            match run(&worker, &snapshot, arrival, &mut settlement).await {
                Ok(Step::Answered(delivery)) => delivery.open(settlement).await,
                Ok(Step::Patient(ready, every)) => patient::answer(worker, snapshot, ready, settlement, every).await,
                Ok(Step::Outlasting(ready)) => patient::outlast(worker, snapshot, ready, settlement).await,
                Ok(Step::Stopped(stopped)) => stopped.answer(settlement),
                Ok(Step::Given(given)) => given.answer(settlement),
                Err((dialect, fault)) => refuse(dialect, &fault, settlement),
            }
        }
        Ok(Recognised::Models(family, id)) => models::answer(&worker, &snapshot, &head, from, (family, id)).await,
        Ok(Recognised::Invocations(arn)) => invocations::answer(&worker, &snapshot, &head, from, arn).await,
        Ok(probe) => models::probe(&worker, &probe),
        Err(unrecognised) => fault_response(unrecognised.dialect, &unrecognised.fault, CallId::fresh()),
    }
}

/// A call as it arrives.
struct Arrival {
    head: http::request::Parts,
    call: Head,
    body: Incoming,
    from: IpAddr,
    trace: TraceContext,
}

/// The order of the steps. Each needs what the one before it found out.
async fn run(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    arrival: Arrival,
    settlement: &mut Settlement,
) -> Result<Step, (Dialect, Fault)> {
    let Arrival { mut head, call, body, from, trace } = arrival;
    let dialect = call.dialect;
    let say = |fault| (dialect, fault);
    let living = &worker.living;

    // Who calls: before a byte of the body is buffered, so that strangers cost nothing.
    let (caller, waited) = whois::identify(worker, snapshot, &head, from).await.map_err(say)?;
    settlement.has_waited(waited);
    if let Some((principal, policy)) = caller.known() {
        settlement.book(attribute::by_key(principal, policy));
    }

    // What is asked: the body once in memory, bounded, checked whole, its top level known. Who signs is known only then,
    // since the signature covers the body.
    let body = intake::read(body, &snapshot.bounds, &*living.clock, settlement).await.map_err(say)?;
    let is_signed = matches!(caller, Caller::Signer(_));
    let (directory, replays, now) = (&living.directory, &living.replays, living.clock.now());
    let admitted = caller.confirm(&body, &Door { directory, replays, from, now }).map_err(say)?;
    let (principal, policy) = (&admitted.principal, &admitted.team.policy);
    if is_signed {
        settlement.book(attribute::by_key(principal, policy));
    }
    let members = Members::scan(&body).map_err(say)?;
    let peek = peek(dialect, &call.facts, &members).map_err(say)?;
    settlement.asks(&peek.model, peek.stream);
    let deadline = deadline::of_caller(&head.headers, company(&call, &peek, &snapshot.streams)).map_err(say)?;

    // On whose account: needs the caller's policy and what the body states.
    let attribution = attribute::attribute(principal, policy, &head.headers, &peek.metadata).map_err(say)?;
    settlement.book(attribution.clone());
    queueing::wish(&head.headers).map_err(say)?;

    // Where to: the targets of the model's route that are for such calls and able to serve them, best first.
    let (id, arrived) = settlement.identity();
    let (session, opts_out) = choose::said(&head.headers, &members, &attribution.key_id).map_err(say)?;
    let asked = Asked { id, at: arrived, head: &call, session, opts_out, peek: &peek, members: &members };
    let booked = Booked { principal, policy, attribution: &attribution };
    let choosing = Choosing::new(snapshot, living.experience(), booked, asked);
    let plan = choosing.plan(&peek.model).map_err(say)?;
    settlement.takes_it_for(choosing.look(snapshot.looks_at_millionths));

    // Whether it may be said: before anything is held for it. From here on there is only what the checks let go.
    let question = Question { body: &body, members: &members, model: &peek.model, attribution: &attribution };
    let said = match request::check(question, &mut head.headers, snapshot, settlement).await.map_err(say)? {
        Ok(said) => said,
        Err(block) => return Ok(Step::Stopped(Box::new(Stopped::of(&call, &peek, (id, arrived), block)))),
    };
    let request::Answer { cleared: body, is_changed, route, attribution } = said;
    let (plan, session) = sent(route, &choosing, (plan, session), settlement).map_err(say)?;
    let anew = if is_changed { Some(Members::scan(&body).map_err(say)?) } else { None };
    let (members, peek) = match &anew {
        Some(anew) => (anew, self::peek(dialect, &call.facts, anew).map_err(say)?),
        None => (&members, peek.clone()),
    };

    // Whether the same was answered before: after the checks, so that no answer goes round them; before anything is held.
    let again = cached::Asked { head: &call, parts: &head, peek: &peek, members, plan: &plan, is_changed, body: &body };
    if let Some(given) = cached::look(&again, settlement).await.map_err(say)? {
        return Ok(giving(given, (&call, &peek), settlement).await);
    }

    // Whether there is money and room: of all budgets and limits on calls together, or of none. A budget may send it to a
    // cheaper model. What was taken is set right when the call ends.
    let plan = room::take(settlement, &choosing, (&peek, members), plan).await.map_err(say)?;
    let conversation = choosing.followed(&plan);

    // Out and back: the first target that answers. From here on the call is in the journal. A caller of a stream may be
    // kept company while the provider thinks; then the rest happens behind an answer that has begun.
    let body = body.clone();
    let ready =
        Ready { head, call, body, peek, plan, id, arrived, trace, attribution, session, conversation, deadline };
    shadow::arrange(worker, snapshot, &ready, settlement);
    match company(&ready.call, &ready.peek, &snapshot.streams) {
        Some(every) => Ok(Step::Patient(Box::new(ready), every)),
        None if settlement.absence().is_some() => Ok(Step::Outlasting(Box::new(ready))),
        None => ready.send(members, worker, snapshot, settlement).await.map(Step::Answered).map_err(say),
    }
}

/// Where a guardrail sends the call, in place of where it was to go. It belongs to no session then: where it goes says nothing
/// of where that is served.
fn sent(
    route: Option<Route>,
    choosing: &Choosing<'_>,
    own: (Plan, Option<u64>),
    settlement: &mut Settlement,
) -> Result<(Plan, Option<u64>), Fault> {
    let Some(route) = route else { return Ok(own) };
    settlement.reroutes(&route);
    Ok((choosing.sent_to(&route.model)?, None))
}

/// An answer that was kept waits for what services are asked meanwhile, as one that comes does.
async fn giving(given: Box<cached::Given>, (call, peek): (&Head, &Peek), settlement: &mut Settlement) -> Step {
    let Some(block) = meanwhile::ask(settlement).await else { return Step::Given(given) };
    settlement.reuses_nothing();
    Step::Stopped(Box::new(Stopped::of(call, peek, settlement.identity(), block)))
}

/// What the order of the steps comes to.
enum Step {
    /// A provider has answered.
    Answered(deliver::Delivery),
    /// The call is yet to be sent, and its caller to be kept company this often.
    Patient(Box<Ready>, Duration),
    /// The call is yet to be sent, and its answer to be read also if the caller leaves.
    Outlasting(Box<Ready>),
    /// A guardrail stopped the call.
    Stopped(Box<Stopped>),
    /// The same was answered before.
    Given(Box<cached::Given>),
}

/// A call about which all is decided.
pub(crate) struct Ready {
    pub(crate) head: http::request::Parts,
    pub(crate) call: Head,
    pub(crate) body: Cleared,
    pub(crate) peek: Peek,
    pub(crate) plan: Plan,
    pub(crate) id: CallId,
    pub(crate) arrived: Timestamp,
    pub(crate) trace: TraceContext,
    pub(crate) attribution: Attribution,
    pub(crate) session: Option<u64>,
    pub(crate) conversation: Option<u64>,
    pub(crate) deadline: Option<Duration>,
}

/// How often the caller gets a sign of life; `None` where nobody waits for one, or the dialect has none.
fn company(call: &Head, peek: &Peek, streams: &Streams) -> Option<Duration> {
    let has_one = !inbound(call.dialect).keepalive().is_empty();
    // Only a chat is answered by a stream, whatever a count of tokens says of one.
    let streamed = peek.stream && call.operation == Operation::Chat;
    streams.keepalive.filter(|_| streamed && has_one)
}

impl Ready {
    /// The same call for other targets. It belongs to no session or conversation: what becomes of it says nothing of where
    /// that is served. Nobody waits for it.
    pub(crate) fn copied(&self, plan: Plan) -> Self {
        let Self { head, call, body, peek, id, arrived, trace, attribution, .. } = self;
        let mut head = head.clone();
        // By these a provider would take the copy for the call itself, sent once more.
        for name in ["idempotency-key", "x-client-request-id"] {
            head.headers.remove(name);
        }
        Self {
            head,
            call: call.clone(),
            body: body.clone(),
            peek: peek.clone(),
            plan,
            id: *id,
            arrived: *arrived,
            trace: *trace,
            attribution: attribution.clone(),
            session: None,
            conversation: None,
            deadline: None,
        }
    }

    /// Sends the call. `members` are those of its body.
    pub(crate) async fn send(
        &self,
        members: &Members<'_>,
        worker: &Worker,
        snapshot: &Snapshot,
        settlement: &mut Settlement,
    ) -> Result<deliver::Delivery, Fault> {
        let Self { head, call, body, peek, plan, attribution, .. } = self;
        let outgoing = send::Outgoing {
            head,
            call,
            body,
            members,
            peek,
            id: self.id,
            arrived: self.arrived,
            trace: self.trace,
            attribution,
            session: self.session,
            conversation: self.conversation,
            deadline: self.deadline,
        };
        // What services are asked meanwhile leaves with it, and keeps back what it comes to.
        let asking = settlement.begins_asking();
        let sending = Box::pin(send::send(worker, snapshot, &outgoing, plan, settlement));
        let Some(mut asking) = asking else { return sending.await };
        let sent = asking.beside(sending).await;
        let stopped = |block| Stopped::of(call, peek, (self.id, self.arrived), block);
        asking.conclude(sent, stopped, settlement).await
    }
}

/// Ends a call with a fault, in the caller's dialect.
pub(crate) fn refuse(dialect: Dialect, fault: &Fault, settlement: Settlement) -> Response<OutBody> {
    let end = (ending_of(settlement.is_sent()), settlement.owed());
    refuse_as(end, dialect, fault, settlement)
}

/// Ends a call with a fault, in the caller's dialect, and books it so.
pub(crate) fn refuse_as(
    (ending, counts): (Ending, Counts),
    dialect: Dialect,
    fault: &Fault,
    settlement: Settlement,
) -> Response<OutBody> {
    let Some(record) = settlement.record() else {
        return fault_response(dialect, fault, CallId::fresh());
    };
    let mut response = fault_response(dialect, fault, record.id);
    let headers = response.headers_mut();
    if let Some(served) = &record.served {
        answer::put_served(headers, served, record.timing.overhead_us);
        answer::put_task(headers, record);
        answer::put_losses(headers, &record.losses);
    }
    answer::put_guardrail(headers, &settlement.guardrails());
    answer::put_standings(headers, dialect.family(), &settlement.standings());
    if let Some(cause) = fault.cause() {
        tracing::warn!(id = %record.id, code = fault.code, %cause, "a call failed");
    }
    let status = response.status().as_u16();
    let closing = Closing { ending, status, fault: Some(fault.code), counts };
    let cost = settlement.close(closing);
    answer::put_cost(response.headers_mut(), &cost);
    response
}

/// A fault as an answer.
pub(crate) fn fault_response(dialect: Dialect, fault: &Fault, id: CallId) -> Response<OutBody> {
    let reply = inbound(dialect).encode_fault(fault, id);
    let mut response = Response::new(OutBody::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    answer::put_id(response.headers_mut(), dialect.family(), id);
    answer::put_code(response.headers_mut(), fault.code);
    response
}
