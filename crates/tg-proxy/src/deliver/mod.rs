//! Handing an answer over: whole, as it comes, or a provider's refusal as it is.

mod ahead;
mod allowance;
mod begun;
mod bounded;
pub(crate) mod lane;
mod plain;
mod silence;
pub(crate) mod stream;
mod tail;

use crate::answer;
use crate::deliver::bounded::Bounded;
use crate::deliver::plain::Whole;
use crate::flow::fault_response;
use crate::guarding::CONTENT_BLOCKED;
use crate::guarding::answer::{self as checked, Passing};
use crate::guarding::failure;
use crate::guarding::filtered::Stopped;
use crate::guarding::keeping::Keeping;
use crate::guarding::watching::Watching;
use crate::linger::{Absence, Unheard};
use crate::outcome::Counts;
use crate::prepare::{Kind, Prepared};
use crate::send::Outgoing;
use crate::settle::{Closing, Settlement};
use crate::snapshot::{Snapshot, Streams};
use begun::Begun;
pub(crate) use begun::{Early, Heard};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use lane::{InboundEnd, Lane, Relay, Transcode, truncated};
use std::sync::Arc;
use std::time::Duration;
use stream::{Parts, StreamBody};
use tg_dialect::cut::Cutter;
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::dialects::bedrock_invoke::Rewrap;
use tg_dialect::dialects::inbound;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::{Class, Fault, Retry};
use tg_kernel::record::Ending;
use tg_kernel::usage::Usage;
use tg_net::body::{BodyError, BodyLimits, OutBody};
use tg_upstream::headers;
use tg_upstream::provider::Upstream;
use tg_upstream::road::Mode;
use tokio::time::Instant;

/// Most bytes of a whole answer: embeddings of a full batch stay under 100 MB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// An answer that is ready to go to the caller.
pub(crate) enum Delivery {
    /// A whole answer whose rest must still be read.
    Whole(Box<Pending>),
    /// A streamed answer.
    Stream(Box<Pending>, Lane, Streams),
    /// A provider's refusal.
    Refused(Box<Refusal>),
    /// An answer that the gateway made by itself.
    Own(Dialect, Bytes),
    /// A guardrail has stopped the call while it was under way.
    Stopped(Box<Stopped>),
}

/// An answer whose head has arrived.
pub(crate) struct Pending {
    caller: Dialect,
    prepared: Prepared,
    facts: ReplyFacts,
    head: http::response::Parts,
    body: Begun,
    /// A whole answer that has been read, or has failed on the way.
    whole: Option<Result<Whole, Fault>>,
    idle: Duration,
    wants_trailers: bool,
}

/// A provider's refusal.
pub(crate) struct Refusal {
    /// What it means.
    pub(crate) fault: Fault,
    /// The refusal as it came, where the caller can read it.
    pub(crate) verbatim: Option<answer::Verbatim>,
}

impl Refusal {
    /// A refusal that the caller can read goes on as it came; any other is a fault.
    pub(crate) fn into_delivery(self) -> Result<Delivery, Fault> {
        if self.verbatim.is_some() { Ok(Delivery::Refused(Box::new(self))) } else { Err(self.fault) }
    }
}

impl Delivery {
    /// Chooses how an answer travels, now that its head is here.
    ///
    /// # Errors
    /// `Class::UpstreamFailed` when a stream was asked for and something else came.
    pub(crate) fn begin(
        outgoing: &Outgoing<'_>,
        prepared: Prepared,
        provider: &Upstream,
        response: Response<Incoming>,
        snapshot: &Snapshot,
    ) -> Result<Self, Fault> {
        let (head, body) = response.into_parts();
        let caller = outgoing.call.dialect;
        let facts = ReplyFacts {
            id: outgoing.id,
            model: outgoing.peek.model.clone(),
            created: outgoing.arrived,
            include_usage: outgoing.peek.include_usage,
        };
        let wants_trailers = outgoing.head.headers.get("te").is_some_and(|te| te.as_bytes() == b"trailers");
        let lane = match (&prepared.kind, outgoing.peek.stream) {
            (Kind::Chat, true) => Some(choose_lane(caller, &prepared, &facts, &head.headers)?),
            _ => None,
        };
        let idle = provider.timeouts.idle;
        let pending =
            Box::new(Pending { caller, prepared, facts, head, body: body.into(), whole: None, idle, wants_trailers });
        Ok(match lane {
            Some(lane) => Self::Stream(pending, lane, snapshot.streams),
            None => Self::Whole(pending),
        })
    }

