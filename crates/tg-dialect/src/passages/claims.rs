//! What the objects around a value claim that its bytes are: a text or not, a picture or a file.

use super::MediumKind;
use crate::tape::{Kind, Node};

/// The claims of all objects around a value.
#[derive(Clone, Copy)]
pub(super) struct Claims {
    /// All that name a type name one of a text; `None` while nothing names any.
    is_text: Option<bool>,
    /// By the name of a member or the type of a part: the innermost.
    named: Option<MediumKind>,
    /// By a declared type.
    declared: Option<MediumKind>,
}

impl Claims {
    /// Nobody claims anything.
    pub(super) const NONE: Self = Self { is_text: None, named: None, declared: None };

    /// With those of one more object.
    pub(super) fn of_object(mut self, node: Node<'_, '_>) -> Self {
        for (key, value) in node.members().filter(|(_, value)| value.kind() == Kind::String) {
            match &*key.text() {
                "type" => self.named = kind_of(&value.text()).or(self.named),
                "format" | "media_type" | "mediaType" | "mime_type" | "mimeType" => self = self.of_type(&value.text()),
                "filename" if is_file_of_bytes(&value.text()) => self = self.of_type("application/octet-stream"),
                _ => {}
            }
        }
        self
    }

    /// With that of the name of a member that the value stands under.
    pub(super) fn of_name(mut self, name: &str) -> Self {
        self.named = kind_of(name).or(self.named);
        self
    }

    /// With what a name says that is no name of pictures and files in any dialect.
    pub(super) fn of_likely(mut self, name: &str) -> Self {
        self.named = likely(name).or(self.named);
        self
    }

    /// With what the bytes themselves say.
    pub(super) fn of_bytes(mut self, kind: MediumKind) -> Self {
        self.declared = Some(kind);
        self
    }

    /// With that of a media type, or of what stands for one. One that is no text's counts more than any that is.
    pub(super) fn of_type(mut self, media_type: &str) -> Self {
        let media_type = media_type.trim().to_ascii_lowercase();
        if !media_type.is_empty() {
            self.is_text = Some(self.is_text != Some(false) && is_textual(&media_type));
            self.declared = kind_of_type(&media_type).or(self.declared);
        }
        self
    }

    /// Whether bytes that can be read as a text are one to the provider as well, and nothing beside.
    pub(super) fn is_text(self, bytes: &str) -> bool {
        self.is_text == Some(true) && !is_page(bytes)
    }

    /// Whether anything is claimed of what it is.
    pub(super) const fn say_what(self) -> bool {
        self.named.is_some() || self.declared.is_some()
    }

    /// Whether somebody claims that it is a picture, a film or sound.
    pub(super) fn are_of_what_is_seen_or_heard(self) -> bool {
        let mut kinds = [self.named, self.declared].into_iter().flatten();
        kinds.any(|kind| matches!(kind, MediumKind::Image | MediumKind::Audio | MediumKind::Video))
    }

    /// What it is, if it is no text: all that is claimed.
    pub(super) fn kinds(self) -> impl Iterator<Item = MediumKind> {
        let first = self.named.or(self.declared).unwrap_or(MediumKind::Document);
        std::iter::once(first).chain(self.declared.filter(|kind| *kind != first))
    }
}

/// The kind that the name of a member or the type of a part tells; `None` for no kind.
fn kind_of(name: &str) -> Option<MediumKind> {
    Some(match name {
        "image"
        | "images"
        | "image_url"
        | "input_image"
        | "inputImage"
        | "init_image"
        | "conditionImage"
        | "mask"
        | "maskImage"
        | "b64_json"
        | "artifacts"
        | "partial_image_b64"
        | "image_generation_call" => MediumKind::Image,
        "audio" | "input_audio" | "inputAudio" | "audio_url" => MediumKind::Audio,
        "video" | "input_video" | "inputVideo" | "video_url" => MediumKind::Video,
        "document" | "documents" | "document_url" | "pdf_url" | "file" | "input_file" | "file_data" => {
            MediumKind::Document
        }
        _ => return None,
    })
}

/// What a name says that bytes under it are most likely.
fn likely(name: &str) -> Option<MediumKind> {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match () {
        () if says(&["image", "img", "mask", "photo", "picture"]) => Some(MediumKind::Image),
        () if says(&["audio", "voice", "speech", "sound"]) => Some(MediumKind::Audio),
        () if says(&["video"]) => Some(MediumKind::Video),
        () => None,
    }
}

/// The kind that a media type, or what stands for one, tells.
fn kind_of_type(media_type: &str) -> Option<MediumKind> {
    match media_type {
        "png" | "jpeg" | "jpg" | "gif" | "webp" => Some(MediumKind::Image),
        "mp3" | "wav" | "flac" | "opus" | "ogg" | "aac" => Some(MediumKind::Audio),
        "mp4" | "mov" | "mkv" | "webm" | "mpeg" | "mpg" | "flv" | "wmv" | "three_gp" => Some(MediumKind::Video),
        "pdf" | "doc" | "docx" | "xls" | "xlsx" | "application/pdf" => Some(MediumKind::Document),
        _ if media_type.starts_with("image/") => Some(MediumKind::Image),
        _ if media_type.starts_with("audio/") => Some(MediumKind::Audio),
        _ if media_type.starts_with("video/") => Some(MediumKind::Video),
        _ => None,
    }
}

fn is_textual(media_type: &str) -> bool {
    let own = media_type.split(';').next().unwrap_or_default().trim();
    own.starts_with("text/")
        || matches!(own, "text" | "txt" | "md" | "markdown" | "html" | "csv" | "json" | "application/json")
}

/// Whether a name of a file ends as those of programs that write pages, not texts.
fn is_file_of_bytes(name: &str) -> bool {
    const ENDINGS: [&str; 14] =
        ["pdf", "ps", "eps", "rtf", "doc", "docx", "odt", "xls", "xlsx", "ods", "ppt", "pptx", "odp", "svg"];
    let ending = name.trim().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
}

/// Readers of PDF look for its mark so far into a file.
const MARK_BYTES_MAX: usize = 1_024;

/// Whether a text is one of those in which programs describe pages: what it says is not what is seen on them.
fn is_page(text: &str) -> bool {
    let begin = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let head = text.as_bytes().get(..MARK_BYTES_MAX).unwrap_or(text.as_bytes());
    ["%!", "{\\rtf"].iter().any(|mark| begin.starts_with(mark))
        || head.windows(5).any(|bytes| bytes == b"%PDF-")
        || begin.starts_with("%PDF")
}
