//! Streamed answers about which services outside are asked: a service judges whole texts, so an answer that a rule may keep
//! from the caller is kept until all of it is there, and its services have been heard.

use super::Guarding;
use super::outside::{Premises, Questions};
use crate::settle::Settlement;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector, Passing};
use tg_dialect::passages::Part;
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_kernel::usage::Usage;
use tg_policy::guard::{Said, Way};

/// Most bytes that are kept of one answer; of one that only rules that watch are told of, most that they are told.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One answer, on its way from the gateway's own checks to its caller.
pub(crate) struct Keeping {
    caller: Dialect,
    facts: ReplyFacts,
    reader: Gate,
    told: Told,
    /// Bytes that have come.
    came: usize,
    stage: Stage,
    asking: Option<Asking>,
}

/// What becomes of what comes.
enum Stage {
    /// It is kept.
    Kept(Vec<Bytes>),
    /// It goes on as it is.
    Open,
    /// It goes on with texts replaced.
    Changing(Box<Gate>, Replaced),
}

/// What was found, and what is to stand in place of texts.
type Asking = Pin<Box<dyn Future<Output = (Guarding, Vec<(usize, String)>)> + Send>>;

/// What the answer says: its parts, as far as they have grown, and texts that stand by themselves.
#[derive(Default)]
struct Told {
    texts: Vec<(Channel, String)>,
    parts: HashMap<Part, usize>,
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
        let stage = if is_kept { Stage::Kept(Vec::new()) } else { Stage::Open };
        let (reader, told, facts) = (Gate::new(caller, facts), Told::default(), facts.clone());
        Some(Self { caller, facts, reader, told, came: 0, stage, asking: None })
    }

    /// Whether the answer is being kept.
    pub(crate) const fn holds(&self) -> bool {
        matches!(self.stage, Stage::Kept(_))
    }

    /// Takes what the checks have let go, and appends what may leave.
    ///
    /// # Errors
    /// See [`Gate::pass`]; or more is to be kept than may be.
    pub(crate) fn pass(&mut self, made: Vec<Bytes>, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        for piece in made {
            if let Stage::Changing(gate, replaced) = &mut self.stage {
                gate.pass(&piece, replaced, out)?;
                continue;
            }
            self.came = self.came.saturating_add(piece.len());
            let is_within = self.came <= KEPT_BYTES_MAX;
            if is_within {
                self.reader.pass(&piece, &mut self.told, &mut Vec::new())?;
            }
            match &mut self.stage {
                Stage::Kept(_) if !is_within => return Err(too_large()),
                Stage::Kept(kept) => kept.push(piece),
                _ => out.push(piece),
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
            if !known.insert((*channel, text.as_str())) {
                continue;
            }
            said.push(Said { channel: *channel, turn: 0, text: Cow::Borrowed(text.as_str()) });
            numbers.push(number);
        }
        let questions = Questions::of(&guarding, Way::Output, &said, &[])?;
        Some(Box::pin(async move {
            let edits = questions.ask(&mut guarding, &premises).await;
            let edits = edits.into_iter().filter_map(|(nth, text)| Some((*numbers.get(nth)?, text)));
            let edits = edits.collect();
            (guarding, edits)
        }))
    }

    fn release(&mut self, edits: Vec<(usize, String)>, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        let kept = match std::mem::replace(&mut self.stage, Stage::Open) {
            Stage::Kept(kept) => kept,
            // It has left: rules that only watch change nothing.
            Stage::Open | Stage::Changing(..) => Vec::new(),
        };
        if edits.is_empty() {
            out.extend(kept);
            return Ok(Passing::Open);
        }
        let mut gate = Box::new(Gate::new(self.caller, &self.facts));
        let mut replaced = self.told.replaced(edits);
        for piece in kept {
            gate.pass(&piece, &mut replaced, out)?;
        }
        let passing = gate.finish(&mut replaced, out)?;
        self.stage = Stage::Changing(gate, replaced);
        Ok(passing)
    }

    /// Ends an answer of which nothing goes on.
    pub(crate) fn end(&mut self, usage: &Usage, out: &mut Vec<Bytes>) {
        let mut end = BytesMut::new();
        Gate::new(self.caller, &self.facts).end(usage, &mut end);
        out.push(end.freeze());
    }
}

impl Told {
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
        self.texts.push((channel, text.to_owned()));
        None
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

    fn is_blocked(&self) -> bool {
        false
    }
}

fn too_large() -> Fault {
    Fault::upstream_failed("upstream_too_large", "The provider's answer is too large to be checked.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_kernel::clock::Timestamp;
    use tg_kernel::ids::CallId;

    fn keeping(stage: Stage) -> Keeping {
        let created = Timestamp::from_seconds(0);
        let facts = ReplyFacts { id: CallId::fresh(), model: "m".into(), created, include_usage: false };
        let (caller, told) = (Dialect::OpenaiChat, Told::default());
        let reader = Gate::new(caller, &facts);
        Keeping { caller, facts, reader, told, came: 0, stage, asking: None }
    }

    #[test]
    fn what_only_watches_remembers_no_more_of_an_answer_than_may_be_kept() {
        let word = "x".repeat(1 << 20);
        let frame = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n");
        let (mut watching, mut kept) = (keeping(Stage::Open), keeping(Stage::Kept(Vec::new())));
        let mut out = Vec::new();
        for nth in 0..20 {
            let piece = || vec![Bytes::from(frame.clone())];
            watching.pass(piece(), &mut out).unwrap();
            assert_eq!(kept.pass(piece(), &mut Vec::new()).is_ok(), nth < 15, "{nth}");
        }
        assert_eq!(out.len(), 20);
        assert_eq!(watching.told.texts.iter().map(|(_, text)| text.len()).sum::<usize>(), 15 << 20);
    }
}
