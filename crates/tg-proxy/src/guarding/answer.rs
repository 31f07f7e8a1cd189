//! Whole answers: checked in the caller's dialect before a byte of them leaves.

use super::filtered::withheld;
use super::outside::{Questions, consult, overlay};
use super::{Guarding, LARGE_BYTES, broken_off, fault_of, medium};
use crate::settle::Settlement;
use bytes::Bytes;
use std::borrow::Cow;
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::passages::{Edits, Passages, is_bare};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::fault::Fault;
use tg_kernel::usage::Usage;
use tg_policy::guard::{Block, IN_A_ROW, Medium, Said, Way};

/// What becomes of an answer.
#[derive(Debug)]
pub(crate) enum Passing {
    /// It goes on.
    Open(Bytes),
    /// This goes on in its place, which says that it was withheld.
    Withheld(Bytes),
    /// Its dialect has no words for that but a fault, or it cannot be read.
    Refused(Fault),
}

/// Checks an answer, where its call is guarded. `usage` is what it used.
pub(crate) async fn check(
    caller: Dialect,
    facts: &ReplyFacts,
    usage: &Usage,
    body: Bytes,
    settlement: &mut Settlement,
) -> Passing {
    let operation = settlement.record().map_or(Operation::Chat, |record| record.asked.operation);
    if says_nothing(operation, &body, settlement).await {
        return Passing::Open(body);
    }
    match look(body.clone(), settlement).await {
        Seen::Blocked(block) => match withheld(caller, operation, facts, &block.message, (usage, &body)) {
            Some(instead) => Passing::Withheld(instead),
            None => Passing::Refused(fault_of(&block)),
        },
        Seen::Unreadable(fault) => Passing::Refused(fault),
        Seen::Changed(anew) => Passing::Open(anew),
        Seen::Open => Passing::Open(body),
    }
}

/// Whether an answer holds counts, vectors, or the names of what has begun: nothing that anybody has said. One that should, and
/// tells of a failure, does say something.
async fn says_nothing(operation: Operation, body: &Bytes, settlement: &Settlement) -> bool {
    match operation {
        Operation::Chat | Operation::Guardrail => return false,
        Operation::AsyncInvoke => return true,
        Operation::Embeddings | Operation::CountTokens => {}
    }
    if !settlement.guarding().is_some_and(Guarding::watches) {
        return true;
    }
    if body.len() < LARGE_BYTES {
        return is_bare(body);
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || is_bare(&body)).await.unwrap_or(false)
}

/// What a look at a body brought.
pub(super) enum Seen {
    /// It may go on as it is.
    Open,
    /// This may go on in its place.
    Changed(Bytes),
    /// Nothing of it may go on.
    Blocked(Block),
    /// It cannot be checked.
    Unreadable(Fault),
}

/// Looks at a body of JSON that is meant for the caller, where the call's guard watches. What is found is with the
/// settlement then.
pub(super) async fn look(body: Bytes, settlement: &mut Settlement) -> Seen {
    let Some(guarding) = settlement.guarding().filter(|guarding| guarding.watches()).cloned() else {
        return Seen::Open;
    };
    let judged = if body.len() < LARGE_BYTES {
        judge(&body, guarding)
    } else {
        let body = body.clone();
        match tokio::task::spawn_blocking(move || judge(&body, guarding)).await {
            Ok(judged) => judged,
            Err(_) => return Seen::Unreadable(broken_off()),
        }
    };
    let Judged { mut guarding, mut edits, mut anew, mut questions, has_sound } = judged;
    let later = consult(questions.as_mut(), &mut guarding, settlement).await;
    let editor = questions.as_ref().and_then(Questions::editor_of_speech);
    if let Some(rule) = editor.filter(|_| has_sound) {
        guarding.silence(rule);
    }
    record(&body, &guarding, &later);
    if !later.is_empty() && guarding.block.is_none() {
        overlay(&mut edits, later);
        anew = Passages::of_answer(&body).and_then(|passages| write(&passages, &body, &edits));
    }
    let block = guarding.block.clone();
    settlement.guard(guarding);
    match (block, anew) {
        (Some(block), _) => Seen::Blocked(block),
        (None, Some(Anew::Unreadable)) => Seen::Unreadable(unread()),
        (None, Some(Anew::Changed(anew))) => Seen::Changed(anew),
        (None, None) => Seen::Open,
    }
}

/// Keeps what an answer says, where calls are recorded.
fn record(body: &[u8], guarding: &Guarding, later: &[(usize, String)]) {
    let Some(heard) = guarding.heard() else { return };
    let Some(passages) = Passages::of_answer(body) else { return };
    heard.answered(&said_in(&passages), later);
    passages.unread().for_each(|kind| heard.unread(medium(kind)));
}

fn said_in<'a>(passages: &'a Passages<'_>) -> Vec<Said<'a>> {
    let said = passages.texts.iter().map(|passage| Said {
        channel: passage.channel,
        turn: passage.row.map_or(passage.turn, |row| IN_A_ROW | row),
        text: Cow::Borrowed(&*passage.text),
    });
    said.collect()
}

struct Judged {
    guarding: Guarding,
    /// What stands in place of what was said, by its number.
    edits: Vec<(usize, String)>,
    /// What services outside are to be asked.
    questions: Option<Questions>,
    /// Some of it is spoken.
    has_sound: bool,
    /// `None` where it goes on as it is.
    anew: Option<Anew>,
}

enum Anew {
    Changed(Bytes),
    Unreadable,
}

fn judge(body: &[u8], mut guarding: Guarding) -> Judged {
    let Some(passages) = Passages::of_answer(body) else {
        let anew = Some(Anew::Unreadable);
        return Judged { guarding, edits: Vec::new(), questions: None, has_sound: false, anew };
    };
    let said = said_in(&passages);
    let media: Vec<Medium> = passages.unread().map(medium).collect();
    let verdict = guarding.guard.judge(Way::Output, &said, &media, &mut guarding.inquiry);
    guarding.note(&verdict);
    let questions = Questions::of(&guarding, Way::Output, (&said, &[]), &verdict.edits);
    drop(said);
    let anew = write(&passages, body, &verdict.edits);
    Judged { guarding, edits: verdict.edits, questions, has_sound: media.contains(&Medium::Audio), anew }
}

fn write(passages: &Passages<'_>, body: &[u8], changes: &[(usize, String)]) -> Option<Anew> {
    let mut edits = Edits::default();
    for (index, text) in changes {
        if let Some(passage) = passages.texts.get(*index) {
            edits.say(passage, text);
        }
    }
    (!edits.is_empty()).then(|| {
        passages.echoes.iter().for_each(|echo| edits.blank(echo.clone()));
        Anew::Changed(edits.apply(body))
    })
}

fn unread() -> Fault {
    Fault::upstream_failed("upstream_garbage", "The provider's answer could not be read, and so not be checked.")
}
