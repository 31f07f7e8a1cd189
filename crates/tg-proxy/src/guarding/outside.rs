//! Services outside that rules ask about texts: which texts, on whose account, and what follows from their opinions.
//!
//! A service sees texts as the gateway's own rules have left them. What one service has replaced, rules that stand later see
//! replaced. Whatever goes wrong is an opinion that is not known; the rule says what follows then.

use super::Guarding;
use crate::complaint::Complaint;
use crate::cost::Basis;
use crate::intake::trace;
use crate::living::Worker;
use crate::send::aws_caller;
use crate::settle::Settlement;
use crate::snapshot::Snapshot;
use futures_util::future::join_all;
use http::HeaderMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tg_kernel::clock::Clock;
use tg_kernel::decided::{Decided, Purpose};
use tg_kernel::dialect::{Dialect, Operation};
use tg_kernel::ids::CallId;
use tg_kernel::passage::{Change, Channel};
use tg_kernel::principal::Attribution;
use tg_kernel::record::{Asked, Ending, Record, Served};
use tg_kernel::usage::{ServiceTier, Usage, UsageSource};
use tg_policy::guard::{Effort, ExternalRule, IN_A_ROW, Opinion, Said, Timing, Way};
use tg_policy::route::UnknownPrice;
use tg_store::journal::OpenEntry;
use tg_upstream::guard::{self, Asker, Figures, Guard, Picture, Sight};
use tokio::time::Instant;

/// The services of a configuration.
#[derive(Default)]
pub struct Outside(HashMap<Arc<str>, Service>);

struct Service {
    guard: Guard,
    complaint: Complaint,
}

impl Outside {
    /// These services, each by its own name.
    #[must_use]
    pub fn new(guards: Vec<Guard>) -> Self {
        let named = |guard: Guard| (guard.name().clone(), Service { guard, complaint: Complaint::default() });
        Self(guards.into_iter().map(named).collect())
    }

    /// What has come of asking each, in the order of their names.
    #[must_use]
    pub fn figures(&self) -> Vec<Figures> {
        let mut all: Vec<Figures> = self.0.values().map(|service| service.guard.figures()).collect();
        all.sort_by(|one, other| one.guard.cmp(&other.guard));
        all
    }

    /// Which pictures a service takes; `None`: it looks at none.
    pub(super) fn sight(&self, service: &str) -> Option<Sight> {
        self.0.get(service)?.guard.sight()
    }
}

impl Service {
    /// The service gives no opinion; the log is told of it.
    fn is_away(&self, rule: &ExternalRule, failure: &guard::Failure, now: Duration) -> Opinion {
        if let Some(times) = self.complaint.due(now) {
            let (guard, rule) = (&*rule.service, format!("{}/{}", rule.set, rule.name));
            tracing::warn!(guard, rule, times, %failure, "a guard service gives no opinion");
        }
        Opinion::Failed
    }
}

impl Guarding {
    /// There is more to be asked about than is asked: no service has an opinion.
    pub(super) fn hears_nothing(&mut self, way: Way) {
        for rule in self.guard.externals(way) {
            let (channel, opinion) = (Channel::Assistant, Opinion::Failed);
            let verdict = self.guard.hear(way, rule.rule, channel, opinion, &mut self.inquiry);
            self.note(&verdict);
        }
    }
}

/// What a rule's service has said, of texts or of pictures.
#[derive(Clone)]
pub(crate) struct Told {
    pub(super) rule: usize,
    pub(super) service: Arc<str>,
    pub(super) channel: Channel,
    pub(super) opinion: Opinion,
    pub(super) effort: Effort,
}

/// What services are to be asked about.
pub(crate) struct Questions {
    way: Way,
    texts: Vec<Text>,
    rules: Vec<ExternalRule>,
    /// Whose services have put something else in place of texts: by the number of the text, the rule.
    editors: BTreeMap<usize, usize>,
}

/// What is asked about at once: a text, or what a turn says in several. What is split over them is seen.
struct Text {
    /// Their numbers among those that were said, and what they say.
    parts: Vec<(usize, String)>,
    channel: Channel,
    /// It stands in a file, and nothing else can stand there.
    is_in_file: bool,
    /// Its parts are one text that was cut: nothing stands between them.
    is_row: bool,
}

