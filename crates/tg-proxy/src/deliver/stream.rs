//! A streamed answer on its way: polled by the connection, no task and no queue between provider and caller.

use crate::answer;
use crate::deliver::lane::{InboundEnd, Lane, truncated};
use crate::outcome::{Counts, draining};
use crate::settle::{Closing, Settlement};
use crate::snapshot::Streams;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::record::Ending;
use tg_net::BoxError;
use tg_net::drain::Ear;
use tokio::time::{Instant, Sleep};

/// A streamed answer. Settles itself when it ends, also when it is dropped.
pub(crate) struct StreamBody {
    /// `None` once the answer has been settled or handed to a drain.
    flow: Option<Box<Flow>>,
    ready: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
}

/// What flows: the upstream's bytes through a lane, with the settlement that is owed for them.
struct Flow {
    upstream: Incoming,
    lane: Lane,
    end: InboundEnd,
    settlement: Settlement,
    wants_trailers: bool,
    timer: Timer,
    ear: Option<Ear>,
}

/// Watches the silence of the upstream. Armed only while there is nothing to send.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    last: Instant,
    idle: Duration,
    keepalive: Option<Duration>,
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

/// The parts of a streamed answer.
pub(crate) struct Parts {
    pub(crate) upstream: Incoming,
    pub(crate) lane: Lane,
    pub(crate) end: InboundEnd,
    pub(crate) settlement: Settlement,
    pub(crate) wants_trailers: bool,
    pub(crate) idle: Duration,
    pub(crate) streams: Streams,
}

impl StreamBody {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = Instant::now();
        let keepalive = parts.streams.keepalive.filter(|_| !parts.end.dialect.keepalive().is_empty());
        let first = keepalive.map_or(parts.idle, |every| every.min(parts.idle));
        let timer =
            Timer { sleep: Box::pin(tokio::time::sleep_until(now + first)), last: now, idle: parts.idle, keepalive };
        let ear = parts.settlement.ear();
        let flow = Flow {
            upstream: parts.upstream,
            lane: parts.lane,
            end: parts.end,
            settlement: parts.settlement,
            wants_trailers: parts.wants_trailers,
            timer,
            ear,
        };
        Self { flow: Some(Box::new(flow)), ready: VecDeque::new(), trailers: None }
    }
}

impl Flow {
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if self.ear.as_mut().is_some_and(|ear| ear.poll(cx).is_ready()) {
            return Poll::Ready(Step::Stopped);
        }
        loop {
            match Pin::new(&mut self.upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.timer.last = Instant::now();
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Step::Bytes(bytes));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Step::Broken(error.into())),
                Poll::Ready(None) => return Poll::Ready(Step::Closed),
                Poll::Pending => return self.timer.poll(!self.lane.summary().content_seen, cx),
            }
        }
    }

    /// Ends the flow: what is left to send goes to `out`, the call is settled.
    fn finish(mut self, end: Result<(), Fault>, out: &mut Vec<Bytes>) -> Option<HeaderMap> {
        let already_told = self.lane.summary().failed && matches!(self.lane, Lane::Relay(_) | Lane::Rewrap(_));
        let fault = end.err();
        if let Some(fault) = fault.as_ref().filter(|_| !already_told) {
            self.lane.fault(fault, &self.end, out);
        }
        let summary = self.lane.summary();
        let cut = fault.is_some() || summary.failed;
        let counts = Counts::of(summary, self.settlement.body_bytes());
        let closing = Closing {
            ending: if cut { Ending::Truncated } else { Ending::Ok },
            status: 200,
            fault: fault.as_ref().map(|f| f.code).or(cut.then_some("upstream_error_event")),
            counts,
        };
        let stop = summary.stop;
        self.settlement.learned(stop, summary.tier);
        let cost = self.settlement.close(closing);
        self.wants_trailers.then(|| {
            let mut trailers = HeaderMap::new();
            answer::put_cost(&mut trailers, &cost);
            trailers
        })
    }

    /// Nobody hears the rest: settles with what was seen so far.
    fn abandon(mut self, ending: Ending, fault: Option<&'static str>) {
        let summary = self.lane.summary();
        let counts = Counts::of(summary, self.settlement.body_bytes());
        let stop = summary.stop;
        let tier = summary.tier;
        self.settlement.learned(stop, tier);
        self.settlement.close(Closing { ending, status: 200, fault, counts });
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
                        if self.lane.pass(bytes, &mut sink).is_err() {
                            return Poll::Ready(());
                        }
                        sink.clear();
                    }
                    Step::Silence => {}
                    Step::Closed => {
                        drop(self.lane.close(&mut sink));
                        return Poll::Ready(());
                    }
                    Step::Bytes(_) | Step::TooLong | Step::Broken(_) | Step::Stopped => return Poll::Ready(()),
                }
            }
        });
        // Whether the rest came in time or not, what was seen is what is booked.
        drop(tokio::time::timeout_at(until, reading).await);
        self.abandon(Ending::ClientGone, None);
    }
}

impl Timer {
    fn poll(&mut self, before_content: bool, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let silent = self.last.elapsed();
            if silent >= self.idle {
                return Poll::Ready(Step::TooLong);
            }
            let now = Instant::now();
            match self.keepalive.filter(|_| before_content) {
                Some(every) => {
                    self.sleep.as_mut().reset((now + every).min(self.last + self.idle));
                    return Poll::Ready(Step::Silence);
                }
                None => self.sleep.as_mut().reset(self.last + self.idle),
            }
        }
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
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            };
            let end = match ready!(flow.poll_step(cx)) {
                Step::Bytes(bytes) => match flow.lane.pass(bytes, &mut out) {
                    Ok(()) => {
                        if !out.is_empty() && flow.lane.summary().content_seen {
                            flow.settlement.first_token();
                        }
                        self.ready.extend(out.drain(..));
                        continue;
                    }
                    Err(fault) => Err(fault),
                },
                Step::Silence => {
                    let frame = Bytes::from_static(flow.end.dialect.keepalive());
                    self.ready.push_back(frame);
                    continue;
                }
                Step::TooLong => Err(idle_too_long()),
                Step::Broken(error) => Err(truncated().caused_by(error)),
                Step::Stopped => Err(draining()),
                Step::Closed => flow.lane.close(&mut out),
            };
            if let Some(flow) = self.flow.take() {
                self.trailers = flow.finish(end, &mut out);
            }
            self.ready.extend(out.drain(..));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.flow.is_none() && self.ready.is_empty() && self.trailers.is_none()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        let Some(flow) = self.flow.take() else { return };
        // Not the caller's doing: it did not even take what was there for it.
        if flow.ear.as_ref().is_some_and(Ear::has_heard) {
            return flow.abandon(Ending::Interrupted, Some(draining().code));
        }
        match flow.settlement.absence() {
            None => flow.abandon(Ending::ClientGone, None),
            Some(absence) => {
                let reading = flow.drain(absence.until(), absence.bytes_max);
                drop(tg_net::tasks::spawn("drain after disconnect", reading));
            }
        }
    }
}

pub(super) fn idle_too_long() -> Fault {
    Fault::new(Class::TimedOut, Origin::Provider, "idle_timeout", "The provider fell silent for too long.")
}
