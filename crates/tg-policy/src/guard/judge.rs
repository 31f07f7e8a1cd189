//! The rules that apply to one call, and their verdict on whole texts.

use super::detector::Detector;
use super::edits::Edits;
use super::escapes::Escapes;
use super::files::{Files, unreadable};
use super::found::{Found, clusters};
use super::guards::Required;
use super::inquiry::{Doing, Inquiry};
use super::joined::{Joined, groups, rows};
use super::plan::Plan;
use super::rule::{Ready, Ruled, Weight};
use super::scalars::{Laid, Quotes};
use super::set::{Action, Medium};
use super::strand::Strand;
use super::{Block, Channels, Route, Said, Verdict, Way};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tg_kernel::passage::{Change, Channel};
use tg_text::redact::{Key, label};
use tg_text::rules::Leak;
use tg_text::span::Span;
use tg_text::view::View;

/// One plan for each channel, in the order of [`Channel::ALL`].
type Plans = [Plan; Channel::ALL.len()];

/// All sets that apply to a call, joined.
#[derive(Debug)]
pub struct Guard {
    sets: Vec<Arc<str>>,
    /// The version of each.
    versions: Vec<Arc<str>>,
    version: Arc<str>,
    rules: Vec<Arc<Ready>>,
    blocked_media: Vec<(Medium, Arc<str>)>,
    /// The sets whose rules look at the texts in files.
    reading: Vec<Arc<str>>,
    /// The sets whose services are asked about pictures.
    asking: Vec<Arc<str>>,
    /// The sets that let no answer go on of which something cannot be read.
    withholding: Vec<Arc<str>>,
    key: Option<Key>,
    input: Plans,
    /// What looks at the texts in files.
    files: Plans,
    /// On the way out: what changes or ends an answer.
    gates: Plans,
    /// On the way out: what is only counted or told.
    shadows: Plans,
    /// Rows of words of the system text that are looked for.
    leaks: Vec<usize>,
    /// Checks that are required and that it does not have in force, or not everywhere.
    lacking: Vec<Required>,
}

/// What a guard is made of.
pub(super) struct Parts {
    pub(super) sets: Vec<Arc<str>>,
    pub(super) versions: Vec<Arc<str>>,
    pub(super) version: Arc<str>,
    pub(super) rules: Vec<Arc<Ready>>,
    pub(super) blocked_media: Vec<(Medium, Arc<str>)>,
    pub(super) reading: Vec<Arc<str>>,
    pub(super) asking: Vec<Arc<str>>,
    pub(super) withholding: Vec<Arc<str>>,
    pub(super) key: Option<Key>,
    pub(super) required: Vec<Required>,
}

/// What is left of a text of a request all of which belonged to a value that began in another one: Anthropic and Bedrock refuse texts
/// without a sign.
const EMPTIED: &str = "…";

