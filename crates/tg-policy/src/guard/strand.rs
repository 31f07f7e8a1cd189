//! One text of an answer on its way through all checks of its channel.

use super::blocks::Blocks;
use super::changes::Changes;
use super::detector::Reading;
use super::escapes::Escapes;
use super::found::{Found, Known, clusters};
use super::hold::Hold;
use super::inquiry::{Doing, Inquiry};
use super::judge::Guard;
use super::open;
use super::plan::{self, Plan, Probe};
use super::rule::Weight;
use super::scalars::{Laid, Quotes};
use super::whole::Whole;
use super::window::{Open, Piece, Sight, What, Window, forward};
use super::{Annotation, Block, Way};
use std::borrow::Cow;
use std::ops::Range;
use tg_kernel::passage::{Change, Channel};
use tg_text::engine::open_block;
use tg_text::redact::{Placeholders, label};
use tg_text::restore;

/// Characters that go through all checks before the next do. Looks and blocks end where one of these does.
const PORTION: usize = 32;

/// What is found in a text that is too large to be read as a whole.
const TOO_LARGE: &str = "too_large";

/// The text and how far it is.
#[derive(Debug)]
pub(super) struct Strand {
    channel: Channel,
    came: usize,
    characters: usize,
    /// What changes or ends it.
    gate: Option<Window>,
    scored: Option<Blocks>,
    /// What is only counted.
    shadow: Option<Window>,
    shadow_scored: Option<Blocks>,
    /// All of it, where rules read all of it.
    whole: Option<Whole>,
    waits: bool,
    is_over: bool,
    /// It paused before: who waits for it waits no longer.
    has_waited: bool,
    held: Held,
}

/// How a text goes on.
#[derive(Clone, Copy)]
enum Step<'t> {
    /// With a piece.
    Piece(&'t str),
    /// Perhaps, after something else.
    Pause,
    /// Not at all.
    End,
}

/// What comes of it.
#[derive(Debug)]
struct Held {
    /// What stands for which value here; begins with what stood in the request.
    gone: Placeholders,
    /// How its backslashes are read; known from the first character on.
    escapes: Option<Escapes>,
    /// Where its strings are, where it may be JSON and something may be changed in it.
    quotes: Option<Quotes>,
    /// Where its blocks meet, in order: each is read by itself, too.
    borders: Vec<usize>,
    changes: Changes,
    /// The first rule that took something out.
    taken: Option<Block>,
    block: Option<Block>,
    /// What callers are told, each once: no more than its rules have names for.
    annotations: Vec<Annotation>,
    /// Rules that score, and have told.
    told: Vec<usize>,
}

impl Strand {
    pub(super) fn new(guard: &Guard, channel: Channel, inquiry: &Inquiry) -> Self {
        let (gate, shadow) = (guard.gate(channel), guard.shadow(channel));
        let hold = match gate.stretches.is_empty() {
            false => Some(Hold::of(gate.back)),
            true => inquiry.has_placeholders().then_some(Hold::PLACEHOLDERS),
        };
        let may_be_json = matches!(channel, Channel::ToolArguments | Channel::ToolResult)
            || inquiry.is_structured && channel == Channel::Assistant;
        let quotes = hold.is_some() && may_be_json;
        let reads_all = !gate.wholes.is_empty() || !shadow.wholes.is_empty();
        Self {
            channel,
            came: 0,
            characters: 0,
            gate: hold.map(Window::new),
            scored: (!gate.blocks.is_empty()).then(Blocks::default),
            shadow: (!shadow.stretches.is_empty()).then(|| Window::new(Hold::shadow(shadow.back))),
            shadow_scored: (!shadow.blocks.is_empty()).then(Blocks::default),
            whole: reads_all.then(|| Whole::new(gate.wholes.is_empty())),
            waits: !gate.wholes.is_empty(),
            is_over: false,
            has_waited: false,
            held: Held {
                gone: Placeholders::over(inquiry.gone.clone()),
                escapes: None,
                quotes: quotes.then(Quotes::default),
                borders: Vec::new(),
                changes: Changes::default(),
                taken: None,
                block: None,
                annotations: Vec::new(),
                told: Vec::new(),
            },
        }
    }

