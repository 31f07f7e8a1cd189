//! Pictures, sounds and files of this dialect: `data:` URLs, other URLs, file ids.

use crate::conversation;
use crate::walk::Fields;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tg_kernel::chat::{Document, Media, Source};
use tg_kernel::fault::Fault;

/// MIME types of documents by the ending of their names.
const ENDINGS: [(&str, &str); 9] = [
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("pdf", "application/pdf"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];

/// Takes the members of an `input_image`.
pub(super) fn read_image(fields: &mut Fields) -> Result<Media, Fault> {
    let detail = fields.string("detail")?;
    if let Some(id) = fields.string("file_id")? {
        return Ok(Media { mime: String::new(), source: Source::File(id), detail });
    }
    let url = fields.required_string("image_url")?;
    if let Some((mime, bytes)) = data_url(fields, "image_url", &url)? {
        let mime =
            if mime.is_empty() { conversation::sniff_image(&bytes).unwrap_or_default().to_owned() } else { mime };
        return Ok(Media { mime, source: Source::Bytes(bytes), detail });
    }
    if ["https://", "http://", "s3://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(Media { mime: String::new(), source: Source::Url(url), detail });
    }
    Err(fields.invalid("image_url", "expected an https: or a data: URL"))
}

/// Takes the members of an `input_file`.
pub(super) fn read_file(fields: &mut Fields) -> Result<Document, Fault> {
    let name = fields.string("filename")?;
    let (mime, source) = if let Some(id) = fields.string("file_id")? {
        (String::new(), Source::File(id))
    } else if let Some(url) = fields.string("file_url")? {
        (String::new(), Source::Url(url))
    } else {
        let data = fields.required_string("file_data")?;
        let (mime, bytes) = match data_url(fields, "file_data", &data)? {
            Some(found) => found,
            None => (String::new(), from_base64(fields, "file_data", &data)?),
        };
        let mime = if mime.is_empty() { mime_of_name(name.as_deref()).to_owned() } else { mime };
        match std::str::from_utf8(&bytes) {
            Ok(text) if mime == "text/plain" => (mime, Source::Text(text.to_owned())),
            _ => (mime, Source::Bytes(bytes)),
        }
    };
    Ok(Document { mime, name, context: None, source, citations: false })
}

/// Takes the members of an `input_audio`.
pub(super) fn read_audio(fields: &mut Fields) -> Result<Media, Fault> {
    let mut inner = fields.object("input_audio")?.ok_or_else(|| fields.missing("input_audio"))?;
    let data = inner.required_string("data")?;
    let bytes = from_base64(&inner, "data", &data)?;
    let mime = match inner.required_string("format")?.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    Ok(Media { mime, source: Source::Bytes(bytes), detail: None })
}

/// An `input_image`; `None` where the dialect cannot say where its bytes are.
pub(super) fn write_image(media: &Media) -> Option<Value> {
    let mut image = match &media.source {
        Source::Bytes(bytes) => {
            let mime = conversation::sniff_image(bytes).unwrap_or(&media.mime);
            let url = format!("data:{mime};base64,{}", STANDARD.encode(bytes));
            json!({ "type": "input_image", "image_url": url })
        }
        Source::Url(url) if is_web(url) => json!({ "type": "input_image", "image_url": url }),
        Source::File(id) if is_own_file(id) => json!({ "type": "input_image", "file_id": id }),
        Source::Url(_) | Source::File(_) | Source::Text(_) => return None,
    };
    if let Some(detail) = &media.detail {
        image["detail"] = detail.as_str().into();
    }
    Some(image)
}

/// An `input_file`; `None` where the dialect cannot say where its bytes are.
pub(super) fn write_file(document: &Document) -> Option<Value> {
    let data = |mime: &str, bytes: &[u8]| {
        // The dialect insists on a name, and tells the kind of a file by it.
        let name = document.name.clone().unwrap_or_else(|| format!("document.{}", ending_of(mime)));
        let data = format!("data:{mime};base64,{}", STANDARD.encode(bytes));
        json!({ "type": "input_file", "filename": name, "file_data": data })
    };
    match &document.source {
        Source::Bytes(bytes) => Some(data(&document.mime, bytes)),
        Source::Text(text) => Some(data("text/plain", text.as_bytes())),
        Source::Url(url) if is_web(url) => Some(json!({ "type": "input_file", "file_url": url })),
        Source::File(id) if is_own_file(id) => Some(json!({ "type": "input_file", "file_id": id })),
        Source::Url(_) | Source::File(_) => None,
    }
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Ids of this vendor's files start with `file-`; others' do not mean anything here.
fn is_own_file(id: &str) -> bool {
    id.starts_with("file-")
}

fn mime_of_name(name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    let known = ending.and_then(|ending| ENDINGS.iter().find(|(own, _)| *own == ending));
    known.map_or("application/pdf", |(_, mime)| mime)
}

fn ending_of(mime: &str) -> &'static str {
    ENDINGS.iter().find(|(_, known)| *known == mime).map_or("pdf", |(ending, _)| ending)
}

/// Takes a `data:` URL apart: MIME type and bytes. `None` for other URLs.
fn data_url(fields: &Fields, name: &str, url: &str) -> Result<Option<(String, Bytes)>, Fault> {
    let Some(rest) = url.strip_prefix("data:") else { return Ok(None) };
    let parts = rest.split_once(',').and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    let Some((head, data)) = parts else { return Err(fields.invalid(name, "a data: URL must be in base64")) };
    let mime = head.split(';').next().unwrap_or_default().to_ascii_lowercase();
    from_base64(fields, name, data).map(|bytes| Some((mime, bytes)))
}

fn from_base64(fields: &Fields, name: &str, text: &str) -> Result<Bytes, Fault> {
    STANDARD.decode(text.trim()).map(Bytes::from).map_err(|_| fields.invalid(name, "expected base64"))
}
