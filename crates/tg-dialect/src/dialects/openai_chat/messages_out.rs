//! Writing messages for a provider: turns become messages, and every tool result a message of its own.

use crate::conversation::{self, Losses};
use crate::loss::Loss;
use crate::media;
use crate::tool_names::{ToolNames, call_id};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tg_kernel::chat::{Content, Document, Media, Part, Role, Source, ToolResult, ToolUse, Turn};

/// Messages while they are written.
pub(super) struct Messages<'r> {
    losses: &'r mut Losses,
    names: &'r mut ToolNames,
    out: Vec<Value>,
}

impl<'r> Messages<'r> {
    pub(super) fn new(losses: &'r mut Losses, names: &'r mut ToolNames) -> Self {
        Self { losses, names, out: Vec::new() }
    }

    pub(super) fn write(&mut self, turns: &[Turn]) -> Vec<Value> {
        for turn in turns {
            match turn.role {
                Role::System => self.plain("system", &turn.parts),
                Role::User => self.user(&turn.parts),
                Role::Assistant => self.assistant(&turn.parts),
            }
        }
        std::mem::take(&mut self.out)
    }

    fn plain(&mut self, role: &str, parts: &[Part]) {
        let content = self.parts(parts);
        self.say(role, content);
    }

    fn say(&mut self, role: &str, content: Vec<Value>) {
        if !content.is_empty() {
            self.out.push(json!({ "role": role, "content": flat(content) }));
        }
    }

    /// Tool results first, as messages of their own; then what the user says, behind what the results showed.
    fn user(&mut self, parts: &[Part]) {
        let mut shown = Vec::new();
        let mut said = Vec::new();
        for part in parts {
            match &part.content {
                Content::ToolResult(result) => {
                    self.cache_mark(part);
                    self.outcome(result, &mut shown);
                }
                _ => said.extend(self.part(part)),
            }
        }
        shown.extend(said);
        self.say("user", shown);
    }

    /// A tool message holds only text: pictures and documents move to the user message that follows.
    fn outcome(&mut self, result: &ToolResult, shown: &mut Vec<Value>) {
        let mut content = Vec::new();
        let mut moved = Vec::new();
        for part in &result.parts {
            let written = self.part(part);
            match &part.content {
                Content::Text(_) | Content::Refusal(_) => content.extend(written),
                _ => moved.extend(written),
            }
        }
        if result.is_error {
            self.losses.insert(Loss::dropped("tool_result.is_error"));
        }
        let id = call_id(&result.id);
        if !moved.is_empty() {
            self.losses.insert(Loss::changed("tool_result.content"));
            if content.is_empty() {
                content.push(text_part("The result is in the next user message."));
            }
            shown.push(text_part(&format!("Result of tool call {id}:")));
            shown.extend(moved);
        }
        let content = if content.is_empty() { json!("") } else { flat(content) };
        self.out.push(json!({ "role": "tool", "tool_call_id": id, "content": content }));
    }

    fn assistant(&mut self, parts: &[Part]) {
        let (mut content, mut calls) = (Vec::new(), Vec::new());
        let mut refusal = String::new();
        for part in parts {
            match &part.content {
                Content::ToolUse(call) => {
                    self.cache_mark(part);
                    calls.push(self.call(call));
                }
                Content::Refusal(text) => refusal.push_str(text),
                Content::Text(_) => content.extend(self.part(part)),
                // OpenAI and many others refuse members that they do not know: reasoning has none here.
                Content::Reasoning(_)
                | Content::Image(_)
                | Content::Document(_)
                | Content::Audio(_)
                | Content::ToolResult(_)
                | Content::Other(..) => {
                    self.losses.insert(conversation::dropped(&part.content));
                }
            }
        }
        let mut message = Map::from_iter([("role".to_owned(), json!("assistant"))]);
        if !content.is_empty() {
            message.insert("content".into(), flat(content));
        } else if !calls.is_empty() || !refusal.is_empty() {
            message.insert("content".into(), Value::Null);
        }
        if !refusal.is_empty() {
            message.insert("refusal".into(), refusal.into());
        }
        if !calls.is_empty() {
            message.insert("tool_calls".into(), calls.into());
        }
        if message.contains_key("content") {
            self.out.push(Value::Object(message));
        }
    }