    /// Whether a provider has answered what was asked.
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(self, Self::Whole(_) | Self::Stream(..))
    }

    /// Waits until nothing can go wrong any more that another target might mend: until a streamed answer says something (by
    /// `end`, where there is one), or until a whole one, which has begun with its head, is there.
    ///
    /// # Errors
    /// Why nothing of it can go on, and what was reported all the same.
    pub(crate) async fn opened(
        mut self,
        end: Option<Instant>,
        absence: Option<Arc<Absence>>,
        heard: &Heard,
    ) -> Result<Self, Box<Early>> {
        match &mut self {
            Self::Stream(pending, ..) => {
                let Prepared { spoken, road, .. } = &pending.prepared;
                let is_sse = inbound(road.dialect).stream_content_type().starts_with("text/event-stream");
                pending.body.look(end, pending.idle, (*spoken, is_sse), heard).await?;
            }
            Self::Whole(pending) => {
                let whole = pending.read(absence).await.map_err(|fault| {
                    // Whoever fell silent here may be heard elsewhere.
                    let fault = if fault.class == Class::TimedOut { fault.retry(Retry::Elsewhere) } else { fault };
                    Box::new(Early { fault, reported: Usage::default() })
                })?;
                pending.whole = Some(Ok(whole));
            }
            Self::Refused(_) | Self::Own(..) | Self::Stopped(_) => {}
        }
        Ok(self)
    }

    /// Opens the answer to the caller and pays the call's debt, now (whole answers) or when the stream ends.
    pub(crate) async fn open(self, settlement: Settlement) -> Response<OutBody> {
        match self {
            Self::Whole(pending) => pending.whole(settlement).await,
            Self::Stream(pending, lane, streams) => pending.stream(lane, streams, settlement),
            Self::Refused(refusal) => refuse(*refusal, settlement),
            Self::Own(caller, body) => own(caller, body, settlement),
            Self::Stopped(stopped) => stopped.answer(settlement),
        }
    }
}

fn choose_lane(caller: Dialect, prepared: &Prepared, facts: &ReplyFacts, head: &HeaderMap) -> Result<Lane, Fault> {
    let spoken = prepared.road.dialect;
    let expected = inbound(spoken).stream_content_type();
    let media = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let found = head.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(media).unwrap_or_default();
    if found != media(expected) {
        let message = "The provider did not answer with a stream, though one was asked for.";
        return Err(Fault::upstream_failed("upstream_garbage", message));
    }
    Ok(match prepared.road.mode {
        Mode::Relay => Lane::Relay(Box::new(Relay::new(prepared.spoken.tap(prepared.strip_usage), expected))),
        Mode::Rewrap if spoken == Dialect::BedrockInvoke => Lane::Rewrap(Box::new(Rewrap::to_sse())),
        Mode::Rewrap => Lane::Rewrap(Box::new(Rewrap::to_chunks(facts.id))),
        Mode::Transcode => {
            let encoder = inbound(caller).encoder(facts.clone());
            Lane::Transcode(Box::new(Transcode::new(prepared.spoken.decoder(), encoder, prepared.names.clone())))
        }
    })
}

