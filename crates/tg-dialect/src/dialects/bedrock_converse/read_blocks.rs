//! Reading the content blocks of a Converse request or answer.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::Value;
use tg_kernel::chat::{CacheTtl, Content, Document, Media, Part, Source, Thought, ToolResult, ToolUse};
use tg_kernel::fault::Fault;

use super::formats;
use crate::dialects::anthropic_messages::blocks::{BASE64, base64_bytes};
use crate::walk::{Fields, join, wrong};

/// Reads blocks, and keeps what has no canonical form.
#[derive(Debug, Default)]
pub(crate) struct BlockReader {
    /// Members without a canonical word, by their path.
    pub(crate) extra: Vec<(String, Value)>,
}

impl BlockReader {
    /// Reads an array of blocks. A cache point is a block here, and a mark of the part before it in the canonical form.
    ///
    /// # Errors
    /// `Class::Malformed` naming the member.
    pub(crate) fn content(&mut self, path: &str, content: Value) -> Result<Vec<Part>, Fault> {
        let Value::Array(blocks) = content else { return Err(wrong(path, "an array of content blocks", &content)) };
        let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.into_iter().enumerate() {
            let path = join(path, index);
            let (kind, value) = union(&path, block)?;
            let path = join(&path, &kind);
            if kind == "cachePoint" {
                let ttl = cache_point(&path, value.clone())?;
                match parts.last_mut() {
                    Some(last) => last.cache = Some(ttl),
                    None => self.extra.push((path, value)),
                }
                continue;
            }
            parts.push(Part::new(self.block(&path, kind, value)?));
        }
        Ok(parts)
    }

    fn block(&mut self, path: &str, kind: String, value: Value) -> Result<Content, Fault> {
        let is_server_tool = |value: &Value| value.get("type").is_some_and(|kind| kind == "server_tool_use");
        Ok(match kind.as_str() {
            "text" => match value {
                Value::String(text) => Content::Text(text),
                other => return Err(wrong(path, "a string", &other)),
            },
            "image" => Content::Image(self.media(path, value, formats::image_mime)?),
            "audio" => Content::Audio(self.media(path, value, formats::audio_mime)?),
            "document" => self.document(path, value)?,
            "toolUse" if !is_server_tool(&value) => Content::ToolUse(self.tool_use(path, value)?),
            "toolResult" => Content::ToolResult(self.tool_result(path, value)?),
            "reasoningContent" => Content::Reasoning(reasoning(Fields::new(path, value)?)?),
            "guardContent" if value.pointer("/text/text").is_some_and(Value::is_string) => {
                let text = value.pointer("/text/text").and_then(Value::as_str).unwrap_or_default().to_owned();
                self.extra.push((path.to_owned(), value));
                Content::Text(text)
            }
            "citationsContent" => {
                let pieces = value.get("content").and_then(Value::as_array).into_iter().flatten();
                let text = pieces.filter_map(|piece| piece.get("text").and_then(Value::as_str)).collect();
                self.extra.push((join(path, "citations"), value));
                Content::Text(text)
            }
            _ => Content::Other(kind, value),
        })
    }

    fn media(&mut self, path: &str, value: Value, mime: fn(&str) -> String) -> Result<Media, Fault> {
        let mut fields = Fields::new(path, value)?;
        let format = fields.required_string("format")?;
        let source = fields.take("source").ok_or_else(|| fields.missing("source"))?;
        let source = self.source(&fields.path_of("source"), source)?;
        self.leave(path, fields);
        Ok(Media { mime: mime(&format), source, detail: None })
    }

    fn source(&mut self, path: &str, value: Value) -> Result<Source, Fault> {
        let mut fields = Fields::new(path, value)?;
        if fields.has("bytes") {
            return Ok(Source::Bytes(base64_bytes(&mut fields, "bytes")?));
        }
        if let Some(mut location) = fields.object("s3Location")? {
            let uri = location.required_string("uri")?;
            self.leave(&join(path, "s3Location"), location);
            return Ok(Source::Url(uri));
        }
        match fields.string("text")? {
            Some(text) => Ok(Source::Text(text)),
            None => Err(fields.missing("bytes")),
        }
    }

