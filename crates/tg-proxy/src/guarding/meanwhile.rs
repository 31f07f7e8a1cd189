//! Services that are asked about a request while it is under way: nothing of its answer goes on before they have said what they
//! think, and where that stops the call, what is under way is given up.

use super::Guarding;
use super::filtered::Stopped;
use super::outside::{Premises, Questions, Told};
use crate::deliver::Delivery;
use crate::settle::Settlement;
use futures_util::Stream as _;
use futures_util::stream::FuturesUnordered;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Block, ExternalRule, Timing, Way};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A rule that asks, and the channel of what it asks about.
pub(crate) type Asked = (usize, Channel);

/// What is waited for.
type Hearing = Pin<Box<dyn Future<Output = Told> + Send>>;

/// Questions about one request, which all begin at once.
pub(crate) struct Inquiries {
    questions: Questions,
    premises: Premises,
    began: Instant,
}

impl Inquiries {
    pub(crate) fn begin(questions: Questions, premises: Premises) -> Arc<Self> {
        Arc::new(Self { questions, premises, began: Instant::now() })
    }

    /// The rules whose opinions have to be known then.
    pub(crate) fn rules(&self, timing: Timing) -> Vec<Asked> {
        self.questions.rules(timing).map(|rule| (rule.rule, self.questions.channel(rule))).collect()
    }

    /// What their services say.
    pub(crate) fn hear(self: &Arc<Self>, timing: Timing) -> Vec<Hearing> {
        self.questions.rules(timing).map(|rule| self.hear_one(rule)).collect()
    }

    fn hear_one(self: &Arc<Self>, rule: &ExternalRule) -> Hearing {
        let (of, rule) = (Arc::clone(self), rule.clone());
        Box::pin(async move {
            let (channel, opinion, effort) = of.questions.hear(&rule, &of.premises, of.began).await;
            Told { rule: rule.rule, service: rule.service, channel, opinion, effort }
        })
    }
}

impl Guarding {
    /// What follows from what services say of the request, as it would have if they had been asked before.
    pub(crate) fn hears(&mut self, mut told: Vec<Told>) -> Option<Block> {
        told.sort_by_key(|told| told.rule);
        for Told { rule, service, channel, opinion, effort } in told {
            self.inquiry.took(&service, Way::Input, effort);
            let verdict = self.guard.hear(Way::Input, rule, channel, opinion, &mut self.inquiry);
            self.note(&verdict);
            // It goes before what was found in a provider's words.
            if verdict.block.is_some() {
                self.block.clone_from(&verdict.block);
                return verdict.block;
            }
        }
        None
    }

    /// Nobody has waited for what these say.
    pub(crate) fn leaves_unheard(&mut self, asked: Vec<Asked>) {
        for (rule, channel) in asked {
            self.guard.leaves_unheard(rule, channel, &mut self.inquiry);
        }
    }

    fn is_stopped_by(&self, told: &Told) -> bool {
        self.clone().hears(vec![told.clone()]).is_some()
    }
}

/// Questions about a call that is under way, for whose answers it waits.
pub(crate) struct Asking {
    open: FuturesUnordered<Hearing>,
    told: Vec<Told>,
    /// What was found on the request before.
    guarding: Guarding,
    is_stopped: bool,
    /// Who waits until all is said, and for what the caller is told of the rules then.
    tell: Option<oneshot::Sender<Vec<String>>>,
}

impl Asking {
    pub(crate) fn new(hearings: Vec<Hearing>, guarding: Guarding, tell: Option<oneshot::Sender<Vec<String>>>) -> Self {
        Self { open: hearings.into_iter().collect(), told: Vec::new(), guarding, is_stopped: false, tell }
    }

    /// Goes on with what is under way until it is there, or until an opinion stops the call: then it is given up, and there
    /// is nothing.
    pub(crate) async fn beside<T>(&mut self, mut going: impl Future<Output = T> + Unpin) -> Option<T> {
        let both = poll_fn(|cx| {
            // All questions leave before the call does.
            let _all_said = self.poll(cx);
            if self.is_stopped { Poll::Ready(None) } else { Pin::new(&mut going).poll(cx).map(Some) }
        });
        both.await
    }

    /// What becomes of a call that has been `sent`, as far as it got: it waits for all opinions. What is given up is left at
    /// the first that stops the call; the others are heard all the same, so that it is told as if they had been asked before.
    ///
    /// # Errors
    /// As of what was sent.
    pub(crate) async fn conclude(
        mut self,
        mut sent: Option<Result<Delivery, Fault>>,
        stopped: impl FnOnce(Block) -> Stopped,
        settlement: &mut Settlement,
    ) -> Result<Delivery, Fault> {
        let mut there = settlement.monotonic();
        if let Some(Ok(delivery)) = &mut sent {
            self.read_ahead(delivery, settlement).await;
            // A stream is there with its head.
            if matches!(delivery, Delivery::Whole(_)) {
                there = settlement.monotonic();
            }
        }
        poll_fn(|cx| if self.poll(cx).is_ready() || self.is_stopped { Poll::Ready(()) } else { Poll::Pending }).await;
        let used =
            if self.is_stopped { sent.take().and_then(Result::ok).and_then(|it| it.used(settlement)) } else { None };
        let told = self.all().await;
        let held = settlement.monotonic().saturating_sub(there);
        match (settlement.hears_opinions(told, held), sent) {
            (Some(block), _) => Ok(Delivery::Stopped(Box::new(stopped(block).having_used(used)))),
            (None, Some(sent)) => sent,
            (None, None) => Err(Fault::internal("a call was given up that nothing has stopped")),
        }
    }

    /// Reads on in an answer of which nothing may leave yet: a whole one to its end, a stream as far as there is room.
    async fn read_ahead(&mut self, delivery: &mut Delivery, settlement: &Settlement) {
        let is_whole = matches!(delivery, Delivery::Whole(_));
        let mut reading = Box::pin(delivery.read_ahead(settlement.absence()));
        let both = poll_fn(|cx| {
            let is_over = self.poll(cx).is_ready() && !is_whole;
            if is_over || self.is_stopped { Poll::Ready(()) } else { reading.as_mut().poll(cx) }
        });
        both.await;
    }

    /// Hears all.
    pub(crate) async fn all(mut self) -> Vec<Told> {
        poll_fn(|cx| self.poll(cx)).await;
        self.told
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(Some(told)) = Pin::new(&mut self.open).poll_next(cx) {
            self.is_stopped |= self.guarding.is_stopped_by(&told);
            self.told.push(told);
        }
        if !self.open.is_empty() {
            return Poll::Pending;
        }
        if let Some(tell) = self.tell.take() {
            let mut guarding = self.guarding.clone();
            guarding.hears(self.told.clone());
            // Who has left needs to know nothing.
            drop(tell.send(guarding.told()));
        }
        Poll::Ready(())
    }
}

/// Asks about a call that is not sent, as there is an answer to it already.
pub(crate) async fn ask(settlement: &mut Settlement) -> Option<Block> {
    let told = settlement.begins_asking()?.all().await;
    settlement.hears_opinions(told, Duration::ZERO)
}
