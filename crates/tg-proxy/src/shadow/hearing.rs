//! What an answer says, kept as it goes by on its way to whoever it is for, and what is done with it when it has ended.

use super::copy::Copy;
use super::{HEARD_BYTES_MAX, copy};
use crate::flow::Ready;
use crate::living::Worker;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector};
use tg_dialect::passages::{Part, Passages};
use tg_kernel::decided::Verdict;
use tg_kernel::dialect::Dialect;
use tg_kernel::guarded::Action;
use tg_kernel::ids::CallId;
use tg_kernel::passage::Channel;
use tg_kernel::record::{Ending, Record};
use tg_kernel::target::Target;
use tg_policy::route::TaskRouting;
use tg_policy::route::compare::{ANSWER_BYTES_MAX, agree, verdict};
use tg_policy::route::steps::Judge;
use tokio::sync::oneshot;

/// What two answers are compared for.
#[derive(Clone)]
pub(crate) struct Comparison {
    pub(super) rule: Arc<TaskRouting>,
    pub(super) task: &'static str,
    /// The call, and where it is to be served for the comparison to count.
    pub(super) of: CallId,
    pub(super) of_target: Target,
    /// Whether the copy's answer is the cheaper one.
    pub(super) is_copy_cheaper: bool,
    /// What the call was answered.
    pub(super) original: Option<Said>,
}

/// What an answer said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(super) text: String,
    /// Whether values stand in it that guardrails keep from models.
    pub(super) is_private: bool,
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
    /// It is told to who waits.
    Tell(oneshot::Sender<Said>),
    /// It is a judge's word.
    Decide(Box<Judging>),
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
    pub(super) fn told(ready: &Ready) -> (Self, oneshot::Receiver<Said>) {
        let (tell, told) = oneshot::channel();
        (Self::new(ready, Then::Tell(tell)), told)
    }

    /// Of a judge.
    pub(super) fn judge(judging: Judging, ready: &Ready) -> Self {
        Self::new(ready, Then::Decide(Box::new(judging)))
    }

    fn new(ready: &Ready, then: Then) -> Self {
        let peek = &ready.peek;
        let (model, include_usage) = (peek.model.clone(), peek.include_usage);
        let facts = ReplyFacts { id: ready.id, model, created: ready.arrived, include_usage };
        let (dialect, is_streamed) = (ready.call.dialect, peek.stream);
        Self { dialect, facts, is_streamed, heard: BytesMut::new(), is_deaf: false, then }
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
                let said = listen().map(|text| Said { text, is_private });
                for mut copy in copies {
                    if let Some(comparison) = &mut copy.comparison {
                        // Another target than was meant says nothing of the one that was.
                        if !is_by(record, &comparison.of_target) {
                            continue;
                        }
                        comparison.original.clone_from(&said);
                    }
                    copy::begin(worker, copy);
                }
            }
            Then::Compare(comparison) => {
                let own = listen();
                let kept = comparison.original.as_ref().zip(own).map(|(original, own)| agree(&original.text, &own));
                comparison.settle(kept, record, worker);
            }
            Then::Tell(tell) => {
                if let Some(text) = listen() {
                    drop(tell.send(Said { text, is_private }));
                }
            }
            Then::Decide(judging) => {
                let kept = listen().and_then(|word| verdict(&word, judging.is_cheaper_first));
                judging.comparison.settle(kept, record, worker);
            }
        }
    }

    /// Of an answer that did not end well nothing can be learned; a judge that fails has said nothing.
    fn end_badly(self, record: &mut Record, worker: &Arc<Worker>) {
        match self.then {
            Then::Compare(comparison) => comparison.settle(None, record, worker),
            Then::Decide(judging) => judging.comparison.settle(None, record, worker),
            Then::Copies(_) | Then::Tell(_) => {}
        }
    }
}

impl Comparison {
    /// Whether the gateway itself compares.
    pub(super) fn is_by_agreement(&self) -> bool {
        matches!(self.rule.sampling.as_ref().map(|sampling| &sampling.judge), Some(Judge::Agreement))
    }

    fn settle(self, kept: Option<bool>, record: &mut Record, worker: &Arc<Worker>) {
        worker.living.shadows.judged(kept);
        let verdict = Verdict { rule: Arc::clone(&self.rule.rule), task: self.task.into(), kept };
        record.decided.get_or_insert_default().verdict = Some(verdict);
    }
}

fn is_by(record: &Record, target: &Target) -> bool {
    record.served.as_ref().is_some_and(|served| served.provider == target.provider && served.model == target.model)
}

impl Said {
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

    fn is_blocked(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tg_kernel::clock::Timestamp;

    fn facts() -> ReplyFacts {
        ReplyFacts { id: CallId::fresh(), model: "m".into(), created: Timestamp::default(), include_usage: false }
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
