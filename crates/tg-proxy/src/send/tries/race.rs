//! Two tries of one call at once: a second leaves beside the first where nothing was heard of that in time. Who is heard
//! first answers, and the other is given up.

use super::super::flight::{Departure, Failure};
use super::super::{Chance, Trial};
use super::{Tried, Tries, fault_of, may_be_mended};
use crate::deliver::{Delivery, Heard};
use crate::queueing;
use crate::settle::{NO_HEDGE, Over, Settlement, Which};
use crate::shadow::leaves_traces;
use crate::traces::is_stored;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::Fault;
use tg_kernel::target::Target;
use tg_kernel::usage::Usage;
use tg_policy::health::{NoHedge, Outcome, Standing};
use tg_policy::route::hedge::{After, Hedge};
use tokio::time::timeout;

/// How the official SDKs of OpenAI and Anthropic begin a key that they make up by themselves, for their own retries.
const OWN_KEY: &[u8] = b"stainless-";

/// One of two tries, which has left.
struct Runner<'t, 'b> {
    target: &'b Target,
    trial: Trial<'t>,
    heard: Heard,
    /// When it left.
    left: Duration,
}

impl<'t, 'b> Runner<'t, 'b> {
    /// Leaves for a target; `has_others`: whether another is well.
    async fn leave(
        tries: &Tries<'t>,
        target: &'b Target,
        (is_second, has_others): (bool, bool),
        settlement: &mut Settlement,
    ) -> Result<(Self, Departure), Fault> {
        let chance = Chance { end: tries.end, is_last: false, has_others, is_second };
        let (place, what) = ((tries.worker, tries.snapshot), (tries.outgoing, tries.plan));
        let trial = Trial::new(target, chance, place, what).await?;
        let departure = trial.leave(settlement).await?;
        Ok((Self { target, trial, heard: Heard::default(), left: settlement.monotonic() }, departure))
    }

    /// What became of it, as the call's last try.
    fn arrives(&self, ended: Result<Delivery, Failure>, settlement: &mut Settlement) -> Tried<'b> {
        let asked = Some(self.span(settlement));
        Tried { target: self.target, end: self.trial.arrive(ended, &self.heard, settlement), asked }
    }

    /// When it left, and how long it took until now.
    fn span(&self, settlement: &Settlement) -> (Duration, Duration) {
        (self.left, settlement.monotonic().saturating_sub(self.left))
    }
}

impl<'t> Tries<'t> {
    /// A call has come that may have a second try.
    pub(super) fn earn(&self, settlement: &Settlement) {
        if let Some(hedge) = self.plan.rule.hedge.as_deref().filter(|_| self.is_for_second_tries(settlement)) {
            hedge.earn();
        }
    }

