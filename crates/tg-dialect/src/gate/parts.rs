//! The parts of one answer at its gate: which go on, which are whole, and where what was judged stands in what came.

use super::left::Left;
use super::rows::Rows;
use super::{Change, Inspector, PARTS_MAX};
use crate::passages::{EMPTIED, Ended, Part, Passage, Reader, Writer, parts_rows};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use tg_kernel::passage::Channel;

/// All parts.
#[derive(Default)]
pub(super) struct Parts {
    parts: HashMap<Part, Grown>,
    /// Parts that have gone on after they were taken for whole, and under which name they do: they are texts of their own.
    anew: HashMap<Part, Part>,
    /// Answers in which that happened: no part of them is whole before the stream ends.
    reopened: HashSet<Part>,
    /// These, and those of which a part has gone on after a pause: no part of them pauses again.
    mixed: HashSet<Part>,
    /// The parts of each answer and of each block that may not be whole yet.
    groups: HashMap<Part, Vec<Part>>,
    /// All of these.
    open: Vec<Part>,
    /// Stretches that wait and say once more what has grown before.
    repeated: usize,
    /// Those that have paused, and for which it may be waited.
    paused: Vec<Part>,
    /// Of answers whose texts come one after another: those that grew last.
    last: HashMap<Part, Vec<Part>>,
    /// Those of them that are blocks, whose texts are read as one where they follow each other.
    rows: Rows,
}

/// What came of a part.
struct Grown {
    /// How many came before it.
    nth: usize,
    groups: [Part; 2],
    channel: Channel,
    /// Bytes, as they came.
    bytes: usize,
    is_over: bool,
    /// Something else came behind it, and what was held back of it was let go.
    has_paused: bool,
    /// Of arguments of a tool, which whoever calls it decodes: how they read then.
    reader: Option<Reader>,
    /// How what is put into them is written, if they are JSON.
    writer: Writer,
}

impl Grown {
    fn new(nth: usize, groups: [Part; 2], channel: Channel) -> Self {
        let reader = (channel == Channel::ToolArguments).then(Reader::default);
        let writer = Writer::default();
        Self { nth, groups, channel, bytes: 0, is_over: false, has_paused: false, reader, writer }
    }
}

/// A stretch of a part in a frame.
pub(super) struct Segment {
    part: Part,
    /// The block that grows by it, where it is of one.
    block: Option<Part>,
    range: Range<usize>,
    text: String,
    pub(super) passage: Passage<'static>,
}

impl Segment {
    /// Whether its frame has a block as a whole, which may have grown before.
    const fn is_repeat(&self) -> bool {
        self.block.is_none() && self.passage.row.is_some()
    }
}

impl Parts {
    /// Whether there are more than any answer has.
    pub(super) fn is_full(&self) -> bool {
        self.parts.len() + self.rows.repeated() > PARTS_MAX
    }

    /// What was said so far is one text, and what is said from now on another.
    pub(super) fn part_rows(&mut self, inspector: &mut dyn Inspector) {
        self.rows.part(inspector);
    }

    /// Takes blocks of an answer that a frame has as a whole. Where they have grown before, what becomes of them is decided
    /// there.
    pub(super) fn repeat(&mut self, blocks: Vec<Passage<'static>>, inspector: &mut dyn Inspector) -> Vec<Segment> {
        let places = self.rows.repeat(&blocks, inspector);
        self.repeated += blocks.len();
        let segment = |(passage, (part, range)): (Passage<'static>, (Part, Range<usize>))| {
            let text = passage.text.to_string();
            Segment { part, block: None, range, text, passage }
        };
        blocks.into_iter().zip(places).map(segment).collect()
    }

