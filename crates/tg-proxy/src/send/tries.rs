//! Which target is tried, and which after it: those that fare well first, each once, and all again where that may help.

mod race;

use super::{Chance, Outgoing, PASSED_OVER, attempt_at, aws_caller};
use crate::choose::{kept, sum};
use crate::deliver::Delivery;
use crate::living::Worker;
use crate::prepare::asynchronous::stays;
use crate::queueing;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use crate::traces;
use std::time::Duration;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::target::Target;
use tg_policy::health::{Begun, Blame, SlowSettings, Standing, backoff};
use tg_policy::route::Plan;
use tokio::time::Instant;

/// Tries the targets until one answers. One that fails in a way that another may mend is passed over.
///
/// # Errors
/// As [`super::send`].
pub(super) async fn all(
    worker: &Worker,
    snapshot: &Snapshot,
    outgoing: &Outgoing<'_>,
    plan: &Plan,
    settlement: &mut Settlement,
) -> Result<Delivery, Fault> {
    let resilience = &snapshot.resilience;
    // Second tries beside slow ones are further tries, too.
    if resilience.retries > 0 || plan.rule.hedge.is_some() {
        worker.living.health.earn(resilience.retry_millionths);
    }
    let passed = settlement.monotonic().saturating_sub(settlement.arrived());
    let deadline = resilience.deadline.into_iter().chain(outgoing.deadline).min();
    let end = deadline.map(|deadline| Instant::now() + deadline.saturating_sub(passed));
    let mut tries = Tries { worker, snapshot, outgoing, plan, end, round: 0 };
    let mut last = None;
    tries.earn(settlement);
    loop {
        if let Some(end) = tries.round(&mut last, settlement).await {
            return end;
        }
        let Some(wait) = tries.wait(last.as_ref(), settlement) else { break };
        tokio::time::sleep(wait).await;
        if settlement.is_unheard() {
            break;
        }
        tries.round += 1;
    }
    last.unwrap_or_else(|| Err(Fault::internal("a plan without targets")))
}

/// What a try came to.
struct Tried<'b> {
    /// Who was asked.
    target: &'b Target,
    end: Result<Delivery, Fault>,
    /// When it left, and how long it had; `None` where it has not left.
    asked: Option<(Duration, Duration)>,
}

struct Tries<'a> {
    worker: &'a Worker,
    snapshot: &'a Snapshot,
    outgoing: &'a Outgoing<'a>,
    plan: &'a Plan,
    /// When an answer must have begun.
    end: Option<Instant>,
    /// How often all targets have been tried.
    round: u32,
}

