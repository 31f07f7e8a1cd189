//! Strings of a PDF that are texts: titles, notes, fields, descriptions.

use lopdf::{Object, StringFormat};

/// A string as a text; `None` for bytes that are none.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => {
            let units: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            String::from_utf16_lossy(&units)
        }
        [0xfe, 0xff, rest @ ..] => {
            let units: Vec<u16> = rest.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16_lossy(&units)
        }
        // Programs that know no better write what they have.
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            Err(_) => lopdf::decode_text_string(&Object::String(bytes.to_vec(), StringFormat::Literal)).ok()?,
        },
    };
    let is_one = text.contains(char::is_alphanumeric) && !text.contains(|c: char| c.is_control() && !c.is_whitespace());
    is_one.then_some(text)
}

/// What markup says, without its tags, however well it is made.
pub(super) fn untagged(markup: &str) -> String {
    let mut out = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some((before, behind)) = rest.split_once('<') {
        out.push_str(before);
        out.push('\n');
        rest = behind.split_once('>').map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    let lines = out.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
