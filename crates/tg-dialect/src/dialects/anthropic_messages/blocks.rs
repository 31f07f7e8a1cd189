//! Reading the content blocks of an Anthropic request.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::Value;
use tg_kernel::chat::{CacheTtl, Content, Document, Media, Part, Role, Source, Thought, ToolResult, ToolUse};
use tg_kernel::fault::Fault;

use super::version::Version;
use crate::walk::{Fields, join, wrong};

/// Base64 as clients write it: with or without padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads blocks, and keeps what has no canonical form.
#[derive(Debug)]
pub(crate) struct BlockReader {
    /// Whose rules hold.
    pub(crate) version: Version,
    /// Members without a canonical word, by their path.
    pub(crate) extra: Vec<(String, Value)>,
}

impl BlockReader {
    /// Reads content that is a string or an array of blocks.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    pub(crate) fn content(&mut self, path: &str, content: Value, role: Role) -> Result<Vec<Part>, Fault> {
        match content {
            Value::String(text) => Ok(vec![Part::text(text)]),
            Value::Array(blocks) => {
                let each = blocks.into_iter().enumerate();
                each.map(|(index, block)| self.part(&join(path, index), block, role)).collect()
            }
            other => Err(wrong(path, "a string or an array of content blocks", &other)),
        }
    }

    fn part(&mut self, path: &str, block: Value, role: Role) -> Result<Part, Fault> {
        let kind = match block.get("type") {
            Some(Value::String(kind)) => kind.clone(),
            _ => return Err(Fields::new(path, block)?.missing("type")),
        };
        let known = matches!(
            kind.as_str(),
            "text" | "image" | "document" | "tool_use" | "tool_result" | "thinking" | "redacted_thinking"
        );
        if !known || (kind == "document" && is_custom(&block)) {
            return Ok(Part::new(Content::Other(kind, block)));
        }
        let called_directly = block.pointer("/caller/type").is_some_and(|caller| caller == "direct");
        let mut fields = Fields::new(path, block)?;
        fields.take("type");
        if called_directly {
            // What every dialect means when it says nothing; clients send it back with each call.
            fields.take("caller");
        }
        let cache = cache_control(&mut fields)?;
        let content = match kind.as_str() {
            "text" => self.text(&mut fields, role)?,
            "image" => Content::Image(image(&mut fields)?),
            "document" => Content::Document(self.document(&mut fields, role)?),
            "tool_use" => Content::ToolUse(tool_use(&mut fields)?),
            "tool_result" => Content::ToolResult(self.tool_result(path, &mut fields, role)?),
            "thinking" => Content::Reasoning(Thought {
                text: fields.string("thinking")?.unwrap_or_default(),
                signature: fields.string("signature")?.filter(|signature| !signature.is_empty()),
                redacted: None,
            }),
            _ => Content::Reasoning(Thought { redacted: Some(fields.required_string("data")?), ..Thought::default() }),
        };
        self.leave(path, fields);
        Ok(Part { content, cache })
    }

    fn text(&mut self, fields: &mut Fields, role: Role) -> Result<Content, Fault> {
        let text = fields.required_string("text")?;
        let citations = fields.array("citations")?;
        if !citations.is_empty() {
            if self.version == Version::V2026_10_21 && role == Role::User {
                return Err(fields.invalid("citations", self.version.refuses("citations on text of a user turn")));
            }
            self.extra.push((fields.path_of("citations"), Value::Array(citations)));
        }
        Ok(Content::Text(text))
    }

    fn document(&mut self, fields: &mut Fields, role: Role) -> Result<Document, Fault> {
        if self.version == Version::V2026_10_21 && role == Role::Assistant {
            return Err(fields.invalid("type", self.version.refuses("a document in an assistant turn")));
        }
        let mut source = fields.object("source")?.ok_or_else(|| fields.missing("source"))?;
        let (mime, source) = match source.required_string("type")?.as_str() {
            "base64" => (source.required_string("media_type")?, Source::Bytes(base64_bytes(&mut source, "data")?)),
            "text" => ("text/plain".to_owned(), Source::Text(source.required_string("data")?)),
            "url" => (String::new(), Source::Url(source.required_string("url")?)),
            "file" => (String::new(), Source::File(source.required_string("file_id")?)),
            "content" => ("text/plain".to_owned(), Source::Text(source.required_string("content")?)),
            other => return Err(source.invalid("type", format_args!("'{other}' is not a source of documents"))),
        };
        let citations = fields.object("citations")?.map(|mut c| c.bool("enabled")).transpose()?.flatten();
        Ok(Document {
            mime,
            name: fields.string("title")?,
            context: fields.string("context")?,
            source,
            citations: citations.unwrap_or(false),
        })
    }

    fn tool_result(&mut self, path: &str, fields: &mut Fields, role: Role) -> Result<ToolResult, Fault> {
        let id = fields.required_string("tool_use_id")?;
        let is_error = fields.bool("is_error")?.unwrap_or(false);
        let parts = match fields.take("content") {
            None => Vec::new(),
            Some(content) => self.content(&join(path, "content"), content, role)?,
        };
        Ok(ToolResult { id, parts, is_error })
    }

    /// Keeps what was not taken of the object at `path`.
    pub(crate) fn leave(&mut self, path: &str, fields: Fields) {
        self.extra.extend(fields.rest().into_iter().map(|(name, value)| (join(path, name), value)));
    }
}

