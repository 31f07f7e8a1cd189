//! Recorded calls: what they say without the values that were found in it, and what rules make of them that may have
//! changed since.
//!
//! Of a value there is only a [`Mark`]: which check found it, and what. Whether another rule would find it is told from that:
//! of personal data and credentials by the names that the rule looks for, of what a rule of the configuration finds by the
//! rule's name. Services outside are not asked: they are taken to say what they said.

use super::detector::{Detector, Reading};
use super::external::UNANSWERED;
use super::inquiry::{Doing, Inquiry};
use super::joined::{Group, Joined, groups, rows};
use super::judge::Guard;
use super::rule::Ready;
use super::set::{Action, Medium, WhenAway};
use super::{Said, Way};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use tg_kernel::clock::Timestamp;
use tg_kernel::guarded::{self, Guarded, Verdict};
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::principal::Attribution;
use tg_text::finding::{Finding, Kind};
use tg_text::pii::Pii;
use tg_text::pii::entity::Entity;
use tg_text::secrets::Secrets;
use tg_text::span::Span;

/// The form of records that this program writes and reads.
pub const RECORD_FORMAT: u32 = 1;

/// What is taken out whatever the rules are.
static BUILT_IN: LazyLock<[Detector; 2]> =
    LazyLock::new(|| [Detector::Secrets(Secrets::all()), Detector::Pii(Pii::all())]);

/// A call that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// The call.
    #[serde(with = "shown")]
    pub id: CallId,
    /// When it began.
    pub at: Timestamp,
    /// To whom it was booked, its tags without values.
    pub attribution: Attribution,
    /// The model that the caller named.
    pub model: Arc<str>,
    /// What came of its guarding.
    pub guarded: Guarded,
    /// Whether it is one that goes to the model that it names or nowhere, as what is no chat.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
    /// What no text could be read of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<String>,
    /// The same of its answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Whether its answer went where nobody looks at it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
    /// What it said.
    pub input: Vec<Stripped>,
    /// What it was told; nothing of a call that was stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Stripped>,
}

/// A text without its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stripped {
    /// What it is to the model.
    pub channel: Channel,
    /// Its turn.
    #[serde(default)]
    pub turn: u32,
    /// What it says, with `[WHAT]` where a value stood.
    pub text: String,
    /// What was taken out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// Something that was taken out of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The check that finds it: `pii`, `secrets`, `words`.
    pub check: String,
    /// What it is: `email`, `aws-access-token`.
    pub found: String,
    /// The rules that found it, as `SET/RULE`; none where only the recording looked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// What a policy makes of a recorded call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// What comes of it.
    pub verdict: Verdict,
    /// The rules by which it does, as `SET/RULE`, sorted.
    pub rules: Vec<String>,
}

/// A stretch that is taken out, and what it is.
struct Found<'a> {
    span: Span,
    check: &'static str,
    found: Cow<'static, str>,
    by: Option<&'a Ready>,
}

impl Replayed {
    /// What came of a call when it was made.
    #[must_use]
    pub fn at_first(guarded: &Guarded) -> Self {
        let name = |hit: &guarded::Hit| format!("{}/{}", hit.set, hit.rule);
        let rules = guarded.hits.iter().map(|hit| (name(hit), hit.action));
        Self::of(rules.filter_map(|(name, action)| Some((name, verdict(action)?))), guarded.verdict)
    }

    /// The gravest of what rules do, but not less than `least`, and those that do it.
    fn of(rules: impl Iterator<Item = (String, Verdict)>, least: Verdict) -> Self {
        let all: Vec<(String, Verdict)> = rules.collect();
        let verdict = all.iter().map(|(_, verdict)| *verdict).fold(least, Ord::max);
        let mut rules: Vec<String> = all.into_iter().filter(|(_, own)| *own == verdict).map(|(name, _)| name).collect();
        rules.sort_unstable();
        rules.dedup();
        Self { verdict, rules }
    }
}

const fn verdict(action: guarded::Action) -> Option<Verdict> {
    match action {
        guarded::Action::Blocked => Some(Verdict::Blocked),
        guarded::Action::Redacted | guarded::Action::Restored => Some(Verdict::Changed),
        guarded::Action::Rerouted => Some(Verdict::Rerouted),
        guarded::Action::Annotated | guarded::Action::Observed | guarded::Action::Unanswered => None,
    }
}

const fn effect(doing: Doing) -> Option<Verdict> {
    match doing {
        Doing::Blocked => Some(Verdict::Blocked),
        Doing::Redacted | Doing::Restored => Some(Verdict::Changed),
        Doing::Rerouted => Some(Verdict::Rerouted),
        Doing::Annotated | Doing::Observed | Doing::Unanswered => None,
    }
}

