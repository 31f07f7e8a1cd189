//! What an answer says, kept as it goes by on its way to whoever it is for, and what is done with it when it has ended.

use super::copy::Copy;
use super::likeness::{self, Learned, Watching};
use super::{HEARD_BYTES_MAX, copy};
use crate::flow::Ready;
use crate::guarding::Guarding;
use crate::living::Worker;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector};
use tg_dialect::passages::{MediumKind, Part, Passages};
use tg_kernel::decided::{Alike, Verdict};
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Action;
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::record::{Ending, Record, Served};
use tg_kernel::target::Target;
use tg_policy::route::compare::{ANSWER_BYTES_MAX, agree, verdict};
use tg_policy::route::steps::Judge;
use tokio::sync::oneshot;

/// The faults of calls that a model is not up to, or does not bring to an end. Limits, want of capacity, errors of providers and
/// networks, and what the gateway lacks say nothing of a model.
const FAILURES: [&str; 6] = [
    "upstream_refused",
    "upstream_too_large",
    "context_length_exceeded",
    "content_filter",
    "upstream_garbage",
    "upstream_truncated",
];

/// What two answers are compared for.
#[derive(Clone)]
pub(crate) struct Comparison {
    /// The rule for or against which the answers speak, and who compares them.
    pub(super) rule: Arc<str>,
    pub(super) judge: Judge,
    pub(super) task: &'static str,
    /// The call, and where it is to be served for the comparison to count.
    pub(super) of: CallId,
    pub(super) of_target: Target,
    /// Whether the copy's answer is the cheaper one.
    pub(super) is_copy_cheaper: bool,
    /// What the call was answered.
    pub(super) original: Option<Said>,
    /// Where the other answer is one to a like question: what is known of it.
    pub(super) alike: Option<Alike>,
}

/// What an answer said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(super) text: String,
    /// Whether values stand in it that guardrails keep from models.
    pub(super) is_private: bool,
}

/// An answer as it stands on the wire.
#[derive(Clone)]
pub(crate) struct Heard {
    dialect: Dialect,
    facts: ReplyFacts,
    is_streamed: bool,
    bytes: Bytes,
    is_private: bool,
}

impl Heard {
    /// An answer that the checks left as it was.
    pub(crate) const fn of(dialect: Dialect, facts: ReplyFacts, is_streamed: bool, bytes: Bytes) -> Self {
        Self { dialect, facts, is_streamed, bytes, is_private: false }
    }

    /// Its bytes.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What it says, where that can be read and compared. Not for whom a caller waits.
    pub(super) fn said(self) -> Option<Said> {
        let text = Said::of(self.dialect, &self.facts, self.is_streamed, &self.bytes)?;
        Some(Said { text, is_private: self.is_private })
    }
}

/// By whose word a comparison is decided.
pub(crate) struct Judging {
    pub(super) comparison: Comparison,
    pub(super) is_cheaper_first: bool,
}

/// An answer that is listened to.
pub(crate) struct Hearing {
    dialect: Dialect,
    facts: ReplyFacts,
    is_streamed: bool,
    heard: BytesMut,
    /// Whether it is of no interest what is said, or too much was.
    is_deaf: bool,
    then: Then,
}

/// What is done when the answer has ended.
enum Then {
    /// These go out, if it ended well.
    Copies(Vec<Copy>),
    /// It is compared with that of the call.
    Compare(Box<Comparison>),
    /// It is told to who waits, to be compared.
    Tell(oneshot::Sender<Said>, Box<Comparison>),
    /// It is a judge's word.
    Decide(Box<Judging>),
    /// It is the vector of a text.
    Vector(oneshot::Sender<Learned>, Option<Box<Watching>>),
}

impl Hearing {
    pub(super) fn of_original(copies: Vec<Copy>, ready: &Ready) -> Self {
        let is_deaf = copies.iter().all(|copy| copy.comparison.is_none());
        Self { is_deaf, ..Self::new(ready, Then::Copies(copies)) }
    }

