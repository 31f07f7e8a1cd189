//! Streamed answers about which services outside are asked: a service judges whole texts, so an answer that a rule may keep
//! from the caller is kept until all of it is there, and its services have been heard.

use super::Guarding;
use super::outside::{Premises, Questions};
use crate::settle::Settlement;
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector, Passing};
use tg_dialect::passages::{MediumKind, Part};
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Said, Way};

/// Most bytes that are kept of one answer, and most that are told of it.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most texts of an answer about which a service is asked: more would be more questions than are asked about a call.
const TEXTS_MAX: usize = tg_upstream::guard::PIECES_MAX;

/// What a text takes beside what it says.
const TEXT_BYTES: usize = 64;

/// One answer, on its way from the gateway's own checks to its caller.
pub(crate) struct Keeping {
    caller: Dialect,
    facts: ReplyFacts,
    reader: Gate,
    told: Told,
    stage: Stage,
    asking: Option<Asking>,
}

/// What becomes of what comes.
enum Stage {
    /// It is kept.
    Kept { bytes: Vec<Bytes>, size: usize },
    /// It goes on as it is: rules that only watch keep nothing back.
    Open,
    /// It was kept and has been judged. Nothing may follow that was not.
    Judged,
}

/// What was found, and what is to stand in place of texts.
type Asking = Pin<Box<dyn Future<Output = (Guarding, Vec<(usize, String)>)> + Send>>;

/// What the answer says: its parts, as far as they have grown, and texts that stand by themselves.
#[derive(Default)]
struct Told {
    texts: Vec<(Channel, String)>,
    parts: HashMap<Part, usize>,
    has_sound: bool,
    size: usize,
    /// There is more than is kept: nothing of it is.
    is_over: bool,
}

/// What stands in place of what.
struct Replaced {
    parts: HashMap<Part, Vec<Change>>,
    texts: HashMap<String, String>,
}

impl Keeping {
    /// Before a caller of this dialect; `None` where no rule asks a service about answers.
    pub(crate) fn of(guarding: &Guarding, caller: Dialect, facts: &ReplyFacts) -> Option<Self> {
        let rules = guarding.guard.externals(Way::Output);
        if rules.is_empty() {
            return None;
        }
        // Rules that only watch keep nothing back.
        let is_kept = rules.iter().any(|rule| rule.is_enforced);
        let stage = if is_kept { Stage::Kept { bytes: Vec::new(), size: 0 } } else { Stage::Open };
        let (reader, told, facts) = (Gate::new(caller, facts), Told::default(), facts.clone());
        Some(Self { caller, facts, reader, told, stage, asking: None })
    }

