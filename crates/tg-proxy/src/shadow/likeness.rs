//! The question for the vector of a text, put to a model: a call of its own, checked and paid for as any. Where a cache by
//! likeness is only watched, what it would have done is found out with the answer, and stands in the question's row.

use super::copy::{Birth, aside, begun, send};
use super::hearing::{Comparison, Heard, Hearing, Said};
use super::judge::{self, Case};
use super::places::{Fate, Shadows};
use crate::flow::Ready;
use crate::guarding::Cleared;
use crate::guarding::request::{self, Question as Checked};
use crate::living::Worker;
use crate::recognise::Head;
use crate::snapshot::Snapshot;
use bytes::Bytes;
use http::{HeaderMap, Request};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tg_dialect::dialect::RequestFacts;
use tg_dialect::dialects::peek;
use tg_dialect::scan::Members;
use tg_kernel::clock::Timestamp;
use tg_kernel::decided::{self, Purpose};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::principal::Attribution;
use tg_kernel::record::Record;
use tg_kernel::trace::TraceContext;
use tg_kernel::units::Money;
use tg_policy::cache::Key;
use tg_policy::cache::alike::{Alike, Entry, Near, placed, unit};
use tg_policy::route::Plan;
use tg_policy::route::compare::agree;
use tg_policy::route::steps::Judge;
use tokio::sync::oneshot;

/// What is asked.
pub(crate) struct Question {
    pub(crate) text: String,
    /// The call in which it was said, and
    pub(crate) of: CallId,
    /// to whom that is booked.
    pub(crate) booked: Attribution,
    /// The model that its caller names: by it guardrails, limits and budgets are found.
    pub(crate) model: String,
    pub(crate) plan: Plan,
    pub(crate) trace: TraceContext,
}

/// What is found out with the answer.
pub(crate) struct Observing {
    pub(crate) rule: Arc<str>,
    pub(crate) alike: Alike,
    pub(crate) partition: Key,
    /// The call's own answer: by which it is found, until when, and what it says.
    pub(crate) key: Key,
    pub(crate) until: Timestamp,
    pub(crate) fresh: Heard,
    /// What it cost.
    pub(crate) saves: Money,
    /// What was asked, as far as the checks let it go.
    pub(crate) body: Cleared,
}

/// The same, with what the call was answered, read.
pub(super) struct Watching {
    rule: Arc<str>,
    alike: Alike,
    partition: Key,
    key: Key,
    until: Timestamp,
    saves: Money,
    said: Said,
    words: Arc<[Box<str>]>,
}

/// What came of it.
pub(super) struct Learned {
    vector: Arc<[f32]>,
    /// Where it is watched: the likest question.
    near: Option<Near>,
}

/// Asks beside all calls; tells the vector once it is here. `None` where too many are asked at a time.
pub(crate) fn ask_for_vector(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    question: Question,
    observing: Option<Observing>,
) -> Option<oneshot::Receiver<Arc<[f32]>>> {
    let kept = observing.as_ref().map_or(0, |observing| observing.fresh.len() + observing.body.len());
    let place = Shadows::take(&worker.living, Purpose::Likeness, question.text.len() + kept)?;
    let (tell, told) = oneshot::channel();
    let (asking, snapshot) = (Arc::clone(worker), Arc::clone(snapshot));
    aside(worker, "the vector of a text", async move {
        ask(&asking, &snapshot, question, observing, tell).await;
        drop(place);
    });
    Some(told)
}

async fn ask(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    question: Question,
    observing: Option<Observing>,
    tell: oneshot::Sender<Arc<[f32]>>,
) {
    let (watching, body) = match observing.map(|observing| observing.read(&question.text)) {
        // What the call was answered cannot be compared; the money is better kept.
        Some(None) => return,
        Some(Some((watching, body))) => (Some(watching), Some(body)),
        None => (None, None),
    };
    let case = watching.as_ref().zip(body).and_then(|(watching, body)| watching.case(&question, body));
    let (hearing, learned) = oneshot::channel();
    if put(worker, snapshot, question, watching.map(Box::new), hearing).await.is_none() {
        worker.living.shadows.note(Purpose::Likeness, Fate::Blocked);
    }
    let Ok(Learned { vector, near }) = learned.await else { return };
    // Who waited for it may be gone.
    drop(tell.send(vector));
    if let (Some(mut case), Some(near)) = (case, near)
        && let Some(said) = &near.entry.said
    {
        case.copied = Said::public(said);
        if let Some(alike) = &mut case.comparison.alike {
            alike.likeness = Some(near.likeness);
        }
        judge::ask(worker, snapshot, case).await;
    }
}

