//! Keeping the caller of a stream company while the provider thinks: an answer that begins before its provider does.
//!
//! Middle boxes cut connections that stay silent for a minute; models may think for longer before their first byte. So
//! when a provider's head has not come within the keepalive period, the gateway answers `200` and sends the dialect's
//! comments. From then on a failure can only be told inside the stream.

use crate::answer;
use crate::deliver::Delivery;
use crate::deliver::stream::StreamBody;
use crate::flow::{Ready, refuse};
use crate::linger::Lingering;
use crate::living::Worker;
use crate::outcome::{draining, ending_of};
use crate::settle::{Closing, Settlement};
use crate::snapshot::Snapshot;
use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::Response;
use http_body::{Body, Frame};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tg_dialect::dialects::inbound;
use tg_dialect::scan::Members;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::ids::CallId;
use tg_net::BoxError;
use tg_net::body::OutBody;
use tg_net::drain::Ear;
use tokio::time::{Instant, Sleep};

/// What became of a call's way to a provider.
struct Concluded {
    dialect: Dialect,
    sent: Result<Delivery, Fault>,
    settlement: Settlement,
}

/// Sends a call, and answers as soon as its provider does, or after `every` in any case.
pub(crate) async fn answer(
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    ready: Box<Ready>,
    mut settlement: Settlement,
    every: Duration,
) -> Response<OutBody> {
    let (dialect, id) = (ready.call.dialect, ready.id);
    let (standings, mut guardrails, advice) = (settlement.standings(), settlement.guardrails(), settlement.advice());
    let cached = settlement.cache_outcome();
    let (ear, opinions) = (Ear::new(Arc::clone(&worker.closing)), settlement.opinions());
    let (absence, closing) = (settlement.absence(), Arc::clone(&worker.closing));
    let going = Box::pin(conclude(worker, snapshot, ready, settlement));
    let mut waiting = Lingering::new(going, absence, closing, |concluded: Concluded| {
        Box::pin(async { drop(concluded.answer().await) })
    });
    // Before all opinions are there that the answer waits for, not even its head leaves.
    if let Some(opinions) = opinions {
        match select(&mut waiting, opinions).await {
            Either::Left((concluded, _)) => return concluded.answer().await,
            Either::Right((told, _)) => guardrails = told.unwrap_or(guardrails),
        }
    }
    if let Ok(concluded) = tokio::time::timeout(every, &mut waiting).await {
        return concluded.answer().await;
    }
    let company = Company { waiting, dialect, id, every, next: Box::pin(tokio::time::sleep(Duration::ZERO)), ear };
    let mut response = Response::new(OutBody::stream(PatientBody::Waiting(company)));
    answer::put_content_type(response.headers_mut(), inbound(dialect).stream_content_type());
    answer::put_id(response.headers_mut(), dialect.family(), id);
    answer::put_advice(response.headers_mut(), advice);
    answer::put_guardrail(response.headers_mut(), &guardrails);
    answer::put_standings(response.headers_mut(), dialect.family(), &standings);
    answer::put_cache(response.headers_mut(), cached);
    response
}

/// Sends a call of which the rest is read when its caller leaves before the answer has begun.
pub(crate) async fn outlast(
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    ready: Box<Ready>,
    settlement: Settlement,
) -> Response<OutBody> {
    let (absence, closing) = (settlement.absence(), Arc::clone(&worker.closing));
    let going = Box::pin(async { conclude(worker, snapshot, ready, settlement).await.answer().await });
    // A streamed answer that nobody takes sees to its own rest.
    Lingering::new(going, absence, closing, |_answer| Box::pin(std::future::ready(()))).await
}

async fn conclude(
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    ready: Box<Ready>,
    mut settlement: Settlement,
) -> Concluded {
    // Scanned once more: the first outcome borrows from a body that has moved since.
    let sent = match Members::scan(&ready.body) {
        Ok(members) => ready.send(&members, &worker, &snapshot, &mut settlement).await,
        Err(fault) => Err(fault),
    };
    Concluded { dialect: ready.call.dialect, sent, settlement }
}

/// An answer that has begun before its provider's.
enum PatientBody {
    /// The provider still thinks.
    Waiting(Company),
    /// The provider answers.
    Streaming(StreamBody),
    /// The last bytes.
    Last(Bytes),
    /// All is said.
    Done,
}

struct Company {
    waiting: Lingering<Concluded>,
    dialect: Dialect,
    id: CallId,
    every: Duration,
    next: Pin<Box<Sleep>>,
    ear: Ear,
}

impl Company {
    /// A sign of life, or the body that follows.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, PatientBody>> {
        if let Poll::Ready(concluded) = Pin::new(&mut self.waiting).poll(cx) {
            return Poll::Ready(Err(concluded.into_body(self.id)));
        }
        if self.ear.poll(cx).is_ready() {
            // The settlement goes with what waits, and knows why.
            return Poll::Ready(Err(PatientBody::Last(last_word(self.dialect, &draining(), self.id))));
        }
        match self.next.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.next.as_mut().reset(Instant::now() + self.every);
                Poll::Ready(Ok(Bytes::from_static(inbound(self.dialect).keepalive())))
            }
        }
    }
}

impl Concluded {
    async fn answer(self) -> Response<OutBody> {
        match self.sent {
            Ok(delivery) => delivery.open(self.settlement).await,
            Err(fault) => refuse(self.dialect, &fault, self.settlement),
        }
    }

    fn into_body(self, id: CallId) -> PatientBody {
        let mut end = (ending_of(self.settlement.is_sent()), self.settlement.owed());
        let fault = match self.sent {
            Ok(Delivery::Stream(pending, lane, streams)) => {
                return PatientBody::Streaming(pending.into_body(lane, streams, self.settlement));
            }
            Ok(Delivery::Refused(refusal)) => refusal.fault,
            Ok(Delivery::Stopped(stopped)) => {
                end = stopped.end(&self.settlement);
                stopped.into_fault()
            }
            Ok(Delivery::Whole(_) | Delivery::Own(..)) => Fault::internal("a stream was asked for"),
            Err(fault) => fault,
        };
        let last = last_word(self.dialect, &fault, id);
        let (ending, counts) = end;
        self.settlement.close(Closing { ending, status: 200, fault: Some(fault.code), counts });
        PatientBody::Last(last)
    }
}

fn last_word(dialect: Dialect, fault: &Fault, id: CallId) -> Bytes {
    let mut last = BytesMut::new();
    inbound(dialect).encode_stream_fault(fault, id, &mut last);
    last.freeze()
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            match &mut *self {
                Self::Waiting(company) => match company.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(sign)) => return Poll::Ready(Some(Ok(Frame::data(sign)))),
                    Poll::Ready(Err(body)) => *self = body,
                },
                Self::Streaming(body) => return Pin::new(body).poll_frame(cx),
                Self::Last(last) => {
                    let last = std::mem::take(last);
                    *self = Self::Done;
                    return Poll::Ready(Some(Ok(Frame::data(last))));
                }
                Self::Done => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Streaming(body) => body.is_end_stream(),
            Self::Waiting(_) | Self::Last(_) => false,
        }
    }
}
