//! Writing the content blocks of a Converse request or answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use tg_kernel::chat::{CacheTtl, Content, Document, Media, Part, Role, Source, Thought, ToolResult, ToolUse};

use super::formats;
use crate::conversation::{Losses, arguments_object, dropped, is_blank, sniff_image};
use crate::dialects::openai_responses::is_foreign_seal;
use crate::loss::Loss;
use crate::tool_names::{ToolNames, call_id};

/// The longest document name.
const NAME_CHARS_MAX: usize = 200;

/// The text that stands beside documents where the caller wrote none; the dialect insists on one.
const BESIDE_DOCUMENTS: &str = "See the attached document.";

/// Writes blocks, and keeps what could not be written.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    /// What is left out.
    pub(crate) losses: Losses,
    /// Tool names that had to be changed.
    pub(crate) names: ToolNames,
    documents: HashSet<String>,
}

impl BlockWriter {
    /// The blocks for the parts of a turn. Blank texts, which the dialect refuses, are left out.
    pub(crate) fn blocks(&mut self, parts: &[Part], role: Role) -> Vec<Value> {
        let mut blocks = Vec::with_capacity(parts.len());
        for part in parts {
            let Some(block) = self.block(&part.content, role) else { continue };
            blocks.push(block);
            blocks.extend(part.cache.map(cache_point));
        }
        let has = |kind: &str| blocks.iter().any(|block| block.get(kind).is_some());
        if has("document") && !has("text") {
            blocks.push(json!({ "text": BESIDE_DOCUMENTS }));
            self.losses.insert(Loss::changed("content.document"));
        }
        blocks
    }

    fn block(&mut self, content: &Content, role: Role) -> Option<Value> {
        match content {
            Content::Text(text) => (!is_blank(text)).then(|| json!({ "text": text })),
            Content::Refusal(text) => {
                self.losses.insert(Loss::changed("refusal"));
                (!is_blank(text)).then(|| json!({ "text": text }))
            }
            Content::Other(kind, _) => self.drop(&format!("content.{kind}")),
            _ if role == Role::System => self.drop("system.content"),
            Content::Image(_) | Content::Document(_) | Content::Audio(_) if role == Role::Assistant => {
                self.losses.insert(dropped(content));
                None
            }
            Content::Image(media) => self.image(media),
            Content::Audio(media) => match (formats::audio_format(&media.mime), source(&media.source)) {
                (Some(format), Some(source)) => Some(json!({ "audio": { "format": format, "source": source } })),
                _ => self.drop("content.audio"),
            },
            Content::Document(document) => self.document(document),
            Content::ToolUse(call) => Some(self.tool_use(call)),
            Content::ToolResult(result) => Some(self.tool_result(result)),
            Content::Reasoning(thought) if is_proven(thought) => reasoning(thought),
            // Without proof of origin, or with another vendor's, it would be refused.
            Content::Reasoning(_) => self.drop("content.reasoning"),
        }
    }

    fn drop(&mut self, what: &str) -> Option<Value> {
        self.losses.insert(Loss::dropped(what));
        None
    }