impl Guard {
    /// What texts say without their values: without what its rules take out or look for as theirs, and without all personal
    /// data and credentials that the built-in checks find, whatever the rules are. Texts of one turn and channel of a request
    /// are one, and so are the blocks of one text of an answer.
    #[must_use]
    pub fn strip(&self, way: Way, said: &[Said<'_>]) -> Vec<Stripped> {
        let (all, between) = match way {
            Way::Input => (groups(said), "\n"),
            Way::Output => (rows(said), ""),
        };
        all.iter().map(|group| self.strip_group(said, group, between)).collect()
    }

    fn strip_group(&self, said: &[Said<'_>], group: &Group, between: &str) -> Stripped {
        let joined = Joined::of(said, &group.members, between);
        let mut found = self.values(&joined.text);
        if group.members.len() > 1 && !between.is_empty() {
            // What is split over texts.
            let direct = Joined::of(said, &group.members, "");
            for mut one in self.values(&direct.text).into_iter().filter(|one| direct.crosses(one.span)) {
                // All of these texts are in both.
                if let [span] = direct.in_other(one.span, &joined)[..] {
                    one.span = span;
                    found.push(one);
                }
            }
        }
        let turn = group.members.first().and_then(|index| said.get(*index)).map_or(0, |one| one.turn);
        let (text, marks) = taken_out(&joined.text, found);
        Stripped { channel: group.channel, turn, text, marks }
    }

    /// What is to be taken out of a text.
    fn values(&self, text: &str) -> Vec<Found<'_>> {
        let reading = Reading::of(text);
        let (mut all, mut findings): (Vec<Found<'_>>, Vec<Finding>) = (Vec::new(), Vec::new());
        let own =
            self.rules().iter().filter(|ready| takes_values(ready)).map(|ready| (&*ready.detector, Some(&**ready)));
        for (detector, by) in own.chain(BUILT_IN.iter().map(|detector| (detector, None))) {
            detector.find(&reading, &[], &mut findings);
            for finding in findings.drain(..).filter(|finding| !finding.span.is_empty()) {
                let check = match finding.kind {
                    Kind::Pii => "pii",
                    Kind::Secret => "secrets",
                    _ => by.map_or("", |ready| ready.check),
                };
                let found = by.map_or_else(|| finding.rule.clone(), |ready| ready.found(&finding));
                all.push(Found { span: finding.span, check, found, by });
            }
        }
        all
    }

    /// What its rules make of a recorded call.
    #[must_use]
    pub fn replay(&self, call: &Recorded) -> Replayed {
        let mut inquiry = Inquiry::default();
        inquiry.is_bound = call.bound;
        inquiry.is_unseen = call.unseen;
        let mut done: BTreeMap<String, Verdict> = BTreeMap::new();
        let ways = [(Way::Input, &call.input, &call.media), (Way::Output, &call.output, &call.unread)];
        for (way, texts, media) in ways {
            let media: Vec<Medium> = media.iter().filter_map(|name| Medium::named(name)).collect();
            let said: Vec<Said<'_>> = texts.iter().map(Stripped::said).collect();
            let verdict = self.judge(way, &said, &media, &mut inquiry);
            if let Some(block) = &verdict.block {
                done.insert(format!("{}/{}", block.set, block.rule), Verdict::Blocked);
            }
            self.find_marks(way, texts, call, &mut done);
            self.hear_again(way, call, &mut done);
            // Of a call that is stopped there is no answer.
            if done.values().any(|verdict| *verdict == Verdict::Blocked) {
                break;
            }
        }
        let hits = inquiry.evidence().hits.into_iter();
        let own = hits.filter_map(|hit| Some((format!("{}/{}", hit.set, hit.rule), effect(hit.doing)?)));
        Replayed::of(done.into_iter().chain(own), Verdict::Passed)
    }

    /// Where the first of its rules that is among these (`SET/RULE`) sends calls.
    #[must_use]
    pub fn sends_to(&self, rules: &[String]) -> Option<Arc<str>> {
        let is_named = |ready: &&Arc<Ready>| rules.contains(&format!("{}/{}", ready.set, ready.name));
        let named = self.rules().iter().filter(is_named);
        named.filter_map(|ready| ready.route(0, Cow::Borrowed(ready.check))).map(|route| route.model).next()
    }

    /// What rules do about what was taken out.
    fn find_marks(&self, way: Way, texts: &[Stripped], call: &Recorded, done: &mut BTreeMap<String, Verdict>) {
        for ready in self.rules() {
            let channels = ready.channels(way);
            for text in texts.iter().filter(|text| channels.has(text.channel)) {
                if text.marks.iter().any(|mark| finds(ready, mark)) {
                    did(ready, doing(ready, call, (way, text.channel)), done);
                }
            }
        }
    }

    /// What services said, and what rules do about it.
    fn hear_again(&self, way: Way, call: &Recorded, done: &mut BTreeMap<String, Verdict>) {
        for ready in self.rules() {
            let Some((_, when_away)) = &ready.external else { continue };
            let is_own = |hit: &&guarded::Hit| {
                *hit.set == *ready.set && *hit.rule == *ready.name && hit.way.as_str() == way.as_str()
            };
            for hit in call.guarded.hits.iter().filter(is_own).filter(|hit| ready.channels(way).has(hit.channel)) {
                if *hit.found != *UNANSWERED {
                    did(ready, doing(ready, call, (way, hit.channel)), done);
                } else if *when_away == WhenAway::Block && !ready.is_observed() {
                    did(ready, Doing::Blocked, done);
                }
            }
        }
    }
}

impl Stripped {
    fn said(&self) -> Said<'_> {
        Said { channel: self.channel, turn: self.turn, text: Cow::Borrowed(&self.text) }
    }
}

/// What a rule does with what it finds there.
fn doing(ready: &Ready, call: &Recorded, place: (Way, Channel)) -> Doing {
    match Doing::of(ready) {
        Doing::Rerouted if call.bound => Doing::Blocked,
        // What is spoken as well is not changed.
        Doing::Redacted if place == (Way::Output, Channel::Assistant) && call.is_spoken() => Doing::Blocked,
        doing => doing,
    }
}

impl Recorded {
    fn is_spoken(&self) -> bool {
        self.unread.iter().any(|name| *name == Medium::Audio.as_str())
    }
}

fn did(ready: &Ready, doing: Doing, done: &mut BTreeMap<String, Verdict>) {
    if let Some(verdict) = effect(doing) {
        let known = done.entry(format!("{}/{}", ready.set, ready.name)).or_insert(verdict);
        *known = (*known).max(verdict);
    }
}

/// Whether what a rule finds is a value, that is not to be kept: words and expressions only where the rule takes them out.
fn takes_values(ready: &Ready) -> bool {
    match &*ready.detector {
        Detector::Pii(_) | Detector::Secrets(_) | Detector::Entities(_) => true,
        Detector::Rules(_) => {
            ready.check == "canaries" || matches!(ready.action, Action::Redact(_) | Action::Restore(_))
        }
        _ => false,
    }
}

/// Whether a rule would find what was taken out.
fn finds(ready: &Ready, mark: &Mark) -> bool {
    match &*ready.detector {
        Detector::Pii(pii) => mark.check == "pii" && Entity::named(&mark.found).is_some_and(|entity| pii.wants(entity)),
        Detector::Secrets(secrets) => mark.check == "secrets" && secrets.wants(&mark.found),
        Detector::Entities(_) | Detector::Rules(_) => {
            mark.check == ready.check && mark.rules.contains(&format!("{}/{}", ready.set, ready.name))
        }
        _ => false,
    }
}

/// A text with what was found taken out, and what that was: stretches that overlap are one.
fn taken_out(text: &str, mut found: Vec<Found<'_>>) -> (String, Vec<Mark>) {
    found.sort_by_key(|one| (one.span.start, std::cmp::Reverse(one.span.end), one.by.is_none()));
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    let mut marks: Vec<Mark> = Vec::new();
    for Found { span, check, found, by } in found {
        if span.start >= at {
            out.push_str(text.get(at..span.start).unwrap_or_default());
            out.push('[');
            out.push_str(&found);
            out.push(']');
        }
        at = at.max(span.end);
        let rule = by.map(|ready| format!("{}/{}", ready.set, ready.name));
        match marks.iter_mut().find(|mark| mark.check == check && *mark.found == *found) {
            Some(mark) => mark.rules.extend(rule.filter(|rule| !mark.rules.contains(rule))),
            None => {
                marks.push(Mark {
                    check: check.to_owned(),
                    found: found.into_owned(),
                    rules: rule.into_iter().collect(),
                });
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out, marks)
}

/// Ids as answers and the ledger show them.
mod shown {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use tg_kernel::ids::CallId;

    pub(super) fn serialize<S: Serializer>(id: &CallId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<CallId, D::Error> {
        let text = String::deserialize(deserializer)?;
        CallId::parse(&text).ok_or_else(|| D::Error::custom("no id of a call"))
    }
}
