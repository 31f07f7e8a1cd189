//! Every text of a request or an answer that a model or a person reads: what it is, where it stands, and how to change it.
//!
//! One walk serves all dialects. It is told what is *not* text (identifiers, opaque bytes); whatever it has no word for is
//! text of the channel around it. So a member that a vendor adds tomorrow is read, not passed by. Where a passage is
//! changed, its JSON string alone is written anew, and every other byte stays.

mod bare;
mod claims;
mod edits;
mod emptied;
mod frame;
mod leaf;
#[cfg(test)]
mod names_tests;
mod nested;
mod numerals;
mod rows;
mod sealed;
mod stray;
#[cfg(test)]
mod stray_tests;
#[cfg(test)]
mod tests;
mod tokens;
mod told;
#[cfg(test)]
mod told_tests;
mod walk;
#[cfg(test)]
mod ways_round;
mod words;

pub use bare::is_bare;
pub use edits::Edits;
pub(crate) use emptied::EMPTIED;
pub(crate) use nested::{Reader, Writer};
pub(crate) use rows::parts_rows;

use crate::scan::Members;
use crate::tape::Tape;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use tg_kernel::passage::Channel;
use walk::Growth;

/// All that can be read of a body, and what cannot.
#[derive(Clone, Debug, Default)]
pub struct Passages<'a> {
    /// The texts, in their order.
    pub texts: Vec<Passage<'a>>,
    /// Of a request: identifiers and the like, each by itself. Nobody reads them as texts, but they may be values that must
    /// not go.
    pub labels: Vec<Passage<'a>>,
    /// Of a request: what chooses a model, a guardrail or a version that must be there already. Nothing else can stand in its
    /// place.
    pub names: Vec<Cow<'a, str>>,
    /// What no text can be read of: pictures, sound, files, what stands elsewhere.
    pub media: Vec<Medium>,
    /// Values that repeat the texts token by token (`logprobs`). They tell what was taken out of a text, so they go when
    /// anything is.
    pub echoes: Vec<Range<usize>>,
    /// Of a frame of a stream: which parts of the answer end with it.
    pub(crate) ended: Ended,
    /// Of a frame of a stream: its texts come one after another in each answer, and nothing else says where one ends.
    pub(crate) in_a_row: bool,
    /// Of an answer or a frame: where thoughts, calls of tools and their answers begin, in their order. Blocks of another channel
    /// are no row with what stands before.
    pub(crate) parted: Vec<(usize, Channel)>,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage<'a> {
    /// What it is to the model.
    pub channel: Channel,
    /// Which message or item it belongs to; texts of one turn and channel are read by the model as one.
    pub turn: u32,
    /// What it says.
    pub text: Cow<'a, str>,
    /// It stands under a name that no dialect has for what is said: a name of somebody, a title, an unknown member. Whether a
    /// model reads it where it stands is not known.
    pub is_aside: bool,
    /// Of a frame of a stream: which text of the answer it belongs to.
    pub part: Part,
    /// Of a frame of a stream: whether it goes on where the last frame of its part ended. Else it is a text by itself.
    pub grows: bool,
    /// Of an answer: the row of blocks that it is one of, by its number. A row is one text that was cut: what is said, or
    /// thought, with no call of a tool and nothing else of these between, shown or not. `None` for what is no such block. In a
    /// frame of a stream the number tells apart the rows in that frame alone.
    pub row: Option<u32>,
    /// Of a frame of a stream: the answer, and the block in it, that its part belongs to.
    pub(crate) groups: [Part; 2],
    pub(crate) place: Place,
}

/// Parts of an answer that end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ended {
    /// None.
    #[default]
    None,
    /// All that belong to these answers or blocks.
    Of(Vec<Part>),
    /// All.
    All,
}

/// One of the texts that grow side by side while an answer is streamed: a block, a choice, the arguments of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part(u64);

/// Where a passage stands, and how it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The JSON value, with its quotes.
    pub(crate) range: Range<usize>,
    pub(crate) form: Form,
}