impl Pending {
    /// The headers of the answer: the provider's own where the caller speaks its dialect, and ours.
    fn headers(&self, settlement: &Settlement) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.prepared.road.mode == Mode::Relay {
            headers::copy_answer(&self.head.headers, &mut headers);
        }
        if let Some(record) = settlement.record() {
            answer::put_id(&mut headers, self.caller.family(), record.id);
            answer::put_losses(&mut headers, &record.losses);
            if let Some(served) = &record.served {
                answer::put_served(&mut headers, served, record.timing.overhead_us);
            }
            answer::put_task(&mut headers, record);
        }
        answer::put_clamped(&mut headers, settlement.clamped());
        answer::put_advice(&mut headers, settlement.advice());
        answer::put_guardrail(&mut headers, &settlement.guardrails());
        answer::put_standings(&mut headers, self.caller.family(), &settlement.standings());
        answer::put_cache(&mut headers, settlement.cache_outcome());
        headers
    }

    /// Reads a whole answer to its end, if nobody has yet.
    async fn read(&mut self, absence: Option<Arc<Absence>>) -> Result<Whole, Fault> {
        if let Some(whole) = self.whole.take() {
            return whole;
        }
        let limits = BodyLimits { bytes_max: ANSWER_BYTES_MAX, idle_timeout: self.idle, whole_timeout: None };
        let body = tg_net::body::read(Unheard::new(&mut self.body, absence), limits).await.map_err(broken)?;
        plain::read(self.caller, &self.prepared, &self.head.headers, body, &self.facts)
    }

    async fn whole(mut self: Box<Self>, mut settlement: Settlement) -> Response<OutBody> {
        let mut headers = self.headers(&settlement);
        let read = self.read(settlement.absence()).await;
        let Self { caller, prepared, facts, head, .. } = *self;
        let whole = match read {
            Ok(whole) => whole,
            Err(fault) => return failed(caller, &failure::told(fault, &mut settlement).await, settlement),
        };
        if let Kind::Started(started) = &prepared.kind {
            started.remember(&whole.body, settlement.monotonic());
        }
        settlement.first_token();
        settlement.learned(whole.summary.stop, whole.summary.tier);
        settlement.is_called(whole.summary.id.as_deref());
        let counts = Counts::of(&whole.summary, settlement.weight());
        let status = head.status.as_u16();
        let (body, ending, fault) =
            match checked::check(caller, &facts, &counts.usage, whole.body, &mut settlement).await {
                // An answer that tells of a failure goes on as it came.
                Passing::Open(body) if whole.summary.failed => (body, Ending::ProviderError, Some("upstream_error")),
                Passing::Open(body) => (body, Ending::Ok, None),
                Passing::Withheld(body) => (body, Ending::Truncated, Some(CONTENT_BLOCKED)),
                Passing::Refused(fault) => return withheld(caller, &fault, counts, settlement),
            };
        answer::put_guardrail(&mut headers, &settlement.guardrails());
        if let Some(code) = fault {
            answer::put_code(&mut headers, code);
        }
        settlement.hands_over(std::slice::from_ref(&body));
        let cost = settlement.close(Closing { ending, status, fault, counts });
        answer::put_cost(&mut headers, &cost);
        headers.entry(CONTENT_TYPE).or_insert(http::HeaderValue::from_static("application/json"));
        respond(head.status, headers, OutBody::from(body))
    }

    fn stream(self: Box<Self>, lane: Lane, streams: Streams, settlement: Settlement) -> Response<OutBody> {
        let mut headers = self.headers(&settlement);
        let dialect = inbound(self.caller);
        answer::put_content_type(&mut headers, dialect.stream_content_type());
        headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
        if self.wants_trailers {
            headers.insert(http::header::TRAILER, http::HeaderValue::from_static("x-tallygate-cost-usd"));
        }
        let status = self.head.status;
        respond(status, headers, OutBody::stream(self.into_body(lane, streams, settlement)))
    }

    /// The bound of the stream, where its output is taken step by step.
    fn bounded(&self, settlement: &mut Settlement) -> Option<Bounded> {
        let granted = settlement.output_granted()?;
        let transcoded = self.prepared.road.mode == Mode::Transcode;
        let cutter = (!transcoded).then(|| Cutter::new(self.prepared.road.dialect, self.caller, &self.facts));
        let bounded = Bounded::new(granted, cutter);
        Some(if settlement.shares_counts() { bounded.elsewhere() } else { bounded })
    }

    /// The streamed answer itself.
    pub(crate) fn into_body(self: Box<Self>, lane: Lane, streams: Streams, mut settlement: Settlement) -> StreamBody {
        let bounded = self.bounded(&mut settlement);
        let caller = self.caller;
        let guarding = settlement.guarding();
        let watching = guarding.and_then(|guarding| Watching::of(guarding, caller, &self.facts));
        let keeping = guarding.and_then(|guarding| Keeping::of(guarding, caller, &self.facts));
        StreamBody::new(Parts {
            bounded,
            watching,
            keeping,
            upstream: self.body,
            lane,
            end: InboundEnd { dialect: inbound(self.caller), id: self.facts.id },
            settlement,
            wants_trailers: self.wants_trailers,
            idle: self.idle,
            streams,
        })
    }
}

