//! Bedrock's format words and the MIME types that they mean.

const DOCUMENTS: [(&str, &str); 9] = [
    ("pdf", "application/pdf"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("html", "text/html"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
];

const IMAGES: [&str; 4] = ["png", "jpeg", "gif", "webp"];

const AUDIO: [(&str, &str); 4] =
    [("mp3", "audio/mpeg"), ("wav", "audio/wav"), ("flac", "audio/flac"), ("ogg", "audio/ogg")];

/// The MIME type of a document format.
pub(crate) fn document_mime(format: &str) -> String {
    let known = DOCUMENTS.iter().find(|(word, _)| *word == format);
    known.map_or_else(|| format!("application/{format}"), |(_, mime)| (*mime).to_owned())
}

/// The format of a document's MIME type. Other text is plain text.
pub(crate) fn document_format(mime: &str) -> Option<&'static str> {
    let known = DOCUMENTS.iter().find(|(_, own)| *own == mime).map(|(word, _)| *word);
    known.or_else(|| (mime.is_empty() || mime.starts_with("text/") || mime == "application/json").then_some("txt"))
}

/// The MIME type of an image format.
pub(crate) fn image_mime(format: &str) -> String {
    format!("image/{format}")
}

/// The format of an image's MIME type.
pub(crate) fn image_format(mime: &str) -> Option<&'static str> {
    let word = mime.strip_prefix("image/")?;
    let word = if word == "jpg" { "jpeg" } else { word };
    IMAGES.into_iter().find(|known| *known == word)
}

/// The MIME type of an audio format.
pub(crate) fn audio_mime(format: &str) -> String {
    let known = AUDIO.iter().find(|(word, _)| *word == format);
    known.map_or_else(|| format!("audio/{format}"), |(_, mime)| (*mime).to_owned())
}

/// The format of an audio MIME type.
pub(crate) fn audio_format(mime: &str) -> Option<&'static str> {
    AUDIO.iter().find(|(word, own)| *own == mime || mime.strip_prefix("audio/") == Some(word)).map(|(word, _)| *word)
}