impl Tries<'_> {
    /// Tries every target once. `None` where all have failed in a way that another try may mend; `last` is what is to be told
    /// if no other answers.
    async fn round(
        &self,
        last: &mut Option<Result<Delivery, Fault>>,
        settlement: &mut Settlement,
    ) -> Option<Result<Delivery, Fault>> {
        let mut left: Vec<&Target> = self.plan.targets.iter().collect();
        let mut passed_over: Vec<&Target> = Vec::new();
        while let Some(target) = self.next(&mut left, settlement) {
            let turn = Turn { worker: self.worker, target, looks_by: self.looks(target) };
            if self.is_over() {
                return Some(last.take().unwrap_or_else(|| Err(too_late())));
            }
            let (before, has_more) = (settlement.attempts(), !left.is_empty());
            let first = target;
            let Tried { target, end, asked } = match self.hedge(&left, settlement) {
                Some(hedge) => Box::pin(self.hedged(hedge, target, &mut left, settlement)).await,
                None => self.attempt(target, &left, settlement).await,
            };
            match asked {
                Some(span) => self.learn(target, &end, span, has_more),
                None => settlement.takes_place(None),
            }
            let asked = asked.is_some();
            drop(turn);
            self.note_keeper(target, &end);
            // Who was slow once has not lost the sessions that it serves.
            if target == first {
                self.note_place(target, &end);
            }
            // Once, and after those that are well: if they do not answer, it is asked all the same.
            if is_passed_over(&end) && !passed_over.contains(&target) && !settlement.is_unheard() {
                passed_over.push(target);
                left.push(target);
                continue;
            }
            let fault = fault_of(&end);
            // What is too dear here may fit elsewhere, and hides nothing of what another target has said.
            let may_be_mended =
                fault.is_some_and(|fault| may_be_mended(self.outgoing, fault)) || end.as_ref().is_err_and(is_too_dear);
            // What was put before the route's own targets refuses nothing for them.
            let is_passed_by = !may_be_mended && self.is_refused_in_place(target, fault);
            // For a caller who has left nothing more is begun.
            if !(may_be_mended || is_passed_by) || settlement.is_unheard() {
                return Some(end);
            }
            // Nor does it hide what one of them has said.
            if is_passed_by && before > 0 {
                continue;
            }
            // A target that was not asked does not hide what became of one that was; nor, of those that were not, one
            // where only time is missing.
            if asked || before == 0 && last.as_ref().is_none_or(|last| !is_sooner(last, &end)) {
                *last = Some(end);
            }
        }
        None
    }

    /// Tries one target, while others are `left`.
    async fn attempt<'b>(&self, target: &'b Target, left: &[&Target], settlement: &mut Settlement) -> Tried<'b> {
        let (place, what) = ((self.worker, self.snapshot), (self.outgoing, self.plan));
        let (begun, queued, before) = (settlement.monotonic(), settlement.queued(), settlement.attempts());
        let is_last = left.is_empty() && self.round >= self.snapshot.resilience.retries;
        let chance = Chance { end: self.end, is_last, has_others: self.has_others(left), is_second: false };
        let end = attempt_at(target, chance, place, what, settlement).await;
        let asked = (settlement.attempts() > before).then(|| {
            // Who waits for a place is not with the provider yet, and what that did meanwhile is not this try's to tell.
            let left = begun + settlement.queued().saturating_sub(queued);
            (left, settlement.monotonic().saturating_sub(left))
        });
        Tried { target, end, asked }
    }

    /// Whether one of those that are `left` is well. Only who waits for a place may find that others have been quicker.
    fn has_others(&self, left: &[&Target]) -> bool {
        let (health, now) = (&self.worker.living.health, self.worker.living.clock.monotonic());
        let is_well =
            |other: &&Target| health.standing(other, now) == Standing::Open && !self.is_refused_by(other, now);
        !self.snapshot.pools.is_empty() && left.iter().any(is_well)
    }

    /// Notes where a conversation is kept that a provider keeps.
    fn note_keeper(&self, target: &Target, end: &Result<Delivery, Fault>) {
        if !end.as_ref().is_ok_and(Delivery::is_answer) || !self.snapshot.routes.has_choices() {
            return;
        }
        let living = &self.worker.living;
        let Outgoing { attribution, call, members, .. } = self.outgoing;
        if let Some(kept) = kept::conversation(&attribution.team, call.dialect, members) {
            living.sessions.keepers.note(kept, target, living.clock.monotonic());
        }
    }

    /// Notes where the call's session and conversation are served now.
    fn note_place(&self, target: &Target, end: &Result<Delivery, Fault>) {
        let is_answer = end.as_ref().is_ok_and(Delivery::is_answer);
        if !is_answer || !self.snapshot.routes.follows_sessions() {
            return;
        }
        let living = &self.worker.living;
        // Of a session it counts where the route's own order has it: single calls of it may be for a cheaper model.
        let session = self.outgoing.session.filter(|_| !self.is_in_place(target));
        for known in [session, self.outgoing.conversation].into_iter().flatten() {
            living.sessions.note(known, target, living.clock.monotonic());
        }
    }

    /// Whether a rule by tasks has put the target before the route's own.
    fn is_in_place(&self, target: &Target) -> bool {
        let routed = self.plan.routed.as_deref().filter(|routed| routed.is_moved());
        routed.is_some_and(|routed| routed.to.as_ref() == Some(target))
    }

    /// Whether the provider of such a target has refused what the route's own may take.
    fn is_refused_in_place(&self, target: &Target, fault: Option<&Fault>) -> bool {
        let refuses = |fault: &Fault| fault.origin == Origin::Provider && !traces::may_be_done(fault);
        self.is_in_place(target) && fault.is_some_and(refuses)
    }

    /// The target to be tried next.
    fn next<'b>(&self, left: &mut Vec<&'b Target>, settlement: &Settlement) -> Option<&'b Target> {
        // Where a pool is full, another target may do it now.
        queueing::prefer((self.worker, self.snapshot), self.outgoing, settlement, left);
        let (health, now) = (&self.worker.living.health, self.worker.living.clock.monotonic());
        if self.slow().is_some() {
            health.slow.put_last(left, &self.plan.targets, self.is_streamed(), now);
        }
        if self.snapshot.resilience.breaker.is_some() {
            health.refusals.put_last(left, |target| self.seen_as(target).0, now);
        }
        match self.snapshot.resilience.breaker {
            Some(_) => health.next(left, now),
            None if left.is_empty() => None,
            None => Some(left.remove(0)),
        }
    }

    /// As whom a target's provider sees the call: as the session of a role, which is no other caller's, or as the team.
    fn seen_as(&self, target: &Target) -> (u64, bool) {
        let booked = &self.outgoing.attribution;
        let identity = self.snapshot.upstreams.get(&target.provider).and_then(|upstream| upstream.identity.as_ref());
        let caller = || aws_caller(&self.worker.living, (*booked).clone());
        match identity.and_then(|identity| identity.session_of(caller)) {
            Some(session) => (session, true),
            None => (sum(booked.team.as_bytes()), false),
        }
    }

    /// Whether a target is known to refuse this caller, and perhaps no other.
    fn is_refused_by(&self, target: &Target, now: Duration) -> bool {
        let refusals = &self.worker.living.health.refusals;
        refusals.are_there() && refusals.refuses(self.seen_as(target).0, target, now)
    }

    /// A target has answered.
    fn is_well(&self, target: &Target, left: Duration, now: Duration) {
        let health = &self.worker.living.health;
        health.succeeded(target, left, now);
        if health.refusals.are_there() {
            health.refusals.succeeded(self.seen_as(target).0, target, left, now);
        }
    }

    /// When a target is tried last for being slow; `None` for a call that shows nothing of the model, and where the route does not
    /// say it.
    fn slow(&self) -> Option<&SlowSettings> {
        self.plan.rule.slow.as_ref().filter(|_| self.outgoing.call.operation.runs_a_model())
    }

    /// Whether a target is tried last for being slow.
    fn is_slow(&self, target: &Target, now: Duration) -> bool {
        let slow = &self.worker.living.health.slow;
        self.slow().is_some() && slow.is_last(target, &self.plan.targets, self.is_streamed(), now)
    }

    /// The kind of the call, streamed or not, where it is the one that sees whether the target is quick again.
    fn looks(&self, target: &Target) -> Option<bool> {
        let (living, streamed) = (&self.worker.living, self.is_streamed());
        let now = living.clock.monotonic();
        let looks = self.slow().is_some() && living.health.slow.looks(target, &self.plan.targets, streamed, now);
        looks.then_some(streamed)
    }

    /// Notes how soon a target answered a call that others might have served; or, if it was not heard, that it took so long at
    /// least.
    fn note_pace(&self, target: &Target, (left, took): (Duration, Duration), is_heard: bool) {
        // What a rule by tasks has put before them is another model, and quicker by nature.
        let Some(settings) = self.slow().filter(|_| !self.is_in_place(target)) else { return };
        let others = self.plan.targets.iter().filter(|other| *other != target && !self.is_in_place(other));
        let begun = Begun { left, took, is_heard };
        if self.worker.living.health.slow.answered(target, self.is_streamed(), begun, others, settings) {
            tracing::warn!(
                provider = %target.provider, model = %target.model,
                "answers begin much later than those of the other targets: it is tried after them for a while"
            );
        }
    }

    /// Notes how a target fared that was asked at `left` and took `had`; `has_more`: while others were left, so that its answer
    /// has begun by its first word.
    fn learn(&self, target: &Target, end: &Result<Delivery, Fault>, (left, had): (Duration, Duration), has_more: bool) {
        let Some(settings) = self.snapshot.resilience.breaker.as_ref() else { return };
        let (health, now) = (&self.worker.living.health, self.worker.living.clock.monotonic());
        // Who counts tokens, or starts something, shows nothing of the model.
        let runs = self.outgoing.call.operation.runs_a_model();
        let fault = match end {
            Ok(Delivery::Refused(refusal)) => &refusal.fault,
            Err(fault) => fault,
            Ok(_) if runs => {
                if has_more {
                    self.note_pace(target, (left, had), true);
                }
                return self.is_well(target, left, now);
            }
            Ok(_) => return,
        };
        // It was not given the time that it may take.
        let first_byte = self.snapshot.upstreams.get(&target.provider).map(|upstream| upstream.timeouts.first_byte);
        let had_its_time = is_enough(had, first_byte, self.snapshot.resilience.deadline);
        if fault.class == Class::TimedOut && self.is_over() && !had_its_time {
            return;
        }
        match Blame::of(fault, &target.model) {
            // Who says that the request is wrong works.
            Blame::Nobody if runs && fault.class == Class::UpstreamRefused => self.is_well(target, left, now),
            Blame::Nobody => {}
            Blame::Model | Blame::Permission | Blame::Absent | Blame::Quota(_) if !runs => {}
            blame => {
                let is_new = health.failed_for(self.seen_as(target), target, blame, settings, (left, now));
                if is_new && blame == Blame::Absent {
                    tracing::warn!(
                        provider = %target.provider, model = %target.model,
                        "the provider does not have this model (any more): it is passed over where there is another"
                    );
                }
            }
        }
    }

    /// Whether the call's time is over.
    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    /// How long to wait until all targets are tried again; `None` where they are not.
    fn wait(&self, last: Option<&Result<Delivery, Fault>>, settlement: &Settlement) -> Option<Duration> {
        let resilience = &self.snapshot.resilience;
        let fault = match last? {
            Ok(Delivery::Refused(refusal)) => &refusal.fault,
            Err(fault) => fault,
            Ok(_) => return None,
        };
        // What the gateway itself refuses, a wrong request or credential, and what has taken all the time there was do not
        // pass by waiting.
        let passes = fault.origin == Origin::Provider
            && fault.retry != Retry::Never
            && fault.class != Class::TimedOut
            && fault.class != Class::NotFound;
        // For whom nobody waits, nothing is tried again: trouble is not multiplied for a look.
        if self.round >= resilience.retries || settlement.attempts() == 0 || !passes || settlement.has_no_caller() {
            return None;
        }
        let asked = match fault.retry {
            Retry::After(wait) => wait,
            Retry::Elsewhere | Retry::Never => Duration::ZERO,
        };
        let (first, most) = resilience.backoff;
        let chance = self.outgoing.id.as_bytes().last().copied().unwrap_or_default().rotate_left(self.round);
        let wait = backoff(first, most, self.round, chance).max(asked);
        if wait > most || self.end.is_some_and(|end| Instant::now() + wait >= end) {
            return None;
        }
        let health = &self.worker.living.health;
        health.may_repeat(self.worker.living.clock.monotonic()).then_some(wait)
    }
}