    /// Takes the next piece.
    pub(super) fn grows(&mut self, guard: &Guard, text: &str, inquiry: &mut Inquiry) {
        if self.held.escapes.is_none() && !text.trim_start().is_empty() {
            self.held.escapes = Some(Escapes::of(self.channel, text, inquiry.is_structured));
        }
        let mut rest = text;
        while !rest.is_empty() && self.held.block.is_none() && !self.is_over {
            let portion = forward(rest, 0, self.until_next(guard)).unwrap_or(rest.len());
            let (next, later) = rest.split_at_checked(portion).unwrap_or((rest, ""));
            self.take(guard, next, inquiry);
            rest = later;
        }
    }

    /// Characters up to the next place where a check may say something: the places lie in the text, wherever it was cut, and
    /// at each of them the checks speak in the same order.
    fn until_next(&self, guard: &Guard) -> usize {
        let lengths = [guard.gate(self.channel), guard.shadow(self.channel)].into_iter().flat_map(|plan| &plan.lengths);
        let ends = lengths.filter_map(|(_, most)| most.checked_sub(self.characters).filter(|left| *left > 0));
        ends.fold(PORTION - self.characters % PORTION, usize::min)
    }

    fn take(&mut self, guard: &Guard, text: &str, inquiry: &mut Inquiry) {
        self.count(guard, text, inquiry);
        if self.held.block.is_some() {
            return;
        }
        self.came += text.len();
        if let Some(quotes) = &mut self.held.quotes {
            quotes.push(text);
        }
        if let Some(whole) = &mut self.whole {
            whole.push(text, &mut inquiry.whole_bytes);
        }
        self.move_on(guard, Step::Piece(text), inquiry);
    }

    /// Something else comes before it may go on.
    pub(super) fn pauses(&mut self, guard: &Guard, inquiry: &mut Inquiry) {
        if self.held.block.is_none() && !self.is_over {
            self.move_on(guard, Step::Pause, inquiry);
            self.has_waited = true;
        }
    }

    /// A block has ended, and what comes is another.
    pub(super) fn parts(&mut self) {
        if !self.is_over && self.held.borders.last().copied().unwrap_or_default() < self.came {
            self.held.borders.push(self.came);
        }
    }

    /// There is no more.
    pub(super) fn ends(&mut self, guard: &Guard, inquiry: &mut Inquiry) {
        if self.held.block.is_some() || self.is_over {
            return;
        }
        self.move_on(guard, Step::End, inquiry);
        if self.held.block.is_some() {
            return;
        }
        if let Some(whole) = self.whole.take() {
            let whole = whole.end(&mut inquiry.whole_bytes);
            self.tell_of_whole(guard, whole.as_deref(), inquiry);
        }
        self.is_over = true;
        // Of what has ended no more is looked at; many of an answer may have.
        self.shadow = None;
        self.shadow_scored = None;
        self.held.let_go();
    }

    /// What rules say that read all of it; `None` where that was too much to be kept.
    fn tell_of_whole(&mut self, guard: &Guard, whole: Option<&str>, inquiry: &mut Inquiry) {
        for plan in [guard.gate(self.channel), guard.shadow(self.channel)] {
            for probe in &plan.wholes {
                for rule in &probe.rules {
                    match whole {
                        Some(whole) if probe.detector.is_broken_by(whole) => {
                            self.held.tell(guard, self.channel, *rule, inquiry);
                        }
                        Some(_) => {}
                        None => {
                            self.held.tell_found(guard, self.channel, *rule, Cow::Borrowed(TOO_LARGE), inquiry);
                        }
                    }
                }
            }
        }
    }

