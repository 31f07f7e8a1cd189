//! Media as OpenAI's dialects write them into JSON: `data:` URLs, base64, kinds of files by the endings of their names.

use crate::conversation;
use crate::walk::{self, Fields};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tg_kernel::chat::{Media, Source};
use tg_kernel::fault::Fault;

/// MIME types of documents by the ending of their names. The first ending of a type is the one that is written.
const ENDINGS: [(&str, &str); 10] = [
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("pdf", "application/pdf"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];

/// A picture by its URL, which stands at `path`.
///
/// # Errors
/// `Class::Malformed` for a URL that is neither of the web nor a readable `data:` URL.
pub(crate) fn image(path: &str, url: String, detail: Option<String>) -> Result<Media, Fault> {
    if let Some((mime, bytes)) = data_url(path, &url)? {
        let sniffed = || conversation::sniff_image(&bytes).unwrap_or_default().to_owned();
        let mime = if mime.is_empty() { sniffed() } else { mime };
        return Ok(Media { mime, source: Source::Bytes(bytes), detail });
    }
    if ["https://", "http://", "s3://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(Media { mime: String::new(), source: Source::Url(url), detail });
    }
    Err(walk::invalid(path, "expected an https: or a data: URL"))
}

/// Takes the member `input_audio`: base64 and its format.
///
/// # Errors
/// `Class::Malformed` naming the member.
pub(crate) fn audio(fields: &mut Fields) -> Result<Media, Fault> {
    let mut inner = fields.object("input_audio")?.ok_or_else(|| fields.missing("input_audio"))?;
    let bytes = from_base64(&inner.path_of("data"), &inner.required_string("data")?)?;
    let mime = match inner.required_string("format")?.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    Ok(Media { mime, source: Source::Bytes(bytes), detail: None })
}

/// A file by its data (a `data:` URL or base64), which stands at `path`: its MIME type and its content.
///
/// # Errors
/// `Class::Malformed` for data that is not base64.
pub(crate) fn file(path: &str, name: Option<&str>, data: &str) -> Result<(String, Source), Fault> {
    let (mime, bytes) = match data_url(path, data)? {
        Some(found) => found,
        None => (String::new(), from_base64(path, data)?),
    };
    let mime = if mime.is_empty() { mime_of_name(name).to_owned() } else { mime };
    let source = match std::str::from_utf8(&bytes) {
        Ok(text) if mime == "text/plain" => Source::Text(text.to_owned()),
        _ => Source::Bytes(bytes),
    };
    Ok((mime, source))
}

/// Bytes as a `data:` URL.
pub(crate) fn to_data_url(mime: &str, bytes: &[u8]) -> String {
    let mime = if mime.is_empty() { "application/octet-stream" } else { mime };
    format!("data:{mime};base64,{}", STANDARD.encode(bytes))
}

/// The ending for the name of a file of this MIME type.
pub(crate) fn ending_of(mime: &str) -> &'static str {
    ENDINGS.iter().find(|(_, known)| *known == mime).map_or("pdf", |(ending, _)| ending)
}

fn mime_of_name(name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    let known = ending.and_then(|ending| ENDINGS.iter().find(|(own, _)| *own == ending));
    known.map_or("application/pdf", |(_, mime)| mime)
}

/// Takes a `data:` URL apart: MIME type and bytes. `None` for other URLs.
fn data_url(path: &str, url: &str) -> Result<Option<(String, Bytes)>, Fault> {
    let Some(rest) = url.strip_prefix("data:") else { return Ok(None) };
    let parts = rest.split_once(',').and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
    let Some((head, data)) = parts else { return Err(walk::invalid(path, "a data: URL must be in base64")) };
    let mime = head.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    from_base64(path, data).map(|bytes| Some((mime, bytes)))
}

fn from_base64(path: &str, text: &str) -> Result<Bytes, Fault> {
    STANDARD.decode(text.trim()).map(Bytes::from).map_err(|_| walk::invalid(path, "expected base64"))
}

#[cfg(test)]
mod tests {
    use super::{ending_of, file, image};
    use bytes::Bytes;
    use tg_kernel::chat::Source;

    #[test]
    fn files_are_known_by_their_url_or_else_by_their_name() {
        let bytes = |text: &'static str| Source::Bytes(Bytes::from_static(text.as_bytes()));
        for (name, data, mime, source) in [
            (Some("a.TXT"), "aGk=", "text/plain", Source::Text("hi".into())),
            (Some("a.txt"), "/w==", "text/plain", Source::Bytes(Bytes::from_static(b"\xff"))),
            (Some("a.md"), " aGk=\n", "text/markdown", bytes("hi")),
            (Some("a.htm"), "aGk=", "text/html", bytes("hi")),
            (None, "aGk=", "application/pdf", bytes("hi")),
            (Some("a.pdf"), "data:Text/CSV;charset=utf-8;base64,aGk=", "text/csv", bytes("hi")),
            (Some("a.csv"), "data:;base64,aGk=", "text/csv", bytes("hi")),
        ] {
            assert_eq!(file("f", name, data).unwrap(), (mime.to_owned(), source), "{name:?} {data}");
        }
        assert_eq!((ending_of("text/html"), ending_of("x/y")), ("html", "pdf"));
    }

    #[test]
    fn what_is_no_media_is_refused_by_its_path() {
        for (url, why) in [
            ("ftp://a", "Invalid value for 'a.b': expected an https: or a data: URL."),
            ("data:image/png,hi", "Invalid value for 'a.b': a data: URL must be in base64."),
            ("data:image/png;base64,*", "Invalid value for 'a.b': expected base64."),
        ] {
            let fault = image("a.b", url.to_owned(), None).unwrap_err();
            assert_eq!((&*fault.message, fault.param.as_deref()), (why, Some("a.b")));
        }
        for url in ["data:;base64,iVBORw0KGgo=", "data: image/PNG;base64,iVBORw0KGgo="] {
            assert_eq!(image("a", url.to_owned(), None).unwrap().mime, "image/png", "{url}");
        }
    }
}
