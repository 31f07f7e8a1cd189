//! A streamed answer on its way: polled by the connection, no task and no queue between provider and caller.

mod ends;

use crate::deliver::begun::Begun;
use crate::deliver::bounded::{Bounded, Passage};
use crate::deliver::lane::{InboundEnd, Lane, truncated};
use crate::deliver::silence::{Silence, Timer, idle_too_long};
use crate::guarding::keeping::Keeping;
use crate::guarding::watching::Watching;
use crate::outcome::draining;
use crate::settle::Settlement;
use crate::snapshot::Streams;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tg_dialect::gate::Passing;
use tg_kernel::fault::Fault;
use tg_kernel::record::Ending;
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
    /// Whether it is noted what the provider calls its answer.
    is_named: bool,
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
    /// The gateway has ended it, as its output may use no more. `told`: the caller's framing could end it.
    Cut {
        told: bool,
    },
    /// A guardrail lets nothing more of it go on.
    Blocked,
}

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
            is_named: false,
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
                if !self.is_named
                    && let (Some(settlement), id @ Some(_)) = (&self.settlement, self.lane.summary().id.as_deref())
                {
                    settlement.is_called(id);
                    self.is_named = true;
                }
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
        let passage = if self.watching.is_none() {
            self.pass(bytes, out)
        } else {
            let mut made = Vec::new();
            let passage = self.pass(bytes, &mut made);
            if self.check(made, false, out)? == Passing::Blocked {
                return Ok(Some(Ended::Blocked));
            }
            passage
        };
        match passage? {
            Passage::Open => Ok(None),
            Passage::Cut => self.cut(out).map(Some),
        }
    }

    fn pass(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<Passage, Fault> {
        match &mut self.bounded {
            Some(bounded) => bounded.pass(bytes, &mut self.lane, self.settlement.as_mut(), out),
            None => self.lane.pass(bytes, out).map(|()| Passage::Open),
        }
    }

    /// These bytes go to the caller. Signs of life are no part of the answer.
    fn hands_over(&mut self, out: &[Bytes]) {
        let keepalive = self.end.dialect.keepalive();
        if let (Some(settlement), false) = (&mut self.settlement, out.is_empty()) {
            let is_sign = |bytes: &&Bytes| !keepalive.is_empty() && **bytes == keepalive;
            out.iter()
                .filter(|bytes| !is_sign(bytes))
                .for_each(|bytes| settlement.hands_over(std::slice::from_ref(bytes)));
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

    /// Where the answer is judged piece by piece: asks about those that are there, and lets go what was judged. Pending while no
    /// more may be taken in.
    fn poll_pieces(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<()> {
        let (Some(keeping), Some(settlement)) = (&mut self.keeping, &mut self.settlement) else {
            return Poll::Ready(());
        };
        let polled = keeping.poll_pieces(settlement, cx, out);
        if !out.is_empty() && self.lane.summary().content_seen {
            settlement.first_token();
        }
        match polled {
            Poll::Ready(Ok(Passing::Open)) => {}
            Poll::Ready(Ok(Passing::Blocked)) => self.ended = Some(Ok(Ended::Blocked)),
            Poll::Ready(Err(fault)) => self.ended = Some(Err(fault)),
            // Its provider is not listened to, and so is not silent.
            Poll::Pending => {
                self.timer.heard();
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Waits until services outside have said what they think of an answer that is all there, or of what they were asked about
    /// when something else ended it.
    fn poll_opinions(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<()> {
        let (Some(keeping), Some(settlement)) = (&mut self.keeping, &mut self.settlement) else {
            return Poll::Ready(());
        };
        let is_stopped = self.ear.as_ref().is_some_and(Ear::has_heard);
        let opinions = match &self.ended {
            Some(Ok(Ended::Whole | Ended::Cut { .. })) => keeping.poll_opinions(settlement, cx, out),
            Some(Ok(Ended::Blocked) | Err(_)) if !is_stopped => keeping.poll_asked(settlement, cx),
            _ => return Poll::Ready(()),
        };
        if !out.is_empty() && self.lane.summary().content_seen {
            settlement.first_token();
        }
        match ready!(opinions) {
            Ok(Passing::Open) => {}
            Ok(Passing::Blocked) => self.ended = Some(Ok(Ended::Blocked)),
            Err(fault) => self.ended = Some(Err(fault)),
        }
        Poll::Ready(())
    }

    /// While opinions are awaited: a sign of life for the caller, or the gateway's own end.
    fn poll_asking(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<()> {
        if self.ear.as_mut().is_some_and(|ear| ear.poll(cx).is_ready()) {
            if !matches!(self.ended, Some(Ok(Ended::Blocked) | Err(_))) {
                self.ended = Some(Err(draining()));
            }
            return Poll::Ready(());
        }
        ready!(self.timer.poll_signs(cx));
        out.push(Bytes::from_static(self.end.dialect.keepalive()));
        Poll::Ready(())
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
                let is_full = flow.poll_pieces(cx, &mut out).is_pending();
                if out.is_empty() && flow.ended.is_none() {
                    if is_full {
                        ready!(flow.poll_asking(cx, &mut out));
                    } else {
                        let step = ready!(flow.poll_step(cx));
                        flow.ended = flow.advance(step, &mut out);
                    }
                }
                flow.hands_over(&out);
            } else {
                if flow.poll_opinions(cx, &mut out).is_pending() {
                    // A piece may have left while the last is awaited.
                    if out.is_empty() {
                        ready!(flow.poll_asking(cx, &mut out));
                    }
                    flow.hands_over(&out);
                } else if let Some(mut flow) = self.flow.take()
                    && let Some(end) = flow.ended.take()
                {
                    flow.hands_over(&out);
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
            // Nothing more of it leaves: nobody is asked about it.
            flow.tells_recording();
            flow.keeping = None;
            let reading = flow.drain(absence.until(), absence.bytes_max);
            drop(tg_net::tasks::spawn("drain after disconnect", reading));
        }
    }
}