/// A target's turn. Where nothing was heard of it when it ends, because it was not asked or its caller has left, another call
/// may see whether it works again.
struct Turn<'a> {
    worker: &'a Worker,
    target: &'a Target,
    /// Of which kind the call is that sees in this turn whether the target is quick again: streamed, or not.
    looks_by: Option<bool>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let living = &self.worker.living;
        living.health.release(self.target, living.clock.monotonic());
        if let Some(streamed) = self.looks_by {
            living.health.slow.release(self.target, streamed);
        }
    }
}

/// Whether a target had, but for a tenth, the time that the operator gives it: its provider's, or a whole call's where that is
/// less. A caller that is less patient shows nothing.
fn is_enough(had: Duration, first_byte: Option<Duration>, deadline: Option<Duration>) -> bool {
    let due = first_byte.into_iter().chain(deadline).min();
    due.is_none_or(|due| had >= due / 10 * 9)
}

/// The call's time is over before any target was asked.
fn too_late() -> Fault {
    let message = "No answer could begin within the time that the gateway or its caller allows.";
    Fault::new(Class::TimedOut, Origin::Gateway, "deadline_passed", message)
}

/// Whether a wait mends the one, and the other not, or later.
fn is_sooner(one: &Result<Delivery, Fault>, other: &Result<Delivery, Fault>) -> bool {
    let wait = |end: &Result<Delivery, Fault>| match end {
        Err(Fault { retry: Retry::After(wait), .. }) => Some(*wait),
        _ => None,
    };
    match (wait(one), wait(other)) {
        (Some(one), Some(other)) => one <= other,
        (one, _) => one.is_some(),
    }
}

