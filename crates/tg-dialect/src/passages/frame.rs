//! The passages of one frame of a stream: which of them go on where the last frame ended, by what the frame says of itself.

use super::leaf::is_base64;
use super::walk::{Growth, Walk, part_of};
use super::{Ended, Medium, MediumKind, Part, Passages, rows};
use crate::tape::{Kind, Node, Tape};
use tg_kernel::passage::Channel;

/// The name of the frames in which InvokeModel streams.
const CHUNK: &str = "chunk";

/// Walks through a frame.
pub(super) fn walk<'a>(tape: &Tape<'a>, kind: &str, found: &mut Passages<'a>) {
    let root = tape.root();
    let own = root.member("type").filter(|value| value.kind() == Kind::String).map(Node::text);
    // A chunk of InvokeModel is what its JSON says that it is. So is any event: clients go by that, not by its name.
    let is_chunk = kind == CHUNK;
    let is_told = own.as_deref().is_some_and(|own| is_of_messages(own) || own.starts_with("response."));
    let kind = if kind.is_empty() || is_chunk || is_told { own.as_deref().unwrap_or_default() } else { kind };
    let kind = if is_chunk && !is_of_messages(kind) { "" } else { kind };
    let (channel, growth) = facts(kind, root);
    Walk::new(found).body(root, channel, growth, is_chunk);
    if let Some(delta) = root.member("delta").filter(|delta| is_sound(kind) && delta.kind() == Kind::String) {
        let range = delta.range();
        found.texts.retain(|text| text.place.range != range || !is_base64(&text.text));
        found.media.push(Medium { channel, kind: MediumKind::Audio, range, within: None });
    }
    found.ended = ended(kind, root);
    found.in_a_row = root.member("choices").is_some() && growth == Growth::Under("delta");
    if let Some(stem) = kind.strip_suffix(".delta") {
        // Events of Responses that grow differ by their name alone.
        for text in &mut found.texts {
            text.row = text.row.filter(|_| rows::grows_in(stem));
            text.part = Part::ROOT.with(stem.as_bytes()).with(&text.part.0.to_le_bytes());
        }
    }
}

/// What stands in a frame of this name, and what of it grows.
fn facts(kind: &str, root: Node<'_, '_>) -> (Channel, Growth) {
    match kind {
        kind if kind.starts_with("response.") => {
            let growth = if kind.ends_with(".delta") { Growth::Under("delta") } else { Growth::None };
            (of_response(kind), growth)
        }
        "content_block_start" => (Channel::Assistant, Growth::Under("content_block")),
        "content_block_delta" | "contentBlockDelta" => (Channel::Assistant, Growth::Under("delta")),
        _ if root.member("choices").is_some() => (Channel::Assistant, choices(root)),
        "" => (Channel::Assistant, Growth::All),
        _ => (Channel::Assistant, Growth::None),
    }
}

/// Whether the piece of an answer in a frame of this name is sound.
fn is_sound(kind: &str) -> bool {
    matches!(kind, "response.audio.delta" | "response.output_audio.delta")
}

/// Whether it is an event of Claude's, who says of each what it is. What types mean in other families is not known.
fn is_of_messages(kind: &str) -> bool {
    kind.starts_with("content_block_") || kind.starts_with("message_") || matches!(kind, "ping" | "error")
}

/// Chat's choices grow under `delta`; those of the older completions are all text.
fn choices(root: Node<'_, '_>) -> Growth {
    let first = root.member("choices").and_then(|choices| choices.items().next());
    if first.is_some_and(|choice| choice.member("delta").is_none()) { Growth::All } else { Growth::Under("delta") }
}

fn of_response(kind: &str) -> Channel {
    let says = |word: &str| kind.contains(word);
    match () {
        () if says("reasoning") => Channel::Reasoning,
        () if says("arguments") || says("_call_input") || says("_call_code") => Channel::ToolArguments,
        () => Channel::Assistant,
    }
}

/// Which parts end with a frame of this name.
fn ended(kind: &str, root: Node<'_, '_>) -> Ended {
    let block = |node| Ended::Of(vec![part_of(node, Part::ROOT)]);
    match kind {
        "content_block_stop" | "contentBlockStop" => block(root),
        "message_delta"
        | "message_stop"
        | "messageStop"
        | "response.completed"
        | "response.incomplete"
        | "response.failed" => Ended::All,
        kind if kind.starts_with("response.") => {
            if kind.ends_with(".done") {
                block(root)
            } else {
                Ended::None
            }
        }
        _ => match (root.member("choices"), root.member("contentBlockStop")) {
            (Some(choices), _) => {
                let over = choices.items().filter(|choice| is_over(*choice));
                Ended::Of(over.map(|choice| part_of(choice, Part::ROOT)).collect())
            }
            (None, Some(stop)) => block(stop),
            (None, None) if is_over(root) || root.member("messageStop").is_some() => Ended::All,
            (None, None) => Ended::None,
        },
    }
}

/// Whether an object says why an answer has ended.
fn is_over(node: Node<'_, '_>) -> bool {
    let says = |name| {
        let reason: Option<Node<'_, '_>> = node.member(name);
        reason.is_some_and(|reason| reason.kind() == Kind::String && !reason.text().is_empty())
    };
    ["finish_reason", "stop_reason", "completionReason"].into_iter().any(says)
}
