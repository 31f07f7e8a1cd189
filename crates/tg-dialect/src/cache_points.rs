//! Points for a provider's prompt cache, put into a request that is written, whatever wrote it: after its tools, after its
//! instructions, and after the last turn that stays. Every byte of the request but the points is where it was.

use crate::tape::{Kind, Node, Tape};
use bytes::Bytes;
use std::hash::{DefaultHasher, Hasher as _};
use tg_kernel::dialect::Dialect;

/// Most turns that are told apart at the end of a conversation: one that goes on has grown by two since its last call.
const TURNS_MAX: usize = 16;

/// How many turns before the end a point stands, the last one counted.
const BEHIND: [usize; 2] = [4, 2];

/// What says in a request that its caller sees to the cache: as a key, since within a text quotes are escaped.
const MARKS: [&[u8]; 2] = [b"\"cache_control\"", b"\"cachePoint\""];

/// A part of a request that the next one may begin with, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// A sum over all that stands in it.
    pub digest: u64,
    /// How many bytes that is.
    pub bytes: u64,
    /// How a point is put after it; empty where none can be.
    point: Vec<Insertion>,
}

impl Prefix {
    /// Whether a point can be put after it.
    #[must_use]
    pub const fn takes_a_point(&self) -> bool {
        !self.point.is_empty()
    }
}

/// Bytes that come in at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Insertion {
    at: usize,
    text: &'static str,
}

/// How a request can be cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    /// Up to the end of its tools.
    pub tools: Option<Prefix>,
    /// Up to the end of its instructions.
    pub system: Option<Prefix>,
    /// Up to the turn before the last one, and up to where that was when there were two turns less: there the call before had
    /// its point. Not all caches look for it by themselves.
    pub stable: Vec<Prefix>,
    /// Up to the end of each of the last turns, the last one excepted, the latest first: with one of them ended an earlier call of
    /// the conversation.
    pub turns: Vec<u64>,
    /// All of it.
    pub whole: u64,
}

/// How a dialect writes a point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As a member of the block before it.
    Member,
    /// As a block of its own.
    Block,
}

const MEMBER: &str = ",\"cache_control\":{\"type\":\"ephemeral\"}";
const TEXT_BEGINS: &str = "[{\"type\":\"text\",\"text\":";
const TEXT_ENDS: &str = ",\"cache_control\":{\"type\":\"ephemeral\"}}]";
const BLOCK: &str = ",{\"cachePoint\":{\"type\":\"default\"}}";

/// How a request in a dialect can be cut; `None` where the dialect has no points, where the caller has put some, and where
/// nothing but one turn is there.
#[must_use]
pub fn prefixes(dialect: Dialect, body: &[u8]) -> Option<Prefixes> {
    let style = match dialect {
        Dialect::AnthropicMessages | Dialect::BedrockInvoke => Style::Member,
        Dialect::BedrockConverse => Style::Block,
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::OpenaiEmbeddings => return None,
    };
    if MARKS.iter().any(|mark| memchr::memmem::find(body, mark).is_some()) {
        return None;
    }
    let tape = Tape::read(body)?;
    let root = tape.root();
    let (mut cut, mut found) = (Cut { sum: DefaultHasher::new(), bytes: 0 }, Prefixes::default());
    let config = root.member("toolConfig");
    let tools =
        if style == Style::Block { config.and_then(|config| config.member("tools")) } else { root.member("tools") };
    found.tools = tools.filter(is_filled).map(|tools| cut.after(tools, point_in_tools(style, tools)));
    found.system =
        root.member("system").filter(is_filled).map(|system| cut.after(system, point_in_content(style, system)));
    // A change of these makes what follows another prompt.
    let shaping =
        [config.and_then(|config| config.member("toolChoice")), root.member("tool_choice"), root.member("thinking")];
    shaping.into_iter().flatten().for_each(|member| cut.take(member));
    let turns: Vec<Node<'_, '_>> = root.member("messages").into_iter().flat_map(Node::items).collect();
    for (place, turn) in turns.iter().enumerate() {
        let behind = turns.len() - place;
        let is_stable = BEHIND.contains(&behind);
        let content = turn.member("content").filter(|_| is_stable);
        let prefix = cut.after(*turn, content.map_or_else(Vec::new, |content| point_in_content(style, content)));
        if (2..2 + TURNS_MAX).contains(&behind) {
            found.turns.insert(0, prefix.digest);
        }
        // What a user said alone is no turn that was answered.
        if is_stable && place > 0 {
            found.stable.push(prefix);
        }
    }
    found.whole = cut.sum.finish();
    (found.tools.is_some() || found.system.is_some() || !found.stable.is_empty()).then_some(found)
}

