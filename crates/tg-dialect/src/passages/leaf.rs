//! What a single string is, once its name is known.

use super::claims::Claims;
use super::{Form, words};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Longest identifier. AWS's ARNs reach 2 048 bytes.
const IDENTIFIER_BYTES_MAX: usize = 2_048;

/// What identifies something, and is no name of something that must be there, is no longer.
const LABEL_BYTES_MAX: usize = 128;

/// Longest name of a member, or word of a choice, that is not looked at.
const NAME_BYTES_MAX: usize = 64;

/// Most digits of such a name: no value that matters has fewer.
const NAME_DIGITS_MAX: usize = 2;

/// Shorter strings under a name of pictures and files are read as text: nothing that a model can see fits.
const MEDIUM_BYTES_MIN: usize = 8;

/// A picture, sound or a file in base64 is longer than this.
pub(super) const MEDIUM_BYTES_SURE: usize = 128;

/// No scheme of a URL is longer.
const SCHEME_CHARS_MAX: usize = 64;

/// What a string is.
pub(super) enum Leaf {
    /// Nothing that is read: a choice, sealed bytes.
    Quiet,
    /// An identifier: no text, but it may be a value that must not go.
    Label,
    /// A text as it stands there.
    Text,
    /// A text in base64.
    Encoded { text: String, form: Form },
    /// A text in base64 that may be more to who reads it: a PDF can be written in letters alone.
    Both { text: String, form: Form, claims: Claims },
    /// No text.
    Medium(Claims),
    /// Most likely no text; not surely so, and it is read as text as well.
    Perhaps(Claims),
    /// What stands elsewhere.
    Reference,
    /// Where something stands; its address is read as text as well.
    Address,
}

/// What a string under this name is. `claims` is what is said around it of what it is.
pub(super) fn leaf(name: &str, claims: Claims, text: &str) -> Leaf {
    if words::is_quiet(name) && is_identifier(text) && text.len() <= LABEL_BYTES_MAX {
        return if is_name(text) { Leaf::Quiet } else { Leaf::Label };
    }
    if words::is_reference(name) && is_identifier(text) {
        return Leaf::Reference;
    }
    if !words::is_medium(name) || text.len() < MEDIUM_BYTES_MIN {
        return Leaf::Text;
    }
    let scheme = scheme(text);
    match if is_prose(name, text, &scheme) { "" } else { scheme.as_str() } {
        "data" => data_url(claims, text),
        "http" | "https" | "s3" | "gs" => Leaf::Address,
        _ if is_base64(text) => match encoded("", text, claims) {
            Leaf::Medium(claims) if text.len() < MEDIUM_BYTES_SURE => Leaf::Perhaps(claims),
            sure => sure,
        },
        // Whatever it is, somebody may fetch it.
        scheme if !scheme.is_empty() && (words::is_url(name) || text.contains("://")) => Leaf::Address,
        _ if text.len() >= MEDIUM_BYTES_SURE && holds_bytes(name, claims) => perhaps(text, claims),
        _ => Leaf::Text,
    }
}

/// Whether it chooses what must be there already.
pub(super) fn is_chosen(name: &str, text: &str) -> bool {
    words::is_chosen(name) && is_identifier(text)
}

/// Whether what looks like a scheme begins a sentence: `note: it rains`. Where an address is meant, readers take it for one, and
/// so they do what is said to be in base64.
fn is_prose(name: &str, text: &str, scheme: &str) -> bool {
    let Some((_, rest)) = text.split_once(':') else { return false };
    rest.starts_with(' ') && !words::is_url(name) && !(scheme == "data" && says_base64(text))
}

/// Whether bytes are meant to stand under a name, of which lenient readers drop what is none of their letters.
fn holds_bytes(name: &str, claims: Claims) -> bool {
    !words::is_of_any_kind(name) || claims.are_of_what_is_seen_or_heard()
}

/// What stands where bytes do. Base64 with blanks in it is what lenient readers make of it, too.
fn perhaps(text: &str, claims: Claims) -> Leaf {
    match encoded("", text, claims) {
        Leaf::Medium(claims) => Leaf::Perhaps(claims),
        found => found,
    }
}