    /// Takes the texts of a frame that go on. `in_a_row` says that they come one after another: where one grows, those before
    /// it pause. `parted` is where in the frame something begins that is no block of a row with what stands before.
    pub(super) fn grow(
        &mut self,
        passages: Vec<Passage<'static>>,
        in_a_row: bool,
        parted: &[(usize, Channel)],
        inspector: &mut dyn Inspector,
    ) -> Vec<Segment> {
        let named: Vec<(Part, Passage<'static>)> =
            passages.into_iter().map(|passage| (self.name(&passage), passage)).collect();
        if in_a_row {
            self.pass_on(&named, inspector);
        }
        let mut parted = parted.iter().peekable();
        let mut segments = Vec::with_capacity(named.len());
        for (part, passage) in named {
            // More than any answer has: it does not go on.
            if self.is_full() {
                break;
            }
            while let Some((_, channel)) = parted.next_if(|(at, _)| *at <= passage.place.range.start) {
                self.rows.part_from(*channel, inspector);
            }
            segments.push(self.take(part, passage, inspector));
        }
        parted.for_each(|(_, channel)| self.rows.part_from(*channel, inspector));
        segments
    }

    /// Under which name a text goes on.
    fn name(&mut self, passage: &Passage<'_>) -> Part {
        let part = self.anew.get(&passage.part).copied().unwrap_or(passage.part);
        let [answer, _] = passage.groups;
        let Some(grown) = self.parts.get(&part) else { return part };
        if grown.is_over || grown.has_paused {
            self.mixed.insert(answer);
        }
        if !grown.is_over {
            return part;
        }
        self.reopened.insert(answer);
        let anew = part.with(b"anew");
        self.anew.insert(passage.part, anew);
        anew
    }

    /// Those that grew last, and do not now, may have more to say; nobody waits for that.
    fn pass_on(&mut self, named: &[(Part, Passage<'_>)], inspector: &mut dyn Inspector) {
        let mut answers: Vec<(Part, Vec<Part>)> = Vec::new();
        let mut places: HashMap<Part, usize> = HashMap::new();
        for (part, passage) in named {
            let [answer, _] = passage.groups;
            if self.mixed.contains(&answer) {
                continue;
            }
            let place = *places.entry(answer).or_insert(answers.len());
            match answers.get_mut(place) {
                Some((_, now)) => now.push(*part),
                None => answers.push((answer, vec![*part])),
            }
        }
        for (answer, now) in answers {
            let is_now: HashSet<Part> = now.iter().copied().collect();
            let before = self.last.insert(answer, now).unwrap_or_default();
            for part in before.into_iter().filter(|part| !is_now.contains(part)) {
                if let Some(grown) = self.parts.get_mut(&part).filter(|grown| !grown.is_over) {
                    grown.has_paused = true;
                    self.paused.push(part);
                    inspector.pauses(part);
                }
            }
        }
    }

    /// So much waits for those that have paused that it may not wait for them any longer: they are told again.
    pub(super) fn wait_no_more(&mut self, inspector: &mut dyn Inspector) {
        for part in std::mem::take(&mut self.paused) {
            let grown = self.parts.get(&part).filter(|grown| !grown.is_over);
            if grown.is_some_and(|grown| !self.mixed.contains(&grown.groups[0])) {
                inspector.pauses(part);
            }
        }
    }

    fn take(&mut self, part: Part, passage: Passage<'static>, inspector: &mut dyn Inspector) -> Segment {
        let (channel, groups) = (passage.channel, passage.groups);
        let nth = self.parts.len();
        if !self.parts.contains_key(&part) {
            self.begin(part, Grown::new(nth, groups, channel));
        }
        if passage.row.is_some() {
            let (row, range) = self.rows.grow(part, channel, &passage.text, inspector);
            return Segment { part: row, block: Some(part), range, text: passage.text.to_string(), passage };
        }
        if parts_rows(channel) {
            self.rows.part(inspector);
        }
        let grown = self.parts.entry(part).or_insert_with(|| Grown::new(nth, groups, channel));
        let start = grown.bytes;
        grown.bytes += passage.text.len();
        match &mut grown.reader {
            Some(reader) => inspector.grows(part, channel, &reader.push(&passage.text)),
            None => inspector.grows(part, channel, &passage.text),
        }
        let (range, text) = (start..grown.bytes, passage.text.to_string());
        Segment { part, block: None, range, text, passage }
    }

    fn begin(&mut self, part: Part, grown: Grown) {
        let [answer, block] = grown.groups;
        self.groups.entry(answer).or_default().push(part);
        if block != answer {
            self.groups.entry(block).or_default().push(part);
        }
        self.open.push(part);
        self.parts.insert(part, grown);
    }

    fn end(&mut self, part: Part, inspector: &mut dyn Inspector) {
        let Some(grown) = self.parts.get_mut(&part).filter(|grown| !grown.is_over) else { return };
        grown.is_over = true;
        if self.rows.end(part, inspector) {
            return;
        }
        if let Some(rest) = grown.reader.as_mut().map(Reader::finish).filter(|rest| !rest.is_empty()) {
            inspector.grows(part, grown.channel, &rest);
        }
        inspector.ends(part);
    }

    /// Parts end with a frame.
    pub(super) fn note(&mut self, ended: &Ended, inspector: &mut dyn Inspector) {
        // What does not end now is whole already, or waits for the stream's end: each is looked at once.
        let over: Vec<Part> = match ended {
            Ended::None => return,
            Ended::All => std::mem::take(&mut self.open),
            Ended::Of(groups) => groups.iter().filter_map(|group| self.groups.remove(group)).flatten().collect(),
        };
        let is_sure = |grown: &&Grown| !grown.is_over && !self.reopened.contains(&grown.groups[0]);
        let own = |part: Part| self.parts.get(&part).filter(is_sure).map(|grown| (grown.nth, part));
        let over = over.into_iter().filter_map(own).collect();
        self.end_all(over, inspector);
        if *ended == Ended::All {
            self.rows.part(inspector);
        }
    }

    /// The stream has ended, and all parts with it.
    pub(super) fn finish(&mut self, inspector: &mut dyn Inspector) {
        let all = self.parts.iter().map(|(part, grown)| (grown.nth, *part)).collect();
        self.end_all(all, inspector);
        self.rows.part(inspector);
    }

    /// Ends parts in the order in which they began: the first that is stopped says why.
    fn end_all(&mut self, mut over: Vec<(usize, Part)>, inspector: &mut dyn Inspector) {
        over.sort_unstable_by_key(|(nth, _)| *nth);
        over.into_iter().for_each(|(_, part)| self.end(part, inspector));
    }

    /// Whether all of a stretch may go on. The first of a block waits until it is known whether the block says anything.
    pub(super) fn is_cleared(&self, segment: &Segment, inspector: &dyn Inspector) -> bool {
        let cleared = inspector.cleared(segment.part);
        let reader = self.parts.get(&segment.part).and_then(|grown| grown.reader.as_ref());
        let is_cleared = reader.map_or(cleared, |reader| reader.came(cleared, false)) >= segment.range.end;
        is_cleared && self.left(segment, inspector.changes(segment.part)) != Left::Open
    }

    /// What is left of the block that begins with a stretch.
    fn left(&self, segment: &Segment, changes: &[Change]) -> Left {
        let Segment { block, range, text, passage, .. } = segment;
        match block {
            Some(block) => self.rows.left(*block, range.start, changes),
            // A frame has all of it.
            None if segment.is_repeat() => Left::of(passage.channel, (text.as_str(), range.start), true, changes),
            None => Left::Words,
        }
    }

    /// What a stretch that leaves says instead; `None` where it goes on as it is.
    pub(super) fn leave(&mut self, segment: &Segment, inspector: &mut dyn Inspector) -> Option<String> {
        let changed = self.changed(segment, inspector);
        self.repeated -= usize::from(segment.is_repeat());
        // Blocks may be said once more, and so may what was changed in them.
        let is_asked_again = segment.passage.row.is_some() && (self.rows.may_repeat() || self.repeated > 0);
        if !is_asked_again {
            let reader = self.parts.get(&segment.part).and_then(|grown| grown.reader.as_ref());
            inspector.leaves(segment.part, reader.map_or(segment.range.end, |reader| reader.read(segment.range.end)));
        }
        changed
    }

    fn changed(&mut self, segment: &Segment, inspector: &dyn Inspector) -> Option<String> {
        let changes = inspector.changes(segment.part);
        let left = self.left(segment, changes);
        let (mut reader, mut writer) = (None, None);
        if let Some(grown) = self.parts.get_mut(&segment.part) {
            reader = grown.reader.as_mut();
            writer = reader.as_ref().is_some_and(|reader| reader.is_json()).then_some(&mut grown.writer);
        }
        let changes = reader.as_ref().map_or(Cow::Borrowed(changes), |reader| reader.changes(changes, &segment.range));
        let mut changed = change(&segment.text, &segment.range, &changes, writer);
        if left == Left::Nothing {
            changed = Some(format!("{EMPTIED}{}", changed.as_deref().unwrap_or(&segment.text)));
        }
        if let Some(reader) = reader {
            reader.forget(segment.range.end);
        }
        changed
    }
}

/// A stretch of a part with the changes made; `None` where none touches it. A change that reaches over several stretches is
/// told in the first of them. `writer` has seen what went out before, where it is JSON.
fn change(text: &str, range: &Range<usize>, changes: &[Change], mut writer: Option<&mut Writer>) -> Option<String> {
    let first = changes.partition_point(|change| change.range.end <= range.start);
    let own = changes.get(first..).unwrap_or_default().iter().take_while(|change| change.range.start < range.end);
    let mut out: Option<String> = None;
    let mut at = range.start;
    let within = |from: usize, to: usize, writer: &mut Option<&mut Writer>| {
        let kept = text.get(from - range.start..to - range.start).unwrap_or_default();
        if let Some(writer) = writer {
            writer.pass(kept);
        }
        kept
    };
    for change in own {
        let out = out.get_or_insert_default();
        if change.range.start >= range.start {
            out.push_str(within(at, change.range.start, &mut writer));
            match &mut writer {
                Some(writer) => writer.write(&change.text, out),
                None => out.push_str(&change.text),
            }
        }
        at = change.range.end.min(range.end);
    }
    let rest = within(at, range.end, &mut writer);
    let mut out = out?;
    out.push_str(rest);
    Some(out)
}