/// What went wrong with a try.
fn fault_of(end: &Result<Delivery, Fault>) -> Option<&Fault> {
    match end {
        Ok(Delivery::Refused(refusal)) => Some(&refusal.fault),
        Err(fault) => Some(fault),
        Ok(_) => None,
    }
}

/// Whether a target was passed over while the call waited for a place there.
fn is_passed_over(end: &Result<Delivery, Fault>) -> bool {
    end.as_ref().is_err_and(|fault| fault.code == PASSED_OVER)
}

/// Whether another target may do what this one did not.
fn may_be_mended(outgoing: &Outgoing<'_>, fault: &Fault) -> bool {
    fault.retry != Retry::Never && !(outgoing.call.operation == Operation::AsyncInvoke && stays(outgoing, fault))
}

/// Whether a budget has no money for a target that was not asked: a provider's own fault is of another class or origin.
fn is_too_dear(fault: &Fault) -> bool {
    fault.class == Class::OverBudget && fault.origin == Origin::Gateway
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_blamed_for_silence_only_when_it_had_its_time() {
        let seconds = Duration::from_secs;
        for (had, first_byte, deadline, enough) in [
            // The official SDKs wait for 600 seconds and say so; a second is for the way back.
            (599, 600, None, true),
            (540, 600, None, true),
            (539, 600, None, false),
            (30, 600, None, false),
            (59, 600, Some(60), true),
            (40, 600, Some(60), false),
        ] {
            let found = is_enough(seconds(had), Some(seconds(first_byte)), deadline.map(seconds));
            assert_eq!(found, enough, "{had} of {first_byte}, {deadline:?}");
        }
    }
}