impl Text {
    /// Where texts stand that are asked about together; `None` for one by itself.
    fn place(way: Way, channel: Channel, turn: u32) -> Option<(Channel, u32)> {
        match channel {
            // Many labels, each of them short.
            Channel::Metadata => Some((channel, 0)),
            Channel::ToolArguments | Channel::Definition => Some((channel, turn)),
            // The texts of an answer are each judged by themselves, but for those that are one, as they are in a stream.
            _ => (way == Way::Input || turn & IN_A_ROW != 0).then_some((channel, turn)),
        }
    }

    fn told(&self) -> Cow<'_, str> {
        match self.parts.as_slice() {
            [(_, only)] => Cow::Borrowed(only),
            parts => {
                let between = if self.is_row { "" } else { "\n" };
                Cow::Owned(parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(between))
            }
        }
    }

    /// What stands in place of each of its texts, where `text` stands in place of them all: they are told apart by their
    /// lines. Of one that was cut the blocks keep what is the same in both at the begin and at the end. `None` where the lines
    /// are not as many as they were, and nobody knows what belongs to which.
    fn split(&self, text: String) -> Option<Vec<(usize, String)>> {
        if let [(index, _)] = self.parts.as_slice() {
            return Some(vec![(*index, text)]);
        }
        if self.is_row {
            return Some(self.cut(&text));
        }
        let mut lines = text.split('\n');
        let own = |(index, said): &(usize, String)| {
            let wanted = said.split('\n').count();
            let lines: Vec<&str> = lines.by_ref().take(wanted).collect();
            (lines.len() == wanted).then(|| (*index, lines.join("\n")))
        };
        let parts: Vec<(usize, String)> = self.parts.iter().map(own).collect::<Option<_>>()?;
        if lines.next().is_some() {
            return None;
        }
        let changed = parts.into_iter().zip(&self.parts).filter(|(anew, said)| anew != *said);
        Some(changed.map(|(anew, _)| anew).collect())
    }

    /// What its blocks say where it is to say `anew`: those that change, what is put in the first of them.
    fn cut(&self, anew: &str) -> Vec<(usize, String)> {
        let Some(Change { range, text: mut put }) = Change::between(&self.told(), anew) else { return Vec::new() };
        let mut begins = 0;
        let mut blocks = Vec::new();
        for (index, said) in &self.parts {
            let within = |at: usize| at.clamp(begins, begins + said.len()) - begins;
            let (from, to) = (within(range.start), within(range.end));
            begins += said.len();
            if from < to {
                let kept = |stretch: Option<&str>| stretch.unwrap_or_default().to_owned();
                let text = kept(said.get(..from)) + &std::mem::take(&mut put) + &kept(said.get(to..));
                blocks.push((*index, text));
            }
        }
        blocks
    }
}

/// What a service is asked about at once.
enum Subject<'a> {
    Texts(guard::Way, &'a [&'a str]),
    /// They are on their way to a model.
    Pictures(&'a [&'a Picture]),
}

/// Where a call stands that has questions: what they are asked with, and to whom their cost is booked.
pub(crate) struct Premises {
    pub(crate) worker: Arc<Worker>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) attribution: Attribution,
}

