//! The walk through a body: which channel each value stands in.

mod strings;

use super::claims::Claims;
use super::leaf;
use super::rows::{self, Rows};
use super::{Form, Medium, MediumKind, Part, Passage, Passages, Place, sealed, stray, tokens, told, words};
use crate::tape::{Kind, Node, Tape};
use std::borrow::Cow;
use std::sync::Arc;
use tg_kernel::passage::Channel;

/// A walk that adds to what was found.
pub(super) struct Walk<'p, 'a> {
    found: &'p mut Passages<'a>,
    turns: u32,
    items: u32,
    growth: Growth,
    is_answer: bool,
    /// It is an answer of no dialect of which all names are known.
    is_unknown: bool,
    rows: Rows,
}

/// Which texts of a frame go on where the last frame ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Growth {
    /// None, or it is no frame.
    None,
    /// Those under a member of this name.
    Under(&'static str),
    /// All.
    All,
}

/// What says whose an item of a conversation is. No dialect knows a member that its parts could say it by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    /// It is none, but a part of one.
    None,
    /// Its role.
    ByRole,
    /// Its type; that of a message is its role.
    ByType,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Here<'n> {
    channel: Channel,
    /// That of the object around it, before its type moved it.
    outer: Channel,
    item: Item,
    turn: u32,
    /// The number of the item among all.
    nth: u32,
    /// In JSON of somebody's own making: no name means anything, nothing is passed by, and keys are read as well.
    free: bool,
    /// The name of the member that the value stands under.
    name: &'n str,
    /// What is said around it of what it is.
    claims: Claims,
    /// The object around it says that its data is a text as it stands.
    is_plain: bool,
    /// It is one of those that hold bytes which only the provider can read.
    seals: bool,
    part: Part,
    groups: Option<[Part; 2]>,
    grows: bool,
    /// All names up to here lead to the blocks of an answer.
    leads: bool,
    /// What is chosen by name is chosen here: a model, a guardrail.
    chooses: bool,
}

impl Here<'_> {
    const fn outermost(channel: Channel, growth: Growth) -> Self {
        let grows = matches!(growth, Growth::All);
        Self {
            channel,
            outer: channel,
            item: Item::None,
            turn: 0,
            nth: 0,
            free: false,
            name: "",
            claims: Claims::NONE,
            is_plain: false,
            seals: false,
            part: Part::ROOT,
            groups: None,
            grows,
            leads: true,
            chooses: false,
        }
    }
}

/// The answers to one question, side by side. Where they do not grow, each may have its blocks.
const CHOICES: &str = "choices";

/// What says which guardrail looks at a request.
const GUARDRAIL: &str = "guardrailConfig";

/// The constants of FNV-1a.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Part {
    /// Of what has no number.
    pub(super) const ROOT: Self = Self(FNV_OFFSET);

    /// The part that these bytes tell from others of the same parent.
    pub(crate) fn with(self, bytes: &[u8]) -> Self {
        let sum = bytes.iter().fold(self.0, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
        // What follows must not be taken for more of the same.
        Self((sum ^ 0xff).wrapping_mul(FNV_PRIME))
    }
}

impl<'p, 'a> Walk<'p, 'a> {
    pub(super) fn new(found: &'p mut Passages<'a>) -> Self {
        Self {
            found,
            turns: 0,
            items: 0,
            growth: Growth::None,
            is_answer: false,
            is_unknown: false,
            rows: Rows::default(),
        }
    }

    /// Walks through a whole body, or a frame; of one that may be of no dialect, ids and names are read as well.
    pub(super) fn body(mut self, root: Node<'_, 'a>, channel: Channel, growth: Growth, may_be_unknown: bool) {
        self.growth = growth;
        self.is_answer = channel != Channel::User;
        self.is_unknown = self.is_answer && may_be_unknown && told::is_of_no_dialect(root);
        let outermost = numbered(root, Here::outermost(channel, growth));
        if root.kind() != Kind::Object {
            return self.value(root, outermost);
        }
        self.members_of(root, outermost);
    }

