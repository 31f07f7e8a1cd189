//! One copy of a call: sent as a call of its own, its answer read to the end by nobody but the gateway.

use super::hearing::{Comparison, Heard, Hearing};
use super::judge::{self, Case};
use super::places::{Fate, Place};
use crate::flow::{self, Ready};
use crate::guarding::Guarding;
use crate::intake;
use crate::living::Worker;
use crate::recognise::Head;
use crate::room;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use futures_util::future::select;
use http::Response;
use http_body::Body as _;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tg_dialect::scan::Members;
use tg_kernel::decided::Purpose;
use tg_kernel::ids::CallId;
use tg_kernel::peek::Peek;
use tg_kernel::principal::Attribution;
use tg_kernel::trace::TraceContext;
use tg_net::body::OutBody;
use tg_net::drain::Ear;

/// Longest time for a copy and the question about it together. Callers wait as long as they like; nobody waits for these.
const TIME_MAX: Duration = Duration::from_secs(300);

/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// A call that is to be copied.
pub(crate) struct Copy {
    pub(super) purpose: Purpose,
    pub(super) of: CallId,
    pub(super) snapshot: Arc<Snapshot>,
    /// The call, for the other target.
    pub(super) ready: Ready,
    /// To whom it is booked.
    pub(super) booked: Attribution,
    /// The checks that go on with its answer.
    pub(super) guarding: Option<Guarding>,
    /// What its answer is compared for.
    pub(super) comparison: Option<Comparison>,
    /// What its call was answered, to be compared.
    pub(super) heard: Option<Heard>,
    pub(super) place: Place,
}

/// Lets a copy go out beside all calls. What does not end in time, or before the gateway does, is dropped, and settles itself.
pub(super) fn begin(worker: &Arc<Worker>, copy: Copy) {
    let going = Arc::clone(worker);
    aside(worker, "copy of a call", async move { go(&going, copy).await });
}

/// Does something for which no caller waits. What does not end in time, or before the gateway does, is dropped.
pub(super) fn aside(worker: &Arc<Worker>, name: &'static str, going: impl Future<Output = ()> + Send + 'static) {
    let mut ear = Ear::new(Arc::clone(&worker.closing));
    drop(tg_net::tasks::spawn(name, async move {
        let going = Box::pin(going);
        let ended = pin!(std::future::poll_fn(|cx| ear.poll(cx)));
        drop(tokio::time::timeout(TIME_MAX, select(going, ended)).await);
    }));
}

async fn go(worker: &Arc<Worker>, copy: Copy) {
    let Copy { purpose, of, snapshot, mut ready, booked, guarding, mut comparison, heard, place } = copy;
    if let Some(comparison) = &mut comparison {
        comparison.original = heard.and_then(Heard::said);
        // Without what the call was answered there is nothing to compare; the money is better kept.
        if comparison.original.is_none() {
            worker.living.shadows.judged(None);
            return;
        }
    }
    let birth = Birth { purpose, of, booked: booked.clone(), trace: ready.trace };
    let (mut settlement, trace) = begun(worker, &snapshot, birth, (&ready.call, &ready.peek, &ready.body));
    ((ready.id, ready.arrived), ready.trace) = (settlement.identity(), trace);
    if let Some(guarding) = guarding {
        settlement.guard(guarding);
    }
    let mut judged = None;
    if let Some(comparison) = comparison {
        if comparison.is_by_agreement() {
            settlement.hears(Hearing::compared(comparison, &ready));
        } else {
            let (hearing, told) = Hearing::told(comparison.clone(), &ready);
            settlement.hears(hearing);
            judged = Some((comparison, told));
        }
    }
    if !send(worker, &snapshot, &ready, settlement, purpose).await {
        return;
    }
    if let Some((comparison, told)) = judged
        && let Ok(copied) = told.await
    {
        let Ready { body, peek, plan, trace, .. } = ready;
        let case = Case { comparison, copied, body, model: peek.model, plan, booked, trace };
        judge::ask(worker, &snapshot, case).await;
    }
    drop(place);
}

/// What a call is that nobody made.
pub(super) struct Birth {
    pub(super) purpose: Purpose,
    pub(super) of: CallId,
    pub(super) booked: Attribution,
    /// The span of the call for whose sake it is made.
    pub(super) trace: TraceContext,
}

/// The debt of such a call, which gets an id and a span of its own.
pub(super) fn begun(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    birth: Birth,
    (call, peek, body): (&Head, &Peek, &[u8]),
) -> (Settlement, TraceContext) {
    let Birth { purpose, of, booked, trace } = birth;
    let fresh = intake::trace(&http::HeaderMap::new());
    let trace = TraceContext { span_id: fresh.span_id, parent_id: Some(trace.span_id), ..trace };
    let mut settlement = Settlement::begin(worker, snapshot, call, trace);
    settlement.is_nobodys((purpose, of));
    settlement.book(booked);
    settlement.asks(&peek.model, peek.stream);
    settlement.weighs(body);
    (settlement, trace)
}

/// Sends a call, where there is money and room for it, and reads its answer to the end. Whether it was sent.
pub(super) async fn send(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    ready: &Ready,
    mut settlement: Settlement,
    purpose: Purpose,
) -> bool {
    let shadows = &worker.living.shadows;
    let Ok(members) = Members::scan(&ready.body) else {
        settlement.forgo();
        return false;
    };
    let sent = match room::take_as_planned(&mut settlement, (&ready.peek, &members), &ready.plan).await {
        Ok(()) => ready.send(&members, worker, snapshot, &mut settlement).await,
        Err(fault) => Err(fault),
    };
    // Nothing left, so nothing is owed, and nothing is said of it but a count.
    if !settlement.is_sent() {
        shadows.note(purpose, Fate::NoRoom);
        settlement.forgo();
        return false;
    }
    shadows.note(purpose, Fate::Sent);
    let response = match sent {
        Ok(delivery) => delivery.open(settlement).await,
        Err(fault) => flow::refuse(ready.call.dialect, &fault, settlement),
    };
    read(response).await;
    true
}

/// Reads an answer for which nobody waits, and keeps nothing of it.
async fn read(response: Response<OutBody>) {
    let mut body = response.into_body();
    let mut left = ANSWER_BYTES_MAX;
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        if bytes > left {
            return;
        }
        left -= bytes;
    }
}
