//! Out and back: one try at a target of a plan. Which is tried, and how often, is `tries`' to say.

mod flight;
mod refusal;
mod tries;

pub(crate) use refusal::{Words, refused};

use crate::aim::{Aim, aim};
use crate::answer;
use crate::deliver::{Delivery, Heard};
use crate::guarding::{Cleared, Unguarded, failure};
use crate::linger::Absence;
use crate::living::{Living, Worker};
use crate::prepare::caching::{self, Put};
use crate::prepare::{Prepared, prepare};
use crate::queueing;
use crate::quote::PriceTag;
use crate::recognise::Head;
use crate::room;
use crate::settle::{Leaving, Settlement};
use crate::snapshot::Snapshot;
use crate::traces;
use bytes::Bytes;
use flight::{Departure, Failure};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tg_dialect::count;
use tg_dialect::dialects::upstream;
use tg_dialect::loss::Loss;
use tg_dialect::scan::Members;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Served;
use tg_kernel::target::Target;
use tg_kernel::trace::TraceContext;
use tg_policy::guard::Subject;
use tg_policy::health::Standing;
use tg_policy::route::{OnLoss, Plan, UnknownPrice};
use tg_upstream::attempt::attempt;
use tg_upstream::aws::{Caller, Proof};
use tg_upstream::headers;
use tg_upstream::provider::{Pass, PriceScope, Upstream};
use tokio::time::Instant;

/// The code of a try that has not left, as its target was passed over while it waited.
const PASSED_OVER: &str = "target_passed_over";

/// A call that is ready to go out.
pub(crate) struct Outgoing<'a> {
    pub(crate) head: &'a http::request::Parts,
    pub(crate) call: &'a Head,
    /// What may leave of what was asked.
    pub(crate) body: &'a Cleared,
    pub(crate) members: &'a Members<'a>,
    pub(crate) peek: &'a Peek,
    pub(crate) id: CallId,
    pub(crate) arrived: Timestamp,
    pub(crate) trace: TraceContext,
    /// To whom it is booked, as providers may be told.
    pub(crate) attribution: &'a Attribution,
    /// To which calls it belongs.
    pub(crate) session: Option<u64>,
    /// By what a rule by tasks knows where its conversation is; `None` where there is no such rule.
    pub(crate) conversation: Option<u64>,
    /// How long after its arrival its caller wants the answer to have begun.
    pub(crate) deadline: Option<Duration>,
}

/// Tries the targets in order. A target that fails in a way that another may mend is passed over.
///
/// # Errors
/// The fault of the last target that was asked, or that no target can do what is asked. A provider's refusal in the
/// caller's own dialect is a delivery, not an error: it goes on as it came, as far as the call's guard lets it.
pub(crate) async fn send(
    worker: &Worker,
    snapshot: &Snapshot,
    outgoing: &Outgoing<'_>,
    plan: &Plan,
    settlement: &mut Settlement,
) -> Result<Delivery, Fault> {
    let end = tries::all(worker, snapshot, outgoing, plan, settlement).await;
    failure::checked(end, settlement).await
}

/// One target, with what its model comes to in this call.
async fn attempt_at(
    target: &Target,
    chance: Chance,
    place: (&Worker, &Snapshot),
    what: (&Outgoing<'_>, &Plan),
    settlement: &mut Settlement,
) -> Result<Delivery, Fault> {
    Trial::new(target, chance, place, what).await?.run(settlement).await
}

/// What a try may cost in time, and what it is worth.
#[derive(Clone, Copy, Debug)]
struct Chance {
    /// When the answer must have begun, whatever the provider's settings say; `None`: they alone say.
    end: Option<Instant>,
    /// Whether there is another target, or another round, if this fails.
    is_last: bool,
    /// Whether another target is well: then one that was passed over while the call waited is not asked.
    has_others: bool,
    /// Whether it is a second try beside a first: then it has money, a place and room at once and whole, or does not leave.
    is_second: bool,
}

struct Trial<'a> {
    worker: &'a Worker,
    snapshot: &'a Snapshot,
    outgoing: &'a Outgoing<'a>,
    plan: &'a Plan,
    provider: &'a Upstream,
    aim: Aim,
    chance: Chance,
}