    /// Of a copy that is compared by the gateway itself.
    pub(super) fn compared(comparison: Comparison, ready: &Ready) -> Self {
        Self::new(ready, Then::Compare(Box::new(comparison)))
    }

    /// Of a copy about which a judge is asked.
    pub(super) fn told(comparison: Comparison, ready: &Ready) -> (Self, oneshot::Receiver<Said>) {
        let (tell, told) = oneshot::channel();
        (Self::new(ready, Then::Tell(tell, Box::new(comparison))), told)
    }

    /// Of a judge.
    pub(super) fn judge(judging: Judging, ready: &Ready) -> Self {
        Self::new(ready, Then::Decide(Box::new(judging)))
    }

    /// Of who makes a vector.
    pub(super) fn vector(tell: oneshot::Sender<Learned>, watching: Option<Box<Watching>>, ready: &Ready) -> Self {
        Self::new(ready, Then::Vector(tell, watching))
    }

    fn new(ready: &Ready, then: Then) -> Self {
        let peek = &ready.peek;
        let (model, include_usage) = (peek.model.clone(), peek.include_usage);
        let facts = ReplyFacts { id: ready.id, model, created: ready.arrived, include_usage };
        let (dialect, is_streamed) = (ready.call.dialect, peek.stream);
        Self { dialect, facts, is_streamed, heard: BytesMut::new(), is_deaf: false, then }
    }

    /// More has been found on the request of the call: copies of it go on with that.
    pub(crate) fn is_guarded(&mut self, guarding: &Guarding) {
        if let Then::Copies(copies) = &mut self.then {
            copies.iter_mut().for_each(|copy| copy.guarding = Some(guarding.of_copy()));
        }
    }

    /// Something of the answer goes by.
    pub(crate) fn hear(&mut self, bytes: &Bytes) {
        if self.is_deaf {
            return;
        }
        if self.heard.len().saturating_add(bytes.len()) > HEARD_BYTES_MAX {
            (self.heard, self.is_deaf) = (BytesMut::new(), true);
            return;
        }
        self.heard.extend_from_slice(bytes);
    }

    /// The answer has ended, and `record` says how. What a comparison came to is added to it.
    pub(crate) fn end(self, record: &mut Record, worker: &Arc<Worker>) {
        let is_well = record.ending == Ending::Ok;
        // Copies are of calls that nobody waits for any more: as the gateway ends, none begins.
        if !is_well || worker.closing.has_begun() {
            return self.end_badly(record, worker);
        }
        let Self { dialect, facts, is_streamed, heard, is_deaf, then } = self;
        let listen = || Said::of(dialect, &facts, is_streamed, &heard).filter(|_| !is_deaf);
        let is_private = record
            .guarded
            .as_ref()
            .is_some_and(|guarded| guarded.hits.iter().any(|hit| hit.action == Action::Restored));
        match then {
            Then::Copies(copies) => {
                // The call's caller waits here: what was heard is read by the copies.
                let bytes = heard.freeze();
                let heard = (!is_deaf).then_some(Heard { dialect, facts, is_streamed, bytes, is_private });
                for mut copy in copies {
                    if let Some(comparison) = &copy.comparison {
                        // Another target than was meant says nothing of the one that was.
                        if !is_by(record.served.as_ref(), &comparison.of_target) {
                            continue;
                        }
                        copy.heard.clone_from(&heard);
                    }
                    copy::begin(worker, copy);
                }
            }
            Then::Compare(comparison) => {
                let own = listen();
                let kept = comparison.original.as_ref().zip(own).map(|(original, own)| agree(&original.text, &own));
                comparison.settle(kept, record, worker);
            }
            Then::Tell(tell, _) => {
                if let Some(text) = listen() {
                    drop(tell.send(Said { text, is_private }));
                }
            }
            Then::Decide(judging) => {
                let kept = listen().and_then(|word| verdict(&word, judging.is_cheaper_first));
                judging.comparison.settle(kept, record, worker);
            }
            Then::Vector(tell, watching) => likeness::hear(&heard, (tell, watching), record, worker),
        }
    }

