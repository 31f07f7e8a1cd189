//! Streamed answers about which services outside are asked: a service judges whole texts, so an answer that a rule may keep
//! from the caller is kept until all of it is there, or a piece of it, and its services have been heard.

mod pieces;
#[cfg(test)]
mod tests;
mod told;

use super::outside::{Premises, Questions};
use super::{Guarding, broken_off};
use crate::recording::Heard;
use crate::settle::Settlement;
use bytes::Bytes;
use pieces::{Edit, Pieces};
use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Gate, Passing};
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::usage::Usage;
use tg_net::tasks::{Task, spawn};
use tg_policy::guard::{Channels, ExternalRule, Said, Way};
use told::{Question, Told};

/// Most bytes that are kept of one answer.
const KEPT_BYTES_MAX: usize = told::TOLD_BYTES_MAX;

/// Most texts of an answer, or pieces of them, about which a service is asked: more would be more questions than are asked
/// about a call.
const TEXTS_MAX: usize = tg_upstream::guard::PIECES_MAX;

/// One answer, on its way from the gateway's own checks to its caller.
pub(crate) struct Keeping {
    caller: Dialect,
    facts: ReplyFacts,
    reader: Gate,
    told: Told,
    stage: Stage,
    asking: Option<Asking>,
    /// All of the answer is there, and nothing of it is left to be asked about but what is asked about now.
    is_last: bool,
}

/// What becomes of what comes.
enum Stage {
    /// It is kept.
    Kept { bytes: Vec<Bytes>, size: usize, edits: Vec<(usize, String)> },
    /// It is judged piece by piece.
    Pieces(Box<Pieces>),
    /// It goes on as it is: rules that only watch keep nothing back.
    Open,
    /// It was kept and has been judged. Nothing may follow that was not.
    Judged,
}

/// A question under way. It goes on by itself, so that a caller who reads slowly, or not at all, keeps no turn of a service; given
/// up, it ends.
struct Asking(Task<Opinions>);