impl<'a> Trial<'a> {
    async fn new(
        target: &Target,
        chance: Chance,
        (worker, snapshot): (&'a Worker, &'a Snapshot),
        (outgoing, plan): (&'a Outgoing<'a>, &'a Plan),
    ) -> Result<Self, Fault> {
        let provider = snapshot.upstreams.get(&target.provider);
        let provider = provider.ok_or_else(|| Fault::internal("a route names a provider that is not there"))?;
        let aim = aim(worker, snapshot, provider, target, outgoing).await?;
        Ok(Self { worker, snapshot, outgoing, plan, provider, aim, chance })
    }
}

impl Trial<'_> {
    async fn run(&self, settlement: &mut Settlement) -> Result<Delivery, Fault> {
        if self.must_estimate() {
            return self.estimated_count(settlement);
        }
        let departure = self.leave(settlement).await?;
        let mut answered = self.out_and_back(departure, settlement).await;
        self.note_failure(&mut answered, settlement);
        answered
    }

    /// Takes all that a try needs. When it returns, the try counts as sent.
    async fn leave(&self, settlement: &mut Settlement) -> Result<Departure, Fault> {
        let provider = self.provider;
        let mut prepared = prepare(self.outgoing, &self.aim, provider)?;
        if self.outgoing.body.is_guarded() {
            prepared.losses.iter_mut().for_each(Loss::veil);
        }
        self.check_losses(&prepared)?;
        let price = provider.price_by(prepared.road);
        let sent = self.cache(&mut prepared, &price, settlement);
        self.check_price(&price)?;
        let (model, unknown) = (&self.aim.target.model, self.plan.unknown_price);
        let tag = PriceTag { scope: &price, model, tier: prepared.tier, unknown };
        if self.chance.is_second {
            // By these a provider would take it for the first, sent once more.
            for name in ["idempotency-key", "x-client-request-id"] {
                prepared.headers.remove(name);
            }
            settlement.afford_beside(&tag)?;
        } else {
            room::afford_try(settlement, &tag).await?;
        }
        let proof = self.proof(provider, settlement).await?;
        // After all that can fail or wait elsewhere: whoever has a place uses it.
        let (place, when) = ((self.worker, self.snapshot), (self.chance.end, !self.chance.is_second));
        let (queued, stood) = (settlement.queued(), self.standing());
        queueing::enter(place, &self.aim.target, self.outgoing, when, settlement).await?;
        // While it waited others may have found out that the target is not well.
        let is_passed_over = stood == Standing::Open && matches!(self.standing(), Standing::Benched(_));
        if self.chance.has_others && settlement.queued() > queued && is_passed_over {
            return Err(passed_over());
        }
        // Last: whoever waits for credentials takes no room from others, and what cannot leave takes none at all.
        let to = &self.aim.target.provider;
        if self.chance.is_second {
            settlement.admit_beside(to)?;
        } else {
            room::admit_try(settlement, to).await?;
        }
        self.clamp(&mut prepared, settlement)?;
        let losses = prepared.losses.iter().map(ToString::to_string).collect();
        let leaving = Leaving {
            target: &self.aim.target,
            profile: self.aim.billed_by().cloned(),
            dialect: prepared.road.dialect,
            tier: prepared.tier,
            session: proof.session(),
            losses,
            price,
            unknown_price: self.plan.unknown_price,
            unguarded: self.unguarded(settlement),
        };
        settlement.leaves(leaving)?;
        let living = &self.worker.living;
        living.prefixes.note(sent, living.clock.monotonic());
        Ok(Departure { prepared, proof })
    }

    /// One try, from its leaving to its answer's head, or to the whole of a refusal.
    async fn out_and_back(&self, departure: Departure, settlement: &mut Settlement) -> Result<Delivery, Fault> {
        let Departure { mut prepared, proof } = departure;
        let response = self.ask(&mut prepared, &proof).await?;
        settlement.answered(headers::request_id(response.headers()));
        let (absence, heard) = (settlement.absence(), Heard::default());
        self.open(prepared, response, absence, &heard).await.map_err(|failure| failure.told(settlement))
    }

    /// Notes that a try that had left has failed, if it has. What may have been done by it, and is another thing if it is done
    /// twice, is asked of nobody else.
    fn note_failure(&self, answered: &mut Result<Delivery, Fault>, settlement: &mut Settlement) {
        let fault = match answered {
            Ok(Delivery::Refused(refusal)) => &mut refusal.fault,
            Err(fault) => fault,
            Ok(_) => return,
        };
        settlement.failed(fault, self.is_over());
        traces::done_once(self.outgoing.members, fault, false);
    }

    /// Whether the time that the call had is over.
    fn is_over(&self) -> bool {
        self.chance.end.is_some_and(|end| Instant::now() >= end)
    }

