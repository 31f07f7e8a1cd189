//! Pictures, sounds and files of this dialect: `data:` URLs, other URLs, file ids.

use crate::conversation;
use crate::media;
use crate::walk::Fields;
use serde_json::{Value, json};
use tg_kernel::chat::{Document, Media, Source};
use tg_kernel::fault::Fault;

/// Takes the members of an `input_image`.
pub(super) fn read_image(fields: &mut Fields) -> Result<Media, Fault> {
    let detail = fields.string("detail")?;
    if let Some(id) = fields.string("file_id")? {
        return Ok(Media { mime: String::new(), source: Source::File(id), detail });
    }
    media::image(&fields.path_of("image_url"), fields.required_string("image_url")?, detail)
}

/// Takes the members of an `input_file`.
pub(super) fn read_file(fields: &mut Fields) -> Result<Document, Fault> {
    let name = fields.string("filename")?;
    let (mime, source) = if let Some(id) = fields.string("file_id")? {
        (String::new(), Source::File(id))
    } else if let Some(url) = fields.string("file_url")? {
        (String::new(), Source::Url(url))
    } else {
        media::file(&fields.path_of("file_data"), name.as_deref(), &fields.required_string("file_data")?)?
    };
    Ok(Document { mime, name, context: None, source, citations: false })
}

/// An `input_image`; `None` where the dialect cannot say where its bytes are.
pub(super) fn write_image(image: &Media) -> Option<Value> {
    let mut item = match &image.source {
        Source::Bytes(bytes) => {
            let mime = conversation::sniff_image(bytes).unwrap_or(&image.mime);
            json!({ "type": "input_image", "image_url": media::to_data_url(mime, bytes) })
        }
        Source::Url(url) if is_web(url) => json!({ "type": "input_image", "image_url": url }),
        Source::File(id) if is_own_file(id) => json!({ "type": "input_image", "file_id": id }),
        Source::Url(_) | Source::File(_) | Source::Text(_) => return None,
    };
    if let Some(detail) = &image.detail {
        item["detail"] = detail.as_str().into();
    }
    Some(item)
}

/// An `input_file`; `None` where the dialect cannot say where its bytes are.
pub(super) fn write_file(document: &Document) -> Option<Value> {
    let data = |mime: &str, bytes: &[u8]| {
        // The dialect insists on a name, and tells the kind of a file by it.
        let name = document.name.clone().unwrap_or_else(|| format!("document.{}", media::ending_of(mime)));
        json!({ "type": "input_file", "filename": name, "file_data": media::to_data_url(mime, bytes) })
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