    /// The members of a body, whose names say what stands in them.
    fn members_of(&mut self, root: Node<'_, 'a>, outermost: Here<'_>) {
        let channel = outermost.channel;
        for (key, value) in root.members() {
            let name = key.text();
            if self.reads_labels() && !leaf::is_name(&name) {
                self.label(key, outermost);
            }
            let channel = match (&*name, value.kind()) {
                ("text", Kind::Object) => Channel::Definition,
                _ => {
                    let of_answer = self.is_answer.then(|| told::top_level(&name, value)).flatten();
                    of_answer.or_else(|| words::top_level(&name)).unwrap_or(channel)
                }
            };
            let here = self.member(Here { channel, outer: channel, ..outermost }, &name);
            let here = Here { chooses: true, ..here };
            match value.kind() {
                Kind::Array if words::holds_texts(&name) && tokens::are_in(value) => {
                    self.medium(value, MediumKind::Tokens, here);
                    self.beside_tokens(value, here);
                }
                Kind::Array if words::opens_turns(&name) => self.turns(value, here),
                Kind::Object if name == "input" => self.counted(value, here),
                // An event that repeats the answer, and with it what was asked for.
                Kind::Object if name == "response" && self.is_answer && told::is_response(value) => {
                    self.members_of(value, numbered(value, here));
                }
                Kind::Object if name == "prompt" => {
                    self.medium(value, MediumKind::Reference, here);
                    self.value(value, here);
                }
                _ => self.value(value, here),
            }
        }
    }

    /// What Bedrock is to count: a body of Converse, or one of `InvokeModel` in base64.
    fn counted(&mut self, input: Node<'_, 'a>, here: Here<'_>) {
        for (key, value) in input.members() {
            let name = key.text();
            match (&*name, value.kind()) {
                ("converse", Kind::Object) => self.members_of(value, here),
                ("invokeModel", Kind::Object) => self.invoked(value, here),
                _ => self.value(value, self.member(here, &name)),
            }
        }
    }

    /// A body of `InvokeModel`, and whatever stands beside it.
    fn invoked(&mut self, asked: Node<'_, 'a>, here: Here<'_>) {
        for (key, value) in asked.members() {
            let name = key.text();
            if self.reads_labels() && !leaf::is_name(&name) {
                self.label(key, here);
            }
            if name != "body" || value.kind() != Kind::String || !self.within(value, here) {
                self.value(value, self.member(here, &name));
            }
        }
    }