    /// Bytes that may go on.
    pub(super) fn cleared(&self) -> usize {
        if self.waits && (!self.is_over || self.held.block.is_some()) {
            return 0;
        }
        let gate = self.gate.as_ref().map_or(self.came, Window::decided);
        let scored = self.scored.as_ref().map_or(self.came, Blocks::decided);
        let cleared = gate.min(scored);
        // Not into a change: it goes on as a whole.
        let changes = self.held.changes.known();
        let behind = changes.partition_point(|change| change.range.end <= cleared);
        changes.get(behind).filter(|change| change.range.start < cleared).map_or(cleared, |change| change.range.start)
    }

    pub(super) fn changes(&self) -> &[Change] {
        self.held.changes.known()
    }

    /// Nobody asks any more for what has been put in place of anything up to this byte.
    pub(super) fn forget(&mut self, upto: usize) {
        self.held.changes.forget(upto);
    }

    pub(super) const fn block(&self) -> Option<&Block> {
        self.held.block.as_ref()
    }

    /// The rule that took something out of what the model says, which may be spoken as well.
    pub(super) fn taken_out_of_speech(&self) -> Option<&Block> {
        self.held.taken.as_ref().filter(|_| self.channel == Channel::Assistant)
    }

    pub(super) fn take_annotations(&mut self) -> Vec<Annotation> {
        std::mem::take(&mut self.held.annotations)
    }

    /// How long it is by now. A piece ends where a length is reached, so that each is exceeded by the first character behind.
    fn count(&mut self, guard: &Guard, text: &str, inquiry: &mut Inquiry) {
        let before = self.characters;
        self.characters += text.chars().count();
        for plan in [guard.shadow(self.channel), guard.gate(self.channel)] {
            for (rule, _) in plan.lengths.iter().filter(|(_, most)| *most == before) {
                self.held.tell(guard, self.channel, *rule, inquiry);
            }
        }
    }

    /// A step through every window, until one of them blocks.
    fn move_on(&mut self, guard: &Guard, step: Step<'_>, inquiry: &mut Inquiry) {
        let Self { channel, gate, scored, shadow, shadow_scored, held, has_waited, .. } = self;
        let channel = *channel;
        let may_wait = channel == Channel::Assistant && !*has_waited;
        for (window, plan, is_gate) in [(gate, guard.gate(channel), true), (shadow, guard.shadow(channel), false)] {
            let looks = !plan.stretches.is_empty();
            if let Some(window) = window {
                let mut sight = Eyes { guard, plan, channel, is_gate, held, inquiry };
                match step {
                    Step::Piece(piece) => window.push(piece, &mut sight),
                    // What is said, and may stop within a value, waits until it goes on or has ended. What is thought and what tools
                    // are told is done with, as a rule, when something else comes.
                    Step::Pause if may_wait && looks && window.may_be_cut() => {
                        window.pause_within(&mut sight);
                    }
                    Step::Pause => window.pause(&mut sight),
                    Step::End => window.finish(&mut sight),
                }
            }
            if held.block.is_some() {
                return;
            }
        }
        for (blocks, plan) in [(scored, guard.gate(channel)), (shadow_scored, guard.shadow(channel))] {
            if let Some(blocks) = blocks {
                let mut score = |stretch: &str| held.score(guard, channel, &plan.blocks, stretch, inquiry);
                match step {
                    Step::Piece(piece) => blocks.push(piece, &mut score),
                    Step::Pause => blocks.pause(&mut score),
                    Step::End => blocks.finish(&mut score),
                }
            }
            if held.block.is_some() {
                return;
            }
        }
    }
}

impl Held {
    /// Tells once that a rule about all of the text, or a stretch of it, found something; it may block.
    fn tell(&mut self, guard: &Guard, channel: Channel, rule: usize, inquiry: &mut Inquiry) {
        if let Some(ready) = guard.rules().get(rule) {
            self.tell_found(guard, channel, rule, ready.check.into(), inquiry);
        }
    }