/// How a text is written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string, a key, or a number, which becomes a string when it is changed.
    Text,
    /// A string of base64, behind the head of a `data:` URL where there is one.
    Base64 { prefix: String },
    /// A string of JSON, whose escapes are resolved in the text, if it has any.
    Json,
    /// As `form` says in a body of its own, at `range`, which stands as base64 where the passage stands.
    Within { body: Arc<[u8]>, range: Range<usize>, form: Box<Form> },
}

/// Something that no text can be read of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// What it is to the model.
    pub channel: Channel,
    /// What it is.
    pub kind: MediumKind,
    /// The JSON value.
    pub range: Range<usize>,
    /// The value in a body of its own, which stands as base64 in `range`.
    pub(crate) within: Option<(Arc<[u8]>, Range<usize>)>,
}

impl Medium {
    /// The bytes of a picture, sound or a file in the body that it was found in; `None` where they are not in it, or are no
    /// base64.
    #[must_use]
    pub fn bytes(&self, body: &[u8]) -> Option<Vec<u8>> {
        let value = match &self.within {
            Some((inner, range)) => inner.get(range.clone())?,
            None => body.get(self.range.clone())?,
        };
        leaf::bytes(&serde_json::from_slice::<String>(value).ok()?)
    }
}

/// Kinds of what no text can be read of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediumKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A file of another kind: PDF, office documents.
    Document,
    /// What stands elsewhere: a URL, a file's id, an earlier response.
    Reference,
    /// A text as a list of token ids.
    Tokens,
}

impl MediumKind {
    /// The name in configuration, logs and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Document => "document",
            Self::Reference => "reference",
            Self::Tokens => "tokens",
        }
    }
}

impl Passage<'_> {
    /// The same passage, which outlives the body that it was read from.
    pub(crate) fn into_owned(self) -> Passage<'static> {
        let Self { channel, turn, text, is_aside, part, grows, row, groups, place } = self;
        Passage { channel, turn, text: Cow::Owned(text.into_owned()), is_aside, part, grows, row, groups, place }
    }
}

impl<'a> Passages<'a> {
    /// The passages of a request that was checked. What stands in no other channel was said by the caller.
    #[must_use]
    pub fn of_request(members: &Members<'a>) -> Self {
        Self::of(&Tape::of(members), Channel::User)
    }

    /// The passages of a whole answer. What stands in no other channel was said by the model. `None` where the body is no
    /// JSON.
    #[must_use]
    pub fn of_answer(body: &'a [u8]) -> Option<Self> {
        Tape::read(body).map(|tape| Self::of(&tape, Channel::Assistant))
    }

    /// The passages of a frame of a streamed answer: the JSON of a server-sent event, of a frame of an event stream, or of what
    /// stands in a `chunk` of InvokeModel. `kind` is the name of the event, where its dialect has names outside the JSON.
    /// `None` where it is no JSON.
    #[must_use]
    pub fn of_frame(kind: &str, data: &'a [u8]) -> Option<Self> {
        let tape = Tape::read(data)?;
        let mut passages = Self::default();
        frame::walk(&tape, kind, &mut passages);
        Some(passages)
    }

    /// Of an answer: the pictures, sound and files in it. What stands elsewhere is told by its address, which is a text, and what
    /// repeats the request is none of it.
    pub fn unread(&self) -> impl Iterator<Item = MediumKind> {
        let is_told = |channel| matches!(channel, Channel::System | Channel::Definition | Channel::Metadata);
        let own = self.media.iter().filter(move |medium| !is_told(medium.channel)).map(|medium| medium.kind);
        own.filter(|kind| !matches!(kind, MediumKind::Reference | MediumKind::Tokens))
    }

    fn of(tape: &Tape<'a>, channel: Channel) -> Self {
        let mut passages = Self::default();
        walk::Walk::new(&mut passages).body(tape.root(), channel, Growth::None, true);
        passages
    }
}