    /// A body within a string of base64; false where there is none.
    fn within(&mut self, node: Node<'_, 'a>, here: Here<'_>) -> bool {
        let Some(body) = leaf::decode(&node.text()) else { return false };
        let Some(tape) = Tape::read(&body) else { return false };
        let mut inner = Passages::default();
        let mut walk = Walk { turns: self.turns, items: self.items, ..Walk::new(&mut inner) };
        match tape.root().kind() {
            Kind::Object => walk.members_of(tape.root(), here),
            _ => walk.value(tape.root(), here),
        }
        (self.turns, self.items) = (walk.turns, walk.items);
        let shared: Arc<[u8]> = Arc::from(&*body);
        let out = |passage: Passage<'_>| {
            let Passage { place: Place { range, form }, .. } = passage.clone();
            let form = Form::Within { body: Arc::clone(&shared), range, form: Box::new(form) };
            Passage { place: Place { range: node.range(), form }, ..passage.into_owned() }
        };
        self.found.texts.extend(inner.texts.into_iter().map(out));
        self.found.labels.extend(inner.labels.into_iter().map(out));
        self.found.names.extend(inner.names.into_iter().map(|name| Cow::Owned(name.into_owned())));
        let media = inner.media.into_iter().map(|medium| Medium {
            within: Some((Arc::clone(&shared), medium.range)),
            range: node.range(),
            ..medium
        });
        self.found.media.extend(media);
        true
    }

    /// Each item of the array is a turn of its own, but for messages of one side in a row: models read them as one. One that
    /// says nothing does not part them.
    fn turns(&mut self, array: Node<'_, 'a>, here: Here<'_>) {
        let says = match here.name {
            "messages" | "chat_history" => Item::ByRole,
            "input" => Item::ByType,
            _ => Item::None,
        };
        let mut before = None;
        for item in array.items() {
            let side = side(item, says);
            let goes_on = side.is_some() && side == before;
            self.items += 1;
            self.turns += u32::from(!goes_on);
            let said = (self.found.texts.len(), self.found.media.len());
            self.value(item, Here { turn: self.turns, nth: self.items, item: says, ..here });
            if said != (self.found.texts.len(), self.found.media.len()) {
                before = side;
            } else if !goes_on {
                self.turns -= 1;
            }
        }
    }

    fn value(&mut self, node: Node<'_, 'a>, here: Here<'_>) {
        match node.kind() {
            Kind::Object | Kind::Array if self.is_answer && !here.free && tokens::echo(here.name, node) => {
                self.found.echoes.push(node.range());
            }
            Kind::Array if !self.is_answer && !here.free && tokens::are_named(here.name, node) => {
                self.medium(node, MediumKind::Tokens, here);
            }
            Kind::Object => self.object(node, here),
            Kind::Array => node.items().for_each(|item| self.value(item, here)),
            Kind::String => self.string(node, here),
            Kind::Number if here.free || self.reads_labels() => self.number(node, here),
            Kind::Number | Kind::Word | Kind::Key => {}
        }
    }

    /// What stands among ids of tokens and is none.
    fn beside_tokens(&mut self, array: Node<'_, 'a>, here: Here<'_>) {
        for item in array.items() {
            match item.kind() {
                Kind::Number => {}
                Kind::Array => self.beside_tokens(item, here),
                _ => {
                    self.turns += 1;
                    self.value(item, Here { turn: self.turns, ..here });
                }
            }
        }
    }

    fn object(&mut self, node: Node<'_, 'a>, here: Here<'_>) {
        if here.name == CHOICES {
            self.rows.part();
        }
        let here = if here.free { here } else { enter(node, here, self.is_answer) };
        if self.is_answer && !here.free && self.rows.enter(here.channel) {
            self.found.parted.push((node.range().start, here.channel));
        }
        if self.is_answer {
            self.found.echoes.extend(tokens::id_of(here.name, node));
        } else if !here.free && stray::refers(here.name, here.channel, node) {
            self.medium(node, MediumKind::Reference, here);
        }
        let is_own = !self.is_answer
            && here.channel.is_untrusted()
            && !node.members().any(|(key, _)| words::is_of_block(&key.text()));
        let here = Here { free: here.free || is_own, ..here };
        for (key, value) in node.members() {
            let name = key.text();
            if here.free {
                self.text(key, key.text(), Form::Text, here);
            } else if self.reads_labels() && !leaf::is_name(&name) {
                self.label(key, here);
            }
            self.value(value, self.member(here, &name));
        }
    }

    /// Where the value of a member stands.
    fn member<'n>(&self, here: Here<'n>, name: &'n str) -> Here<'n> {
        if here.free {
            return Here { name, ..here };
        }
        let around = if words::is_of_no_type(name) { here.outer } else { here.channel };
        let channel = match (around, name) {
            // What an untrusted text cites is no more trusted, and what it calls a thought is none.
            (inherited, _) if inherited.is_untrusted() => inherited,
            (Channel::ToolArguments, "output" | "outputs" | "results") => Channel::ToolResult,
            (Channel::Metadata, _) if self.is_answer => Channel::Metadata,
            (inherited, name) => {
                let of_answer = self.is_answer.then(|| told::member(name)).flatten();
                of_answer.or_else(|| words::member(name)).unwrap_or(inherited)
            }
        };
        // A block begins with its name, and goes on with other texts. What it cites is told at once.
        let is_whole = name == "citation" || name == "name" && self.growth == Growth::Under("content_block");
        let grows = !is_whole && (here.grows || self.growth == Growth::Under(word(name)));
        Here {
            channel,
            item: Item::None,
            name,
            free: words::is_free(name, channel),
            claims: here.claims.of_name(name),
            grows,
            chooses: here.chooses && here.name == GUARDRAIL,
            leads: here.leads && (rows::leads_to_blocks(name) || name == CHOICES && self.growth == Growth::None),
            ..here
        }
    }

    fn text(&mut self, node: Node<'_, 'a>, text: Cow<'a, str>, form: Form, here: Here<'_>) {
        // A blank is nothing to look at, but it parts the words of a text that goes on.
        let is_said = here.leads && !here.free && rows::is_block(here.channel, here.name);
        let is_block = self.is_answer && is_said && form == Form::Text;
        if text.is_empty() || !here.grows && !is_block && text.trim().is_empty() {
            return;
        }
        let place = Place { range: node.range(), form };
        let Here { channel, part, grows, .. } = here;
        let turn = match channel {
            // Each call of a tool, and each of its results, is told apart.
            Channel::ToolArguments | Channel::ToolResult => here.nth,
            _ if is_name(here) => here.turn | APART,
            _ => here.turn,
        };
        let groups = here.groups.unwrap_or([Part::ROOT; 2]);
        self.found.texts.push(Passage {
            channel,
            turn,
            text,
            is_aside: !here.free && !words::is_main(here.name),
            // Texts of two channels under one name are two texts, and so are a block and what is none.
            part: part.with(here.name.as_bytes()).with(&[u8::from(is_block), channel as u8]),
            grows,
            row: self.rows.take(is_block, channel),
            groups,
            place,
        });
    }

    fn medium(&mut self, node: Node<'_, 'a>, kind: MediumKind, here: Here<'_>) {
        let medium = Medium { channel: here.channel, kind, range: node.range(), within: None };
        self.rows.pass(&medium);
        self.found.media.push(medium);
    }
}

