//! A streamed answer on its way: polled by the connection, no task and no queue between provider and caller.

use crate::answer;
use crate::deliver::begun::Begun;
use crate::deliver::bounded::{Bounded, Passage};
use crate::deliver::lane::{InboundEnd, Lane, truncated};
use crate::deliver::silence::{Silence, Timer, idle_too_long};
use crate::guarding::CONTENT_BLOCKED;
use crate::guarding::failure::wordless;
use crate::guarding::keeping::Keeping;
use crate::guarding::watching::Watching;
use crate::outcome::{Counts, draining};
use crate::settle::{Closing, Settlement};
use crate::snapshot::Streams;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tg_dialect::gate::Passing;
use tg_kernel::chat::StopReason;
use tg_kernel::fault::Fault;
use tg_kernel::record::{Cost, Ending};
use tg_net::BoxError;
use tg_net::drain::Ear;
use tokio::time::Instant;

/// A streamed answer. Settles itself when it ends, also when it is dropped.
pub(crate) struct StreamBody {
    /// `None` once the answer has been settled or handed to a drain.
    flow: Option<Box<Flow>>,
    ready: VecDeque<Bytes>,
    last: Option<Last>,
}

/// What comes after the last bytes, where something does.
enum Last {
    Trailers(HeaderMap),
    /// The connection is broken: the caller has half a frame, and nothing can be said inside it.
    Break,
}

/// What flows: the upstream's bytes through a lane, with the settlement that is owed for them. Dropped before its end,
/// it settles with what was seen.
struct Flow {
    upstream: Begun,
    lane: Lane,
    bounded: Option<Bounded>,
    /// Where the answer is checked.
    watching: Option<Watching>,
    /// Where it waits for what services outside say of it.
    keeping: Option<Keeping>,
    /// How it ended, while that is awaited.
    ended: Option<Result<Ended, Fault>>,
    end: InboundEnd,
    /// `None` once it is settled.
    settlement: Option<Settlement>,
    wants_trailers: bool,
    timer: Timer,
    ear: Option<Ear>,
    /// What came and may need more output tokens than there are, which are asked for.
    held_back: Option<Bytes>,
}

/// What a look at the upstream brought.
enum Step {
    Bytes(Bytes),
    Silence,
    TooLong,
    Broken(BoxError),
    Closed,
    /// The gateway ends.
    Stopped,
}

/// How an answer ended that did not fail.
enum Ended {
    Whole,
    /// The gateway has to end it: its output may use no more.
    Cut,
    /// A guardrail lets nothing more of it go on.
    Blocked,
}

/// Booked for an answer that was ended at its length.
const OUTPUT_CUT: &str = "output_cut";

/// The parts of a streamed answer.
pub(crate) struct Parts {
    pub(super) upstream: Begun,
    pub(crate) lane: Lane,
    /// Where the output is taken step by step.
    pub(super) bounded: Option<Bounded>,
    /// Where the answer is checked.
    pub(super) watching: Option<Watching>,
    /// Where it waits for what services outside say of it.
    pub(super) keeping: Option<Keeping>,
    pub(crate) end: InboundEnd,
    pub(crate) settlement: Settlement,
    pub(crate) wants_trailers: bool,
    pub(crate) idle: Duration,
    pub(crate) streams: Streams,
}

impl StreamBody {
    pub(crate) fn new(parts: Parts) -> Self {
        let keepalive = parts.streams.keepalive.filter(|_| !parts.end.dialect.keepalive().is_empty());
        let timer = Timer::new(parts.idle, keepalive);
        let ear = parts.settlement.ear();
        let flow = Flow {
            upstream: parts.upstream,
            lane: parts.lane,
            bounded: parts.bounded,
            watching: parts.watching,
            keeping: parts.keeping,
            ended: None,
            end: parts.end,
            settlement: Some(parts.settlement),
            wants_trailers: parts.wants_trailers,
            timer,
            ear,
            held_back: None,
        };
        Self { flow: Some(Box::new(flow)), ready: VecDeque::new(), last: None }
    }
}