impl Guard {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { sets, versions, version, rules, blocked_media, reading, asking, withholding, key, required } =
            parts;
        let plans = |way: Way, which: &dyn Fn(&Ready) -> bool| {
            Channel::ALL.map(|channel| Plan::of(&rules, |ready| ready.channels(way).has(channel) && which(ready)))
        };
        let input = plans(Way::Input, &|_| true);
        let files = plans(Way::Input, &|ready| reading.contains(&ready.set));
        let gates = plans(Way::Output, &|ready| ready.weight() > Weight::None);
        let shadows = plans(Way::Output, &|ready| ready.weight() == Weight::None);
        let mut leaks: Vec<usize> = rules
            .iter()
            .filter_map(|ready| match &*ready.detector {
                Detector::SystemPrompt(words) => Some(*words),
                _ => None,
            })
            .collect();
        leaks.sort_unstable();
        leaks.dedup();
        let lacking = lacking(&rules, required);
        Self {
            sets,
            versions,
            version,
            rules,
            blocked_media,
            reading,
            asking,
            withholding,
            key,
            input,
            files,
            gates,
            shadows,
            leaks,
            lacking,
        }
    }

    /// Checks that are required of every call, and that its rules do not have in force wherever they make sense. While
    /// there is any, every request is refused.
    #[must_use]
    pub fn lacking(&self) -> &[Required] {
        &self.lacking
    }

    /// Its rules, for people.
    #[must_use]
    pub fn ruled(&self) -> Vec<Ruled> {
        self.rules.iter().map(|ready| ready.told()).collect()
    }

    /// The sets that it consists of.
    #[must_use]
    pub fn sets(&self) -> &[Arc<str>] {
        &self.sets
    }

    /// Each of its sets, with its version.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.sets.iter().zip(&self.versions)
    }

    /// A short sum of what its sets say.
    #[must_use]
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Whether anything of an answer is looked at.
    #[must_use]
    pub fn watches_output(&self) -> bool {
        self.gates.iter().chain(&self.shadows).any(|plan| !plan.is_empty())
    }

    /// Whether values of requests come back in answers.
    #[must_use]
    pub fn restores(&self) -> bool {
        self.rules.iter().any(|ready| ready.weight() == Weight::Restore)
    }

    /// Whether an answer has to be seen: because rules look at it, or because values stand behind placeholders.
    #[must_use]
    pub fn watches(&self, inquiry: &Inquiry) -> bool {
        self.watches_output() || inquiry.has_placeholders()
    }

    pub(super) fn rules(&self) -> &[Arc<Ready>] {
        &self.rules
    }

    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    pub(super) fn blocked_media(&self) -> &[(Medium, Arc<str>)] {
        &self.blocked_media
    }

    /// The sets whose rules look at the texts in files.
    pub(super) fn reading(&self) -> &[Arc<str>] {
        &self.reading
    }

    /// The sets whose services are asked about pictures.
    #[must_use]
    pub fn asking(&self) -> &[Arc<str>] {
        &self.asking
    }

    /// The sets that let no answer go on of which something cannot be read.
    pub(super) fn withholding(&self) -> &[Arc<str>] {
        &self.withholding
    }

    /// What looks at the texts in files.
    pub(super) fn in_files(&self, channel: Channel) -> &Plan {
        of(&self.files, channel)
    }

    /// What looks at the texts of requests.
    pub(super) fn of_request(&self, channel: Channel) -> &Plan {
        of(&self.input, channel)
    }

    pub(super) fn gate(&self, channel: Channel) -> &Plan {
        of(&self.gates, channel)
    }

    pub(super) fn shadow(&self, channel: Channel) -> &Plan {
        of(&self.shadows, channel)
    }

    /// Judges whole texts: those of a request all together, or those of an answer. `media` is what no text can be read of.
    ///
    /// Texts of a request with the same turn and channel are read as one. Each text of an answer is read by itself, in the
    /// way of [`super::Watch`], but for those that are one in several blocks ([`super::IN_A_ROW`]); one that is spoken as well is
    /// not changed, but stopped.
    pub fn judge(&self, way: Way, said: &[Said<'_>], media: &[Medium], inquiry: &mut Inquiry) -> Verdict {
        match way {
            Way::Input => self.judge_request(said, &Files::default(), media, inquiry),
            Way::Output => {
                let began = Instant::now();
                inquiry.begin(self);
                let verdict = self.judge_output(said, media, inquiry);
                inquiry.spend(began.elapsed());
                verdict
            }
        }
    }

    /// Judges a request and the files with it.
    pub fn judge_request(
        &self,
        said: &[Said<'_>],
        files: &Files<'_>,
        media: &[Medium],
        inquiry: &mut Inquiry,
    ) -> Verdict {
        let began = Instant::now();
        inquiry.begin(self);
        let verdict = self.judge_input(said, files, media, inquiry);
        inquiry.spend(began.elapsed());
        verdict
    }

    fn judge_input(&self, said: &[Said<'_>], files: &Files<'_>, media: &[Medium], inquiry: &mut Inquiry) -> Verdict {
        let refusal =
            self.refusal(media).or_else(|| self.refusal_of(files)).or_else(|| self.refusal_of_unseen(inquiry));
        let mut verdict = Verdict { block: refusal, ..Verdict::default() };
        if let Some(block) = &verdict.block {
            inquiry.note_refusal(block);
            return verdict;
        }
        self.learn_system_text(said, inquiry);
        if self.rules.iter().any(|ready| matches!(ready.action, Action::Redact(_) | Action::Restore(_))) {
            said.iter().chain(&files.said).for_each(|one| inquiry.avoid(&one.text));
        }
        if self.judge_files(files, &mut verdict, inquiry) {
            return verdict;
        }
        let mut edits = Edits::default();
        for group in groups(said) {
            let plan = of(&self.input, group.channel);
            if plan.is_empty() {
                continue;
            }
            let joined = Joined::of(said, &group.members, "\n");
            let (found, is_complete) = self.look(said, &group, &joined, plan, inquiry);
            verdict.block = self.note(Way::Input, group.channel, &found, &mut verdict, inquiry);
            if let Some(block) = self.refusal(&[Medium::Hidden]).filter(|_| !is_complete && verdict.block.is_none()) {
                inquiry.note_refusal(&block);
                verdict.block = Some(block);
            }
            if verdict.block.is_some() {
                return Verdict { edits: Vec::new(), route: None, ..verdict };
            }
            self.replace(said, (group.channel, &joined), found, inquiry, &mut edits);
        }
        said.iter().chain(&files.said).for_each(|one| inquiry.give_way(&one.text));
        verdict.edits = edits.apply(said);
        let blank = verdict.edits.iter_mut().filter(|(_, text)| text.trim().is_empty());
        blank.for_each(|(_, text)| EMPTIED.clone_into(text));
        verdict
    }

    /// Why a request is refused whatever it says.
    fn refusal(&self, media: &[Medium]) -> Option<Block> {
        if let Some(Required { check, way }) = self.lacking.first() {
            let (check, way) = (check.as_str(), way.as_str());
            let message = format!(
                "Refused: every call must meet the check `{check}` ({way}), and no guardrail has it for this one."
            );
            let (set, rule) = (Arc::from("required_checks"), Arc::from(check));
            return Some(Block { set, rule, check: "required", found: Cow::Borrowed(check), message: message.into() });
        }
        let (medium, set) = self.blocked_media.iter().find(|(medium, _)| media.contains(medium))?;
        Some(unreadable(set, Cow::Borrowed(medium.as_str()), medium.as_str()))
    }

    /// Tells what was found; the block of the first rule that blocks.
    fn note(
        &self,
        way: Way,
        channel: Channel,
        found: &[Found],
        verdict: &mut Verdict,
        inquiry: &mut Inquiry,
    ) -> Option<Block> {
        for one in found {
            let Some(ready) = self.rules.get(one.rule) else { continue };
            let name = ready.found(&one.finding);
            if ready.annotates() {
                verdict.annotate(ready.annotation(name.clone()));
            }
            if !inquiry.is_bound {
                verdict.route = Route::first(verdict.route.take(), ready.route(one.rule, name.clone()));
            }
            let doing = Doing::on_request(ready, inquiry);
            inquiry.note(ready, way, channel, name, doing);
        }
        let blocks = |one: &&Found| one.weight == Weight::Block || inquiry.is_bound && one.weight == Weight::Route;
        let blocking = found.iter().filter(blocks).min_by_key(|one| one.rule)?;
        let ready = self.rules.get(blocking.rule)?;
        Some(ready.block(ready.found(&blocking.finding)))
    }

    /// What is to stand in place of what was found in some texts, where a rule says so.
    fn replace(
        &self,
        said: &[Said<'_>],
        (channel, joined): (Channel, &Joined<'_>),
        mut found: Vec<Found>,
        inquiry: &mut Inquiry,
        edits: &mut Edits,
    ) {
        found.retain(|one| one.weight > Weight::Route && !one.finding.span.is_empty());
        let escapes = |span: Span| {
            let first = joined.parts(span).next().and_then(|(index, _)| said.get(index));
            first.map_or(Escapes::None, |one| Escapes::of(channel, &one.text, false))
        };
        let mut settled = Vec::with_capacity(found.len());
        let mut quotes: BTreeMap<usize, Quotes> = BTreeMap::new();
        for one in found {
            let span = one.finding.span;
            let escapes = escapes(span);
            let of = joined.parts(span).next().filter(|_| escapes == Escapes::Json);
            let text = of.and_then(|(index, _)| Some((index, joined.begins(span)?, &said.get(index)?.text)));
            let laid = text.map(|(index, begins, text)| {
                let quotes = quotes.entry(index).or_insert_with(|| Quotes::of(text));
                Laid { quotes, place: (0, begins) }
            });
            let mut all = vec![one];
            escapes.settle(&joined.text, laid, &mut all);
            settled.append(&mut all);
        }
        for cluster in clusters(settled) {
            let Some((lead, ready)) = cluster.lead().and_then(|lead| Some((lead, self.rules.get(lead.rule)?))) else {
                continue;
            };
            let mut parts = joined.parts(cluster.span);
            let Some((first, range)) = parts.next() else { continue };
            let all = joined.parts(cluster.span);
            let value: String = all.filter_map(|(one, range)| said.get(one)?.text.get(range)).collect();
            let escapes = escapes(cluster.span);
            let text = inquiry.place(&label(&lead.finding), &escapes.meant(&value), ready, self.key());
            let text = escapes.written(text, cluster.is_bare());
            edits.say(first, Change { range, text });
            for (index, range) in parts {
                edits.say(index, Change { range, text: String::new() });
            }
        }
    }

    fn judge_output(&self, said: &[Said<'_>], media: &[Medium], inquiry: &mut Inquiry) -> Verdict {
        let mut verdict = Verdict { block: self.withheld(media, inquiry), ..Verdict::default() };
        if verdict.block.is_some() {
            return verdict;
        }
        let (mut edits, mut spoken) = (Edits::default(), None);
        for row in rows(said) {
            let joined = Joined::of(said, &row.members, "");
            let mut strand = Strand::new(self, row.channel, inquiry);
            for one in row.members.iter().filter_map(|index| said.get(*index)) {
                strand.parts();
                strand.grows(self, &one.text, inquiry);
            }
            strand.ends(self, inquiry);
            strand.take_annotations().into_iter().for_each(|annotation| verdict.annotate(annotation));
            if let Some(block) = strand.block() {
                return Verdict { block: Some(block.clone()), edits: Vec::new(), ..verdict };
            }
            for Change { range, text } in strand.changes() {
                let mut text = text.clone();
                for (index, range) in joined.parts(Span::new(range.start, range.end)) {
                    // In the first of the blocks that it reaches over.
                    edits.say(index, Change { range, text: std::mem::take(&mut text) });
                }
            }
            spoken = spoken.or_else(|| strand.taken_out_of_speech().cloned());
        }
        if let Some(taken) = spoken.filter(|_| media.contains(&Medium::Audio)) {
            return Verdict { block: Some(self.silenced(&taken, inquiry)), edits: Vec::new(), ..verdict };
        }
        verdict.edits = edits.apply(said);
        verdict
    }

    /// What must not come out of the system text is known from the request.
    fn learn_system_text(&self, said: &[Said<'_>], inquiry: &mut Inquiry) {
        if self.leaks.is_empty() {
            return;
        }
        let system = said.iter().filter(|one| one.channel == Channel::System);
        let text = system.map(|one| &*one.text).collect::<Vec<_>>().join("\n");
        let view = View::of(&text);
        inquiry.leaks = self.leaks.iter().filter_map(|words| Some((*words, Leak::of(&view, *words)?))).collect();
    }
}

/// Those of the required checks that rules do not have in force wherever the check makes sense.
fn lacking(rules: &[Arc<Ready>], mut required: Vec<Required>) -> Vec<Required> {
    required.retain(|Required { check, way }| {
        let mut met = rules.iter().filter(|ready| ready.kind == *check && ready.is_met());
        let usual = Channels::usual(*check, *way);
        if check.is_own() {
            // Two rules may look for different things: one is to look everywhere.
            return !met.any(|ready| ready.channels(*way).covers(usual));
        }
        !met.fold(Channels::NONE, |all, ready| all.or(ready.channels(*way))).covers(usual)
    });
    required
}

fn of(plans: &Plans, channel: Channel) -> &Plan {
    let [system, user, assistant, reasoning, arguments, result, document, definition, metadata] = plans;
    match channel {
        Channel::System => system,
        Channel::User => user,
        Channel::Assistant => assistant,
        Channel::Reasoning => reasoning,
        Channel::ToolArguments => arguments,
        Channel::ToolResult => result,
        Channel::Document => document,
        Channel::Definition => definition,
        Channel::Metadata => metadata,
    }
}
