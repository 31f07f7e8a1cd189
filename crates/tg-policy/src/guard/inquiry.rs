//! What one call carries from its request to its answer: what stands for which value, and what was found; never a value.

use super::heard::Heard;
use super::joined::Runs;
use super::judge::Guard;
use super::rule::{Ready, Weight};
use super::set::Action;
use super::spent::Spent;
use super::{Block, Way};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tg_kernel::guarded::{OfService, OfSet, Verdict};
use tg_kernel::passage::Channel;
use tg_text::redact::{Key, Placeholders, Style};
use tg_text::rules::Leak;

/// Most different things that are told of one call; further ones are only acted upon.
pub(crate) const HITS_MAX: usize = 256;

/// The guarding of one call.
#[derive(Clone, Debug, Default)]
pub struct Inquiry {
    /// What comes back in the answer. It is shared by all that look at the answer, as is the next.
    pub(super) kept: Arc<Placeholders>,
    /// What does not.
    pub(super) gone: Arc<Placeholders>,
    /// The system text of the call, by how many of its words in a row may not come out.
    pub(super) leaks: Arc<[(usize, Leak)]>,
    /// The caller reads what the model says as JSON.
    pub(super) is_structured: bool,
    /// The call can go to no other model: what would send it there stops it.
    pub(super) is_bound: bool,
    /// What the call brings about is told where nobody looks at it.
    pub(super) is_unseen: bool,
    hits: Vec<Hit>,
    ran: Option<(Vec<Arc<str>>, Arc<str>)>,
    spent: Duration,
    /// What each set that applies has come to.
    by_set: Vec<OfSet>,
    pub(super) spent_by: Spent,
    pub(super) heard: Heard,
    /// How many runs of texts may be read by themselves yet.
    pub(super) runs: Runs,
    /// Which texts of the request may be no part of what is said around them.
    pub(super) asides: BTreeSet<usize>,
    /// Something was found that only some of the texts of a turn say together.
    pub(super) is_scattered: bool,
    /// How much is kept of texts that go on meanwhile.
    pub(super) whole_bytes: usize,
}

/// What was found, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The set that the rule stands in.
    pub set: Arc<str>,
    /// The rule.
    pub rule: Arc<str>,
    /// What the rule checks: `pii`, `injection`.
    pub check: &'static str,
    /// What was found: `email`, `aws-access-key`, a category, a topic, `placeholder`.
    pub found: Cow<'static, str>,
    /// Where.
    pub channel: Channel,
    /// On which way.
    pub way: Way,
    /// What happened.
    pub doing: Doing,
    /// How often.
    pub count: u64,
}

/// What happened because of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doing {
    /// The call was refused, or the answer withheld.
    Blocked,
    /// Something else stands in its place.
    Redacted,
    /// On the way in, something else stands in its place; on the way out, it was put back.
    Restored,
    /// The call went to another model.
    Rerouted,
    /// It was told.
    Annotated,
    /// It was counted: the rule is not in force.
    Observed,
    /// The service outside could not be asked, and the rule lets pass then.
    Unanswered,
}

impl Hit {
    /// Whether it tells of the same.
    fn is_like(&self, other: &Self) -> bool {
        (self.way, self.channel, self.doing) == (other.way, other.channel, other.doing)
            && self.rule == other.rule
            && self.set == other.set
            && self.found == other.found
    }
}

impl Doing {
    /// The name in logs, metrics and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Redacted => "redacted",
            Self::Restored => "restored",
            Self::Rerouted => "rerouted",
            Self::Annotated => "annotated",
            Self::Observed => "observed",
            Self::Unanswered => "unanswered",
        }
    }

    /// What a rule does with what it finds.
    pub(super) const fn of(rule: &Ready) -> Self {
        match rule.action {
            _ if rule.is_observed() => Self::Observed,
            Action::Block => Self::Blocked,
            Action::Redact(_) => Self::Redacted,
            Action::Restore(_) => Self::Restored,
            Action::Annotate => Self::Annotated,
            Action::RouteTo(_) => Self::Rerouted,
        }
    }

    /// The same for a request, which may be bound to its model.
    pub(super) fn on_request(rule: &Ready, inquiry: &Inquiry) -> Self {
        match Self::of(rule) {
            Self::Rerouted if inquiry.is_bound => Self::Blocked,
            other => other,
        }
    }
}