    fn tell_found(
        &mut self,
        guard: &Guard,
        channel: Channel,
        rule: usize,
        found: Cow<'static, str>,
        inquiry: &mut Inquiry,
    ) {
        let Some(ready) = guard.rules().get(rule).filter(|_| !self.told.contains(&rule)) else { return };
        self.told.push(rule);
        inquiry.note(ready, Way::Output, channel, found.clone(), Doing::of(ready));
        if ready.annotates() {
            self.annotate(ready.annotation(found.clone()));
        }
        if ready.weight() == Weight::Block && self.block.is_none() {
            self.block = Some(ready.block(found));
        }
    }

    /// Callers are told of it, once.
    fn annotate(&mut self, annotation: Annotation) {
        if !self.annotations.contains(&annotation) {
            self.annotations.push(annotation);
        }
    }

    /// The text has ended: only what it came to is asked for.
    fn let_go(&mut self) {
        self.gone = Placeholders::default();
        self.quotes = None;
        self.borders = Vec::new();
        self.told = Vec::new();
    }

    /// Scores a stretch; whether the text goes on.
    fn score(
        &mut self,
        guard: &Guard,
        channel: Channel,
        probes: &[Probe],
        stretch: &str,
        inquiry: &mut Inquiry,
    ) -> bool {
        let mut found = Vec::new();
        plan::find(probes, guard.rules(), &Reading::of(stretch), (&[], &mut inquiry.spent_by), &mut found);
        for one in found {
            if let Some(ready) = guard.rules().get(one.rule) {
                self.tell_found(guard, channel, one.rule, ready.found(&one.finding), inquiry);
            }
        }
        self.block.is_none()
    }
}

/// The checks that find stretches, at a window.
struct Eyes<'e> {
    guard: &'e Guard,
    plan: &'e Plan,
    channel: Channel,
    is_gate: bool,
    held: &'e mut Held,
    inquiry: &'e mut Inquiry,
}

impl Eyes<'_> {
    /// What stands in one of several blocks that meet in a stretch, and was not found in the text that they make together.
    fn look_at_blocks(&mut self, stretch: &str, base: usize, found: &mut Vec<Found>, open: &mut Open) {
        let end = base + stretch.len();
        let borders = &self.held.borders;
        let first = borders.partition_point(|border| *border <= base);
        let within = borders.get(first..).unwrap_or_default().iter().take_while(|border| **border < end);
        let inner: Vec<usize> = within.map(|border| border - base).collect();
        if inner.is_empty() {
            return;
        }
        let known = Known::of(found);
        let edges = [&[0], &*inner, &[stretch.len()]].concat();
        for (start, end) in edges.iter().copied().zip(edges.iter().copied().skip(1)) {
            let Some(block) = stretch.get(start..end) else { continue };
            let reading = Reading::of(block);
            let Inquiry { leaks, spent_by, .. } = &mut *self.inquiry;
            let mut alone = Vec::new();
            plan::find(&self.plan.stretches, self.guard.rules(), &reading, (&**leaks, spent_by), &mut alone);
            alone.iter_mut().for_each(|one| one.finding.span = one.finding.span.moved(start));
            alone.retain(|one| !known.has(one));
            found.append(&mut alone);
            if end == stretch.len() {
                open.add(&open::of(reading.view(), Hold::of(self.plan.back)), start);
            }
        }
    }

    fn escapes(&self) -> Escapes {
        self.held.escapes.unwrap_or(Escapes::None)
    }
}

