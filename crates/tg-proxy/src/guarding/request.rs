//! Requests: checked whole, before anything is held for them, and changed where a rule says so.

use super::beside::Beside;
use super::outside::{Premises, Questions, consult, overlay};
use super::pictures::{Eyes, Pictures};
use super::{Cleared, Guarding, LARGE_BYTES, broken_off, files, medium};
use crate::settle::Settlement;
use crate::shadow::leaves_traces;
use crate::snapshot::Snapshot;
use crate::traces::is_stored;
use bytes::Bytes;
use http::HeaderMap;
use std::borrow::Cow;
use std::sync::Arc;
use tg_dialect::needs::answers_in_json;
use tg_dialect::passages::{Edits, Passages};
use tg_dialect::scan::Members;
use tg_kernel::dialect::Operation;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_policy::guard::{Block, Files, Guard, Named, Route, Said, Subject, Timing, Way};

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) body: &'a Bytes,
    pub(crate) members: &'a Members<'a>,
    /// The model as the caller named it.
    pub(crate) model: &'a str,
    /// To whom it is booked.
    pub(crate) attribution: &'a Attribution,
}

/// What may go on.
pub(crate) struct Answer {
    pub(crate) cleared: Cleared,
    pub(crate) is_changed: bool,
    /// Where it goes in place of the model that it names.
    pub(crate) route: Option<Route>,
    /// To whom it is booked, as providers may be told.
    pub(crate) attribution: Attribution,
}

/// What came of a check.
struct Judged {
    guarding: Guarding,
    /// What stands in place of what was said, by its number.
    edits: Vec<(usize, String)>,
    /// The body with them; `None` for as it was.
    body: Option<Bytes>,
    beside: Beside,
    /// What services outside are to be asked.
    questions: Option<Questions>,
    /// What they are to be asked about pictures.
    pictures: Pictures,
}

/// Checks what is asked, where a guardrail applies. A block is an answer, too: what was found is with the settlement then.
///
/// # Errors
/// When the check itself broke off: then nothing may be sent.
pub(crate) async fn check(
    question: Question<'_>,
    headers: &mut HeaderMap,
    snapshot: &Snapshot,
    settlement: &mut Settlement,
) -> Result<Result<Answer, Block>, Fault> {
    let Question { body, model, attribution, .. } = question;
    let subject = Subject { attribution, model };
    let Some(guard) = snapshot.guards.of(&subject) else {
        let cleared = Cleared { body: body.clone(), by: None };
        return Ok(Ok(Answer { cleared, is_changed: false, route: None, attribution: attribution.clone() }));
    };
    let mut version = guard.version().clone();
    let mut looked = look(&question, guard, headers, settlement).await?;
    // What goes to another model meets what is for that one, too. It is sent on once: what else would send it is only told.
    if let Some(route) = looked.guarding.route.clone().filter(|_| looked.guarding.block.is_none())
        && let Some(both) = snapshot.guards.of_both(&subject, &route.model).filter(|both| *both.version() != version)
    {
        version = both.version().clone();
        looked = look(&question, both, headers, settlement).await?;
        looked.guarding.route = Some(route);
    }
    let Looked { guarding, body: anew, beside, questions } = looked;
    let (block, route) = (guarding.block.clone(), guarding.route.clone());
    settlement.guard(guarding);
    if let Some(block) = block {
        return Ok(Err(block));
    }
    if let Some(questions) = questions {
        settlement.asks_meanwhile(questions);
    }
    beside.put(headers)?;
    let is_changed = anew.is_some();
    let cleared = Cleared { body: anew.unwrap_or_else(|| body.clone()), by: Some(version) };
    if is_changed {
        settlement.weighs(&cleared);
    }
    let attribution = Attribution { tags: beside.tags, ..attribution.clone() };
    Ok(Ok(Answer { cleared, is_changed, route, attribution }))
}

/// What came of all checks together.
struct Looked {
    guarding: Guarding,
    /// The body with what they changed; `None` for as it was.
    body: Option<Bytes>,
    beside: Beside,
    /// What services are to be asked while it is under way.
    questions: Option<Questions>,
}

