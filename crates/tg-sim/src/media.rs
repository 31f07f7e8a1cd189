//! Images and documents as they are carried in JSON: base64 and data URLs.

use crate::shape::{Flaw, Node};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decodes base64 strictly.
pub(crate) fn base64(node: &Node<'_>) -> Result<Vec<u8>, Flaw> {
    let bytes = STANDARD.decode(node.text()?).map_err(|_| node.flaw("Invalid base64 data"))?;
    if bytes.is_empty() { Err(node.flaw("data must not be empty")) } else { Ok(bytes) }
}

/// A `data:` URL as media type and bytes; `None` for every other URL.
pub(crate) fn data_url(node: &Node<'_>) -> Result<Option<(String, Vec<u8>)>, Flaw> {
    let Some(rest) = node.text()?.strip_prefix("data:") else { return Ok(None) };
    let (kind, data) = rest.split_once(";base64,").ok_or_else(|| node.flaw("a data URL must say ;base64,"))?;
    let bytes = STANDARD.decode(data).map_err(|_| node.flaw("Invalid base64 data"))?;
    if bytes.is_empty() {
        return Err(node.flaw("data must not be empty"));
    }
    Ok(Some((kind.to_owned(), bytes)))
}

/// The short name that echoes use: `png`, `pdf`, `txt`.
pub(crate) fn format_of(media_type: &str) -> &str {
    match media_type {
        "text/plain" => "txt",
        "text/markdown" => "md",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        other => other.rsplit('/').next().unwrap_or(other),
    }
}

/// What a picture has in it that a simulated guard flags: a comment, as editors write one.
const FLAGGED: &[u8] = b"forbidden";

/// Whether a simulated guard flags a picture.
pub(crate) fn is_flagged(bytes: &[u8]) -> bool {
    bytes.windows(FLAGGED.len()).any(|window| window == FLAGGED)
}

/// Width and height of a PNG; of another picture nothing is known.
pub(crate) fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let side = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    bytes.starts_with(b"\x89PNG\r\n\x1a\n").then(|| Some((side(16)?, side(20)?))).flatten()
}

/// Checks that the bytes begin as the image format says they must.
pub(crate) fn check_image(node: &Node<'_>, format: &str, bytes: &[u8]) -> Result<(), Flaw> {
    let fits = match format {
        "png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "jpeg" => bytes.starts_with(b"\xff\xd8\xff"),
        "gif" => bytes.starts_with(b"GIF8"),
        "webp" => bytes.starts_with(b"RIFF"),
        _ => return Err(node.flaw(format!("image format {format:?} must be png, jpeg, gif or webp"))),
    };
    if fits { Ok(()) } else { Err(node.flaw(format!("Could not process image: the data are no {format}"))) }
}