/// Set in the turn of what is not read as one with the texts beside it.
pub(super) const APART: u32 = 1 << 31;

/// Whether a text is the name of a document: no part of what the document says.
fn is_name(here: Here<'_>) -> bool {
    !here.free && here.channel == Channel::Document && matches!(here.name, "name" | "title" | "filename")
}

/// What an object says of itself by its role, its type and its number.
fn enter<'n>(node: Node<'_, '_>, here: Here<'n>, is_answer: bool) -> Here<'n> {
    let says = |name: &str| node.member(name).filter(|value| value.kind() == Kind::String).map(Node::text);
    let kind = says("type");
    let of_kind = |kind: &str| is_answer.then(|| told::part(kind)).flatten().or_else(|| words::part(kind));
    let by_type = || kind.as_deref().and_then(of_kind);
    let by_role = || says("role").and_then(|role| words::role(&role));
    let (told, is_by_role) = match here.item {
        Item::ByRole => (by_role(), true),
        Item::ByType if kind.as_deref().is_none_or(|kind| kind == "message") => (by_role(), true),
        Item::ByType | Item::None => (by_type(), false),
    };
    let channel = match (here.channel, told) {
        (Channel::User | Channel::Assistant | Channel::Reasoning, Some(channel)) => channel,
        (inherited, _) => inherited,
    };
    let outer = if is_by_role { channel } else { here.channel };
    let is_plain = kind.as_deref() == Some("text") && node.member("data").is_some();
    let seals = kind.as_deref().is_some_and(sealed::are_in);
    numbered(node, Here { channel, outer, is_plain, seals, claims: here.claims.of_object(node), ..here })
}

/// Which side of a conversation speaks in an item; `None` for what is no message, and for what tools answer.
fn side(item: Node<'_, '_>, says: Item) -> Option<Channel> {
    let word = |name: &str| item.member(name).filter(|value| value.kind() == Kind::String).map(Node::text);
    let is_message = match says {
        Item::None => false,
        Item::ByRole => true,
        Item::ByType => word("type").is_none_or(|kind| kind == "message"),
    };
    let role = word("role").filter(|_| is_message).and_then(|role| words::role(&role));
    role.filter(|channel| *channel != Channel::ToolResult)
}

/// With the part that the numbers of an object tell.
fn numbered<'n>(node: Node<'_, '_>, here: Here<'n>) -> Here<'n> {
    let part = part_of(node, here.part);
    if part == here.part {
        return here;
    }
    let outer = here.groups.map_or(part, |[outer, _]| outer);
    Here { part, groups: Some([outer, part]), ..here }
}

/// The part that the numbers of an object tell from others of its parent; the parent's where it has none. Where an object
/// holds a chunk of its text itself (Titan's, and that of text-generation-inference), `index` counts the chunks.
pub(super) fn part_of(node: Node<'_, '_>, parent: Part) -> Part {
    const NUMBERS: [&str; 5] = ["output_index", "index", "contentBlockIndex", "content_index", "summary_index"];
    let counts = ["outputText", "token"].iter().any(|name| node.member(name).is_some());
    let told = |name: &&&str| !(counts && **name == "index");
    let numbers = NUMBERS.iter().filter(told).filter_map(|name| Some((name, node.member(name)?)));
    numbers.fold(parent, |part, (name, value)| part.with(name.as_bytes()).with(value.raw()))
}

/// The names under which texts grow.
fn word(name: &str) -> &'static str {
    match name {
        "delta" => "delta",
        "content_block" => "content_block",
        _ => "",
    }
}
