//! Bytes and references under names that no list has: told by what they are, not by what they are called.

use super::claims::Claims;
use super::leaf::{self, Leaf, decode, is_base64};
use super::{MediumKind, words};
use crate::conversation::sniff_image;
use crate::tape::{Kind, Node};
use tg_kernel::passage::Channel;

/// No picture or file is shorter as base64.
const KNOWN_BYTES_MIN: usize = 32;

/// Bytes of no kind that is known are taken for such if they are longer as base64: no id is.
const BYTES_MIN: usize = 256;

/// Letters of base64 in which the mark of a kind of file stands.
const MARK_LETTERS: usize = 16;

/// What a string is that stands under no name of pictures and files: bytes all the same, or a text.
pub(super) fn leaf(name: &str, channel: Channel, claims: Claims, text: &str) -> Leaf {
    let is_read_elsewhere = matches!(channel, Channel::Metadata | Channel::Definition) || words::is_quiet(name);
    if is_read_elsewhere || text.len() < KNOWN_BYTES_MIN || words::is_said(name) {
        return Leaf::Text;
    }
    let claims = claims.of_likely(name);
    if leaf::is_data_url(text) {
        return leaf::data_url(claims, text);
    }
    match kind(text) {
        Some(kind) if is_base64(text) => leaf::marked(text, claims.of_bytes(kind)),
        Some(kind) => Leaf::Perhaps(claims.of_bytes(kind)),
        None if is_bytes(text) => Leaf::Perhaps(claims),
        None => Leaf::Text,
    }
}

/// The kind of file that base64 is of, by the mark at its beginning.
pub(super) fn kind(text: &str) -> Option<MediumKind> {
    let letters = text.chars().filter(|c| !c.is_whitespace()).take(MARK_LETTERS);
    let bytes = decode(&letters.collect::<String>())?;
    let has = |at: usize, mark: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let begins = |marks: &[&[u8]]| marks.iter().any(|mark| has(0, mark));
    Some(match () {
        () if sniff_image(&bytes).is_some() || begins(&[b"II*\0", b"MM\0*"]) => MediumKind::Image,
        () if has(0, b"RIFF") && has(8, b"WAVE") => MediumKind::Audio,
        () if has(4, b"ftyphei") || has(4, b"ftypmif") || has(4, b"ftypavif") => MediumKind::Image,
        () if has(4, b"ftypM4A") => MediumKind::Audio,
        () if has(4, b"ftyp") || begins(&[b"RIFF", b"\x1aE\xdf\xa3"]) => MediumKind::Video,
        () if begins(&[b"OggS", b"fLaC", b"ID3\x02", b"ID3\x03", b"ID3\x04"]) => MediumKind::Audio,
        () if begins(&[b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]) => MediumKind::Document,
        () => return None,
    })
}

/// Whether a text is base64 of one alphabet, of bytes that are no text.
fn is_bytes(text: &str) -> bool {
    let has = |letters: [u8; 2]| text.bytes().any(|byte| letters.contains(&byte));
    text.len() >= BYTES_MIN && is_base64(text) && !(has(*b"+/") && has(*b"-_")) && leaf::encodes_no_text(text)
}

/// Whether an object of a request names what its provider keeps, and says nothing of it: a conversation, a container, an
/// earlier item.
pub(super) fn refers(name: &str, channel: Channel, node: Node<'_, '_>) -> bool {
    let is_string = |name: &str| node.member(name).is_some_and(|value: Node<'_, '_>| value.kind() == Kind::String);
    let is_of_others = channel.is_untrusted() || matches!(channel, Channel::Metadata | Channel::Definition);
    if is_of_others || !is_string("id") || name == "prompt" {
        return false;
    }
    let is_named = matches!(name, "conversation" | "container");
    let is_declared =
        node.member("type").is_some_and(|kind| kind.kind() == Kind::String && kind.text() == "item_reference");
    let says = |name: &str| !matches!(name, "id" | "type");
    let is_bare = !node.members().any(|(key, value)| says(&key.text()) && value.kind() != Kind::Word);
    is_named || is_declared || is_bare
}