impl Questions {
    /// What rules are to ask about texts that are on this way, and about those in files, with `edits` made by the rules before;
    /// `None`: nothing.
    pub(crate) fn of(
        guarding: &Guarding,
        way: Way,
        (said, files): (&[Said<'_>], &[Said<'_>]),
        edits: &[(usize, String)],
    ) -> Option<Self> {
        let mut rules = guarding.guard.externals(way);
        rules.retain(|rule| {
            let is_asked = |one: &Said<'_>| rule.channels.has(one.channel);
            said.iter().any(is_asked) || rule.reads_documents && files.iter().any(is_asked)
        });
        if rules.is_empty() || guarding.block.is_some() {
            return None;
        }
        let edits: HashMap<usize, &String> = edits.iter().map(|(index, text)| (*index, text)).collect();
        let mut texts: Vec<Text> = Vec::new();
        let mut places = HashMap::new();
        for (index, one) in said.iter().enumerate() {
            let text = edits.get(&index).map_or(&*one.text, |text| text.as_str());
            let part = (index, text.to_owned());
            let known =
                Text::place(way, one.channel, one.turn).map(|place| *places.entry(place).or_insert(texts.len()));
            match known.and_then(|known| texts.get_mut(known)) {
                Some(other) => other.parts.push(part),
                None => texts.push(Text {
                    parts: vec![part],
                    channel: one.channel,
                    is_in_file: false,
                    is_row: way == Way::Output && one.turn & IN_A_ROW != 0,
                }),
            }
        }
        // Nothing is put in the place of what they say, whatever their number is.
        let of_file = |one: &Said<'_>| Text {
            parts: vec![(usize::MAX, one.text.to_string())],
            channel: one.channel,
            is_in_file: true,
            is_row: false,
        };
        texts.extend(files.iter().map(of_file));
        Some(Self { way, texts, rules, editors: BTreeMap::new() })
    }

    /// Whether some of the rules let the texts go on while they ask.
    pub(crate) fn can_wait(&self) -> bool {
        self.rules.iter().any(|rule| rule.timing != Timing::Before)
    }

    /// Those of these do not.
    pub(crate) fn come_first(&mut self, those: &[Timing]) {
        let rules = self.rules.iter_mut().filter(|rule| those.contains(&rule.timing));
        rules.for_each(|rule| rule.timing = Timing::Before);
    }

    /// The rules among them whose opinions have to be known then.
    pub(crate) fn rules(&self, timing: Timing) -> impl Iterator<Item = &ExternalRule> {
        self.rules.iter().filter(move |rule| rule.timing == timing)
    }

    /// The channel of the first text about which a rule asks.
    pub(super) fn channel(&self, rule: &ExternalRule) -> Channel {
        let first = self.texts.iter().find(|text| Self::is_asked(rule, text));
        first.map_or(Channel::User, |text| text.channel)
    }

    /// The rule whose service has put something else in place of the text with this number; the last, where several have.
    pub(super) fn editor(&self, index: usize) -> Option<usize> {
        self.editors.get(&index).copied()
    }

    /// The rule whose service has changed what the model says: what is spoken says the same.
    pub(super) fn editor_of_speech(&self) -> Option<usize> {
        let spoken = self.texts.iter().filter(|text| text.channel == Channel::Assistant);
        spoken.flat_map(|text| &text.parts).find_map(|(index, _)| self.editor(*index))
    }

    fn is_asked(rule: &ExternalRule, text: &Text) -> bool {
        rule.channels.has(text.channel) && (!text.is_in_file || rule.reads_documents)
    }

    /// Asks what has to be known first. Answers what is to stand in place of texts, by their numbers; a block is noted where
    /// it belongs. What stays is what may be asked while the texts are under way.
    pub(crate) async fn ask(&mut self, guarding: &mut Guarding, premises: &Premises) -> Vec<(usize, String)> {
        let mut edits = BTreeMap::new();
        let all = std::mem::take(&mut self.rules).into_iter();
        let (mut rules, later): (Vec<_>, Vec<_>) = all.partition(|rule| rule.timing == Timing::Before);
        self.rules = later;
        // What is asked again has no more time for it.
        let began = Instant::now();
        while !rules.is_empty() {
            let heard = join_all(rules.iter().map(|rule| self.hear(rule, premises, began))).await;
            let mut again = Vec::new();
            let mut changed = Vec::new();
            for (rule, (channel, opinion, effort)) in rules.into_iter().zip(heard) {
                guarding.inquiry.took(&rule.service, self.way, effort);
                // It was asked about a text that stands no more.
                if let Opinion::Flagged { texts, .. } = &opinion
                    && texts.iter().any(|(index, _)| changed.contains(index))
                {
                    again.push(rule);
                    continue;
                }
                let verdict = guarding.guard.hear(self.way, rule.rule, channel, opinion, &mut guarding.inquiry);
                guarding.note(&verdict);
                if guarding.block.is_some() {
                    return Vec::new();
                }
                for (index, text) in verdict.edits {
                    self.replace(index, &text);
                    self.editors.insert(index, rule.rule);
                    changed.extend(self.one_with(index));
                    edits.insert(index, text);
                }
            }
            rules = again;
        }
        edits.into_iter().collect()
    }

    /// The texts that are one with a text, and it.
    fn one_with(&self, index: usize) -> Vec<usize> {
        let row = self.texts.iter().find(|text| text.is_row && text.parts.iter().any(|(own, _)| *own == index));
        row.map_or_else(|| vec![index], |row| row.parts.iter().map(|(own, _)| *own).collect())
    }

    fn replace(&mut self, index: usize, text: &str) {
        let mut parts = self.texts.iter_mut().flat_map(|own| &mut own.parts);
        if let Some((_, own)) = parts.find(|(other, _)| *other == index) {
            text.clone_into(own);
        }
    }

    /// What a rule's service says, and of which channel.
    pub(super) async fn hear(
        &self,
        rule: &ExternalRule,
        premises: &Premises,
        began: Instant,
    ) -> (Channel, Opinion, Effort) {
        let about: Vec<&Text> = self.texts.iter().filter(|text| Self::is_asked(rule, text)).collect();
        let channel = self.channel(rule);
        let told: Vec<Cow<'_, str>> = about.iter().map(|text| text.told()).collect();
        let texts: Vec<&str> = told.iter().map(|text| &**text).collect();
        let way = match self.way {
            Way::Input => guard::Way::Input,
            Way::Output => guard::Way::Output,
        };
        let (mut opinion, effort) = premises.put(rule, &Subject::Texts(way, &texts), began).await;
        if let Opinion::Flagged { texts, .. } = &mut opinion {
            let redacted = std::mem::take(texts).into_iter();
            let split: Option<Vec<_>> =
                redacted.map(|(nth, text)| about.get(nth).filter(|own| !own.is_in_file)?.split(text)).collect();
            *texts = split.unwrap_or_default().concat();
        }
        (channel, opinion, effort)
    }
}