/// The scheme of a URL, as lenient readers see it; empty for what has none.
fn scheme(text: &str) -> String {
    let Some((head, _)) = text.split_once(':') else { return String::new() };
    let letters = head.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    let head: String = letters.take(SCHEME_CHARS_MAX).collect();
    let is_one = head.starts_with(|c: char| c.is_ascii_alphabetic())
        && head.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if is_one { head.to_ascii_lowercase() } else { String::new() }
}

/// Whether a text is a `data:` URL with base64 in it.
pub(super) fn is_data_url(text: &str) -> bool {
    scheme(text) == "data" && says_base64(text)
}

/// Whether the head of a `data:` URL says that base64 comes.
fn says_base64(url: &str) -> bool {
    let head = url.split_once(',').map_or("", |(head, _)| head);
    head.to_ascii_lowercase().split_whitespace().collect::<String>().contains(";base64")
}

/// What a `data:` URL is of.
pub(super) fn data_url(claims: Claims, text: &str) -> Leaf {
    let Some((head, data)) = text.split_once(',') else { return Leaf::Text };
    let media_type = head.split_once(':').map_or("", |(_, media_type)| media_type);
    let media_type: String = media_type.to_ascii_lowercase().split_whitespace().collect();
    let claims = claims.of_type(media_type.split(';').next().unwrap_or_default());
    if says_base64(text) {
        return encoded(text.get(..=head.len()).unwrap_or_default(), data, claims);
    }
    // Percent-encoded: what it says can be read as it stands.
    if claims.is_text(data) { Leaf::Text } else { Leaf::Perhaps(claims) }
}

/// Base64 of a text is that text, and no more where it is said to be one; of anything else, it is what is said.
fn encoded(prefix: &str, data: &str, claims: Claims) -> Leaf {
    let Some(text) = decode(data).and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| is_legible(text))
    else {
        return Leaf::Medium(claims);
    };
    let form = Form::Base64 { prefix: prefix.to_owned() };
    if claims.is_text(&text) { Leaf::Encoded { text, form } } else { Leaf::Both { text, form, claims } }
}

/// Base64 that begins as a file does; where it can be read as a text, it is both.
pub(super) fn marked(data: &str, claims: Claims) -> Leaf {
    match encoded("", data, claims) {
        Leaf::Encoded { text, form } => Leaf::Both { text, form, claims },
        found => found,
    }
}

/// What stands in base64, of either alphabet.
pub(super) fn decode(data: &str) -> Option<Vec<u8>> {
    let data: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bare = data.trim_end_matches('=');
    STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()
}

/// What stands in base64, behind the head of a `data:` URL where there is one.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    if scheme(text) != "data" {
        return decode(text);
    }
    let (_, data) = text.split_once(',')?;
    says_base64(text).then(|| decode(data)).flatten()
}

/// A text as base64, as the data of a picture or a file is written.
pub(super) fn encode(text: &str) -> String {
    encode_bytes(text.as_bytes())
}

/// Bytes as base64.
pub(super) fn encode_bytes(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Whether a text is base64 of bytes that are no text themselves.
pub(super) fn encodes_no_text(text: &str) -> bool {
    decode(text).is_some_and(|bytes| std::str::from_utf8(&bytes).map_or(true, |text| !is_legible(text)))
}

/// Whether bytes that happen to be UTF-8 were meant as a text.
fn is_legible(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

/// Whether a string is no prose: the letters of identifiers, without spaces, of a bounded length.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() <= IDENTIFIER_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@|*#~%".contains(&b))
}

/// Whether a string is a name as programs have them, and no value: not long, and hardly a digit in it.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:+$".contains(&b))
        && text.bytes().filter(u8::is_ascii_digit).count() <= NAME_DIGITS_MAX
}

/// Whether a text is of the letters of base64, and of nothing else.
pub(super) fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=\r\n".contains(&b))
}
