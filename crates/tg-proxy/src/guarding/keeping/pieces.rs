//! A streamed answer that is judged piece by piece: what has been judged leaves, while what follows is gathered.
//!
//! Two gates read the same bytes: the first tells what they say, as they come; the second lets them go, with what services have
//! put in place of some of it, when all that they say has been judged. A service sees the end of what the caller has
//! before what is new; what it would change there has left, and that is the end of the answer.

use super::told::{Question, Text, Told};
use super::too_large;
use bytes::{Bytes, BytesMut};
use std::collections::{HashMap, HashSet};
use tg_dialect::dialect::ReplyFacts;
use tg_dialect::gate::{Change, Gate, Inspector};
use tg_dialect::passages::{MediumKind, Part};
use tg_kernel::dialect::Dialect;
use tg_kernel::fault::Fault;
use tg_kernel::passage::Channel;
use tg_kernel::usage::Usage;

/// What of a text a service sees again with what follows: a quarter of a piece, and not less than so many characters.
const OVERLAP_CHARS_MIN: usize = 200;

/// A piece ends with so many bytes, however few characters they say.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// How many pieces are kept at most, one that is asked about among them.
const PIECES_KEPT: usize = 2;

/// An answer in pieces.
pub(super) struct Pieces {
    /// Characters of a piece.
    characters: usize,
    gathered: Gathered,
    /// That which is asked about.
    asked: Gathered,
    /// How far each text has been judged, by its number.
    progress: Vec<Progress>,
    /// What stands in place of texts that stand by themselves.
    wholes: HashMap<String, String>,
    gate: Gate,
    has_left: bool,
    /// How many texts have been asked about.
    questions: usize,
    /// The rule whose service has changed what the model says.
    editor_of_speech: Option<usize>,
    /// Nobody is asked any more.
    is_unheard: bool,
}

/// Bytes that wait.
#[derive(Default)]
struct Gathered {
    bytes: Vec<Bytes>,
    size: usize,
    characters: usize,
}

/// How far one text has come.
#[derive(Default)]
struct Progress {
    /// Bytes that have been judged, and those that are asked about or were.
    judged: usize,
    asked: usize,
    /// The end of what the caller has of it.
    tail: String,
    /// What is to stand in place of what is asked about.
    anew: Option<String>,
    /// The text that says the same, where that has been asked about in pieces.
    same: Option<usize>,
    changes: Vec<Change>,
}

/// What services have put in place of a text that was asked about.
pub(super) struct Edit {
    pub(super) numbers: Vec<usize>,
    pub(super) text: String,
    pub(super) rule: usize,
}

/// Who stands at the second gate.
struct Judged<'a> {
    told: &'a Told,
    progress: &'a [Progress],
    wholes: &'a HashMap<String, String>,
    is_unheard: bool,
}

impl Pieces {
    pub(super) fn new(characters: usize, caller: Dialect, facts: &ReplyFacts) -> Self {
        Self {
            characters,
            gathered: Gathered::default(),
            asked: Gathered::default(),
            progress: Vec::new(),
            wholes: HashMap::new(),
            gate: Gate::new(caller, facts),
            has_left: false,
            questions: 0,
            editor_of_speech: None,
            is_unheard: false,
        }
    }

    /// Whether anything has reached the caller.
    pub(super) const fn has_left(&self) -> bool {
        self.has_left
    }

    /// Whether nobody is asked any more, so that nothing is kept either.
    pub(super) const fn is_unheard(&self) -> bool {
        self.is_unheard
    }

    pub(super) const fn editor_of_speech(&self) -> Option<usize> {
        self.editor_of_speech
    }

    /// The rule for which what is spoken does not leave: its service has changed what it says.
    pub(super) fn silenced_by(&self, told: &Told) -> Option<usize> {
        self.editor_of_speech.filter(|_| told.has_sound)
    }

    /// How many texts have been asked about.
    pub(super) const fn questions(&self) -> usize {
        self.questions
    }

    /// Takes what has come.
    ///
    /// # Errors
    /// It is more than is kept; where nobody is asked any more, see [`Gate::pass`].
    pub(super) fn keep(&mut self, piece: Bytes, told: &Told, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.gathered.size += piece.len();
        self.gathered.bytes.push(piece);
        if self.is_unheard {
            return self.let_go(told, out);
        }
        if self.gathered.size + self.asked.size > super::KEPT_BYTES_MAX { Err(too_large()) } else { Ok(()) }
    }