impl Asking {
    fn begin(asking: impl Future<Output = Opinions> + Send + 'static) -> Self {
        Self(spawn("asks about an answer", asking))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Opinions, Fault>> {
        Pin::new(&mut self.0).poll(cx).map(|opinions| opinions.ok_or_else(broken_off))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What came of asking.
struct Opinions {
    /// What was found: nothing that was found before.
    guarding: Guarding,
    /// What is to stand in place of texts.
    edits: Vec<Edit>,
    /// There is more than is asked about.
    is_unheard: bool,
}

impl Keeping {
    /// Before a caller of this dialect; `None` where no rule asks a service about answers.
    pub(crate) fn of(guarding: &Guarding, caller: Dialect, facts: &ReplyFacts) -> Option<Self> {
        let rules = guarding.guard.externals(Way::Output);
        if rules.is_empty() {
            return None;
        }
        let channels = rules.iter().fold(Channels::NONE, |all, rule| all.or(rule.channels));
        // Rules that only watch keep nothing back.
        let is_kept = rules.iter().any(|rule| rule.is_enforced);
        let stage = match piece(&rules) {
            _ if !is_kept => Stage::Open,
            Some(characters) => Stage::Pieces(Box::new(Pieces::new(characters, caller, facts))),
            None => Stage::Kept { bytes: Vec::new(), size: 0, edits: Vec::new() },
        };
        let (reader, told, facts) = (Gate::new(caller, facts), Told::of(channels), facts.clone());
        Some(Self { caller, facts, reader, told, stage, asking: None, is_last: false })
    }

    /// Whether what comes does not reach the caller at once.
    pub(crate) const fn holds(&self) -> bool {
        match &self.stage {
            Stage::Kept { .. } => true,
            Stage::Pieces(pieces) => !pieces.is_unheard(),
            Stage::Open | Stage::Judged => false,
        }
    }

    /// Ends an answer that is blocked after what has left of it; false where nothing has, or where it is not judged in pieces.
    pub(crate) fn end(&mut self, usage: &Usage, out: &mut Vec<Bytes>) -> bool {
        let Stage::Pieces(pieces) = &mut self.stage else { return false };
        let has_left = pieces.has_left();
        if has_left {
            pieces.end(usage, out);
        }
        has_left
    }

    /// Takes what the checks have let go, and appends what may leave.
    ///
    /// # Errors
    /// See [`Gate::pass`]; or more is to be kept than may be, or comes after what was kept has been judged.
    pub(crate) fn pass(&mut self, made: Vec<Bytes>, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        for piece in made {
            if matches!(self.stage, Stage::Judged) {
                return Err(unjudged());
            }
            self.reader.pass(&piece, &mut self.told, &mut Vec::new())?;
            match &mut self.stage {
                Stage::Kept { bytes, size, .. } => {
                    *size = size.saturating_add(piece.len());
                    if *size > KEPT_BYTES_MAX {
                        return Err(too_large());
                    }
                    bytes.push(piece);
                }
                Stage::Pieces(pieces) => pieces.keep(piece, &self.told, out)?,
                Stage::Open | Stage::Judged => out.push(piece),
            }
        }
        Ok(())
    }

    /// Asks about pieces while the answer comes, and lets go what was let go of them. Pending while no more is to be taken in.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(crate) fn poll_pieces(
        &mut self,
        settlement: &mut Settlement,
        cx: &mut Context<'_>,
        out: &mut Vec<Bytes>,
    ) -> Poll<Result<Passing, Fault>> {
        loop {
            let Stage::Pieces(pieces) = &mut self.stage else { return Poll::Ready(Ok(Passing::Open)) };
            if self.asking.is_none() {
                if pieces.is_unheard() || !pieces.is_due(&self.told) {
                    return Poll::Ready(pieces.pass_on(&self.told, out).map(|()| Passing::Open));
                }
                self.asking = self.ask(settlement);
            }
            let Poll::Ready(opinions) = self.poll_asking(cx)? else {
                let Stage::Pieces(pieces) = &self.stage else { return Poll::Pending };
                return if pieces.is_full(&self.told) { Poll::Pending } else { Poll::Ready(Ok(Passing::Open)) };
            };
            let Some(opinions) = opinions else { return Poll::Ready(Ok(Passing::Open)) };
            match self.hear(opinions, settlement, out) {
                Ok(Passing::Open) => {}
                stopped => return Poll::Ready(stopped),
            }
        }
    }

    /// What comes of asking; `None` where nothing is asked.
    fn poll_asking(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Opinions>, Fault>> {
        let Some(asking) = &mut self.asking else { return Poll::Ready(Ok(None)) };
        let opinions = ready!(asking.poll(cx));
        self.asking = None;
        Poll::Ready(opinions.map(Some))
    }

    /// Waits for the opinions on all that was said, and lets go what they let go. Call it when all is there.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(crate) fn poll_opinions(
        &mut self,
        settlement: &mut Settlement,
        cx: &mut Context<'_>,
        out: &mut Vec<Bytes>,
    ) -> Poll<Result<Passing, Fault>> {
        loop {
            if self.asking.is_none() {
                if self.is_last {
                    return Poll::Ready(self.release(settlement, out));
                }
                self.is_last = true;
                if let Err(fault) = self.reader.finish(&mut self.told, &mut Vec::new()) {
                    return Poll::Ready(Err(fault));
                }
                self.asking = self.ask(settlement);
            }
            let Some(opinions) = ready!(self.poll_asking(cx))? else { continue };
            match self.hear(opinions, settlement, out) {
                Ok(Passing::Open) => {}
                stopped => return Poll::Ready(stopped),
            }
        }
    }

    /// Waits for the opinions on what is asked about, of an answer of which nothing more leaves: what they say, and what they cost,
    /// is known all the same.
    ///
    /// # Errors
    /// They cannot be known.
    pub(crate) fn poll_asked(
        &mut self,
        settlement: &mut Settlement,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Passing, Fault>> {
        let opinions = ready!(self.poll_asking(cx))?;
        let Some(Opinions { guarding, .. }) = opinions else { return Poll::Ready(Ok(Passing::Open)) };
        let passing = if guarding.block.is_some() { Passing::Blocked } else { Passing::Open };
        if let Some(own) = settlement.guarding_mut() {
            own.absorb(guarding);
        }
        Poll::Ready(Ok(passing))
    }

    /// What services have put in place of some of it, where it is judged in pieces, stands so in what is recorded. Call it when
    /// the answer has ended, however it did.
    pub(crate) fn tells(&self, heard: &Heard) {
        if let Stage::Pieces(pieces) = &self.stage
            && let Some(anew) = pieces.told_anew(&self.told)
        {
            heard.answered_instead(anew.into_iter());
        }
    }

    /// Asks about all that was said and has not been asked about, each text once, however often the answer says it.
    fn ask(&mut self, settlement: &Settlement) -> Option<Asking> {
        let (mut guarding, premises) = (settlement.guarding()?.apart(), Premises::of(settlement)?);
        let (asked, count, editor) = match &mut self.stage {
            Stage::Pieces(pieces) if pieces.is_unheard() => return None,
            Stage::Pieces(pieces) => {
                let asked = pieces.next(&mut self.told);
                (asked, pieces.questions(), pieces.editor_of_speech())
            }
            _ => {
                let asked = self.told.all();
                let count = asked.len();
                (asked, count, None)
            }
        };
        if self.told.is_over || count > TEXTS_MAX {
            return Some(Asking::begin(async move {
                guarding.hears_nothing(Way::Output);
                Opinions { guarding, edits: Vec::new(), is_unheard: true }
            }));
        }
        let said = |Question { channel, text, .. }: &'_ Question| Said {
            channel: *channel,
            turn: 0,
            text: Cow::Owned(text.clone()),
        };
        let said: Vec<Said<'_>> = asked.iter().map(said).collect();
        let mut questions = Questions::of(&guarding, Way::Output, (&said, &[]), &[]);
        let has_sound = self.told.has_sound;
        Some(Asking::begin(async move {
            let mut edits = Vec::new();
            let mut editor = editor;
            if let Some(questions) = &mut questions {
                for (nth, text) in questions.ask(&mut guarding, &premises).await {
                    let (question, rule) = (asked.get(nth), questions.editor(nth));
                    if let (Some(Question { numbers, .. }), Some(rule)) = (question, rule) {
                        edits.push(Edit { numbers: numbers.clone(), text, rule });
                    }
                }
                editor = editor.or(questions.editor_of_speech());
            }
            if let Some(rule) = editor.filter(|_| has_sound) {
                guarding.silence(rule);
                edits.clear();
            }
            Opinions { guarding, edits, is_unheard: false }
        }))
    }

    /// What follows from opinions: of a piece, that it goes on.
    fn hear(
        &mut self,
        opinions: Opinions,
        settlement: &mut Settlement,
        out: &mut Vec<Bytes>,
    ) -> Result<Passing, Fault> {
        let Opinions { mut guarding, edits, is_unheard } = opinions;
        match &mut self.stage {
            Stage::Pieces(_) if guarding.block.is_some() => {}
            Stage::Pieces(pieces) => {
                if is_unheard {
                    pieces.is_heard_no_more();
                }
                if let Some(rule) = pieces.judge(&self.told, edits) {
                    guarding.comes_late(rule);
                }
            }
            stage => {
                let one = |Edit { numbers, text, .. }: Edit| Some((*numbers.first()?, text));
                let own: Vec<(usize, String)> = edits.into_iter().filter_map(one).collect();
                let heard = settlement.guarding().and_then(Guarding::heard);
                if let Some(heard) = heard.filter(|_| !own.is_empty()) {
                    heard.answered_instead(self.told.with(&own).into_iter());
                }
                if let Stage::Kept { edits, .. } = stage {
                    *edits = own;
                }
            }
        }
        let is_blocked = guarding.block.is_some();
        if let Some(own) = settlement.guarding_mut() {
            own.absorb(guarding);
        }
        match &mut self.stage {
            _ if is_blocked => Ok(Passing::Blocked),
            Stage::Pieces(pieces) => pieces.release(&self.told, out).map(|()| Passing::Open),
            _ => Ok(Passing::Open),
        }
    }

    /// All has been judged, and leaves.
    fn release(&mut self, settlement: &mut Settlement, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        match &mut self.stage {
            // It has left: rules that only watch change nothing.
            Stage::Open | Stage::Judged => Ok(Passing::Open),
            Stage::Pieces(pieces) => {
                // Sound may have come when nobody was asked any more.
                if let Some(rule) = pieces.silenced_by(&self.told) {
                    if let Some(own) = settlement.guarding_mut() {
                        own.silence(rule);
                    }
                    return Ok(Passing::Blocked);
                }
                pieces.finish(&self.told, out)?;
                Ok(Passing::Open)
            }
            Stage::Kept { bytes, edits, .. } => {
                let (kept, edits) = (std::mem::take(bytes), std::mem::take(edits));
                self.stage = Stage::Judged;
                if edits.is_empty() {
                    out.extend(kept);
                    return Ok(Passing::Open);
                }
                let mut gate = Gate::new(self.caller, &self.facts);
                let mut replaced = self.told.replaced(edits);
                for piece in kept {
                    gate.pass(&piece, &mut replaced, out)?;
                }
                gate.finish(&mut replaced, out)
            }
        }
    }
}

/// How many characters a piece has: the fewest of all rules in force. `None` where one of these wants the answer whole.
fn piece(rules: &[ExternalRule]) -> Option<usize> {
    let own = rules.iter().filter(|rule| rule.is_enforced).map(|rule| rule.pieces);
    own.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// A defect: nothing comes of an answer that has ended.
fn unjudged() -> Fault {
    Fault::internal("more came of an answer after it had been judged")
}

fn too_large() -> Fault {
    Fault::upstream_failed("upstream_too_large", "The provider's answer is too large to be checked.")
}