impl Premises {
    /// Where a call stands; `None` once it is settled.
    pub(crate) fn of(settlement: &Settlement) -> Option<Self> {
        let (worker, snapshot) = settlement.surroundings()?;
        let attribution = settlement.record()?.attribution.clone();
        Some(Self { worker: Arc::clone(worker), snapshot: Arc::clone(snapshot), attribution })
    }

    /// What a rule's service says of pictures on their way to a model.
    pub(super) async fn see(&self, rule: &ExternalRule, pictures: &[&Picture], began: Instant) -> (Opinion, Effort) {
        self.put(rule, &Subject::Pictures(pictures), began).await
    }

    /// What a rule's service says. What it puts in place of texts is numbered as they are in the subject.
    async fn put(&self, rule: &ExternalRule, subject: &Subject<'_>, began: Instant) -> (Opinion, Effort) {
        let Some(service) = self.snapshot.outside.0.get(&rule.service) else {
            return (Opinion::Failed, Effort::default());
        };
        let living = &self.worker.living;
        let caller = || aws_caller(living, self.attribution.clone());
        let (pools, wallet, clock) = (&*self.worker.pools, &living.aws, &*living.clock);
        let used = |used| self.book(&service.guard, used);
        let asker = Asker { pools, wallet, clock, caller: &caller, used: &used };
        let asked = clock.monotonic();
        let hearing = match *subject {
            Subject::Texts(way, texts) => service.guard.ask(&asker, way, texts, began).await,
            Subject::Pictures(pictures) => service.guard.look(&asker, pictures, began).await,
        };
        let spent = clock.monotonic().saturating_sub(asked);
        let effort = Effort { spent, questions: hearing.asked, remembered: hearing.remembered };
        let opinion = match hearing.opinion {
            guard::Opinion::Clear => Opinion::Clear,
            guard::Opinion::Flagged { categories, redacted } => {
                let categories = categories.iter().map(ToString::to_string).collect();
                Opinion::Flagged { categories, texts: redacted.unwrap_or_default() }
            }
            guard::Opinion::Failed(failure) => service.is_away(rule, &failure, clock.monotonic()),
        };
        (opinion, effort)
    }

    /// The clock of its gateway.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.worker.living.clock
    }

    /// Books what a judge has used: each answer is a row of its own, on the account of the call that it was about.
    fn book(&self, guard: &Guard, usage: Usage) {
        if let Some(model) = guard.model() {
            self.book_one(guard.name(), model, usage);
        }
    }

    fn book_one(&self, guard: &Arc<str>, (provider, model): (&Arc<str>, &Arc<str>), usage: Usage) {
        let living = &self.worker.living;
        let mut attribution = self.attribution.clone();
        attribution.tags.push(format!("guard={guard}"));
        let (dialect, operation, tier) = (Dialect::OpenaiChat, Operation::Chat, ServiceTier::Default);
        let served = Served {
            provider: Arc::clone(provider),
            model: Arc::clone(model),
            profile: None,
            dialect,
            request_id: None,
            session: None,
            tier,
            attempts: 1,
            stop: None,
        };
        let started_at = living.clock.now();
        let scope = self.snapshot.upstreams.get(provider).map(|upstream| upstream.price_of(dialect, model));
        let basis = Basis {
            scope: scope.as_ref().map(Cow::Borrowed),
            unknown: UnknownPrice::AllowAndFlag,
            snapshot: &self.snapshot,
        };
        let cost = basis.price(operation, &served, &usage, started_at);
        let asked = Asked { dialect, operation, model: Arc::clone(model), stream: false };
        let entry = OpenEntry {
            id: CallId::fresh(),
            started_at,
            attribution,
            asked,
            provider: Arc::clone(provider),
            model: Arc::clone(model),
            profile: None,
            dialect,
            tier,
            session: None,
            estimated: usage,
            earlier: Vec::new(),
            decided: Some(Box::new(Decided { purpose: Some(Purpose::Guard), ..Decided::default() })),
        };
        let (ending, status, usage_source) = (Ending::Ok, 200, UsageSource::Reported);
        let record = Record { ending, status, usage_source, ..entry.clone().into_interrupted(cost) };
        living.counts.sent.fetch_add(1, Ordering::Relaxed);
        let opened = self.worker.till.open(&entry).inspect_err(|error| {
            tracing::error!(%error, guard = &**guard, "what a judge has used cannot be journalled");
        });
        self.worker.till.close(opened.ok(), record, trace(&HeaderMap::new()));
    }
}