    /// Whether enough has been gathered to ask about it.
    pub(super) const fn is_due(&self, told: &Told) -> bool {
        told.fresh >= self.characters || told.fresh > 0 && self.gathered.size >= PIECE_BYTES
    }

    /// Whether no more is to be taken in before what is asked about has been judged.
    pub(super) const fn is_full(&self, told: &Told) -> bool {
        self.asked.characters + told.fresh >= PIECES_KEPT * self.characters
            || self.asked.size + self.gathered.size >= PIECES_KEPT * PIECE_BYTES
    }

    /// Lets go what says nothing that anybody asks about. How an answer begins waits for its first words: one that is blocked
    /// with these has not begun.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(super) fn pass_on(&mut self, told: &Told, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let is_open = self.has_left || told.has_begun || self.gathered.size >= PIECE_BYTES;
        if self.is_unheard || told.fresh == 0 && is_open { self.let_go(told, out) } else { Ok(()) }
    }

    fn let_go(&mut self, told: &Told, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.asked.bytes.append(&mut self.gathered.bytes);
        self.gathered = Gathered::default();
        self.release(told, out)
    }

    /// What is to be asked about all that has been gathered: each text once, however often it is said.
    pub(super) fn next(&mut self, told: &mut Told) -> Vec<Question> {
        self.asked = std::mem::take(&mut self.gathered);
        self.asked.characters = std::mem::take(&mut told.fresh);
        self.progress.resize_with(told.texts.len(), Progress::default);
        let judged = self.judged(told);
        let mut questions: Vec<Question> = Vec::new();
        let mut known: HashMap<(Channel, String), usize> = HashMap::new();
        for (number, text) in told.texts.iter().enumerate() {
            let Some(own) = self.progress.get_mut(number).filter(|own| own.asked < text.said.len()) else { continue };
            own.asked = text.said.len();
            if !told.is_asked(text.channel) {
                continue;
            }
            let same = judged.get(&(text.channel, text.said.as_str())).copied().filter(|_| !text.is_part);
            let Some(own) = self.progress.get_mut(number) else { continue };
            own.same = same;
            if same.is_some() {
                continue;
            }
            let said = format!("{}{}", own.tail, text.said.get(own.judged..).unwrap_or_default());
            let place = *known.entry((text.channel, said)).or_insert_with_key(|(channel, said)| {
                questions.push(Question { channel: *channel, text: said.clone(), numbers: Vec::new() });
                questions.len() - 1
            });
            if let Some(question) = questions.get_mut(place) {
                question.numbers.push(number);
            }
        }
        self.questions += questions.len();
        questions
    }

    /// The parts of which some has been judged before, of several that say the same the first: those that may say what a text says
    /// that has come since and stands by itself. All of them are as long as one of these.
    fn judged<'t>(&self, told: &'t Told) -> HashMap<(Channel, &'t str), usize> {
        let all = || told.texts.iter().zip(&self.progress).enumerate();
        let is_new = |(text, own): (&Text, &Progress)| !text.is_part && own.asked < text.said.len();
        let new = all().filter(|(_, (text, own))| is_new((*text, *own)));
        let lengths: HashSet<usize> = new.map(|(_, (text, _))| text.said.len()).collect();
        let mut judged = HashMap::new();
        for (number, (text, own)) in all() {
            if text.is_part && own.judged > 0 && lengths.contains(&text.said.len()) {
                judged.entry((text.channel, text.said.as_str())).or_insert(number);
            }
        }
        judged
    }

    /// Takes what services have said of what was asked about last. Answers the rule whose service would change what has left.
    pub(super) fn judge(&mut self, told: &Told, edits: Vec<Edit>) -> Option<usize> {
        for Edit { numbers, text: anew, rule } in edits {
            for number in numbers {
                let (Some(text), Some(own)) = (told.texts.get(number), self.progress.get_mut(number)) else { continue };
                if text.channel == Channel::Assistant {
                    self.editor_of_speech.get_or_insert(rule);
                }
                if !text.is_part {
                    self.wholes.insert(text.said.clone(), anew.clone());
                    continue;
                }
                let Some(rest) = anew.strip_prefix(own.tail.as_str()) else { return Some(rule) };
                let said = text.said.get(own.judged..own.asked).unwrap_or_default();
                own.changes.extend(Change::between(said, rest).map(|change| change.behind(own.judged)));
                own.anew = Some(rest.to_owned());
            }
        }
        let overlap = (self.characters / 4).max(OVERLAP_CHARS_MIN);
        for (text, own) in told.texts.iter().zip(&mut self.progress).filter(|(_, own)| own.judged < own.asked) {
            let said = text.said.get(own.judged..own.asked).unwrap_or_default();
            own.tail.push_str(own.anew.take().as_deref().unwrap_or(said));
            let begins = own.tail.char_indices().rev().take(overlap).last().map_or(0, |(at, _)| at);
            own.tail.drain(..begins);
            own.judged = own.asked;
        }
        for (text, own) in told.texts.iter().zip(&self.progress) {
            let same = own.same.and_then(|same| self.progress.get(same)).filter(|same| !same.changes.is_empty());
            if let Some(same) = same {
                self.wholes.insert(text.said.clone(), changed(&text.said, &same.changes));
            }
        }
        None
    }

    /// Nobody can say anything of what is asked about, nor of what follows, and that is let go.
    pub(super) const fn is_heard_no_more(&mut self) {
        self.is_unheard = true;
    }

    /// Lets go what was asked about last.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(super) fn release(&mut self, told: &Told, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let before = out.len();
        let Self { asked, progress, wholes, is_unheard, .. } = self;
        let mut judged = Judged { told, progress, wholes, is_unheard: *is_unheard };
        for piece in std::mem::take(asked).bytes {
            self.gate.pass(&piece, &mut judged, out)?;
        }
        self.has_left |= out.len() > before;
        Ok(())
    }

    /// All of the answer has been judged, and leaves.
    ///
    /// # Errors
    /// See [`Gate::pass`].
    pub(super) fn finish(&mut self, told: &Told, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        self.let_go(told, out)?;
        let before = out.len();
        let Self { progress, wholes, is_unheard, .. } = self;
        let mut judged = Judged { told, progress, wholes, is_unheard: *is_unheard };
        self.gate.finish(&mut judged, out)?;
        self.has_left |= out.len() > before;
        Ok(())
    }

    /// Ends an answer of which some has left, as its dialect ends a filtered one.
    pub(super) fn end(&mut self, usage: &Usage, out: &mut Vec<Bytes>) {
        let mut end = BytesMut::new();
        self.gate.end(usage, &mut end);
        out.push(end.freeze());
    }

    /// All that was said so far, with what stands in place of some of it; `None` where nothing does.
    pub(super) fn told_anew(&self, told: &Told) -> Option<Vec<(Channel, String)>> {
        let is_changed = self.progress.iter().any(|own| !own.changes.is_empty()) || !self.wholes.is_empty();
        let text = |(number, text): (usize, &Text)| {
            let changes = self.progress.get(number).map(|own| own.changes.as_slice()).unwrap_or_default();
            let whole = self.wholes.get(&text.said).filter(|_| !text.is_part).cloned();
            (text.channel, whole.unwrap_or_else(|| changed(&text.said, changes)))
        };
        is_changed.then(|| told.texts.iter().enumerate().map(text).collect())
    }
}