    /// Whether the answer is being kept.
    pub(crate) const fn holds(&self) -> bool {
        matches!(self.stage, Stage::Kept { .. })
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
                Stage::Kept { bytes, size } => {
                    *size = size.saturating_add(piece.len());
                    if *size > KEPT_BYTES_MAX {
                        return Err(too_large());
                    }
                    bytes.push(piece);
                }
                Stage::Open | Stage::Judged => out.push(piece),
            }
        }
        Ok(())
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
        if self.asking.is_none() {
            if let Err(fault) = self.reader.finish(&mut self.told, &mut Vec::new()) {
                return Poll::Ready(Err(fault));
            }
            self.asking = self.ask(settlement);
        }
        let Some(asking) = &mut self.asking else { return Poll::Ready(self.release(Vec::new(), out)) };
        let (guarding, edits) = ready!(asking.as_mut().poll(cx));
        self.asking = None;
        let is_blocked = guarding.block.is_some();
        if let Some(heard) = guarding.heard().filter(|_| !edits.is_empty()) {
            heard.answered_instead(self.told.with(&edits).into_iter());
        }
        settlement.guard(guarding);
        Poll::Ready(if is_blocked { Ok(Passing::Blocked) } else { self.release(edits, out) })
    }

    /// Asks about each text once, however often the answer says it.
    fn ask(&mut self, settlement: &Settlement) -> Option<Asking> {
        let (mut guarding, premises) = (settlement.guarding()?.clone(), Premises::of(settlement)?);
        let mut said: Vec<Said<'_>> = Vec::new();
        let mut numbers = Vec::new();
        let mut known = HashSet::new();
        for (number, (channel, text)) in self.told.texts.iter().enumerate() {
            if known.insert((*channel, text.as_str())) {
                said.push(Said { channel: *channel, turn: 0, text: Cow::Borrowed(text.as_str()) });
                numbers.push(number);
            }
        }
        if self.told.is_over || said.len() > TEXTS_MAX {
            return Some(Box::pin(async move {
                guarding.hears_nothing(Way::Output);
                (guarding, Vec::new())
            }));
        }
        let mut questions = Questions::of(&guarding, Way::Output, (&said, &[]), &[])?;
        let has_sound = self.told.has_sound;
        Some(Box::pin(async move {
            let edits = questions.ask(&mut guarding, &premises).await;
            if let Some(rule) = questions.editor_of_speech().filter(|_| has_sound) {
                guarding.silence(rule);
                return (guarding, Vec::new());
            }
            let edits = edits.into_iter().filter_map(|(nth, text)| Some((*numbers.get(nth)?, text)));
            let edits = edits.collect();
            (guarding, edits)
        }))
    }

    fn release(&mut self, edits: Vec<(usize, String)>, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        // It has left: rules that only watch change nothing.
        let Stage::Kept { bytes: kept, .. } = &mut self.stage else { return Ok(Passing::Open) };
        let kept = std::mem::take(kept);
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

impl Told {
    /// Whether there is room for so much more.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.size = self.size.saturating_add(bytes);
        if self.size > KEPT_BYTES_MAX && !self.is_over {
            *self = Self { size: self.size, is_over: true, ..Self::default() };
        }
        !self.is_over
    }

    /// All that was said, with others in place of some of it: told once, however often it was said.
    fn with(&self, edits: &[(usize, String)]) -> Vec<(Channel, String)> {
        let one = |(number, anew): &'_ (usize, String)| {
            let (channel, said) = self.texts.get(*number)?;
            Some(((*channel, said.as_str()), anew.clone()))
        };
        let anew: HashMap<(Channel, &str), String> = edits.iter().filter_map(one).collect();
        let text = |(channel, said): &(Channel, String)| {
            (*channel, anew.get(&(*channel, said.as_str())).unwrap_or(said).clone())
        };
        self.texts.iter().map(text).collect()
    }

    fn replaced(&self, edits: Vec<(usize, String)>) -> Replaced {
        let said = |number: usize| self.texts.get(number).map(|(_, text)| text.clone());
        let texts: HashMap<String, String> =
            edits.into_iter().filter_map(|(number, text)| Some((said(number)?, text))).collect();
        let change = |(part, number): (&Part, &usize)| {
            let said = said(*number)?;
            let text = texts.get(&said)?.clone();
            Some((*part, vec![Change { range: 0..said.len(), text }]))
        };
        Replaced { parts: self.parts.iter().filter_map(change).collect(), texts }
    }
}

impl Inspector for Told {
    fn grows(&mut self, part: Part, channel: Channel, text: &str) {
        if !self.has_room(text.len()) {
            return;
        }
        let number = *self.parts.entry(part).or_insert_with(|| {
            self.texts.push((channel, String::new()));
            self.texts.len() - 1
        });
        if let Some((_, told)) = self.texts.get_mut(number) {
            told.push_str(text);
        }
    }

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, _part: Part) -> usize {
        usize::MAX
    }

    fn changes(&self, _part: Part) -> &[Change] {
        &[]
    }

    fn whole(&mut self, channel: Channel, text: &str) -> Option<String> {
        if self.has_room(text.len() + TEXT_BYTES) {
            self.texts.push((channel, text.to_owned()));
        }
        None
    }

    fn unread(&mut self, kind: MediumKind) -> bool {
        self.has_sound |= kind == MediumKind::Audio;
        false
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

impl Inspector for Replaced {
    fn grows(&mut self, _part: Part, _channel: Channel, _text: &str) {}

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, _part: Part) -> usize {
        usize::MAX
    }

    fn changes(&self, part: Part) -> &[Change] {
        self.parts.get(&part).map(Vec::as_slice).unwrap_or_default()
    }

    fn whole(&mut self, _channel: Channel, text: &str) -> Option<String> {
        self.texts.get(text).cloned()
    }

    fn unread(&mut self, _kind: MediumKind) -> bool {
        false
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

/// A defect: nothing comes of an answer that has ended.
fn unjudged() -> Fault {
    Fault::internal("more came of an answer after it had been judged")
}

fn too_large() -> Fault {
    Fault::upstream_failed("upstream_too_large", "The provider's answer is too large to be checked.")
}
