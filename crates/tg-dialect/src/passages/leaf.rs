//! What a single string is, once its name is known.

use super::{Form, MediumKind, words};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Longest identifier. AWS's ARNs reach 2 048 bytes.
const IDENTIFIER_BYTES_MAX: usize = 2_048;

/// Shorter strings under a name of pictures and files are read as text: nothing that a model can see fits.
const MEDIUM_BYTES_MIN: usize = 8;

/// A picture, sound or a file in base64 is longer than this.
const MEDIUM_BYTES_SURE: usize = 128;

/// What a string is.
pub(super) enum Leaf {
    /// Nothing that is read: an identifier, a choice, sealed bytes.
    Quiet,
    /// A text as it stands there.
    Text,
    /// A text in base64.
    Encoded { text: String, form: Form },
    /// No text.
    Medium(MediumKind),
    /// Most likely no text; too short to be sure, so it is read as text as well.
    Perhaps(MediumKind),
    /// Where something stands; its address is read as text as well.
    Address(MediumKind),
}

/// What a string under this name is. `around` is the name of the object that the string stands in, which tells a picture
/// from a document.
pub(super) fn leaf(name: &str, around: &str, text: &str) -> Leaf {
    if words::is_quiet(name) && is_identifier(text) || words::is_sealed(name) && is_base64(text) {
        return Leaf::Quiet;
    }
    if words::is_reference(name) && is_identifier(text) {
        return Leaf::Medium(MediumKind::Reference);
    }
    if !words::is_medium(name) || text.len() < MEDIUM_BYTES_MIN {
        return Leaf::Text;
    }
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme.to_ascii_lowercase().as_str() {
        "data" => data_url(name, around, text),
        "http" | "https" | "s3" | "gs" => Leaf::Address(MediumKind::Reference),
        _ if is_base64(text) => match encoded("", text, kind(name, around, "")) {
            Leaf::Medium(kind) if text.len() < MEDIUM_BYTES_SURE => Leaf::Perhaps(kind),
            sure => sure,
        },
        _ => Leaf::Text,
    }
}

fn data_url(name: &str, around: &str, text: &str) -> Leaf {
    let Some((head, data)) = text.split_once(',') else { return Leaf::Text };
    let media_type = head.get(5..).unwrap_or_default();
    if media_type.to_ascii_lowercase().ends_with(";base64") {
        return encoded(text.get(..=head.len()).unwrap_or_default(), data, kind(name, around, media_type));
    }
    // Percent-encoded: what it says can be read as it stands.
    Leaf::Text
}

/// Base64 of a text is that text; of anything else, it is what its name says.
fn encoded(prefix: &str, data: &str, kind: MediumKind) -> Leaf {
    match decode(data).and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| is_legible(text)) {
        Some(text) => Leaf::Encoded { text, form: Form::Base64 { prefix: prefix.to_owned() } },
        None => Leaf::Medium(kind),
    }
}

fn decode(data: &str) -> Option<Vec<u8>> {
    let data: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bare = data.trim_end_matches('=');
    STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()
}

/// A text as base64, as the data of a picture or a file is written.
pub(super) fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

/// Whether bytes that happen to be UTF-8 were meant as a text.
fn is_legible(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

fn kind(name: &str, around: &str, media_type: &str) -> MediumKind {
    let says = |word: &str| {
        media_type.to_ascii_lowercase().starts_with(word)
            || [name, around].iter().any(|name| name.to_ascii_lowercase().contains(word))
    };
    match () {
        () if says("image") || says("mask") || says("b64_json") => MediumKind::Image,
        () if says("audio") => MediumKind::Audio,
        () if says("video") => MediumKind::Video,
        () => MediumKind::Document,
    }
}

/// Whether a string is no prose: the letters of identifiers, without spaces, of a bounded length.
fn is_identifier(text: &str) -> bool {
    text.len() <= IDENTIFIER_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@|*#~%".contains(&b))
}

fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&b))
}