    fn call(&mut self, call: &ToolUse) -> Value {
        let arguments = if conversation::is_blank(&call.arguments) { "{}" } else { call.arguments.as_str() };
        json!({
            "id": call_id(&call.id),
            "type": "function",
            "function": { "name": self.names.send(&call.name), "arguments": arguments },
        })
    }

    fn parts(&mut self, parts: &[Part]) -> Vec<Value> {
        parts.iter().filter_map(|part| self.part(part)).collect()
    }

    fn cache_mark(&mut self, part: &Part) {
        if part.cache.is_some() {
            self.losses.insert(Loss::dropped("cache_control"));
        }
    }

    fn part(&mut self, part: &Part) -> Option<Value> {
        self.cache_mark(part);
        let written = match &part.content {
            Content::Text(text) => return (!conversation::is_blank(text)).then(|| text_part(text)),
            Content::Refusal(text) => Some(text_part(text)),
            Content::Image(media) => image(media),
            Content::Audio(media) => audio(media),
            Content::Document(document) => self.document(document),
            Content::ToolUse(_) | Content::ToolResult(_) | Content::Reasoning(_) | Content::Other(..) => None,
        };
        if written.is_none() {
            self.losses.insert(conversation::dropped(&part.content));
        }
        written
    }

    fn document(&mut self, document: &Document) -> Option<Value> {
        if document.citations {
            self.losses.insert(Loss::dropped("content.document.citations"));
        }
        if document.context.is_some() {
            self.losses.insert(Loss::dropped("content.document.context"));
        }
        match &document.source {
            Source::File(id) => Some(json!({ "type": "file", "file": { "file_id": id } })),
            Source::Bytes(bytes) => {
                let name = document.name.as_deref().unwrap_or("document");
                let data = media::to_data_url(&document.mime, bytes);
                Some(json!({ "type": "file", "file": { "filename": name, "file_data": data } }))
            }
            // Files of this dialect are not plain text; the text itself is.
            Source::Text(text) => {
                self.losses.insert(Loss::changed("content.document"));
                Some(text_part(&match &document.name {
                    Some(name) => format!("{name}:\n{text}"),
                    None => text.clone(),
                }))
            }
            Source::Url(_) => None,
        }
    }
}

fn text_part(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// One text alone is written as a string, which every server of this dialect reads.
fn flat(mut content: Vec<Value>) -> Value {
    match content.as_mut_slice() {
        [only] if only.get("type").and_then(Value::as_str) == Some("text") => {
            only.get_mut("text").map_or(Value::Null, Value::take)
        }
        _ => Value::Array(content),
    }
}

fn image(image: &Media) -> Option<Value> {
    let url = match &image.source {
        Source::Bytes(bytes) => media::to_data_url(&image.mime, bytes),
        Source::Url(url) if url.starts_with("http") => url.clone(),
        Source::Url(_) | Source::Text(_) | Source::File(_) => return None,
    };
    Some(match &image.detail {
        Some(detail) => json!({ "type": "image_url", "image_url": { "url": url, "detail": detail } }),
        None => json!({ "type": "image_url", "image_url": { "url": url } }),
    })
}

fn audio(media: &Media) -> Option<Value> {
    let Source::Bytes(bytes) = &media.source else { return None };
    let format = match media.mime.strip_prefix("audio/")? {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" => "wav",
        other => other,
    };
    Some(json!({ "type": "input_audio", "input_audio": { "data": STANDARD.encode(bytes), "format": format } }))
}