/// Sends the question; `None` where it may not go.
async fn put(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    question: Question,
    watching: Option<Box<Watching>>,
    tell: oneshot::Sender<Learned>,
) -> Option<()> {
    let Question { text, of, booked, model, plan, trace } = question;
    let body = Bytes::from(json!({ "model": model, "input": text, "encoding_format": "float" }).to_string());
    let facts = RequestFacts::default();
    let call = Head { dialect: Dialect::OpenaiEmbeddings, operation: Operation::Embeddings, facts };
    let members = Members::scan(&body).ok()?;
    let peek = peek(call.dialect, &call.facts, &members).ok()?;
    let birth = Birth { purpose: Purpose::Likeness, of, booked: booked.clone(), trace };
    let (mut settlement, trace) = begun(worker, snapshot, birth, (&call, &peek, &body));
    let asked = Checked { body: &body, members: &members, model: &model, attribution: &booked };
    let checked = request::check(asked, &mut HeaderMap::new(), snapshot, &mut settlement).await;
    // Of a text that was changed the vector would be another's.
    let Ok(Ok(request::Answer { cleared: body, is_changed: false, attribution, route: None })) = checked else {
        settlement.forgo();
        return None;
    };
    let (id, arrived) = settlement.identity();
    let (head, ()) = Request::new(()).into_parts();
    let (session, conversation, deadline) = (None, None, None);
    let ready =
        Ready { head, call, body, peek, plan, id, arrived, trace, attribution, session, conversation, deadline };
    settlement.hears(Hearing::vector(tell, watching, &ready));
    send(worker, snapshot, &ready, settlement, Purpose::Likeness).await;
    Some(())
}

impl Observing {
    fn read(self, text: &str) -> Option<(Watching, Cleared)> {
        let Self { rule, alike, partition, key, until, fresh, saves, body } = self;
        let said = fresh.said()?;
        let words = placed(text);
        Some((Watching { rule, alike, partition, key, until, saves, said, words }, body))
    }
}

impl Watching {
    /// What a judge would be asked, if one is; what it would be compared with is yet to be found.
    fn case(&self, question: &Question, body: Cleared) -> Option<Case> {
        if matches!(self.alike.judge, Judge::Agreement) {
            return None;
        }
        let comparison = Comparison {
            rule: Arc::clone(&self.rule),
            judge: self.alike.judge.clone(),
            task: "alike",
            of: question.of,
            of_target: self.alike.target.clone(),
            is_copy_cheaper: true,
            original: Some(self.said.clone()),
            alike: Some(decided::Alike {
                rule: Arc::clone(&self.rule),
                likeness: None,
                agreed: None,
                saves: self.saves,
            }),
        };
        let (model, plan, booked, trace) =
            (question.model.clone(), question.plan.clone(), question.booked.clone(), question.trace);
        Some(Case { comparison, copied: Said::public(""), body, model, plan, booked, trace })
    }

    /// What would have been, for the question's row; the answer is kept for the next one.
    fn watch(self, vector: &Arc<[f32]>, record: &mut Record, worker: &Worker) -> Option<Near> {
        let Self { rule, alike, partition, key, until, saves, said, words } = self;
        let (living, now) = (&worker.living, worker.living.clock.now());
        // The same question, asked in two calls at the same time, is no like one.
        let near = living.likenesses.nearest(&partition, (vector, &words), Some(&key), now);
        let others = near.as_ref().and_then(|near| near.entry.said.as_ref());
        let agreed = others.filter(|_| matches!(alike.judge, Judge::Agreement)).map(|others| agree(others, &said.text));
        let likeness = near.as_ref().map(|near| near.likeness);
        let of = record.decided.as_ref().and_then(|decided| decided.of).unwrap_or(record.id);
        let entry = Entry { key, vector: Arc::clone(vector), words, of, until, said: Some(said.text.into()) };
        living.likenesses.keep(partition, entry, alike.entries_max);
        record.decided.get_or_insert_default().alike = Some(decided::Alike { rule, likeness, agreed, saves });
        near
    }
}

/// The vector was answered: it is read, what it tells is noted, and it is told.
pub(super) fn hear(
    answer: &[u8],
    (tell, watching): (oneshot::Sender<Learned>, Option<Box<Watching>>),
    record: &mut Record,
    worker: &Worker,
) {
    let Some(vector) = read(answer) else { return };
    let near = watching.and_then(|watching| watching.watch(&vector, record, worker));
    // Who asked may be gone.
    drop(tell.send(Learned { vector, near }));
}

/// The only vector of an answer, of length 1.
fn read(answer: &[u8]) -> Option<Arc<[f32]>> {
    #[derive(Deserialize)]
    struct Answer {
        data: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        embedding: Vec<f32>,
    }
    let Answer { data } = serde_json::from_slice(answer).ok()?;
    let [One { embedding }] = data.as_slice() else { return None };
    unit(embedding)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn one_vector_is_read_and_nothing_else() {
        let vector = read(br#"{"object":"list","data":[{"index":0,"embedding":[3,4.0]}],"model":"m"}"#).unwrap();
        assert_eq!(&*vector, [0.6, 0.8]);
        for answer in [
            r#"{"data":[]}"#,
            r#"{"data":[{"embedding":[1]},{"embedding":[1]}]}"#,
            r#"{"data":[{"embedding":"AACAPw=="}]}"#,
            r#"{"data":[{"embedding":[0,0]}]}"#,
            "{}",
            "no JSON",
        ] {
            assert_eq!(read(answer.as_bytes()), None, "{answer}");
        }
    }
}