/// Asks what is to be asked about a call, and counts the time as waiting.
pub(crate) async fn consult(
    questions: Option<&mut Questions>,
    guarding: &mut Guarding,
    settlement: &mut Settlement,
) -> Vec<(usize, String)> {
    let (Some(questions), Some(premises)) = (questions, Premises::of(settlement)) else { return Vec::new() };
    let clock = Arc::clone(&premises.worker.living.clock);
    let began = clock.monotonic();
    let edits = questions.ask(guarding, &premises).await;
    settlement.has_waited(clock.monotonic().saturating_sub(began));
    edits
}

/// Puts what services have replaced over what was replaced before.
pub(crate) fn overlay(edits: &mut Vec<(usize, String)>, later: Vec<(usize, String)>) {
    edits.retain(|(index, _)| !later.iter().any(|(other, _)| other == index));
    edits.extend(later);
    edits.sort_by_key(|(index, _)| *index);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_place_of_several_texts_is_led_back_or_nothing_is() {
        let parts = vec![(2, "one\ntwo".to_owned()), (5, "three".to_owned()), (6, String::new())];
        let text = Text { parts, channel: Channel::User, is_in_file: false, is_row: false };
        assert_eq!(text.told(), "one\ntwo\nthree\n");
        let changed = |text: &Text, anew: &str| Text::split(text, anew.to_owned());
        assert_eq!(changed(&text, "one\n***\nthree\n"), Some(vec![(2, "one\n***".to_owned())]));
        assert_eq!(changed(&text, "one\ntwo\n***\n"), Some(vec![(5, "***".to_owned())]));
        assert_eq!(changed(&text, "one\ntwo\n***"), None);
        assert_eq!(changed(&text, "one\ntwo\nthree\n\n"), None);
        let parts = vec![(4, "one".to_owned())];
        let single = Text { parts, channel: Channel::User, is_in_file: false, is_row: false };
        assert_eq!(changed(&single, "a\nb"), Some(vec![(4, "a\nb".to_owned())]));
        let parts = vec![(1, "project".to_owned()), (3, " heron".to_owned())];
        let row = Text { parts, channel: Channel::Assistant, is_in_file: false, is_row: true };
        assert_eq!(row.told(), "project heron");
        assert_eq!(changed(&row, "***"), Some(vec![(1, "***".to_owned()), (3, String::new())]));
        // What is the same stays where it stands.
        let parts = vec![(1, "It is project".to_owned()), (3, " heron,".to_owned()), (4, " I think.".to_owned())];
        let row = Text { parts, channel: Channel::Assistant, is_in_file: false, is_row: true };
        let said = |pairs: &[(usize, &str)]| Some(pairs.iter().map(|(own, text)| (*own, (*text).to_owned())).collect());
        assert_eq!(changed(&row, "It is ***, I think."), said(&[(1, "It is ***"), (3, ",")]));
        assert_eq!(changed(&row, "It is project ***, I think."), said(&[(3, " ***,")]));
        assert_eq!(changed(&row, "It is project heron, I know."), said(&[(4, " I know.")]));
        assert_eq!(changed(&row, "It is project heron, as I think."), said(&[(4, " as I think.")]));
        assert_eq!(changed(&row, "It is project heron, I think."), said(&[]));
        assert_eq!(changed(&row, ""), said(&[(1, ""), (3, ""), (4, "")]));
    }
}