/// What ledger, metrics and log are told of the guarding of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The sets that were applied.
    pub sets: Vec<Arc<str>>,
    /// A short sum of what they say; empty where none was applied.
    pub version: Arc<str>,
    /// What was found.
    pub hits: Vec<Hit>,
    /// How long the checks took, without services outside.
    pub spent: Duration,
    /// What each set came to.
    pub by_set: Vec<OfSet>,
    /// What services outside said that were asked.
    pub services: Vec<OfService>,
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Inquiry {
    /// What it has found so far.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let (sets, version) = self.ran.clone().unwrap_or_default();
        let timed = |of: &OfSet| OfSet { micros: micros(self.spent_by.of(&of.set)), ..of.clone() };
        let by_set = self.by_set.iter().map(timed).collect();
        Evidence { sets, version, hits: self.hits.clone(), spent: self.spent, by_set, services: self.heard.told() }
    }

    /// What rules have found so far.
    #[must_use]
    pub fn hits(&self) -> &[Hit] {
        &self.hits
    }

    /// Whether values of the request stand behind placeholders that an answer may have.
    #[must_use]
    pub fn has_placeholders(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The caller asked for an answer that is JSON: what is put into it, or taken out, leaves it so.
    pub const fn answers_in_json(&mut self) {
        self.is_structured = true;
    }

    /// These of the texts that are said may be no part of the texts around them, which are read without them, too.
    pub fn stand_aside(&mut self, which: impl IntoIterator<Item = usize>) {
        self.asides.extend(which);
    }

    /// Whether something was found that only some of the texts of a turn say together.
    #[must_use]
    pub const fn is_scattered(&self) -> bool {
        self.is_scattered
    }

    /// The call is none that another model could serve: what would send it there stops it.
    pub const fn is_bound_to_its_model(&mut self) {
        self.is_bound = true;
    }

    /// What the call brings about is no answer to it, but goes where nobody looks at it.
    pub const fn answers_unseen(&mut self) {
        self.is_unseen = true;
    }

    /// Takes over what services outside have brought to another inquiry, which began from nothing while this one went on.
    pub fn absorb(&mut self, other: Self) {
        if self.ran.is_none() {
            (self.ran, self.by_set) = (other.ran, other.by_set);
        } else {
            for of in other.by_set {
                if let Some(own) = self.by_set.iter_mut().find(|own| own.set == of.set) {
                    own.verdict = own.verdict.max(of.verdict);
                }
            }
        }
        for hit in other.hits {
            if let Some(own) = self.hits.iter_mut().find(|own| own.is_like(&hit)) {
                own.count += hit.count;
            } else if self.hits.len() < HITS_MAX {
                self.hits.push(hit);
            }
        }
        self.heard.absorb(other.heard);
    }

    pub(super) fn begin(&mut self, guard: &Guard) {
        if self.ran.is_none() {
            self.ran = Some((guard.sets().to_vec(), guard.version().clone()));
            let untouched = |(set, version): (&Arc<str>, &Arc<str>)| {
                let (set, version) = (set.clone(), version.clone());
                OfSet { set, version, verdict: Verdict::Passed, micros: 0 }
            };
            self.by_set = guard.versions().map(untouched).collect();
        }
    }

    pub(super) fn spend(&mut self, time: Duration) {
        self.spent += time;
    }

    /// Keeps placeholders free that a text of the request has of itself.
    pub(super) fn avoid(&mut self, text: &str) {
        Arc::make_mut(&mut self.kept).avoid(text);
        Arc::make_mut(&mut self.gone).avoid(text);
    }

    /// Lets go of tokens that a text of the request has of itself: they stand for nothing.
    pub(super) fn give_way(&mut self, text: &str) {
        if self.kept.has_tokens() {
            Arc::make_mut(&mut self.kept).give_way(text);
        }
    }

    /// A request was refused whatever it says.
    pub(super) fn note_refusal(&mut self, block: &Block) {
        self.note_block(block, Channel::User, Way::Input);
    }

    /// An answer was stopped because of what cannot be read of it.
    pub(super) fn note_withheld(&mut self, block: &Block) {
        self.note_block(block, Channel::Assistant, Way::Output);
    }

    /// Nothing goes on of that out of which something was taken.
    pub(super) fn takes_nothing_out(&mut self) {
        self.hits.retain(|hit| hit.doing != Doing::Redacted);
    }

    fn note_block(&mut self, block: &Block, channel: Channel, way: Way) {
        let Block { set, rule, check, found, .. } = block.clone();
        self.come_to(&set, Doing::Blocked);
        self.hits.push(Hit { set, rule, check, found, channel, way, doing: Doing::Blocked, count: 1 });
    }

    /// A rule of a set did something.
    fn come_to(&mut self, set: &str, doing: Doing) {
        let verdict = match doing {
            Doing::Blocked => Verdict::Blocked,
            Doing::Rerouted => Verdict::Rerouted,
            Doing::Redacted | Doing::Restored => Verdict::Changed,
            Doing::Annotated | Doing::Observed | Doing::Unanswered => return,
        };
        if let Some(own) = self.by_set.iter_mut().find(|own| *own.set == *set) {
            own.verdict = own.verdict.max(verdict);
        }
    }

    /// A value was put back.
    pub(super) fn note_restored(&mut self, guard: &Guard, channel: Channel) {
        if let Some(ready) = guard.rules().iter().find(|ready| ready.weight() == Weight::Restore) {
            self.note(ready, Way::Output, channel, Cow::Borrowed("placeholder"), Doing::Restored);
        }
    }

    pub(super) fn note(&mut self, rule: &Ready, way: Way, channel: Channel, found: Cow<'static, str>, doing: Doing) {
        self.come_to(&rule.set, doing);
        let is_same = |hit: &&mut Hit| {
            (hit.way, hit.channel, hit.doing) == (way, channel, doing)
                && *hit.rule == *rule.name
                && *hit.set == *rule.set
                && hit.found == found
        };
        if let Some(hit) = self.hits.iter_mut().find(is_same) {
            hit.count += 1;
        } else if self.hits.len() < HITS_MAX {
            let (set, name, check) = (rule.set.clone(), rule.name.clone(), rule.check);
            self.hits.push(Hit { set, rule: name, check, found, channel, way, doing, count: 1 });
        }
    }

    /// What stands in place of a value on the way in. What is redacted is not put back, and shares no placeholder with
    /// what is.
    pub(super) fn place(&mut self, label: &str, value: &str, rule: &Ready, key: Option<&Key>) -> String {
        let style = rule.style();
        let (own, other) = match rule.weight() {
            Weight::Restore => (&mut self.kept, &mut self.gone),
            _ => (&mut self.gone, &mut self.kept),
        };
        let placed = Arc::make_mut(own).place(label, value, style, key);
        // A token that cannot be told from others is a tag.
        if matches!(style, Style::Tag | Style::Token) {
            Arc::make_mut(other).avoid(&placed);
        }
        placed
    }
}
