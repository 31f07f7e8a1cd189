//! What a call says and is told, kept until it has ended: with its values, in memory, and only where calls are recorded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tg_dialect::passages::Part;
use tg_kernel::passage::Channel;
use tg_policy::guard::{Medium, Said};

/// Most bytes that are kept of a call; one that says more is not recorded.
const CALL_BYTES_MAX: usize = 1 << 20;

/// What a text takes beside what it says.
const TEXT_BYTES: usize = 64;

/// What one call says and is told. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Texts>>);

#[derive(Default)]
struct Texts {
    input: Vec<Said<'static>>,
    output: Vec<Said<'static>>,
    /// Where parts of a streamed answer stand in `output`.
    parts: HashMap<Part, usize>,
    media: Vec<String>,
    /// What of the answer no text could be read of.
    unread: Vec<String>,
    bytes: usize,
    is_over: bool,
}

/// What was heard, as it is written.
pub(super) struct Told {
    pub(super) input: Vec<Said<'static>>,
    pub(super) output: Vec<Said<'static>>,
    pub(super) media: Vec<String>,
    pub(super) unread: Vec<String>,
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Texts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is more than is recorded.
    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// How much it is.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Takes a request.
    pub(crate) fn asked(&self, said: &[Said<'_>], media: &[Medium]) {
        let mut texts = self.lock();
        texts.media = media.iter().map(|medium| medium.as_str().to_owned()).collect();
        texts.media.dedup();
        let input = said.iter().filter_map(|one| texts.owned(one.channel, one.turn, &one.text)).collect();
        texts.input = input;
    }

    /// It is not recorded: what files say is not kept.
    pub(crate) fn leave_out(&self) {
        let mut texts = self.lock();
        *texts = Texts { is_over: true, ..Texts::default() };
    }

    /// Services have put others in place of texts of the request.
    pub(crate) fn asked_instead(&self, edits: &[(usize, String)]) {
        instead(&mut self.lock().input, edits);
    }

    /// Takes a whole answer.
    pub(crate) fn answered(&self, said: &[Said<'_>], edits: &[(usize, String)]) {
        let mut texts = self.lock();
        let mut output: Vec<Said<'static>> =
            said.iter().filter_map(|one| texts.owned(one.channel, one.turn, &one.text)).collect();
        instead(&mut output, edits);
        texts.output.extend(output);
    }

    /// Takes the next piece of a streamed answer.
    pub(crate) fn grows(&self, part: Part, channel: Channel, text: &str) {
        let mut texts = self.lock();
        if let Some(number) = texts.parts.get(&part).copied() {
            if texts.has_room(text.len())
                && let Some(said) = texts.output.get_mut(number)
            {
                said.text.to_mut().push_str(text);
            }
        } else if let Some(said) = texts.owned(channel, 0, text) {
            let number = texts.output.len();
            texts.parts.insert(part, number);
            texts.output.push(said);
        }
    }

    /// Takes a text of a streamed answer that stands by itself.
    pub(crate) fn whole(&self, channel: Channel, text: &str) {
        let mut texts = self.lock();
        if let Some(said) = texts.owned(channel, 0, text) {
            texts.output.push(said);
        }
    }

    /// Something is in the answer of which no text can be read.
    pub(crate) fn unread(&self, medium: Medium) {
        let (mut texts, name) = (self.lock(), medium.as_str());
        if !texts.unread.iter().any(|known| known == name) {
            texts.unread.push(name.to_owned());
        }
    }

    /// Services have put others in place of texts of a streamed answer: this is all that is kept of it.
    pub(crate) fn answered_instead(&self, all: impl Iterator<Item = (Channel, String)>) {
        let mut texts = self.lock();
        let gone: usize = texts.output.iter().map(|said| said.text.len() + TEXT_BYTES).sum();
        texts.bytes = texts.bytes.saturating_sub(gone);
        let output = all.filter_map(|(channel, text)| texts.owned(channel, 0, &text)).collect();
        texts.output = output;
        texts.parts.clear();
    }

    /// All of it.
    pub(super) fn told(&self) -> Told {
        let mut texts = self.lock();
        let Texts { input, output, media, unread, .. } = std::mem::take(&mut *texts);
        Told { input, output, media, unread }
    }
}

impl Texts {
    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > CALL_BYTES_MAX && !self.is_over {
            *self = Self { bytes: self.bytes, is_over: true, ..Self::default() };
        }
        !self.is_over
    }

    fn owned(&mut self, channel: Channel, turn: u32, text: &str) -> Option<Said<'static>> {
        self.has_room(text.len() + TEXT_BYTES).then(|| Said { channel, turn, text: Cow::Owned(text.to_owned()) })
    }
}

fn instead(said: &mut [Said<'static>], edits: &[(usize, String)]) {
    for (index, text) in edits {
        if let Some(one) = said.get_mut(*index) {
            one.text = Cow::Owned(text.clone());
        }
    }
}