/// What the gateway's own checks and then the services make of a request.
async fn look(
    question: &Question<'_>,
    guard: Arc<Guard>,
    headers: &HeaderMap,
    settlement: &mut Settlement,
) -> Result<Looked, Fault> {
    let Question { body, members, model, attribution } = *question;
    let beside = Beside::of(&attribution.tags, headers, &guard);
    let is_recorded = settlement.surroundings().is_some_and(|(worker, _)| worker.living.recorder.is_some());
    let mut guarding = Guarding::new(guard, is_recorded);
    if settlement.is_bound() {
        guarding.inquiry.is_bound_to_its_model();
    }
    let premises = if guarding.guard.asking().is_empty() { None } else { Premises::of(settlement) };
    let name = Name { model: model.to_owned(), is_declared: is_declared(model, settlement) };
    let eyes = Eyes::of(&guarding.guard, premises.as_ref().map(|premises| &premises.snapshot.outside));
    if settlement.record().is_some_and(|record| record.asked.operation == Operation::AsyncInvoke) {
        guarding.inquiry.answers_unseen();
    }
    let has_files = guarding.guard.reads_documents() && files::are_in(&Passages::of_request(members), &guarding.guard);
    let judged = if body.len() < LARGE_BYTES && !has_files {
        judge((body, members, &name), guarding, beside, (eyes.as_ref(), true))
    } else {
        let body = body.clone();
        let turn = if has_files { files::turn().await } else { None };
        let has_turn = turn.is_some() || !has_files;
        let judging = move || {
            let _turn = turn;
            let how = (eyes.as_ref(), has_turn);
            Members::scan(&body).map(|members| judge((&body, &members, &name), guarding, beside, how))
        };
        tokio::task::spawn_blocking(judging).await.map_err(|_| broken_off())??
    };
    let Judged { mut guarding, mut edits, body: mut anew, mut beside, mut questions, pictures } = judged;
    if let Some(questions) = questions.as_mut().filter(|questions| questions.can_wait()) {
        if settlement.has_no_caller() {
            questions.come_first(&[Timing::Beside, Timing::Aside]);
        } else if is_done_once(question, settlement) {
            // What only counts keeps nothing back, before or after.
            questions.come_first(&[Timing::Beside]);
        }
    }
    let texts = async {
        let later = consult(questions.as_mut(), &mut guarding, settlement).await;
        (later, guarding.block.is_some())
    };
    let (later, heard, longer) = pictures.ask_beside(texts, premises.as_ref()).await;
    settlement.has_waited(longer);
    guarding.hears_of_pictures(heard);
    if let Some(heard) = guarding.heard() {
        heard.asked_instead(&later);
    }
    if !later.is_empty() && guarding.block.is_none() {
        overlay(&mut edits, later);
        anew = write(&Passages::of_request(members), members, edits, &mut beside);
    }
    let questions = questions.filter(|questions| questions.can_wait());
    Ok(Looked { guarding, body: anew, beside, questions })
}

/// Whether a call does something that is not undone where its answer is kept back.
fn is_done_once(question: &Question<'_>, settlement: &Settlement) -> bool {
    let Some(asked) = settlement.record().map(|record| &record.asked) else { return true };
    asked.operation == Operation::AsyncInvoke
        || is_stored(asked.dialect, question.members)
        || leaves_traces(asked.dialect, question.model, question.body)
}

/// A label as AWS takes it, which knows neither brackets nor stars.
fn as_label(text: &str) -> String {
    text.replace(['[', ']', '*'], "-")
}

/// The name of the model.
struct Name {
    model: String,
    /// It stands in the configuration, and says nothing of the caller's.
    is_declared: bool,
}

/// Whether the configuration has this name of a model, and not only a pattern that takes it.
fn is_declared(model: &str, settlement: &Settlement) -> bool {
    settlement.surroundings().is_some_and(|(_, snapshot)| snapshot.routes.declares(model))
}