    /// Of an answer that did not end well nothing can be learned, but where a cheaper model was not up to it: then it was
    /// worse. A judge that fails has said nothing.
    fn end_badly(self, record: &mut Record, worker: &Arc<Worker>) {
        let has_failed = !worker.closing.has_begun() && is_failure(record.ending, record.fault.as_deref());
        match self.then {
            Then::Compare(comparison) => {
                let kept = (comparison.is_copy_cheaper && has_failed).then_some(false);
                comparison.settle(kept, record, worker);
            }
            Then::Tell(_, comparison) if comparison.is_copy_cheaper && has_failed => {
                comparison.settle(Some(false), record, worker);
            }
            Then::Decide(judging) => judging.comparison.settle(None, record, worker),
            Then::Copies(_) | Then::Tell(..) | Then::Vector(..) => {}
        }
    }
}

impl Comparison {
    /// Whether the gateway itself compares.
    pub(super) fn is_by_agreement(&self) -> bool {
        matches!(self.judge, Judge::Agreement)
    }

    fn settle(self, kept: Option<bool>, record: &mut Record, worker: &Arc<Worker>) {
        if let Some(alike) = self.alike {
            record.decided.get_or_insert_default().alike = Some(Alike { agreed: kept, ..alike });
            return;
        }
        worker.living.shadows.judged(kept);
        let verdict = Verdict { rule: self.rule, task: self.task.into(), kept };
        record.decided.get_or_insert_default().verdict = Some(verdict);
    }
}

/// Whether a call was served there. Where a profile is named in its place, the model is the one behind it.
fn is_by(served: Option<&Served>, target: &Target) -> bool {
    served.is_some_and(|served| {
        let is_named = served.model == target.model || served.profile.as_ref() == Some(&target.model);
        served.provider == target.provider && is_named
    })
}

/// Whether a call that ended so failed by its model.
fn is_failure(ending: Ending, fault: Option<&str>) -> bool {
    matches!(ending, Ending::ProviderError | Ending::Truncated) && fault.is_some_and(|fault| FAILURES.contains(&fault))
}

impl Said {
    /// A text in which nothing stands that guardrails keep from models.
    pub(super) fn public(text: &str) -> Self {
        Self { text: text.to_owned(), is_private: false }
    }

    /// What a model has said in an answer as it stands on the wire; `None` where it cannot be read, or is too long to be
    /// compared.
    fn of(dialect: Dialect, facts: &ReplyFacts, is_streamed: bool, heard: &[u8]) -> Option<String> {
        let mut said = Collected::default();
        if is_streamed {
            let (mut gate, mut out) = (Gate::new(dialect, facts), Vec::new());
            gate.pass(heard, &mut said, &mut out).ok()?;
            gate.finish(&mut said, &mut out).ok()?;
        } else {
            let passages = Passages::of_answer(heard)?;
            passages.texts.iter().for_each(|passage| said.add(None, passage.channel, &passage.text));
        }
        said.whole()
    }
}

/// Texts of an answer, in the order in which they began.
#[derive(Default)]
struct Collected {
    texts: Vec<(Option<Part>, String)>,
    bytes: usize,
}

impl Collected {
    fn add(&mut self, part: Option<Part>, channel: Channel, text: &str) {
        if !matches!(channel, Channel::Assistant | Channel::ToolArguments) {
            return;
        }
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > ANSWER_BYTES_MAX {
            return;
        }
        let known = self.texts.iter_mut().find(|(of, _)| part.is_some() && *of == part);
        match known {
            Some((_, whole)) => whole.push_str(text),
            None => self.texts.push((part, text.to_owned())),
        }
    }