impl Flow {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.ear.as_mut().is_some_and(|ear| ear.poll(cx).is_ready()) {
            return Poll::Ready(Step::Stopped);
        }
        // What was asked for ahead is taken in when it comes; only what must not go on without it waits.
        let growing = self.poll_growth(cx);
        if self.held_back.is_some() {
            ready!(growing);
            let bytes = self.held_back.as_ref().map_or(0, Bytes::len);
            if self.must_wait(bytes) {
                ready!(self.poll_growth(cx));
            }
            if let Some(bytes) = self.held_back.take() {
                return Poll::Ready(Step::Bytes(bytes));
            }
        }
        loop {
            match Pin::new(&mut self.upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.timer.heard();
                    if let Ok(bytes) = frame.into_data() {
                        if self.must_wait(bytes.len()) && self.poll_growth(cx).is_pending() {
                            self.held_back = Some(bytes);
                            return Poll::Pending;
                        }
                        return Poll::Ready(Step::Bytes(bytes));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Step::Broken(error.into())),
                Poll::Ready(None) => return Poll::Ready(Step::Closed),
                // What is held back to be checked is silence, too.
                Poll::Pending => {
                    let silent = self.watching.is_some() || !self.lane.summary().content_seen;
                    return self.timer.poll(silent, cx).map(|silence| match silence {
                        Silence::Kept => Step::Silence,
                        Silence::TooLong => Step::TooLong,
                    });
                }
            }
        }
    }

    /// Takes a step: what it brings goes to `out`. `None` while the answer goes on, else how it ended.
    fn advance(&mut self, step: Step, out: &mut Vec<Bytes>) -> Option<Result<Ended, Fault>> {
        match step {
            Step::Bytes(bytes) => {
                let passage = self.take(bytes, out);
                // Ahead of time: nobody waits for it yet.
                self.must_wait(0);
                if let Some(settlement) = &mut self.settlement
                    && !out.is_empty()
                    && self.lane.summary().content_seen
                {
                    settlement.first_token();
                }
                passage.transpose()
            }
            Step::Silence => {
                if self.watching.is_some() || !self.lane.is_inside() {
                    out.push(Bytes::from_static(self.end.dialect.keepalive()));
                }
                None
            }
            Step::Closed => Some(self.close(out)),
            // The answer was whole; its provider only forgot to hang up, or did it rudely.
            Step::TooLong | Step::Broken(_) | Step::Stopped if self.lane.summary().complete => Some(self.close(out)),
            Step::TooLong => Some(Err(idle_too_long())),
            Step::Stopped => Some(Err(draining())),
            Step::Broken(error) => Some(Err(truncated().caused_by(error))),
        }
    }

    /// Takes the next bytes of the upstream; what may leave goes to `out`. `None` while the answer goes on.
    fn take(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<Option<Ended>, Fault> {
        if self.watching.is_none() {
            return Ok(ended(self.pass(bytes, out)?));
        }
        let mut made = Vec::new();
        let passage = self.pass(bytes, &mut made);
        match self.check(made, false, out)? {
            Passing::Blocked => Ok(Some(Ended::Blocked)),
            Passing::Open => Ok(ended(passage?)),
        }
    }

    fn pass(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<Passage, Fault> {
        match &mut self.bounded {
            Some(bounded) => bounded.pass(bytes, &mut self.lane, self.settlement.as_mut(), out),
            None => self.lane.pass(bytes, out).map(|()| Passage::Open),
        }
    }

    /// Takes in what was granted of what was asked for; pending while that is awaited.
    fn poll_growth(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let (Some(bounded), Some(settlement)) = (&mut self.bounded, &mut self.settlement)
            && let Some((got, wanted)) = ready!(settlement.poll_output(cx))
        {
            bounded.grant(got, wanted);
        }
        Poll::Ready(())
    }

    /// Asks for more output tokens where so many bytes may need them, or soon will. Whether they cannot go on without.
    fn must_wait(&mut self, bytes: usize) -> bool {
        let (Some(bounded), Some(settlement)) = (&self.bounded, &mut self.settlement) else { return false };
        let Some((wanted, must_wait)) = bounded.wants(bytes) else { return false };
        settlement.ask_output(wanted);
        must_wait
    }

    fn close(&mut self, out: &mut Vec<Bytes>) -> Result<Ended, Fault> {
        let mut made = Vec::new();
        let closed = match &mut self.bounded {
            Some(bounded) => bounded.close(&mut self.lane, &mut made),
            None => Ok(()),
        };
        let closed = closed.and_then(|()| self.lane.close(&mut made));
        // Of an answer that was cut off there is an error yet to come.
        match self.check(made, closed.is_ok(), out)? {
            Passing::Blocked => Ok(Ended::Blocked),
            Passing::Open => closed.map(|()| Ended::Whole),
        }
    }

    /// Lets go what the checks let go of what was made for the caller; of `all` of it, if nothing more comes.
    fn check(&mut self, mut made: Vec<Bytes>, is_all: bool, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        let Some(watching) = &mut self.watching else {
            out.append(&mut made);
            return Ok(Passing::Open);
        };
        // Without its settlement an answer has ended.
        let Some(guarding) = self.settlement.as_mut().and_then(Settlement::guarding_mut) else {
            return Ok(Passing::Blocked);
        };
        let mut free = Vec::new();
        let mut passing = watching.pass(made, guarding, &mut free)?;
        if passing == Passing::Open && is_all {
            passing = watching.finish(guarding, &mut free)?;
        }
        match &mut self.keeping {
            Some(keeping) => keeping.pass(free, out)?,
            None => out.append(&mut free),
        }
        Ok(passing)
    }

    /// Waits until services outside have said what they think of an answer that is all there.
    fn poll_opinions(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<()> {
        let (Some(keeping), Some(settlement)) = (&mut self.keeping, &mut self.settlement) else {
            return Poll::Ready(());
        };
        if matches!(self.ended, Some(Ok(Ended::Whole | Ended::Cut))) {
            match ready!(keeping.poll_opinions(settlement, cx, out)) {
                Ok(Passing::Open) => {}
                Ok(Passing::Blocked) => self.ended = Some(Ok(Ended::Blocked)),
                Err(fault) => self.ended = Some(Err(fault)),
            }
        }
        Poll::Ready(())
    }

    /// While opinions are awaited: a sign of life for the caller, or the gateway's own end.
    fn poll_asking(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<()> {
        if self.ear.as_mut().is_some_and(|ear| ear.poll(cx).is_ready()) {
            self.ended = Some(Err(draining()));
            return Poll::Ready(());
        }
        ready!(self.timer.poll_signs(cx));
        out.push(Bytes::from_static(self.end.dialect.keepalive()));
        Poll::Ready(())
    }

    /// Ends an answer that may use no more: the provider is left with the flow.
    fn cut(&mut self, out: &mut Vec<Bytes>) -> (bool, Option<Cost>) {
        let (Some(bounded), Some(settlement)) = (&mut self.bounded, &self.settlement) else { return (true, None) };
        let (weight, mut made) = (settlement.weight(), Vec::new());
        let told = bounded.end(&mut self.lane, weight, &self.end, &mut made);
        match self.check(made, true, out) {
            Ok(Passing::Open) if told || self.watching.is_none() => {}
            Ok(Passing::Open) => return self.conclude(Some(truncated()), out),
            Ok(Passing::Blocked) => return self.block(out),
            Err(fault) => return self.conclude(Some(fault), out),
        }
        let (Some(bounded), Some(mut settlement)) = (&self.bounded, self.settlement.take()) else {
            return (told, None);
        };
        let summary = self.lane.summary();
        settlement.learned(Some(StopReason::MaxTokens), summary.tier);
        let counts = bounded.counts(summary, weight);
        let closing = Closing { ending: Ending::Truncated, status: 200, fault: Some(OUTPUT_CUT), counts };
        (told, Some(settlement.close(closing)))
    }

    /// Ends an answer of which nothing more may go on: the provider is left with the flow.
    fn block(&mut self, out: &mut Vec<Bytes>) -> (bool, Option<Cost>) {
        let (Some(watching), Some(settlement)) = (&mut self.watching, &mut self.settlement) else {
            return (true, None);
        };
        let summary = self.lane.summary();
        let usage = Counts::of(summary, settlement.weight()).usage;
        match &mut self.keeping {
            Some(keeping) => keeping.end(&usage, out),
            None => watching.end(&usage, out),
        }
        (true, self.settle(Ending::Truncated, Some(CONTENT_BLOCKED)))
    }

    /// Says that the answer has failed, after all of it that may leave.
    fn last_words(&mut self, fault: Fault, out: &mut Vec<Bytes>) -> Passing {
        let mut made = Vec::new();
        let is_said = match &mut self.lane {
            // It knows what it has said, and its frames are whole.
            Lane::Transcode(_) => self.lane.fault(&fault, &self.end, &mut made),
            // The provider's own words stand at the gate.
            Lane::Relay(relay) => relay.has_told(),
            Lane::Rewrap(_) => false,
        };
        match self.check(made, true, out) {
            Ok(Passing::Blocked) => return Passing::Blocked,
            Ok(Passing::Open) if is_said && !self.keeping.as_ref().is_some_and(Keeping::holds) => {}
            // What cannot be checked does not leave.
            Ok(Passing::Open) | Err(_) => {
                let mut last = BytesMut::new();
                self.end.dialect.encode_stream_fault(&wordless(fault), self.end.id, &mut last);
                out.push(last.freeze());
            }
        }
        Passing::Open
    }

    /// Ends the flow: what is left to send goes to `out`, the call is settled.
    fn finish(mut self, end: Result<Ended, Fault>, out: &mut Vec<Bytes>) -> Option<Last> {
        let (told, cost) = match end {
            Ok(Ended::Cut) => self.cut(out),
            Ok(Ended::Blocked) => self.block(out),
            Ok(Ended::Whole) => self.conclude(None, out),
            Err(fault) => self.conclude(Some(fault), out),
        };
        if !told {
            return Some(Last::Break);
        }
        let cost = cost.filter(|_| self.wants_trailers)?;
        let mut trailers = HeaderMap::new();
        answer::put_cost(&mut trailers, &cost);
        Some(Last::Trailers(trailers))
    }

    /// Settles an answer that has ended by itself, or failed. Answers whether the caller could be told of it.
    fn conclude(&mut self, fault: Option<Fault>, out: &mut Vec<Bytes>) -> (bool, Option<Cost>) {
        let code = fault.as_ref().map(|fault| fault.code);
        let told = match fault {
            None => true,
            Some(fault) if self.watching.is_none() => self.lane.fault(&fault, &self.end, out),
            Some(fault) => match self.last_words(fault, out) {
                Passing::Open => true,
                Passing::Blocked => return self.block(out),
            },
        };
        let cut = code.is_some() || self.lane.summary().failed;
        let ending = if cut { Ending::Truncated } else { Ending::Ok };
        (told, self.settle(ending, code.or(cut.then_some("upstream_error_event"))))
    }

    /// Settles with what was seen so far; only the first time counts.
    fn settle(&mut self, ending: Ending, fault: Option<&'static str>) -> Option<Cost> {
        let mut settlement = self.settlement.take()?;
        let summary = self.lane.summary();
        let mut counts = Counts::of(summary, settlement.weight());
        if let Some(bounded) = &self.bounded {
            counts = bounded.bound(counts, summary);
        }
        let stop = if fault == Some(CONTENT_BLOCKED) { Some(StopReason::Guardrail) } else { summary.stop };
        settlement.learned(stop, summary.tier);
        Some(settlement.close(Closing { ending, status: 200, fault, counts }))
    }

    /// Reads the rest for its counts and drops the bytes.
    async fn drain(mut self: Box<Self>, until: Instant, bytes_max: u64) {
        let mut left = bytes_max;
        let reading = std::future::poll_fn(|cx| {
            let mut sink = Vec::new();
            loop {
                match ready!(self.poll_step(cx)) {
                    Step::Bytes(bytes) if bytes.len() as u64 <= left => {
                        left -= bytes.len() as u64;
                        if !matches!(self.pass(bytes, &mut sink), Ok(Passage::Open)) {
                            return Poll::Ready(());
                        }
                        sink.clear();
                    }
                    Step::Silence => {}
                    Step::Closed => {
                        drop(self.close(&mut sink));
                        return Poll::Ready(());
                    }
                    Step::Bytes(_) | Step::TooLong | Step::Broken(_) | Step::Stopped => return Poll::Ready(()),
                }
            }
        });
        // Whether the rest came in time or not, what was seen is what is booked: when the flow is dropped, which is also
        // what happens to it if the gateway stops before.
        drop(tokio::time::timeout_at(until, reading).await);
    }
}

impl Drop for Flow {
    /// The caller left.
    fn drop(&mut self) {
        self.settle(Ending::ClientGone, None);
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut out = Vec::new();
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let Some(flow) = self.flow.as_mut() else {
                return Poll::Ready(self.last.take().map(|last| match last {
                    Last::Trailers(trailers) => Ok(Frame::trailers(trailers)),
                    Last::Break => Err("the provider's stream broke off inside a frame".into()),
                }));
            };
            if flow.ended.is_none() {
                let step = ready!(flow.poll_step(cx));
                flow.ended = flow.advance(step, &mut out);
            } else {
                if flow.poll_opinions(cx, &mut out).is_pending() {
                    ready!(flow.poll_asking(cx, &mut out));
                } else if let Some(mut flow) = self.flow.take()
                    && let Some(end) = flow.ended.take()
                {
                    self.last = flow.finish(end, &mut out);
                }
            }
            self.ready.extend(out.drain(..));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.flow.is_none() && self.ready.is_empty() && self.last.is_none()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        let Some(mut flow) = self.flow.take() else { return };
        // Not the caller's doing: it did not even take what was there for it.
        if flow.ear.as_ref().is_some_and(Ear::has_heard) {
            flow.settle(Ending::Interrupted, Some(draining().code));
        } else if let Some(absence) = flow.settlement.as_ref().and_then(Settlement::absence) {
            let reading = flow.drain(absence.until(), absence.bytes_max);
            drop(tg_net::tasks::spawn("drain after disconnect", reading));
        }
    }
}

/// How an answer ends that goes on so, if it does.
fn ended(passage: Passage) -> Option<Ended> {
    match passage {
        Passage::Open => None,
        Passage::Cut => Some(Ended::Cut),
    }
}