/// Checks what chooses the model and guardrails by name.
fn judge_names(passages: &Passages<'_>, Name { model, is_declared }: &Name, guarding: &mut Guarding) {
    let own = (!is_declared).then_some(Cow::Borrowed(&**model));
    let others = passages.names.iter().filter(|name| *name != model);
    let names: Vec<Cow<'_, str>> = own.into_iter().chain(others.cloned()).collect();
    let Named { verdict, has_values } = guarding.guard.judge_names(&names, &mut guarding.inquiry);
    guarding.note(&verdict);
    if let Some(heard) = guarding.heard().filter(|_| has_values) {
        heard.leave_out();
    }
}

fn judge(
    (whole, members, name): (&Bytes, &Members<'_>, &Name),
    mut guarding: Guarding,
    mut beside: Beside,
    (eyes, has_turn): (Option<&Eyes>, bool),
) -> Judged {
    let passages = Passages::of_request(members);
    if (guarding.guard.watches_output() || guarding.guard.restores()) && answers_in_json(members) {
        guarding.inquiry.answers_in_json();
    }
    let asides = passages.texts.iter().enumerate().filter(|(_, passage)| passage.is_aside).map(|(index, _)| index);
    guarding.inquiry.stand_aside(asides);
    let media: Vec<_> = passages.media.iter().map(|found| medium(found.kind)).collect();
    let turns = passages.texts.iter().map(|passage| passage.turn).max().unwrap_or_default();
    let texts = passages.texts.iter().map(|passage| Said {
        channel: passage.channel,
        turn: passage.turn,
        text: Cow::Borrowed(&passage.text),
    });
    // Each by itself: nobody reads them as one.
    let labels = passages.labels.iter().map(|label| &*label.text);
    let others = beside.texts().map(String::as_str).chain(labels).zip(1..).map(|(text, nth)| Said {
        channel: Channel::Metadata,
        turn: turns.saturating_add(nth),
        text: Cow::Borrowed(text),
    });
    let said: Vec<Said<'_>> = texts.chain(others).collect();
    let seen = eyes.map_or_else(|| Ok(Pictures::default()), |eyes| eyes.read(&passages, whole));
    let (pictures, unseen) = seen.map_or_else(|unseen| (Pictures::default(), Some(unseen)), |seen| (seen, None));
    let files = Files { unseen, ..files::read(&passages, whole, &guarding.guard, has_turn) };
    if let Some(heard) = guarding.heard() {
        heard.asked(&said, &media);
        if !files.said.is_empty() || !pictures.are_none() {
            heard.leave_out();
        }
    }
    let verdict = guarding.guard.judge_request(&said, &files, &media, &mut guarding.inquiry);
    guarding.note(&verdict);
    if let Some(heard) = guarding.heard().filter(|_| guarding.inquiry.is_scattered()) {
        heard.leave_out();
    }
    if guarding.block.is_none() {
        judge_names(&passages, name, &mut guarding);
    }
    let asked = said.get(..passages.texts.len() + beside.asked()).unwrap_or(&said);
    let questions = Questions::of(&guarding, Way::Input, (asked, &files.said), &verdict.edits);
    drop(said);
    let body = write(&passages, members, verdict.edits.clone(), &mut beside);
    let pictures = if guarding.block.is_none() { pictures } else { Pictures::default() };
    Judged { guarding, edits: verdict.edits, body, beside, questions, pictures }
}

/// The body with the changes; `None` where they leave it as it is.
fn write(
    passages: &Passages<'_>,
    members: &Members<'_>,
    changes: Vec<(usize, String)>,
    beside: &mut Beside,
) -> Option<Bytes> {
    let mut edits = Edits::default();
    let beside_end = passages.texts.len() + beside.texts().count();
    for (index, text) in changes {
        let label = index.checked_sub(beside_end).and_then(|nth| passages.labels.get(nth));
        match passages.texts.get(index).or(label) {
            Some(passage) if passage.channel == Channel::Metadata => edits.say(passage, &as_label(&text)),
            Some(passage) => edits.say(passage, &text),
            None => beside.say(index - passages.texts.len(), as_label(&text)),
        }
    }
    (!edits.is_empty()).then(|| {
        passages.echoes.iter().for_each(|echo| edits.blank(echo.clone()));
        edits.apply(members.body())
    })
}