/// A text with the changes made.
fn changed(said: &str, changes: &[Change]) -> String {
    let (mut out, mut at) = (String::with_capacity(said.len()), 0);
    for change in changes {
        out.push_str(said.get(at..change.range.start).unwrap_or_default());
        out.push_str(&change.text);
        at = change.range.end;
    }
    out.push_str(said.get(at..).unwrap_or_default());
    out
}

impl Inspector for Judged<'_> {
    fn grows(&mut self, _part: Part, _channel: Channel, _text: &str) {}

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, part: Part) -> usize {
        let number = self.told.parts.get(&part).copied();
        let is_free = |number: usize| self.told.texts.get(number).is_some_and(|text| !self.told.is_asked(text.channel));
        if self.is_unheard || number.is_some_and(is_free) {
            return usize::MAX;
        }
        number.and_then(|number| self.progress.get(number)).map_or(0, |own| own.judged)
    }

    fn changes(&self, part: Part) -> &[Change] {
        let number = self.told.parts.get(&part).copied();
        number.and_then(|number| self.progress.get(number)).map_or(&[], |own| own.changes.as_slice())
    }

    fn whole(&mut self, _channel: Channel, text: &str) -> Option<String> {
        self.wholes.get(text).cloned()
    }

    fn unread(&mut self, kind: MediumKind) -> bool {
        kind == MediumKind::Audio
    }

    fn is_blocked(&self) -> bool {
        false
    }
}