    fn image(&mut self, media: &Media) -> Option<Value> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.losses.insert(Loss::dropped("content.image.detail"));
        }
        let sniffed = match &media.source {
            Source::Bytes(bytes) => sniff_image(bytes),
            Source::Url(url) => url.rsplit_once('.').and_then(|(_, end)| match end {
                "png" => Some("image/png"),
                "jpg" | "jpeg" => Some("image/jpeg"),
                "gif" => Some("image/gif"),
                "webp" => Some("image/webp"),
                _ => None,
            }),
            Source::Text(_) | Source::File(_) => None,
        };
        match (formats::image_format(sniffed.unwrap_or(&media.mime)), source(&media.source)) {
            (Some(format), Some(source)) => Some(json!({ "image": { "format": format, "source": source } })),
            // Addresses are never fetched from here.
            _ => self.drop("content.image"),
        }
    }

    fn document(&mut self, document: &Document) -> Option<Value> {
        let mime = match &document.source {
            Source::Bytes(bytes) if bytes.starts_with(b"%PDF") => "application/pdf",
            _ => document.mime.as_str(),
        };
        let (Some(format), Some(source)) = (formats::document_format(mime), source(&document.source)) else {
            return self.drop("content.document");
        };
        let mut object = Map::new();
        object.insert("format".into(), format.into());
        object.insert("name".into(), self.document_name(document.name.as_deref()).into());
        object.insert("source".into(), source);
        if let Some(context) = &document.context {
            object.insert("context".into(), context.as_str().into());
        }
        if document.citations {
            object.insert("citations".into(), json!({ "enabled": true }));
        }
        Some(json!({ "document": object }))
    }

    /// The caller's own name where it is allowed and not taken, else a neutral one: the model reads it.
    fn document_name(&mut self, own: Option<&str>) -> String {
        let name = match own {
            Some(own) if is_document_name(own) && !self.documents.contains(own) => own.to_owned(),
            own => {
                if own.is_some() {
                    self.losses.insert(Loss::changed("content.document.name"));
                }
                let mut number = self.documents.len() + 1;
                while self.documents.contains(&format!("Document {number}")) {
                    number += 1;
                }
                format!("Document {number}")
            }
        };
        self.documents.insert(name.clone());
        name
    }

    fn tool_use(&mut self, call: &ToolUse) -> Value {
        let (input, wrapped) = arguments_object(&call.arguments);
        if wrapped {
            self.losses.insert(Loss::changed("tool_calls.arguments"));
        }
        let name = self.names.send(&call.name);
        json!({ "toolUse": { "toolUseId": call_id(&call.id), "name": name, "input": input } })
    }

    fn tool_result(&mut self, result: &ToolResult) -> Value {
        let mut content: Vec<Value> = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            match &part.content {
                // Blank is fine here.
                Content::Text(text) => content.push(json!({ "text": text })),
                other => content.extend(self.block(other, Role::User)),
            }
            if part.cache.is_some() {
                self.losses.insert(Loss::dropped("tool_result.content.cache_control"));
            }
        }
        if content.is_empty() {
            content.push(json!({ "text": "" }));
        }
        let mut object = Map::new();
        object.insert("toolUseId".into(), call_id(&result.id).into());
        object.insert("content".into(), Value::Array(content));
        if result.is_error {
            object.insert("status".into(), "error".into());
        }
        json!({ "toolResult": object })
    }
}

/// A cache point, as a block of its own.
pub(crate) fn cache_point(ttl: CacheTtl) -> Value {
    match ttl {
        CacheTtl::FiveMinutes => json!({ "cachePoint": { "type": "default" } }),
        CacheTtl::OneHour => json!({ "cachePoint": { "type": "default", "ttl": "1h" } }),
    }
}

/// A block of reasoning; the text is there even if empty, as the dialect insists. `None` when there is nothing at all.
pub(crate) fn reasoning(thought: &Thought) -> Option<Value> {
    if let Some(data) = &thought.redacted {
        return Some(json!({ "reasoningContent": { "redactedContent": data } }));
    }
    if thought.text.is_empty() && thought.signature.is_none() {
        return None;
    }
    let mut text = json!({ "text": thought.text });
    if let Some(signature) = &thought.signature {
        text["signature"] = signature.as_str().into();
    }
    Some(json!({ "reasoningContent": { "reasoningText": text } }))
}

/// Whether reasoning carries a proof of origin that this dialect's models know.
fn is_proven(thought: &Thought) -> bool {
    thought.redacted.is_some() || thought.signature.as_deref().is_some_and(|signature| !is_foreign_seal(signature))
}

/// The dialect's rule for document names.
fn is_document_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " -()[]".contains(c);
    !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(allowed) && !name.contains("  ")
}

fn source(source: &Source) -> Option<Value> {
    match source {
        Source::Bytes(bytes) => Some(json!({ "bytes": STANDARD.encode(bytes) })),
        Source::Url(url) if url.starts_with("s3://") => Some(json!({ "s3Location": { "uri": url } })),
        Source::Text(text) => Some(json!({ "text": text })),
        Source::Url(_) | Source::File(_) => None,
    }
}
