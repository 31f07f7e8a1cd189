//! Writing the content blocks of an Anthropic request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tg_kernel::chat::{CacheTtl, Content, Document, Media, Part, Role, Source, Thought, ToolResult, ToolUse};

use crate::conversation::{Losses, arguments_object, is_blank, sniff_image};
use crate::dialects::openai_responses::is_foreign_seal;
use crate::loss::Loss;
use crate::tool_names::{ToolNames, call_id};

/// Where the bytes of pictures and documents may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sources {
    /// In the body, at a URL, or kept by the provider.
    #[default]
    Anywhere,
    /// In the body alone: Bedrock fetches nothing.
    Body,
}

/// Writes blocks, and keeps what could not be written.
#[derive(Debug, Default)]
pub(crate) struct BlockWriter {
    /// Where the bytes of pictures and documents may be.
    pub(crate) sources: Sources,
    /// What is left out.
    pub(crate) losses: Losses,
    /// Tool names that had to be changed.
    pub(crate) names: ToolNames,
}

impl BlockWriter {
    /// The blocks for the parts of a turn. Blank texts, which the dialect refuses, are left out.
    pub(crate) fn blocks(&mut self, parts: &[Part], role: Role) -> Vec<Value> {
        parts.iter().filter_map(|part| self.block(part, role)).collect()
    }

    fn block(&mut self, part: &Part, role: Role) -> Option<Value> {
        let block = match &part.content {
            Content::Text(text) => text_block(text),
            Content::Refusal(text) => {
                self.losses.insert(Loss::changed("refusal"));
                text_block(text)
            }
            Content::Other(kind, _) => self.drop(&format!("content.{kind}")),
            Content::Audio(_) => self.drop("content.audio"),
            _ if role == Role::System => self.drop("system.content"),
            Content::Image(media) => self.image(media),
            Content::Document(document) => self.document(document),
            Content::ToolUse(call) => Some(self.tool_use(call)),
            Content::ToolResult(result) => Some(self.tool_result(result, role)),
            Content::Reasoning(thought) => {
                if part.cache.is_some() {
                    self.losses.insert(Loss::dropped("cache_control"));
                }
                return self.thinking(thought);
            }
        };
        block.map(|mut block| {
            mark_cache(&mut block, part.cache);
            Value::Object(block)
        })
    }

    fn drop(&mut self, what: &str) -> Option<Map<String, Value>> {
        self.losses.insert(Loss::dropped(what));
        None
    }

    fn image(&mut self, media: &Media) -> Option<Map<String, Value>> {
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.losses.insert(Loss::dropped("content.image.detail"));
        }
        let source = match &media.source {
            Source::Bytes(bytes) => {
                let mime = sniff_image(bytes).or(Some(media.mime.as_str()).filter(|mime| mime.starts_with("image/")));
                mime.map(|mime| json!({ "type": "base64", "media_type": mime, "data": STANDARD.encode(bytes) }))
            }
            Source::Url(_) | Source::File(_) if self.sources == Sources::Body => None,
            Source::Url(url) => url_source(url),
            Source::File(id) => file_source(id),
            Source::Text(_) => None,
        };
        match source {
            Some(source) => Some(object(json!({ "type": "image", "source": source }))),
            None => self.drop("content.image"),
        }
    }

    fn document(&mut self, document: &Document) -> Option<Map<String, Value>> {
        let source = match &document.source {
            Source::Bytes(bytes) if document.mime == "application/pdf" || bytes.starts_with(b"%PDF") => {
                Some(json!({ "type": "base64", "media_type": "application/pdf", "data": STANDARD.encode(bytes) }))
            }
            Source::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(text_source),
            Source::Text(text) => Some(text_source(text)),
            Source::Url(_) | Source::File(_) if self.sources == Sources::Body => None,
            Source::Url(url) => url_source(url),
            Source::File(id) => file_source(id),
        };
        let Some(source) = source else { return self.drop("content.document") };
        let mut block = object(json!({ "type": "document", "source": source }));
        if let Some(name) = &document.name {
            block.insert("title".into(), name.as_str().into());
        }
        if let Some(context) = &document.context {
            block.insert("context".into(), context.as_str().into());
        }
        if document.citations {
            block.insert("citations".into(), json!({ "enabled": true }));
        }
        Some(block)
    }

    fn tool_use(&mut self, call: &ToolUse) -> Map<String, Value> {
        let (input, wrapped) = arguments_object(&call.arguments);
        if wrapped {
            self.losses.insert(Loss::changed("tool_calls.arguments"));
        }
        let name = self.names.send(&call.name);
        object(json!({ "type": "tool_use", "id": call_id(&call.id), "name": name, "input": input }))
    }

    fn tool_result(&mut self, result: &ToolResult, role: Role) -> Map<String, Value> {
        let mut block = object(json!({ "type": "tool_result", "tool_use_id": call_id(&result.id) }));
        let blocks = self.blocks(&result.parts, role);
        if !blocks.is_empty() {
            block.insert("content".into(), Value::Array(blocks));
        }
        if result.is_error {
            block.insert("is_error".into(), true.into());
        }
        block
    }

    /// Reasoning without proof of origin (another vendor's) would be refused.
    fn thinking(&mut self, thought: &Thought) -> Option<Value> {
        match thought {
            Thought { redacted: Some(data), .. } => Some(json!({ "type": "redacted_thinking", "data": data })),
            Thought { text, signature: Some(signature), .. } if !is_foreign_seal(signature) => {
                Some(json!({ "type": "thinking", "thinking": text, "signature": signature }))
            }
            _ => self.drop("content.reasoning").map(Value::Object),
        }
    }
}

/// Adds a `cache_control` member where there is a cache point.
pub(crate) fn mark_cache(block: &mut Map<String, Value>, cache: Option<CacheTtl>) {
    let control = match cache {
        None => return,
        Some(CacheTtl::FiveMinutes) => json!({ "type": "ephemeral" }),
        Some(CacheTtl::OneHour) => json!({ "type": "ephemeral", "ttl": "1h" }),
    };
    block.insert("cache_control".into(), control);
}

fn text_block(text: &str) -> Option<Map<String, Value>> {
    (!is_blank(text)).then(|| object(json!({ "type": "text", "text": text })))
}

fn text_source(text: &str) -> Value {
    json!({ "type": "text", "media_type": "text/plain", "data": text })
}

fn url_source(url: &str) -> Option<Value> {
    (url.starts_with("https://") || url.starts_with("http://")).then(|| json!({ "type": "url", "url": url }))
}

/// Ids of OpenAI's files start with `file-`; this vendor's with `file_`.
fn file_source(id: &str) -> Option<Value> {
    (!id.starts_with("file-")).then(|| json!({ "type": "file", "file_id": id }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
