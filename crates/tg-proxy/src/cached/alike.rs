//! A call that may be given the answer to a like question: what it is compared by, and how its own answer is found so.
//!
//! A vector costs money and takes time, so it is asked for only where the same was not answered before, and a caller waits for
//! it only where there is something to compare with, and no longer than its rule says. What fails on the way leaves the call as
//! it would be without.

use super::Asked;
use crate::choose::away;
use crate::guarding::Cleared;
use crate::living::Worker;
use crate::settle::Settlement;
use crate::shadow::{Heard, Observing, Question, ask_for_vector};
use crate::snapshot::Snapshot;
use bytes::Bytes;
use serde_json::Value;
use std::sync::Arc;
use tg_dialect::dialect::ReplyFacts;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::trace::TraceContext;
use tg_kernel::units::Money;
use tg_policy::cache::alike::{self, Alike, Entry, Mode};
use tg_policy::cache::{Key, Rule, partition};
use tg_policy::route::{OnLoss, Plan};
use tg_store::answers::Kept;
use tokio::sync::oneshot;

/// What is known of such a call.
pub(crate) struct Near {
    rule: Arc<Rule>,
    alike: Alike,
    partition: Key,
    text: String,
    vector: Vector,
    of: CallId,
    booked: Attribution,
    /// The model that the caller names: by it guardrails, limits and budgets are found.
    model: String,
    plan: Plan,
    /// What was asked, for a judge; where it is only watched.
    body: Option<Cleared>,
    trace: TraceContext,
    /// How its answer is read.
    facts: ReplyFacts,
    heard: (Dialect, bool),
}

/// The vector of its last question.
enum Vector {
    /// Nobody was asked.
    Unasked,
    /// It is on its way.
    Coming(oneshot::Receiver<Arc<[f32]>>),
    /// It is here.
    Here(Arc<[f32]>),
    /// There is none.
    None,
}

/// An answer that is kept: by which it is found, until when, what it says, and what its call cost.
pub(crate) struct Fresh {
    pub(crate) key: Key,
    pub(crate) until: Timestamp,
    pub(crate) body: Bytes,
    pub(crate) cost: Money,
}

impl Near {
    /// `None` where the rule wants no likeness, or the call is none whose questions are compared.
    pub(super) fn of(
        asked: &Asked<'_>,
        (rule, booked): (&Arc<Rule>, &Attribution),
        (snapshot, settlement): (&Snapshot, &Settlement),
    ) -> Option<Box<Self>> {
        let (of, trace) = (settlement.identity().0, settlement.trace()?);
        let alike = rule.alike.as_ref().filter(|_| asked.operation() == Operation::Chat)?;
        // What must stay somewhere is not told elsewhere to be compared.
        let names: [&str; 2] = [&asked.peek.model, &asked.plan.rule.name];
        away(snapshot, booked, names, &alike.target).is_none().then_some(())?;
        let body: Value = serde_json::from_slice(asked.members.body()).ok()?;
        let dialect = asked.head.dialect;
        let alike::Asked { text, rest } = alike::asked(dialect, body)?;
        let mut facts = alike::facts(&text);
        // A judge is told what both calls were answered, and asked for only where the one must stay.
        let bounds = snapshot.routes.residency().bounds(booked, names);
        facts.extend(bounds.map(|places| format!("stays {}", places.join(" "))));
        let partition =
            asked.with(&rest, (rule.share, booked, snapshot), |request| partition(request, &facts, &alike.target));
        let (model, include_usage) = (asked.peek.model.clone(), asked.peek.include_usage);
        let facts = ReplyFacts { id: of, model: model.clone(), created: Timestamp::default(), include_usage };
        let targets = vec![alike.target.clone()];
        Some(Box::new(Self {
            rule: Arc::clone(rule),
            alike: alike.clone(),
            partition,
            text,
            vector: Vector::Unasked,
            of,
            booked: booked.clone(),
            model,
            plan: Plan { targets, on_loss: OnLoss::Report, routed: None, ..asked.plan.clone() },
            body: (alike.mode == Mode::Observe).then(|| asked.body.clone()),
            trace,
            facts,
            heard: (dialect, asked.streams()),
        }))
    }