    /// What may be sent to the target now.
    fn standing(&self) -> Standing {
        let living = &self.worker.living;
        match self.snapshot.resilience.breaker {
            Some(_) => living.health.standing(&self.aim.target, living.clock.monotonic()),
            None => Standing::Open,
        }
    }

    /// Sends the request. Answers the head of what comes back.
    async fn ask(&self, prepared: &mut Prepared, proof: &Proof) -> Result<Response<Incoming>, Fault> {
        let (provider, surface) = (self.provider, prepared.road.surface);
        let request = self.request(prepared, provider)?;
        let pass = Pass { proof, surface, now: self.worker.living.clock.now() };
        let left = self.chance.end.map(|end| end.saturating_duration_since(Instant::now()));
        let within = left.map_or(provider.timeouts.first_byte, |left| left.min(provider.timeouts.first_byte));
        attempt(provider, &self.worker.pools, request, &pass, within).await
    }

    /// What an answer comes to whose head is there: where another target may answer instead, once it has begun.
    async fn open(
        &self,
        prepared: Prepared,
        response: Response<Incoming>,
        absence: Option<Arc<Absence>>,
        heard: &Heard,
    ) -> Result<Delivery, Failure> {
        if !response.status().is_success() {
            let same = self.outgoing.call.dialect.family() == prepared.road.dialect.family();
            let front = prepared.road.surface.map(|_| upstream(Dialect::BedrockConverse));
            let words = Words { spoken: prepared.spoken, same, front };
            return Ok(refused(&words, response).await.into_delivery()?);
        }
        let delivery = Delivery::begin(self.outgoing, prepared, self.provider, response, self.snapshot)?;
        if self.chance.is_last {
            return Ok(delivery);
        }
        delivery.opened(self.chance.end, absence, heard).await.map_err(|mut early| {
            traces::done_once(self.outgoing.members, &mut early.fault, true);
            Failure::from(early)
        })
    }

    /// Puts points for the provider's prompt cache, where they pay. Answers what is to be noted once the call has left.
    fn cache(&self, prepared: &mut Prepared, price: &PriceScope, settlement: &mut Settlement) -> Vec<u64> {
        let (place, to) = ((self.snapshot, &*self.worker.living), (&self.aim, price));
        let target = &self.aim.target;
        let is_there = |served: &Served| served.provider == target.provider && served.model == target.model;
        let record = settlement.record();
        let is_again = record.is_some_and(|record| {
            let earlier = record.earlier.iter().map(|attempt| &attempt.served);
            record.served.iter().chain(earlier).any(is_there)
        });
        let had = record.and_then(|record| record.decided.as_deref()?.prompt_cache);
        let Put { points, sent } = caching::put(place, self.outgoing, to, prepared, is_again).unwrap_or_default();
        if points.is_some() || had.is_some() {
            settlement.decide(|decided| decided.prompt_cache = points);
        }
        sent
    }

    /// Why no guardrail let go of what is sent: none applies to the call, or it was not made of the bytes that they let go.
    /// Asked of what is about to leave, not of what was meant to happen.
    fn unguarded(&self, settlement: &Settlement) -> Option<Unguarded> {
        let Some(attribution) = settlement.subject() else { return Some(Unguarded::NotChecked) };
        let Outgoing { body, members, peek, .. } = self.outgoing;
        let subject = Subject { attribution, model: &peek.model };
        let guards = &self.snapshot.guards;
        let guard = match settlement.rerouted_to() {
            Some(model) => guards.of_both(&subject, model),
            None => guards.of(&subject),
        };
        match guard {
            Some(guard) if body.is_by(guard.version(), members.body()) => None,
            Some(_) => Some(Unguarded::NotChecked),
            None if guards.is_empty() => Some(Unguarded::NoGuardrails),
            None => Some(Unguarded::NoSet),
        }
    }

    /// Whether tokens shall be counted for a provider that cannot: callers of other dialects expect an answer.
    fn must_estimate(&self) -> bool {
        self.outgoing.call.operation == Operation::CountTokens && self.aim.road.is_none()
    }

    /// An estimate, marked as such in the losses. Nothing is sent.
    fn estimated_count(&self, settlement: &mut Settlement) -> Result<Delivery, Fault> {
        let (caller, facts) = (self.outgoing.call.dialect, &self.outgoing.call.facts);
        let request = count::decode_request(caller, facts, self.outgoing.body)?;
        settlement.lost(vec![Loss::changed("input_tokens").to_string()]);
        Ok(Delivery::Own(caller, count::encode_reply(caller, count::estimate(&request))))
    }

