//! Streamed answers: held back at a gate until the checks have let them go.

#[cfg(test)]
pub(super) mod tests;

use super::filtered::streamed;
use super::{Guarding, medium};
use crate::recording::Heard;
use bytes::{Bytes, BytesMut};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector, Passing};
use tg_dialect::passages::{MediumKind, Part};
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_kernel::usage::Usage;
use tg_policy::guard::{Inquiry, Watch};

/// The gate of one stream, and who stands there.
pub(crate) struct Watching {
    caller: Dialect,
    facts: ReplyFacts,
    gate: Gate,
    watch: Watch<Part>,
    /// Whether anything has been let go.
    has_left: bool,
    /// Something came that could not be read, and did not leave.
    has_dropped: bool,
}

/// Who stands there, for as long as some bytes pass.
struct Guardian<'a> {
    watch: &'a mut Watch<Part>,
    inquiry: &'a mut Inquiry,
    heard: Option<&'a Heard>,
    is_blocked: bool,
}

impl Watching {
    /// Before a caller of this dialect; `None` where no rule looks at the answer.
    pub(crate) fn of(guarding: &Guarding, caller: Dialect, facts: &ReplyFacts) -> Option<Self> {
        if !guarding.watches() {
            return None;
        }
        let (gate, watch) = (Gate::new(caller, facts), Watch::new(guarding.guard.clone()));
        Some(Self { caller, facts: facts.clone(), gate, watch, has_left: false, has_dropped: false })
    }

    /// Takes what is made for the caller, and appends what may leave.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(crate) fn pass(
        &mut self,
        made: Vec<Bytes>,
        guarding: &mut Guarding,
        out: &mut Vec<Bytes>,
    ) -> Result<Passing, Fault> {
        let before = out.len();
        let passing = self.ask(guarding, |gate, guardian| {
            for bytes in made {
                if gate.pass(&bytes, guardian, out)? == Passing::Blocked {
                    return Ok(Passing::Blocked);
                }
            }
            Ok(Passing::Open)
        });
        self.has_left |= out.len() > before;
        passing
    }

    /// Nothing more comes: all that was made is whole.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(crate) fn finish(&mut self, guarding: &mut Guarding, out: &mut Vec<Bytes>) -> Result<Passing, Fault> {
        let before = out.len();
        let passing = self.ask(guarding, |gate, guardian| gate.finish(guardian, out));
        self.has_left |= out.len() > before;
        passing
    }

    /// Whether something that came could not be read: it did not leave, whatever it was.
    pub(crate) const fn has_dropped(&self) -> bool {
        self.has_dropped
    }

    /// Ends a stream that is blocked: after what was let go, or, where nothing was, with the rule's message. `is_kept`: what
    /// was let go has not reached the caller.
    pub(crate) fn end(&mut self, said: &str, is_kept: bool, usage: &Usage, out: &mut Vec<Bytes>) {
        // Of InvokeModel's families only Claude's has such an answer, and of a stream it is not known which it is.
        if (is_kept || !self.has_left) && self.caller != Dialect::BedrockInvoke {
            out.push(streamed(self.caller, &self.facts, said, usage));
            return;
        }
        if is_kept {
            self.gate = Gate::new(self.caller, &self.facts);
        }
        let mut end = BytesMut::new();
        self.gate.end(usage, &mut end);
        out.push(end.freeze());
    }

    fn ask(
        &mut self,
        guarding: &mut Guarding,
        pass: impl FnOnce(&mut Gate, &mut Guardian<'_>) -> Result<Passing, Fault>,
    ) -> Result<Passing, Fault> {
        let Self { gate, watch, has_dropped, .. } = self;
        let is_blocked = guarding.block.is_some();
        let Guarding { inquiry, heard, .. } = guarding;
        let passing = pass(gate, &mut Guardian { watch, inquiry, heard: heard.as_ref(), is_blocked });
        *has_dropped |= passing.is_err();
        if guarding.block.is_none() {
            guarding.block = watch.is_blocked().cloned();
        }
        passing
    }
}

impl Inspector for Guardian<'_> {
    fn grows(&mut self, part: Part, channel: Channel, text: &str) {
        if let Some(heard) = self.heard {
            heard.grows(part, channel, text);
        }
        self.watch.grows(part, channel, text, self.inquiry);
    }

    fn ends(&mut self, part: Part) {
        self.watch.ends(part, self.inquiry);
    }

    fn pauses(&mut self, part: Part) {
        self.watch.pauses(part, self.inquiry);
    }

    fn parts(&mut self, part: Part) {
        self.watch.parts(part);
    }

    fn cleared(&self, part: Part) -> usize {
        self.watch.cleared(part)
    }

    fn changes(&self, part: Part) -> &[Change] {
        self.watch.changes(part)
    }

    fn leaves(&mut self, part: Part, upto: usize) {
        self.watch.leaves(part, upto);
    }

    fn whole(&mut self, channel: Channel, text: &str) -> Option<String> {
        if let Some(heard) = self.heard {
            heard.whole(channel, text);
        }
        self.watch.whole(channel, text, self.inquiry)
    }

    fn unread(&mut self, kind: MediumKind) -> bool {
        let medium = medium(kind);
        if let Some(heard) = self.heard {
            heard.unread(medium);
        }
        self.watch.unread(medium, self.inquiry)
    }

    fn is_blocked(&self) -> bool {
        self.is_blocked || self.watch.is_blocked().is_some()
    }
}