    fn whole(self) -> Option<String> {
        if self.bytes > ANSWER_BYTES_MAX {
            return None;
        }
        let texts: Vec<String> = self.texts.into_iter().map(|(_, text)| text).filter(|text| !text.is_empty()).collect();
        Some(texts.join("\n"))
    }
}

impl Inspector for Collected {
    fn grows(&mut self, part: Part, channel: Channel, text: &str) {
        self.add(Some(part), channel, text);
    }

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, _part: Part) -> usize {
        usize::MAX
    }

    fn changes(&self, _part: Part) -> &[Change] {
        &[]
    }

    fn whole(&mut self, channel: Channel, text: &str) -> Option<String> {
        self.add(None, channel, text);
        None
    }

    fn unread(&mut self, _kind: MediumKind) -> bool {
        false
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_kernel::clock::Timestamp;
    use tg_kernel::usage::ServiceTier;

    fn facts() -> ReplyFacts {
        ReplyFacts { id: CallId::fresh(), model: "m".into(), created: Timestamp::default(), include_usage: false }
    }

    #[test]
    fn a_profile_stands_for_the_model_behind_it() {
        let arn = "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x";
        let served = |profile: Option<&str>| Served {
            provider: "aws".into(),
            model: "m".into(),
            profile: profile.map(Arc::from),
            dialect: Dialect::BedrockConverse,
            request_id: None,
            session: None,
            tier: ServiceTier::Default,
            attempts: 1,
            stop: None,
        };
        let target = |model: &str| Target { provider: "aws".into(), model: model.into() };
        for (profile, model, expected) in [
            (Some(arn), arn, true),
            (Some(arn), "m", true),
            (None, "m", true),
            (None, arn, false),
            (Some(arn), "n", false),
        ] {
            assert_eq!(is_by(Some(&served(profile)), &target(model)), expected, "{profile:?} {model}");
        }
        let other = Target { provider: "other".into(), ..target("m") };
        assert!(!is_by(Some(&served(None)), &other) && !is_by(None, &target("m")));
    }

    #[test]
    fn only_what_a_model_is_not_up_to_is_its_failure() {
        for (ending, fault, expected) in [
            (Ending::ProviderError, Some("upstream_refused"), true),
            (Ending::Truncated, Some("upstream_truncated"), true),
            (Ending::ProviderError, Some("upstream_limited"), false),
            (Ending::ProviderError, Some("upstream_overloaded"), false),
            (Ending::ProviderError, Some("upstream_error"), false),
            (Ending::ProviderError, Some("upstream_credentials_refused"), false),
            (Ending::Interrupted, Some("given_up"), false),
            (Ending::Refused, Some("upstream_refused"), false),
            (Ending::Ok, None, false),
        ] {
            assert_eq!(is_failure(ending, fault), expected, "{ending:?} {fault:?}");
        }
    }

    #[test]
    fn what_was_said_is_the_same_whole_or_in_pieces() {
        let whole = br#"{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":
            {"role":"assistant","content":"not spam"},"finish_reason":"stop"}]}"#;
        let said = Said::of(Dialect::OpenaiChat, &facts(), false, whole);
        assert_eq!(said.as_deref(), Some("not spam"));
        let piece = |text: &str| {
            format!("data: {{\"id\":\"x\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
        };
        let stream = format!("{}{}data: [DONE]\n\n", piece("not "), piece("spam"));
        assert_eq!(Said::of(Dialect::OpenaiChat, &facts(), true, stream.as_bytes()).as_deref(), Some("not spam"));
        assert_eq!(Said::of(Dialect::OpenaiChat, &facts(), false, b"no JSON"), None);
        let long = piece(&"x".repeat(ANSWER_BYTES_MAX + 1));
        assert_eq!(Said::of(Dialect::OpenaiChat, &facts(), true, long.as_bytes()), None, "too long to be compared");
    }
}