/// A document made of blocks, with its own citation boundaries: it has no canonical form.
fn is_custom(block: &Value) -> bool {
    block.pointer("/source/content").is_some_and(Value::is_array)
}

/// Takes a `cache_control` member.
///
/// # Errors
/// `Class::Malformed` for a lifetime that does not exist.
pub(crate) fn cache_control(fields: &mut Fields) -> Result<Option<CacheTtl>, Fault> {
    let Some(mut control) = fields.object("cache_control")? else { return Ok(None) };
    match control.string("ttl")?.as_deref() {
        None | Some("5m") => Ok(Some(CacheTtl::FiveMinutes)),
        Some("1h") => Ok(Some(CacheTtl::OneHour)),
        Some(other) => Err(control.invalid("ttl", format_args!("'{other}' is neither '5m' nor '1h'"))),
    }
}

fn image(fields: &mut Fields) -> Result<Media, Fault> {
    let mut source = fields.object("source")?.ok_or_else(|| fields.missing("source"))?;
    let (mime, source) = match source.required_string("type")?.as_str() {
        "base64" => (source.required_string("media_type")?, Source::Bytes(base64_bytes(&mut source, "data")?)),
        "url" => (String::new(), Source::Url(source.required_string("url")?)),
        "file" => (String::new(), Source::File(source.required_string("file_id")?)),
        other => return Err(source.invalid("type", format_args!("'{other}' is not a source of images"))),
    };
    Ok(Media { mime, source, detail: None })
}

fn tool_use(fields: &mut Fields) -> Result<ToolUse, Fault> {
    let (id, name) = (fields.required_string("id")?, fields.required_string("name")?);
    let arguments = match fields.take("input") {
        None => "{}".to_owned(),
        Some(input @ Value::Object(_)) => input.to_string(),
        Some(other) => return Err(wrong(&fields.path_of("input"), "an object", &other)),
    };
    Ok(ToolUse { id, name, arguments })
}

/// Takes a member that holds base64.
///
/// # Errors
/// `Class::Malformed` when it does not.
pub(crate) fn base64_bytes(fields: &mut Fields, name: &str) -> Result<Bytes, Fault> {
    let text = fields.required_string(name)?;
    BASE64.decode(text.as_bytes()).map(Bytes::from).map_err(|_| fields.invalid(name, "it is not base64"))
}