    /// The second tries of the route, where a try may have one beside it while these targets are `left`.
    pub(super) fn hedge(&self, left: &[&Target], settlement: &Settlement) -> Option<&'t Hedge> {
        let hedge = self.plan.rule.hedge.as_deref()?;
        let decided = settlement.record().and_then(|record| record.decided.as_deref());
        let has_had = decided.is_some_and(|decided| decided.hedge.is_some());
        let may = !has_had && self.round == 0 && !left.is_empty() && self.is_for_second_tries(settlement);
        may.then_some(hedge)
    }

    /// What no caller waits for is never hurried; and only in this process's memory is there room held for two.
    fn is_for_second_tries(&self, settlement: &Settlement) -> bool {
        let runs = self.outgoing.call.operation.runs_a_model();
        runs && !settlement.has_no_caller() && !settlement.shares_counts()
    }

    /// Tries `first`, and beside it one of those that are `left` where it is slow.
    pub(super) async fn hedged<'b>(
        &self,
        hedge: &Hedge,
        first: &'b Target,
        left: &mut Vec<&'b Target>,
        settlement: &mut Settlement,
    ) -> Tried<'b> {
        let has_others = self.has_others(left);
        let (one, departure) = match Runner::leave(self, first, (false, has_others), settlement).await {
            Ok(left) => left,
            Err(fault) => return Tried { target: first, end: Err(fault), asked: None },
        };
        let mut flight = pin!(one.trial.fly(departure, settlement.absence(), &one.heard));
        let ended = match self.patience(hedge, first) {
            Some(patience) => timeout(patience, &mut flight).await.ok(),
            None => Some((&mut flight).await),
        };
        let target = if ended.is_some() { None } else { self.second(hedge, left, settlement) };
        let Some(target) = target else {
            let ended = match ended {
                Some(ended) => ended,
                None => flight.await,
            };
            return self.told(hedge, one.arrives(ended, settlement));
        };
        settlement.steps_aside(one.span(settlement).1);
        let ready = Box::pin(Runner::leave(self, target, (true, false), settlement));
        let ready = match select(&mut flight, ready).await {
            Either::Right((ready, _)) => Ok(ready),
            Either::Left((ended, _unready)) => Err(ended),
        };
        let ended = match ready {
            Ok(Ok((two, departure))) => {
                left.retain(|other| !std::ptr::eq(*other, target));
                return self.race(hedge, (&one, flight), (two, departure), settlement).await;
            }
            Ok(Err(fault)) => {
                self.alone(hedge, Some(&fault), settlement);
                flight.await
            }
            Err(ended) => {
                self.alone(hedge, None, settlement);
                ended
            }
        };
        self.told(hedge, one.arrives(ended, settlement))
    }

    /// Both are under way.
    async fn race<'b>(
        &self,
        hedge: &Hedge,
        (one, mut flight): (&Runner<'t, 'b>, Pin<&mut impl Future<Output = Result<Delivery, Failure>>>),
        (two, departure): (Runner<'t, 'b>, Departure),
        settlement: &mut Settlement,
    ) -> Tried<'b> {
        let two = &two;
        let mut other = pin!(two.trial.fly(departure, settlement.absence(), &two.heard));
        let (which, ended) = match select(&mut flight, &mut other).await {
            Either::Left((ended, _)) => (Which::First, ended),
            Either::Right((ended, _)) => (Which::Second, ended),
        };
        let (own, beside) = if which == Which::First { (one, two) } else { (two, one) };
        let (ended, began) = parted(ended);
        let hedges = &self.worker.living.hedges;
        let is_failure = fault_of(&ended).is_some_and(|fault| which == Which::Second || self.may_go_on(one, fault));
        if let Some(fault) = fault_of(&ended).filter(|_| is_failure) {
            let over = Over::failed(fault, began, self.is_over());
            settlement.is_over_beside(which, over.heard_as(own.heard.request_id()));
            let is_final = which == Which::Second && !self.may_go_on(own, fault);
            let span = own.span(settlement);
            self.learn(own.target, &ended, span, false);
            let last = if which == Which::First { other.await } else { flight.await };
            let is_answer = last.as_ref().is_ok_and(Delivery::is_answer);
            settlement.is_heard(if which == Which::First && is_answer { Which::Second } else { Which::First });
            hedges.ended(if which == Which::First && is_answer { Outcome::Won } else { Outcome::Failed });
            let tried = beside.arrives(last, settlement);
            if is_final && fault_of(&tried.end).is_some_and(|fault| self.may_go_on(beside, fault)) {
                // What no other try mends is not asked of others, whoever has said it.
                if let Some(span) = tried.asked {
                    self.learn(tried.target, &tried.end, span, false);
                }
                return Tried { target: own.target, end: ended, asked: Some(span) };
            }
            return self.told(hedge, tried);
        }
        let loser = if which == Which::First { Which::Second } else { Which::First };
        settlement.is_over_beside(loser, Over::lost(beside.heard.reported()).heard_as(beside.heard.request_id()));
        settlement.is_heard(which);
        hedges.ended(if which == Which::Second { Outcome::Won } else { Outcome::Lost });
        // It takes so long at least.
        let span = beside.span(settlement);
        self.note(hedge, beside.target, span.1);
        self.note_pace(beside.target, span, false);
        let ended = ended.map_err(|fault| Failure { fault, began });
        self.told(hedge, own.arrives(ended, settlement))
    }

    /// How long nothing may be heard of a first try; `None`: as long as it takes, since nobody knows yet what is unusual.
    fn patience(&self, hedge: &Hedge, first: &Target) -> Option<Duration> {
        match hedge.after {
            After::Fixed(patience) => Some(patience),
            After::Seen(percent) => self.worker.living.hedges.firsts.percentile(first, self.is_streamed(), percent),
        }
    }

    /// Where a second try goes, if there may be one.
    fn second<'b>(&self, hedge: &Hedge, left: &[&'b Target], settlement: &Settlement) -> Option<&'b Target> {
        let living = &self.worker.living;
        if settlement.is_unheard() || self.is_over() {
            return None;
        }
        let denied = |why| {
            living.hedges.denied(why);
            None
        };
        if !self.may_be_repeated() {
            return denied(NoHedge::Unrepeatable);
        }
        let now = living.clock.monotonic();
        let is_well = |target: &Target| {
            let is_watched = self.snapshot.resilience.breaker.is_some();
            let is_open = || living.health.standing(target, now) == Standing::Open && !self.is_refused_by(target, now);
            let stands = (!is_watched || is_open()) && !self.is_slow(target, now);
            stands && queueing::has_place((self.worker, self.snapshot), target, self.outgoing, settlement)
        };
        let Some(target) = left.iter().copied().find(|target| is_well(target)) else {
            return denied(NoHedge::NoTarget);
        };
        if !hedge.take() {
            return denied(NoHedge::Share);
        }
        if !living.health.may_hedge(now) {
            hedge.give_back();
            return denied(NoHedge::Retries);
        }
        Some(target)
    }

    /// Whether the call done twice is the same as done once.
    fn may_be_repeated(&self) -> bool {
        let (call, peek, members) = (self.outgoing.call, self.outgoing.peek, self.outgoing.members);
        let key = self.outgoing.head.headers.get("idempotency-key");
        if key.is_some_and(|key| !key.as_bytes().starts_with(OWN_KEY)) {
            return false;
        }
        call.operation == Operation::Embeddings
            || !is_stored(call.dialect, members) && !leaves_traces(call.dialect, &peek.model, members.body())
    }

    /// Whether another try goes on where one has failed so.
    fn may_go_on(&self, runner: &Runner<'_, '_>, fault: &Fault) -> bool {
        may_be_mended(self.outgoing, fault) || self.is_refused_in_place(runner.target, Some(fault))
    }

    /// The second has not left: by this fault, or as the first was heard before.
    fn alone(&self, hedge: &Hedge, fault: Option<&Fault>, settlement: &mut Settlement) {
        settlement.stays_alone();
        hedge.give_back();
        // Where there was no room, that is counted.
        if fault.is_some_and(|fault| fault.code != NO_HEDGE) {
            self.worker.living.hedges.denied(NoHedge::NotReady);
        }
    }

    /// What is learned of how soon targets are heard, before the rest of the flow has it.
    fn told<'b>(&self, hedge: &Hedge, tried: Tried<'b>) -> Tried<'b> {
        if let (true, Some((_, had))) = (tried.end.as_ref().is_ok_and(Delivery::is_answer), tried.asked) {
            self.note(hedge, tried.target, had);
        }
        tried
    }

    fn note(&self, hedge: &Hedge, target: &Target, took: Duration) {
        if matches!(hedge.after, After::Seen(_)) {
            self.worker.living.hedges.firsts.note(target, self.is_streamed(), took);
        }
    }

    pub(super) fn is_streamed(&self) -> bool {
        self.outgoing.peek.stream && self.outgoing.call.operation == Operation::Chat
    }
}

/// What a try came to, and what its provider had reported where it failed after it had begun to answer.
fn parted(ended: Result<Delivery, Failure>) -> (Result<Delivery, Fault>, Option<Usage>) {
    match ended {
        Ok(delivery) => (Ok(delivery), None),
        Err(Failure { fault, began }) => (Err(fault), began),
    }
}