    /// Lowers the request's bound on output to what the caller's limits have room for.
    fn clamp(&self, prepared: &mut Prepared, settlement: &mut Settlement) -> Result<(), Fault> {
        settlement.clamped_to(None);
        let most = settlement.output_bound().filter(|_| self.outgoing.call.operation == Operation::Chat);
        let Some(most) = most else { return Ok(()) };
        let clamped = prepared.spoken.clamp_output(&prepared.body, &self.aim.target.model, most)?;
        if let Some(clamped) = clamped {
            prepared.body = clamped.body;
            settlement.clamped_to(Some(clamped.output_tokens));
        }
        Ok(())
    }

    fn check_losses(&self, prepared: &Prepared) -> Result<(), Fault> {
        if prepared.losses.is_empty() || self.plan.on_loss == OnLoss::Report {
            return Ok(());
        }
        let list: Vec<String> = prepared.losses.iter().map(ToString::to_string).collect();
        let message = format!(
            "The model's provider cannot do all that this request asks, and the route refuses to leave anything out: {}.",
            list.join(", ")
        );
        let fault = Fault::new(Class::Unsupported, Origin::Caller, "not_expressible", message).retry(Retry::Elsewhere);
        Err(match prepared.losses.first() {
            Some(loss) => fault.at(loss.field.clone()),
            None => fault,
        })
    }

    fn check_price(&self, price: &PriceScope) -> Result<(), Fault> {
        let known = || {
            let now = self.worker.living.clock.now();
            self.outgoing.call.operation.is_billed_by_tokens()
                && price.find(&self.snapshot.catalogue, &self.aim.target.model, now).is_some()
        };
        if self.plan.unknown_price != UnknownPrice::Deny || known() {
            return Ok(());
        }
        let message = if self.outgoing.call.operation.is_billed_by_tokens() {
            "The gateway knows no price for this model, and its policy refuses such calls. \
             An operator can add the price, or change pricing.unknown_price."
        } else {
            "AWS does not bill this operation by tokens, so the gateway knows no price for it, and its policy refuses \
             such calls. An operator can change pricing.unknown_price."
        };
        Err(Fault::new(Class::Forbidden, Origin::Gateway, "price_unknown", message).retry(Retry::Elsewhere))
    }

    /// What the call is authorised with: had before it counts as sent.
    async fn proof(&self, provider: &Upstream, settlement: &Settlement) -> Result<Proof, Fault> {
        let Some(identity) = &provider.identity else { return Ok(Proof::Standing) };
        let living = &self.worker.living;
        let caller = || {
            let booked = settlement.record().map(|record| record.attribution.clone()).unwrap_or_default();
            aws_caller(living, booked)
        };
        living.aws.proof(identity, caller).await
    }

    fn request(&self, prepared: &mut Prepared, provider: &Upstream) -> Result<Request<Bytes>, Fault> {
        let call = tg_upstream::provider::Call {
            dialect: prepared.road.dialect,
            operation: self.outgoing.call.operation,
            model: self.aim.profile.as_ref().unwrap_or(&self.aim.target.model),
            stream: self.outgoing.peek.stream,
            surface: prepared.road.surface,
        };
        let uri = provider.provider.address(&call)?;
        let mut request = Request::new(std::mem::take(&mut prepared.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        *headers = std::mem::take(&mut prepared.headers);
        // What the caller called it does not matter: the body was read as a JSON object.
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert("traceparent", answer::text(self.outgoing.trace.to_string()));
        headers.insert(answer::REQUEST_ID, answer::text(self.outgoing.id.to_string()));
        Ok(request)
    }
}

/// The target was passed over while the call waited for a place there.
fn passed_over() -> Fault {
    let message = "The model's provider fails at the moment.";
    Fault::new(Class::Overloaded, Origin::Gateway, PASSED_OVER, message).retry(Retry::Elsewhere)
}

/// On whose account AWS shall see a call that is booked so.
pub(crate) fn aws_caller(living: &Living, booked: Attribution) -> Caller {
    let team = living.directory.team(&booked.team);
    Caller {
        cost_centre: team.and_then(|team| team.policy.cost_centre.clone()),
        team: booked.team,
        project: booked.project,
        environment: booked.environment,
        key_id: Some(booked.key_id),
    }
}