/// The request with points after these of its prefixes.
#[must_use]
pub fn with_points<'p>(body: &[u8], after: impl IntoIterator<Item = &'p Prefix>) -> Bytes {
    let mut points: Vec<&Insertion> = after.into_iter().flat_map(|prefix| &prefix.point).collect();
    points.sort_by_key(|insertion| insertion.at);
    let grown: usize = points.iter().map(|insertion| insertion.text.len()).sum();
    let (mut out, mut done) = (Vec::with_capacity(body.len() + grown), 0);
    for Insertion { at, text } in points {
        out.extend_from_slice(body.get(done..*at).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        done = *at;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    Bytes::from(out)
}

/// What a request begins with, so far.
struct Cut {
    sum: DefaultHasher,
    bytes: u64,
}

impl Cut {
    fn take(&mut self, node: Node<'_, '_>) {
        self.sum.write(node.raw());
        // So that what ends here is not what goes on.
        self.sum.write_u8(b'\n');
        self.bytes += node.raw().len() as u64;
    }

    fn after(&mut self, node: Node<'_, '_>, point: Vec<Insertion>) -> Prefix {
        self.take(node);
        Prefix { digest: self.sum.finish(), bytes: self.bytes, point }
    }
}

/// Whether there is something in it.
fn is_filled(node: &Node<'_, '_>) -> bool {
    match node.kind() {
        Kind::Array => node.items().next().is_some(),
        Kind::String => !node.text().trim().is_empty(),
        Kind::Object | Kind::Key | Kind::Number | Kind::Word => false,
    }
}

fn point_in_tools(style: Style, tools: Node<'_, '_>) -> Vec<Insertion> {
    // A tool that is shown later cannot have one.
    let is_later = |tool: &Node<'_, '_>| tool.member("defer_loading").is_some_and(|later| later.raw() == b"true");
    let last = tools.items().last().filter(|tool| tool.kind() == Kind::Object && !is_later(tool));
    last.map_or_else(Vec::new, |last| point_behind(style, tools, last))
}

/// A point at the end of a text, or of blocks.
fn point_in_content(style: Style, content: Node<'_, '_>) -> Vec<Insertion> {
    let range = content.range();
    match (content.kind(), style) {
        (Kind::String, Style::Member) if !content.text().trim().is_empty() => {
            vec![Insertion { at: range.start, text: TEXT_BEGINS }, Insertion { at: range.end, text: TEXT_ENDS }]
        }
        (Kind::Array, _) => {
            let last = content.items().last().filter(|last| takes_a_point(*last));
            last.map_or_else(Vec::new, |last| point_behind(style, content, last))
        }
        _ => Vec::new(),
    }
}

fn point_behind(style: Style, list: Node<'_, '_>, last: Node<'_, '_>) -> Vec<Insertion> {
    let (end, text) = match style {
        Style::Member => (last.range().end, MEMBER),
        Style::Block => (list.range().end, BLOCK),
    };
    vec![Insertion { at: end.saturating_sub(1), text }]
}

/// Whether a point may stand after a block: not after what the model has thought, nor after nothing.
fn takes_a_point(block: Node<'_, '_>) -> bool {
    let kind = block.member("type").map(Node::text);
    let thinks = matches!(kind.as_deref(), Some("thinking" | "redacted_thinking"));
    let is_empty = block.member("text").is_some_and(|text| text.text().trim().is_empty());
    block.kind() == Kind::Object
        && block.members().next().is_some()
        && !thinks
        && !is_empty
        && block.member("reasoningContent").is_none()
}

#[cfg(test)]
mod tests;