    /// The answer to the likest question, where it is like enough and the rule says that it will do; and how like it is, in
    /// millionths.
    pub(super) async fn look(
        &mut self,
        worker: &Arc<Worker>,
        snapshot: &Arc<Snapshot>,
        settlement: &mut Settlement,
    ) -> Option<(Arc<Kept>, u32)> {
        let likenesses = &worker.living.likenesses;
        let threshold = self.alike.threshold.filter(|_| self.alike.mode == Mode::Enforce)?;
        if !likenesses.knows(&self.partition) {
            return None;
        }
        let began = settlement.monotonic();
        let mut told = ask_for_vector(worker, snapshot, self.question(), None)?;
        let waited = tokio::time::timeout(self.alike.timeout, &mut told).await;
        settlement.has_waited(settlement.monotonic().saturating_sub(began));
        let vector = match waited {
            Ok(Ok(vector)) => vector,
            Ok(Err(_)) => {
                self.vector = Vector::None;
                return None;
            }
            Err(_) => {
                self.vector = Vector::Coming(told);
                return None;
            }
        };
        self.vector = Vector::Here(Arc::clone(&vector));
        let now = worker.living.clock.now();
        let words = alike::placed(&self.text);
        let near = likenesses
            .nearest(&self.partition, (&vector, &words), None, now)
            .filter(|near| near.likeness >= threshold)?;
        match worker.find(&near.entry.key, now).await {
            Ok(Some(kept)) => Some((kept, near.likeness)),
            Ok(None) => {
                likenesses.forget(&self.partition, &near.entry.key);
                None
            }
            Err(_) => None,
        }
    }

    fn question(&self) -> Question {
        Question {
            text: self.text.clone(),
            of: self.of,
            booked: self.booked.clone(),
            model: self.model.clone(),
            plan: self.plan.clone(),
            trace: self.trace,
        }
    }

    /// The call's own answer is kept, and from here on found by likeness. Waits for nothing.
    pub(crate) fn keep(mut self: Box<Self>, worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, fresh: Fresh) {
        let told = match std::mem::replace(&mut self.vector, Vector::None) {
            Vector::None => return,
            Vector::Here(vector) => return self.place(worker, &fresh, vector),
            Vector::Coming(told) => told,
            Vector::Unasked if self.alike.mode == Mode::Observe => return self.observe(worker, snapshot, fresh),
            Vector::Unasked => match ask_for_vector(worker, snapshot, self.question(), None) {
                Some(told) => told,
                None => return,
            },
        };
        let worker = Arc::clone(worker);
        drop(tg_net::tasks::spawn("the vector of a question", async move {
            if let Ok(vector) = told.await {
                self.place(&worker, &fresh, vector);
            }
        }));
    }

    fn place(&self, worker: &Worker, fresh: &Fresh, vector: Arc<[f32]>) {
        let words = alike::placed(&self.text);
        let entry = Entry { key: fresh.key, vector, words, of: self.of, until: fresh.until, said: None };
        worker.living.likenesses.keep(self.partition, entry, self.alike.entries_max);
    }

    /// Finds out what would have been, and keeps the answer for the next one who is watched.
    fn observe(mut self: Box<Self>, worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, fresh: Fresh) {
        let question = self.question();
        let Some(body) = self.body.take() else { return };
        let (dialect, is_streamed) = self.heard;
        let observing = Observing {
            rule: Arc::clone(&self.rule.name),
            alike: self.alike,
            partition: self.partition,
            key: fresh.key,
            until: fresh.until,
            fresh: Heard::of(dialect, self.facts, is_streamed, fresh.body),
            saves: fresh.cost,
            body,
        };
        // Nobody waits for the vector itself.
        drop(ask_for_vector(worker, snapshot, question, Some(observing)));
    }
}