    fn document(&mut self, path: &str, value: Value) -> Result<Content, Fault> {
        if value.pointer("/source/content").is_some() {
            // Made of blocks, with its own citation boundaries.
            return Ok(Content::Other("document".into(), value));
        }
        let mut fields = Fields::new(path, value)?;
        let format = fields.string("format")?.unwrap_or_else(|| "txt".into());
        let source = fields.take("source").ok_or_else(|| fields.missing("source"))?;
        let citations = fields.object("citations")?.map(|mut c| c.bool("enabled")).transpose()?.flatten();
        let document = Document {
            mime: formats::document_mime(&format),
            name: Some(fields.required_string("name")?),
            context: fields.string("context")?,
            source: self.source(&fields.path_of("source"), source)?,
            citations: citations.unwrap_or(false),
        };
        self.leave(path, fields);
        Ok(Content::Document(document))
    }

    fn tool_use(&mut self, path: &str, value: Value) -> Result<ToolUse, Fault> {
        let mut fields = Fields::new(path, value)?;
        fields.take("type");
        let arguments = fields.take("input").map_or_else(|| "{}".to_owned(), |input| input.to_string());
        let call =
            ToolUse { id: fields.required_string("toolUseId")?, name: fields.required_string("name")?, arguments };
        self.leave(path, fields);
        Ok(call)
    }

    fn tool_result(&mut self, path: &str, value: Value) -> Result<ToolResult, Fault> {
        let mut fields = Fields::new(path, value)?;
        fields.take("type");
        let id = fields.required_string("toolUseId")?;
        let is_error = fields.string("status")?.as_deref() == Some("error");
        let mut parts = Vec::new();
        for (index, item) in fields.array("content")?.into_iter().enumerate() {
            let path = join(&fields.path_of("content"), index);
            let (kind, value) = union(&path, item)?;
            parts.push(Part::new(match kind.as_str() {
                "json" => Content::Text(value.to_string()),
                _ => self.block(&join(&path, &kind), kind, value)?,
            }));
        }
        self.leave(path, fields);
        Ok(ToolResult { id, parts, is_error })
    }

    /// Keeps what was not taken of the object at `path`.
    pub(crate) fn leave(&mut self, path: &str, fields: Fields) {
        self.extra.extend(fields.rest().into_iter().map(|(name, value)| (join(path, name), value)));
    }
}

fn reasoning(mut fields: Fields) -> Result<Thought, Fault> {
    if let Some(mut text) = fields.object("reasoningText")? {
        return Ok(Thought {
            text: text.string("text")?.unwrap_or_default(),
            signature: text.string("signature")?.filter(|signature| !signature.is_empty()),
            redacted: None,
        });
    }
    let redacted = fields.required_string("redactedContent")?;
    if BASE64.decode(redacted.as_bytes()).is_err() {
        return Err(fields.invalid("redactedContent", "it is not base64"));
    }
    Ok(Thought { redacted: Some(redacted), ..Thought::default() })
}

/// Reads a cache point.
///
/// # Errors
/// `Class::Malformed` for a lifetime that does not exist.
pub(crate) fn cache_point(path: &str, value: Value) -> Result<CacheTtl, Fault> {
    let mut fields = Fields::new(path, value)?;
    match fields.string("ttl")?.as_deref() {
        None | Some("5m") => Ok(CacheTtl::FiveMinutes),
        Some("1h") => Ok(CacheTtl::OneHour),
        Some(other) => Err(fields.invalid("ttl", format_args!("'{other}' is neither '5m' nor '1h'"))),
    }
}

/// The one member of a union.
///
/// # Errors
/// `Class::Malformed` when there is none or more than one.
pub(crate) fn union(path: &str, value: Value) -> Result<(String, Value), Fault> {
    let mut members = Fields::new(path, value)?.rest();
    match (members.pop(), members.is_empty()) {
        (Some(member), true) => Ok(member),
        _ => Err(Fault::malformed_at(path, format!("Invalid value for '{path}': exactly one member must be set."))),
    }
}

/// Bytes of a blob as JSON carries it.
pub(crate) fn blob(text: &str) -> Option<Bytes> {
    BASE64.decode(text.as_bytes()).ok().map(Bytes::from)
}
