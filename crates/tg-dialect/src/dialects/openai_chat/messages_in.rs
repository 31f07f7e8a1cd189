//! Reading a caller's messages: roles, parts, tool calls and their outcomes, reasoning carried in extensions.

use super::request_in::{Extra, cache_mark, keep};
use super::thoughts;
use crate::conversation;
use crate::media;
use crate::walk::{self, Fields};
use serde_json::Value;
use tg_kernel::chat::{CacheTtl, Content, Document, Media, Part, Role, Source, ToolResult, ToolUse, Turn};
use tg_kernel::fault::Fault;

/// Reads all messages: neighbours of one side become one turn, with tool results first.
pub(super) fn decode(messages: Vec<Value>, extra: &mut Extra) -> Result<Vec<Turn>, Fault> {
    let mut turns = Vec::new();
    for (index, message) in messages.into_iter().enumerate() {
        let path = walk::join("messages", index);
        let mut message = Fields::new(path.clone(), message)?;
        let cache = cache_mark(&mut message)?;
        let role = message.required_string("role")?;
        let (role, mut parts) = match role.as_str() {
            "system" | "developer" => (Role::System, content(&mut message, extra)?),
            "user" => (Role::User, content(&mut message, extra)?),
            "assistant" => (Role::Assistant, assistant(&mut message, extra)?),
            "tool" => (Role::User, vec![outcome(&mut message, "tool_call_id", extra)?]),
            "function" => (Role::User, vec![outcome(&mut message, "name", extra)?]),
            other => {
                let why = format!("'{other}' is not 'developer', 'system', 'user', 'assistant', 'tool' or 'function'");
                return Err(message.invalid("role", why));
            }
        };
        if let (Some(cache), Some(last)) = (cache, parts.last_mut()) {
            last.cache = Some(cache);
        }
        keep(extra, &path, message);
        conversation::push(&mut turns, role, parts);
    }
    conversation::results_first(&mut turns);
    Ok(turns)
}

/// The content of a message. Blank text is dropped: it says nothing, and some providers refuse it.
fn content(message: &mut Fields, extra: &mut Extra) -> Result<Vec<Part>, Fault> {
    let path = message.path_of("content");
    match message.take("content") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text_parts(text)),
        Some(Value::Array(items)) => {
            let mut parts = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                parts.extend(part(Fields::new(walk::join(&path, index), item)?, extra)?);
            }
            Ok(parts)
        }
        Some(other) => Err(walk::wrong(&path, "a string or an array of parts", &other)),
    }
}

fn text_parts(text: String) -> Vec<Part> {
    if conversation::is_blank(&text) { Vec::new() } else { vec![Part::text(text)] }
}

fn part(mut fields: Fields, extra: &mut Extra) -> Result<Option<Part>, Fault> {
    let cache = cache_mark(&mut fields)?;
    let kind = fields.required_string("type")?;
    let content = match kind.as_str() {
        "text" | "input_text" | "output_text" => {
            let text = fields.required_string("text")?;
            if conversation::is_blank(&text) {
                return Ok(None);
            }
            Content::Text(text)
        }
        "refusal" => Content::Refusal(fields.required_string("refusal")?),
        "image_url" => Content::Image(image(&mut fields)?),
        "input_audio" => Content::Audio(media::audio(&mut fields)?),
        "file" => Content::Document(file(&mut fields)?),
        _ => {
            let all = fields.rest().into_iter().collect();
            return Ok(Some(Part { content: Content::Other(kind, Value::Object(all)), cache }));
        }
    };
    let path = fields.path().to_owned();
    keep(extra, &path, fields);
    Ok(Some(Part { content, cache }))
}

fn image(fields: &mut Fields) -> Result<Media, Fault> {
    let path = fields.path_of("image_url");
    let (url, detail) = match fields.take("image_url") {
        // Some clients write the URL without the object around it.
        Some(Value::String(url)) => (url, None),
        Some(value) => {
            let mut inner = Fields::new(path.clone(), value)?;
            (inner.required_string("url")?, inner.string("detail")?)
        }
        None => return Err(fields.missing("image_url")),
    };
    media::image(&path, url, detail)
}

fn file(fields: &mut Fields) -> Result<Document, Fault> {
    let mut inner = fields.object("file")?.ok_or_else(|| fields.missing("file"))?;
    let name = inner.string("filename")?;
    let path = inner.path_of("file_data");
    let (mime, source) = match (inner.string("file_id")?, inner.string("file_data")?) {
        (Some(id), _) => (String::new(), Source::File(id)),
        (None, Some(data)) => media::file(&path, name.as_deref(), &data)?,
        (None, None) => return Err(inner.missing("file_data")),
    };
    Ok(Document { mime, name, context: None, source, citations: false })
}

fn assistant(message: &mut Fields, extra: &mut Extra) -> Result<Vec<Part>, Fault> {
    let mut parts: Vec<Part> =
        thoughts::read(message)?.into_iter().map(|thought| Part::new(Content::Reasoning(thought))).collect();
    parts.extend(content(message, extra)?);
    if let Some(refusal) = message.string("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Content::Refusal(refusal)));
    }
    let path = message.path_of("tool_calls");
    for (index, call) in message.array("tool_calls")?.into_iter().enumerate() {
        let mut outer = Fields::new(walk::join(&path, index), call)?;
        let id = outer.required_string("id")?;
        let kind = outer.string("type")?;
        let Some(inner) = outer.object("function")? else {
            if kind.as_deref().is_none_or(|kind| kind == "function") {
                return Err(outer.missing("function"));
            }
            let all = outer.rest().into_iter().collect();
            parts.push(Part::new(Content::Other(kind.unwrap_or_default(), Value::Object(all))));
            continue;
        };
        parts.push(tool_use(inner, id)?);
    }
    if let Some(call) = message.object("function_call")? {
        let mut part = tool_use(call, String::new())?;
        if let Content::ToolUse(call) = &mut part.content {
            // The legacy form has no ids; a `function` message names the function.
            call.id.clone_from(&call.name);
        }
        parts.push(part);
    }
    Ok(parts)
}

fn tool_use(mut inner: Fields, id: String) -> Result<Part, Fault> {
    let name = inner.required_string("name")?;
    let arguments = inner.string("arguments")?.unwrap_or_default();
    Ok(Part::new(Content::ToolUse(ToolUse { id, name, arguments })))
}

/// A `tool` or `function` message. A cache point inside it stands after the whole result.
fn outcome(message: &mut Fields, id: &str, extra: &mut Extra) -> Result<Part, Fault> {
    let id = message.required_string(id)?;
    let mut parts = content(message, extra)?;
    let cache = parts.iter_mut().filter_map(|part| part.cache.take()).fold(None, |_, last| Some::<CacheTtl>(last));
    Ok(Part { content: Content::ToolResult(ToolResult { id, parts, is_error: false }), cache })
}
