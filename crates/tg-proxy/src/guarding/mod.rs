//! The guarding of one call: what its checks found and did, and the only bytes that may leave once they have run.

pub(crate) mod answer;
mod beside;
pub(crate) mod failure;
mod files;
pub(crate) mod filtered;
pub(crate) mod keeping;
pub(crate) mod meanwhile;
pub(crate) mod outside;
mod pictures;
pub(crate) mod request;
pub(crate) mod watching;

use crate::recording::Heard;
use bytes::Bytes;
use std::ops::Deref;
use std::sync::Arc;
use tg_dialect::passages::MediumKind;
use tg_kernel::fault::{Class, Fault, Origin};
use tg_kernel::guarded;
use tg_policy::guard::{Block, Doing, Evidence, Guard, Inquiry, Medium, Route, Verdict, Way};

/// The code of a call, or an answer, that a guardrail stopped.
pub(crate) const CONTENT_BLOCKED: &str = "content_blocked";

/// Texts from this size on are checked on a thread of their own, so that no other call waits for them.
const LARGE_BYTES: usize = 128 << 10;

/// A request's body as it may go on: checked where a guardrail applies, with what the checks changed in it. Nothing else of
/// it leaves: only [`request::check`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Cleared {
    body: Bytes,
    /// The version of the guardrails that it went through; `None` where none applies.
    by: Option<Arc<str>>,
}

impl Cleared {
    /// The bytes.
    pub(crate) const fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// Whether any guardrail applies.
    pub(crate) const fn is_guarded(&self) -> bool {
        self.by.is_some()
    }

    /// Whether these very bytes are what the checks of this version let go.
    pub(crate) fn is_by(&self, version: &str, body: &[u8]) -> bool {
        std::ptr::eq(&raw const *self.body, body) && self.by.as_deref() == Some(version)
    }
}

impl Deref for Cleared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.body
    }
}

/// Why what leaves for a model is not what guardrails let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unguarded {
    /// Some apply to the call, and it was not made of what they let go.
    NotChecked,
    /// None applies to it.
    NoSet,
    /// There are none.
    NoGuardrails,
}

/// What is being found and done on one call.
#[derive(Clone)]
pub(crate) struct Guarding {
    guard: Arc<Guard>,
    inquiry: Inquiry,
    block: Option<Block>,
    /// Where the call goes in place of the model that it names.
    route: Option<Route>,
    /// Whether something else went on than was said.
    changed: bool,
    /// What is said and told, where calls are recorded.
    heard: Option<Heard>,
}

impl Guarding {
    fn new(guard: Arc<Guard>, is_recorded: bool) -> Self {
        let heard = is_recorded.then(Heard::default);
        Self { guard, inquiry: Inquiry::default(), block: None, route: None, changed: false, heard }
    }

    /// For a copy of the call: what was found on the request, to go on with its answer. It is recorded once.
    pub(crate) fn of_copy(&self) -> Self {
        Self { heard: None, ..self.clone() }
    }

    /// For what services say while the call goes on: nothing is found yet.
    fn apart(&self) -> Self {
        Self::new(self.guard.clone(), false)
    }

    /// Takes over what they have said.
    fn absorb(&mut self, apart: Self) {
        self.inquiry.absorb(apart.inquiry);
        self.changed |= apart.changed;
        self.block = self.block.take().or(apart.block);
    }

    /// The rules.
    pub(crate) const fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// What is said and told, where calls are recorded.
    pub(crate) const fn heard(&self) -> Option<&Heard> {
        self.heard.as_ref()
    }

    fn note(&mut self, verdict: &Verdict) {
        self.changed |= !verdict.edits.is_empty();
        if self.block.is_none() {
            self.block.clone_from(&verdict.block);
        }
        self.route = Route::first(self.route.take(), verdict.route.clone());
    }

    /// Whether something else went on than was said, in the body or beside it.
    pub(crate) const fn has_changed(&self) -> bool {
        self.changed
    }

    /// What a caller is told whom a rule has stopped.
    pub(crate) fn message(&self) -> Option<&str> {
        self.block.as_ref().map(|block| &*block.message)
    }

    /// What the ledger is told.
    pub(crate) fn record(&self) -> guarded::Guarded {
        let Evidence { sets, version, hits, spent, by_set, services } = self.inquiry.evidence();
        let replaced = hits.iter().any(|hit| matches!(hit.doing, Doing::Redacted | Doing::Restored));
        let verdict = match (&self.block, &self.route, self.changed || replaced) {
            (Some(_), _, _) => guarded::Verdict::Blocked,
            (None, Some(_), _) => guarded::Verdict::Rerouted,
            (None, None, true) => guarded::Verdict::Changed,
            (None, None, false) => guarded::Verdict::Passed,
        };
        let hits = hits.into_iter().map(|hit| guarded::Hit {
            set: hit.set,
            rule: hit.rule,
            check: hit.check.into(),
            found: hit.found.into(),
            channel: hit.channel,
            way: hit.way.into(),
            action: match hit.doing {
                Doing::Blocked => guarded::Action::Blocked,
                Doing::Redacted => guarded::Action::Redacted,
                Doing::Restored => guarded::Action::Restored,
                Doing::Rerouted => guarded::Action::Rerouted,
                Doing::Annotated => guarded::Action::Annotated,
                Doing::Observed => guarded::Action::Observed,
                Doing::Unanswered => guarded::Action::Unanswered,
            },
            count: u32::try_from(hit.count).unwrap_or(u32::MAX),
        });
        let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        guarded::Guarded { sets, version, verdict, micros, hits: hits.collect(), by_set, services }
    }

    /// The rules that did something, as `SET/RULE`, for the caller: not those that only watch.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        let blocked = self.block.iter().map(|block| format!("{}/{}", block.set, block.rule));
        let hits = self.inquiry.hits().iter().filter(|hit| hit.doing != Doing::Observed);
        for rule in blocked.chain(hits.map(|hit| format!("{}/{}", hit.set, hit.rule))) {
            if !told.contains(&rule) {
                told.push(rule);
            }
        }
        told
    }

    /// The service of this rule has taken something out of what is spoken as well: that is not changed, but stopped.
    fn silence(&mut self, rule: usize) {
        self.block = self.block.take().or_else(|| self.guard.silences(rule, &mut self.inquiry));
    }

    /// The service of this rule would take something out that the caller has: the answer is stopped.
    fn comes_late(&mut self, rule: usize) {
        self.block = self.block.take().or_else(|| self.guard.comes_late(rule, &mut self.inquiry));
    }

    /// Whether an answer must be looked at.
    pub(crate) fn watches(&self) -> bool {
        self.guard.watches(&self.inquiry) || !self.guard.externals(Way::Output).is_empty()
    }
}

/// A stopped call, as a fault.
pub(crate) fn fault_of(block: &Block) -> Fault {
    Fault::new(Class::Blocked, Origin::Gateway, CONTENT_BLOCKED, block.message.to_string())
}

fn medium(kind: MediumKind) -> Medium {
    match kind {
        MediumKind::Image => Medium::Image,
        MediumKind::Audio => Medium::Audio,
        MediumKind::Video => Medium::Video,
        MediumKind::Document => Medium::Document,
        MediumKind::Reference => Medium::Reference,
        MediumKind::Tokens => Medium::Tokens,
    }
}

/// The check of a large text broke off.
fn broken_off() -> Fault {
    Fault::internal("a check of content broke off")
}
