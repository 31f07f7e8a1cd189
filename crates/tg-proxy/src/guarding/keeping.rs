//! Streamed answers about which services outside are asked: a service judges whole texts, so an answer that a rule may keep
//! from the caller is kept until all of it is there, and its services have been heard.

use super::Guarding;
use super::outside::{Premises, Questions};
use crate::settle::Settlement;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::collections::HashMap;
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

/// One answer, on its way from the gateway's own checks to its caller.
pub(crate) struct Keeping {
    gate: Gate,
    told: Told,
    asking: Option<Asking>,
}

/// What was found, and what is to stand in place of texts.
type Asking = Pin<Box<dyn Future<Output = (Guarding, Vec<(usize, String)>)> + Send>>;

/// What the answer says.
struct Told {
    texts: Vec<(Option<Part>, Channel, String)>,
    numbers: HashMap<Part, usize>,
    changes: HashMap<Part, Vec<Change>>,
    /// Whether what comes goes on at once.
    is_open: bool,
}

impl Keeping {
    /// Before a caller of this dialect; `None` where no rule asks a service about answers.
    pub(crate) fn of(guarding: &Guarding, caller: Dialect, facts: &ReplyFacts) -> Option<Self> {
        let rules = guarding.guard.externals(Way::Output);
        if rules.is_empty() {
            return None;
        }
        // Rules that only watch keep nobody waiting before the end.
        let is_open = !rules.iter().any(|rule| rule.is_enforced);
        let told = Told { texts: Vec::new(), numbers: HashMap::new(), changes: HashMap::new(), is_open };
        Some(Self { gate: Gate::new(caller, facts), told, asking: None })
    }

    /// Whether texts are being kept.
    pub(crate) const fn holds(&self) -> bool {
        !self.told.is_open
    }

    /// Takes what the checks have let go, and appends what may leave.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(crate) fn pass(&mut self, made: Vec<Bytes>, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        for bytes in made {
            self.gate.pass(&bytes, &mut self.told, out)?;
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
            self.asking = self.ask(settlement);
        }
        let Some(asking) = &mut self.asking else { return Poll::Ready(self.release(Vec::new(), out)) };
        let (guarding, edits) = ready!(asking.as_mut().poll(cx));
        self.asking = None;
        let is_blocked = guarding.block.is_some();
        settlement.guard(guarding);
        Poll::Ready(if is_blocked { Ok(Passing::Blocked) } else { self.release(edits, out) })
    }

    fn ask(&self, settlement: &Settlement) -> Option<Asking> {
        let (mut guarding, premises) = (settlement.guarding()?.clone(), Premises::of(settlement)?);
        let said = self.told.texts.iter().map(|(_, channel, text)| Said {
            channel: *channel,
            turn: 0,
            text: Cow::Borrowed(text.as_str()),
        });
        let questions = Questions::of(&guarding, Way::Output, &said.collect::<Vec<_>>(), &[])?;
        Some(Box::pin(async move {
            let edits = questions.ask(&mut guarding, &premises).await;
            (guarding, edits)
        }))
    }

    fn release(&mut self, edits: Vec<(usize, String)>, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        for (number, text) in edits {
            match self.told.texts.get(number) {
                Some((Some(part), _, said)) => {
                    let change = Change { range: 0..said.len(), text };
                    self.told.changes.insert(*part, vec![change]);
                }
                // It has left, or stands by itself: there is no place for anything else.
                _ => return Ok(Passing::Blocked),
            }
        }
        self.told.is_open = true;
        self.gate.finish(&mut self.told, out)
    }

    /// Ends an answer of which nothing more goes on.
    pub(crate) fn end(&mut self, usage: &Usage, out: &mut Vec<Bytes>) {
        let mut end = BytesMut::new();
        self.gate.end(usage, &mut end);
        out.push(end.freeze());
    }
}

impl Inspector for Told {
    fn grows(&mut self, part: Part, channel: Channel, text: &str) {
        let number = *self.numbers.entry(part).or_insert_with(|| {
            self.texts.push((Some(part), channel, String::new()));
            self.texts.len() - 1
        });
        if let Some((_, _, told)) = self.texts.get_mut(number) {
            told.push_str(text);
        }
    }

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, _part: Part) -> usize {
        if self.is_open { usize::MAX } else { 0 }
    }

    fn changes(&self, part: Part) -> &[Change] {
        self.changes.get(&part).map(Vec::as_slice).unwrap_or_default()
    }

    fn whole(&mut self, channel: Channel, text: &str) -> Option<String> {
        self.texts.push((None, channel, text.to_owned()));
        None
    }

    fn is_blocked(&self) -> bool {
        false
    }
}
