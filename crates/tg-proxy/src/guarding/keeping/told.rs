//! What a streamed answer says, as services outside are asked about it: its parts, as far as they have grown, and texts that
//! stand by themselves.

use std::collections::{HashMap, HashSet};
use tg_dialect::gate::{Change, Inspector};
use tg_dialect::passages::{MediumKind, Part};
use tg_kernel::passage::Channel;
use tg_policy::guard::Channels;

/// Most bytes that are told of one answer.
pub(super) const TOLD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a text takes beside what it says.
const TEXT_BYTES: usize = 64;

/// All that was said.
#[derive(Default)]
pub(super) struct Told {
    pub(super) texts: Vec<Text>,
    pub(super) parts: HashMap<Part, usize>,
    pub(super) has_sound: bool,
    /// The model has said something, on whatever channel.
    pub(super) has_begun: bool,
    /// There is more than is kept: no more of it is.
    pub(super) is_over: bool,
    /// Characters on channels about which anybody asks, since this was set to nought.
    pub(super) fresh: usize,
    asked: Channels,
    size: usize,
}

/// One text.
pub(super) struct Text {
    pub(super) channel: Channel,
    pub(super) said: String,
    /// It is a part of the answer, which grows; else it stands by itself.
    pub(super) is_part: bool,
}

/// A text that is asked about: what it says, and the numbers of the texts that say it.
pub(super) struct Question {
    pub(super) channel: Channel,
    pub(super) text: String,
    pub(super) numbers: Vec<usize>,
}

/// What stands in place of what in a whole answer.
pub(super) struct Replaced {
    parts: HashMap<Part, Vec<Change>>,
    texts: HashMap<String, String>,
}

impl Told {
    /// Nothing yet; these are the channels about which services are asked.
    pub(super) fn of(asked: Channels) -> Self {
        Self { asked, ..Self::default() }
    }

    /// Whether anybody asks about this channel.
    pub(super) const fn is_asked(&self, channel: Channel) -> bool {
        self.asked.has(channel)
    }

    /// Each text once, however often the answer says it.
    pub(super) fn all(&self) -> Vec<Question> {
        let mut known = HashSet::new();
        let texts = self.texts.iter().enumerate();
        let first = texts.filter(|(_, text)| known.insert((text.channel, text.said.as_str())));
        first
            .map(|(number, Text { channel, said, .. })| Question {
                channel: *channel,
                text: said.clone(),
                numbers: vec![number],
            })
            .collect()
    }

    /// All that was said, with others in place of some of it: told once, however often it was said.
    pub(super) fn with(&self, edits: &[(usize, String)]) -> Vec<(Channel, String)> {
        let one = |(number, anew): &'_ (usize, String)| {
            let text = self.texts.get(*number)?;
            Some(((text.channel, text.said.as_str()), anew.clone()))
        };
        let anew: HashMap<(Channel, &str), String> = edits.iter().filter_map(one).collect();
        let text = |Text { channel, said, .. }: &Text| {
            (*channel, anew.get(&(*channel, said.as_str())).unwrap_or(said).clone())
        };
        self.texts.iter().map(text).collect()
    }

    pub(super) fn replaced(&self, edits: Vec<(usize, String)>) -> Replaced {
        let said = |number: usize| self.texts.get(number).map(|text| text.said.clone());
        let texts: HashMap<String, String> =
            edits.into_iter().filter_map(|(number, text)| Some((said(number)?, text))).collect();
        let change = |(part, number): (&Part, &usize)| {
            let said = said(*number)?;
            Some((*part, Change::between(&said, texts.get(&said)?).into_iter().collect()))
        };
        Replaced { parts: self.parts.iter().filter_map(change).collect(), texts }
    }

    /// Whether there is room for so much more.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.size = self.size.saturating_add(bytes);
        self.is_over |= self.size > TOLD_BYTES_MAX;
        !self.is_over
    }

    fn begins(&mut self, channel: Channel, text: &str) {
        self.has_begun |= Channels::OF_ANSWERS.has(channel) && !text.is_empty();
    }

    fn count(&mut self, channel: Channel, text: &str) {
        if self.is_asked(channel) {
            self.fresh += text.chars().count();
        }
    }
}

impl Inspector for Told {
    fn grows(&mut self, part: Part, channel: Channel, text: &str) {
        self.count(channel, text);
        if !self.has_room(text.len()) {
            return;
        }
        let number = *self.parts.entry(part).or_insert_with(|| {
            self.texts.push(Text { channel, said: String::new(), is_part: true });
            self.texts.len() - 1
        });
        if let Some(own) = self.texts.get_mut(number) {
            own.said.push_str(text);
        }
        self.begins(channel, text);
    }

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, _part: Part) -> usize {
        usize::MAX
    }

    fn changes(&self, _part: Part) -> &[Change] {
        &[]
    }

    fn whole(&mut self, channel: Channel, text: &str) -> Option<String> {
        self.count(channel, text);
        if self.has_room(text.len() + TEXT_BYTES) {
            self.begins(channel, text);
            self.texts.push(Text { channel, said: text.to_owned(), is_part: false });
        }
        None
    }

    fn unread(&mut self, kind: MediumKind) -> bool {
        self.has_sound |= kind == MediumKind::Audio;
        false
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

impl Inspector for Replaced {
    fn grows(&mut self, _part: Part, _channel: Channel, _text: &str) {}

    fn ends(&mut self, _part: Part) {}

    fn cleared(&self, _part: Part) -> usize {
        usize::MAX
    }

    fn changes(&self, part: Part) -> &[Change] {
        self.parts.get(&part).map(Vec::as_slice).unwrap_or_default()
    }

    fn whole(&mut self, _channel: Channel, text: &str) -> Option<String> {
        self.texts.get(text).cloned()
    }

    fn unread(&mut self, _kind: MediumKind) -> bool {
        false
    }

    fn is_blocked(&self) -> bool {
        false
    }
}