impl Sight for Eyes<'_> {
    fn look(&mut self, stretch: &str, base: usize, from: usize, is_end: bool) -> (Vec<Piece>, Open) {
        let mut found: Vec<Found> = Vec::new();
        let mut open = Open::default();
        if !self.plan.stretches.is_empty() {
            let reading = Reading::of(stretch);
            let Inquiry { leaks, spent_by, .. } = &mut *self.inquiry;
            plan::find(&self.plan.stretches, self.guard.rules(), &reading, (&**leaks, spent_by), &mut found);
            open = open::of(reading.view(), Hold::of(self.plan.back));
            self.look_at_blocks(stretch, base, &mut found, &mut open);
        }
        let escapes = self.escapes();
        let quotes = self.held.quotes.as_mut().filter(|_| self.is_gate);
        let laid = quotes.map(|quotes| {
            quotes.forget(base);
            Laid { quotes, place: (base, 0) }
        });
        escapes.settle(stretch, laid, &mut found);
        let block = self.plan.looks_for_blocks_of_keys().then(|| open_block(stretch)).flatten();
        if let Some((at, is_key)) = block {
            let list = if is_key { &mut open.kept } else { &mut open.from };
            *list = list.iter().copied().chain([at]).min();
        }
        if !self.is_gate || !self.inquiry.has_placeholders() {
            let pieces =
                clusters(found).into_iter().map(|cluster| Piece { span: cluster.span, what: What::Found(cluster) });
            return (pieces.collect(), open);
        }
        let placeholders = &self.inquiry.kept;
        let (kept, begun) = restore::placed(stretch, from, placeholders, is_end);
        let (gone, _) = restore::placed(stretch.get(..from).unwrap_or_default(), 0, placeholders, true);
        // What we put there ourselves is no finding, as far as it stands alone.
        found.retain(|one| {
            let span = one.finding.span;
            !gone.iter().chain(&kept).any(|(kept, _)| kept.start <= span.start && span.end <= kept.end)
        });
        let mut pieces: Vec<Piece> = clusters(found)
            .into_iter()
            .map(|cluster| Piece { span: cluster.span, what: What::Found(cluster) })
            .collect();
        for (span, value) in kept {
            if !pieces.iter().any(|piece| piece.span.overlaps(span)) {
                let is_bare = escapes.bare(stretch, span, laid).is_some();
                pieces.push(Piece { span, what: What::Kept(escapes.written(value.to_owned(), is_bare)) });
            }
        }
        pieces.sort_by_key(|piece| piece.span);
        open.from = open.from.into_iter().chain(begun).min();
        (pieces, open)
    }

    fn cut(&self, stretch: &str, at: usize) -> usize {
        self.escapes().cut(stretch, at)
    }

    fn act(&mut self, piece: &Piece, range: Range<usize>, value: &str) -> bool {
        let cluster = match &piece.what {
            What::Kept(value) => {
                self.inquiry.note_restored(self.guard, self.channel);
                self.held.changes.push(Change { range, text: value.clone() });
                return true;
            }
            What::Found(cluster) => cluster,
        };
        for one in &cluster.members {
            if let Some(ready) = self.guard.rules().get(one.rule) {
                let found = ready.found(&one.finding);
                if ready.annotates() {
                    self.held.annotate(ready.annotation(found.clone()));
                }
                self.inquiry.note(ready, Way::Output, self.channel, found, Doing::of(ready));
            }
        }
        let Some((lead, ready)) = cluster.lead().and_then(|lead| Some((lead, self.guard.rules().get(lead.rule)?)))
        else {
            return true;
        };
        match ready.weight() {
            Weight::None | Weight::Route => true,
            Weight::Block => {
                self.held.block = Some(ready.block(ready.found(&lead.finding)));
                false
            }
            Weight::Redact | Weight::Restore => {
                if self.held.taken.is_none() {
                    self.held.taken = Some(ready.block(ready.found(&lead.finding)));
                }
                let escapes = self.escapes();
                let value = escapes.meant(value);
                let text = self.held.gone.place(&label(&lead.finding), &value, ready.style(), self.guard.key());
                self.held.changes.push(Change { range, text: escapes.written(text, cluster.is_bare()) });
                true
            }
        }
    }
}
