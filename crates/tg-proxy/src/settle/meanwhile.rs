//! What services are asked about a call while it is under way, kept with its debt: the row says what came of all of it.

use super::{Draft, Settlement};
use crate::guarding::Guarding;
use crate::guarding::meanwhile::{Asked, Asking, Inquiries};
use crate::guarding::outside::{Premises, Questions, Told};
use crate::living::Worker;
use crate::meter::Ended;
use futures_util::future::{Either, join_all, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::record::Record;
use tg_kernel::trace::TraceContext;
use tg_net::drain::Ear;
use tg_policy::guard::{Block, Timing};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// What is asked.
#[derive(Default)]
pub(super) struct Meanwhile {
    /// What is to be asked once the call leaves.
    questions: Option<Questions>,
    /// Who waits until all is said that the answer waits for.
    tell: Option<oneshot::Sender<Vec<String>>>,
    /// Those that the answer waits for, while they are asked.
    unheard: Vec<Asked>,
    /// Those for which nobody waits.
    aside: Option<Aside>,
    /// How long an answer that was there has waited.
    held: Duration,
}

/// Opinions that are only counted.
struct Aside {
    asked: Vec<Asked>,
    told: oneshot::Receiver<Vec<Told>>,
}

impl Settlement {
    /// This is to be asked about the call when it leaves.
    pub(crate) fn asks_meanwhile(&mut self, questions: Questions) {
        if let Some(draft) = &mut self.0 {
            draft.meanwhile.questions = Some(questions);
        }
    }

    /// Hears when all is said that the answer waits for, and what its caller is told of the rules then; `None` where it waits
    /// for nothing.
    pub(crate) fn opinions(&mut self) -> Option<oneshot::Receiver<Vec<String>>> {
        let meanwhile = &mut self.0.as_mut()?.meanwhile;
        meanwhile.questions.as_ref()?.rules(Timing::Beside).next()?;
        let (tell, told) = oneshot::channel();
        meanwhile.tell = Some(tell);
        Some(told)
    }

    /// The call leaves. What its answer waits for is to be gone on with; what nobody waits for goes on by itself.
    pub(crate) fn begins_asking(&mut self) -> Option<Asking> {
        let questions = self.0.as_mut()?.meanwhile.questions.take()?;
        let (premises, guarding) = (Premises::of(self)?, self.guarding()?.clone());
        let meanwhile = &mut self.0.as_mut()?.meanwhile;
        let inquiries = Inquiries::begin(questions, premises);
        meanwhile.unheard = inquiries.rules(Timing::Beside);
        let (asked, hearings) = (inquiries.rules(Timing::Aside), inquiries.hear(Timing::Aside));
        if !asked.is_empty() {
            let (tell, told) = oneshot::channel();
            meanwhile.aside = Some(Aside { asked, told });
            drop(tg_net::tasks::spawn("opinions for which nobody waits", async move {
                drop(tell.send(join_all(hearings).await));
            }));
        }
        let hearings = inquiries.hear(Timing::Beside);
        (!hearings.is_empty()).then(|| Asking::new(hearings, guarding, meanwhile.tell.take()))
    }

    /// All is said that the answer waited for, which was there for so long.
    pub(crate) fn hears_opinions(&mut self, told: Vec<Told>, held: Duration) -> Option<Block> {
        let draft = self.0.as_mut()?;
        draft.meanwhile.unheard.clear();
        draft.meanwhile.held = held;
        let guarding = draft.guarding.as_mut()?;
        let block = guarding.hears(told);
        // Copies go out with what is known of the request now.
        if let Some(hearing) = &mut draft.hearing {
            hearing.is_guarded(guarding);
        }
        block
    }

    /// The cache has no part in the call.
    pub(crate) fn reuses_nothing(&mut self) {
        self.decide(|decided| decided.cache = None);
    }
}

impl Draft {
    /// How long its answer was there and waited for others than its provider.
    pub(super) const fn held(&self) -> Duration {
        self.meanwhile.held
    }

    /// What the checks did, for the ledger and for the recording.
    pub(super) fn tell_guarding(&mut self) {
        let Some(guarding) = &mut self.guarding else { return };
        guarding.leaves_unheard(std::mem::take(&mut self.meanwhile.unheard));
        if let Some(aside) = &mut self.meanwhile.aside
            && let Ok(told) = aside.told.try_recv()
        {
            guarding.hears(told);
            self.meanwhile.aside = None;
        }
        match &self.meanwhile.aside {
            // Until they are there, nobody has heard them: so the journal has it, of which the row is made after a crash.
            Some(aside) => {
                let mut until_then = guarding.of_copy();
                until_then.leaves_unheard(aside.asked.clone());
                self.record.guarded = Some(Box::new(until_then.record()));
            }
            None => tell_in_full(&self.worker, &mut self.record, guarding),
        }
    }

    /// Books the call, which has ended; its row waits for what nobody else does.
    pub(super) fn book(self: Box<Self>) {
        let Self { worker, ticket, record, trace, guarding, meanwhile, .. } = *self;
        let Some(ended) = worker.till.end(ticket, &record) else { return };
        match (meanwhile.aside, guarding) {
            (Some(Aside { asked, told }), Some(guarding)) => {
                let late = Late { worker, owed: Some((ended, record, trace)), guarding, asked };
                // Where nothing can be waited for, it is booked as it is.
                if Handle::try_current().is_ok() && !late.worker.closing.has_begun() {
                    drop(tg_net::tasks::spawn("row that waits for opinions", late.hear(told)));
                }
            }
            _ => worker.till.hand_in(ended, record, trace),
        }
    }
}

/// What the checks did, now that nothing is to be heard any more: in the call's row, and in the recording.
fn tell_in_full(worker: &Worker, record: &mut Record, guarding: &Guarding) {
    let guarded = guarding.record();
    if let Some(recorder) = &worker.living.recorder {
        recorder.take(record, &guarded, guarding);
    }
    record.guarded = Some(Box::new(guarded));
}

/// A call that has ended, and whose row waits for opinions that nothing else has waited for. The journal has its end. Dropping
/// it books it.
struct Late {
    worker: Arc<Worker>,
    owed: Option<(Ended, Record, TraceContext)>,
    guarding: Guarding,
    asked: Vec<Asked>,
}

impl Late {
    async fn hear(mut self, told: oneshot::Receiver<Vec<Told>>) {
        let mut ear = Ear::new(Arc::clone(&self.worker.closing));
        let ends = pin!(std::future::poll_fn(|cx| ear.poll(cx)));
        if let Either::Left((Ok(told), _)) = select(told, ends).await {
            self.guarding.hears(told);
            self.asked.clear();
        }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        let Some((ended, mut record, trace)) = self.owed.take() else { return };
        self.guarding.leaves_unheard(std::mem::take(&mut self.asked));
        tell_in_full(&self.worker, &mut record, &self.guarding);
        self.worker.till.hand_in(ended, record, trace);
    }
}