fn respond(status: StatusCode, headers: HeaderMap, body: OutBody) -> Response<OutBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A whole answer that cannot be used: the provider worked, and may bill for it.
fn failed(caller: Dialect, fault: &Fault, settlement: Settlement) -> Response<OutBody> {
    let counts = Counts::input_only(settlement.weight());
    withheld(caller, fault, counts, settlement)
}

/// A whole answer that does not reach the caller, and what it used.
fn withheld(caller: Dialect, fault: &Fault, counts: Counts, settlement: Settlement) -> Response<OutBody> {
    let id = settlement.record().map_or_else(tg_kernel::ids::CallId::fresh, |record| record.id);
    let mut response = fault_response(caller, fault, id);
    if let Some(cause) = fault.cause() {
        tracing::warn!(%id, code = fault.code, %cause, "an answer could not be used");
    }
    answer::put_guardrail(response.headers_mut(), &settlement.guardrails());
    answer::put_standings(response.headers_mut(), caller.family(), &settlement.standings());
    let status = response.status().as_u16();
    let ending = if fault.class == Class::Blocked { Ending::Truncated } else { Ending::ProviderError };
    let cost = settlement.close(Closing { ending, status, fault: Some(fault.code), counts });
    answer::put_cost(response.headers_mut(), &cost);
    response
}

fn refuse(refusal: Refusal, settlement: Settlement) -> Response<OutBody> {
    let Refusal { fault, verbatim } = refusal;
    let verbatim = verbatim.unwrap_or_default();
    let mut headers = verbatim.headers;
    answer::put_code(&mut headers, fault.code);
    answer::put_guardrail(&mut headers, &settlement.guardrails());
    if let Some(record) = settlement.record() {
        answer::put_id(&mut headers, record.asked.dialect.family(), record.id);
        if let Some(served) = &record.served {
            answer::put_served(&mut headers, served, record.timing.overhead_us);
        }
        answer::put_standings(&mut headers, record.asked.dialect.family(), &settlement.standings());
    }
    let status = verbatim.status.as_u16();
    let closing = Closing { ending: Ending::ProviderError, status, fault: Some(fault.code), counts: Counts::NONE };
    let cost = settlement.close(closing);
    answer::put_cost(&mut headers, &cost);
    respond(verbatim.status, headers, OutBody::from(verbatim.body))
}

fn own(caller: Dialect, body: Bytes, settlement: Settlement) -> Response<OutBody> {
    let mut headers = HeaderMap::new();
    answer::put_content_type(&mut headers, "application/json");
    if let Some(record) = settlement.record() {
        answer::put_id(&mut headers, caller.family(), record.id);
        answer::put_losses(&mut headers, &record.losses);
        answer::put_standings(&mut headers, caller.family(), &settlement.standings());
    }
    let cost = settlement.close(Closing { ending: Ending::Ok, status: 200, fault: None, counts: Counts::NONE });
    answer::put_cost(&mut headers, &cost);
    respond(StatusCode::OK, headers, OutBody::from(body))
}

fn broken(error: BodyError) -> Fault {
    match error {
        BodyError::TooLarge { .. } => {
            Fault::upstream_failed("upstream_too_large", "The provider's answer is larger than the gateway takes.")
        }
        BodyError::TimedOut(_) | BodyError::TooSlow(_) => silence::idle_too_long(),
        BodyError::Broken(cause) => truncated().caused_by(cause),
    }
}
