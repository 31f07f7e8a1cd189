//! Reading input items: messages, calls of functions and their outcomes, reasoning.

use super::{media, seal};
use crate::conversation;
use crate::walk::{self, Fields};
use serde_json::Value;
use tg_kernel::chat::{CacheTtl, Content, Part, Role, Thought, ToolResult, ToolUse, Turn};
use tg_kernel::fault::Fault;

/// Members without a word of their own, by path.
pub(super) type Extra = Vec<(String, Value)>;

/// Reads the member `input`, behind what is in `turns` already.
pub(super) fn decode(input: Value, turns: &mut Vec<Turn>, extra: &mut Extra) -> Result<(), Fault> {
    match input {
        Value::String(text) => conversation::push(turns, Role::User, text_parts(text)),
        Value::Array(items) => {
            for (index, item) in items.into_iter().enumerate() {
                let (role, parts) = read_item(walk::join("input", index), item, extra)?;
                conversation::push(turns, role, parts);
            }
        }
        other => return Err(walk::wrong("input", "a string or an array of items", &other)),
    }
    conversation::results_first(turns);
    Ok(())
}

fn read_item(path: String, item: Value, extra: &mut Extra) -> Result<(Role, Vec<Part>), Fault> {
    let kind = match item.get("type") {
        None | Some(Value::Null) => "message".to_owned(),
        Some(Value::String(kind)) => kind.clone(),
        Some(other) => return Err(walk::wrong(&walk::join(&path, "type"), "a string", other)),
    };
    if !matches!(kind.as_str(), "message" | "function_call" | "function_call_output" | "reasoning") {
        let role = role_of_other(&kind);
        return Ok((role, vec![Part::new(Content::Other(kind, item))]));
    }
    let mut fields = Fields::new(path, item)?;
    // What every item may carry and no other dialect knows: its place in OpenAI's store.
    for own in ["type", "id", "status"] {
        fields.take(own);
    }
    let (role, parts) = match kind.as_str() {
        "message" => message(&mut fields, extra)?,
        "function_call" => (Role::Assistant, vec![Part::new(Content::ToolUse(call(&mut fields)?))]),
        "function_call_output" => (Role::User, vec![outcome(&mut fields, extra)?]),
        _ => (Role::Assistant, thought(&mut fields)?),
    };
    keep(extra, fields);
    Ok((role, parts))
}

/// Whose turn an item belongs to that has no canonical form: outcomes come from the caller, calls from the model.
fn role_of_other(kind: &str) -> Role {
    if kind.ends_with("_output") || kind == "mcp_approval_response" || kind == "item_reference" {
        Role::User
    } else {
        Role::Assistant
    }
}

fn message(fields: &mut Fields, extra: &mut Extra) -> Result<(Role, Vec<Part>), Fault> {
    // Tells commentary from the final answer; no other dialect distinguishes them.
    fields.take("phase");
    let role = match fields.required_string("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" | "developer" => Role::System,
        other => {
            let why = format!("'{other}' is not 'user', 'assistant', 'system' or 'developer'");
            return Err(fields.invalid("role", why));
        }
    };
    Ok((role, content(fields, "content", extra)?))
}

/// A string or a list of content parts. Blank text is left out: it says nothing, and some providers refuse it.
fn content(fields: &mut Fields, name: &str, extra: &mut Extra) -> Result<Vec<Part>, Fault> {
    let path = fields.path_of(name);
    match fields.take(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text_parts(text)),
        Some(Value::Array(items)) => {
            let mut parts = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                parts.extend(read_part(Fields::new(walk::join(&path, index), item)?, extra)?);
            }
            Ok(parts)
        }
        Some(other) => Err(walk::wrong(&path, "a string or an array of content parts", &other)),
    }
}

fn text_parts(text: String) -> Vec<Part> {
    if conversation::is_blank(&text) { Vec::new() } else { vec![Part::text(text)] }
}

fn read_part(mut fields: Fields, extra: &mut Extra) -> Result<Option<Part>, Fault> {
    let cache = cache_point(&mut fields)?;
    let kind = fields.required_string("type")?;
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            // Of the model's earlier answers: notes for the reader, not for the model.
            fields.take("annotations");
            fields.take("logprobs");
            let text = fields.required_string("text")?;
            if conversation::is_blank(&text) {
                return Ok(None);
            }
            Content::Text(text)
        }
        "refusal" => Content::Refusal(fields.required_string("refusal")?),
        "input_image" => Content::Image(media::read_image(&mut fields)?),
        "input_file" => Content::Document(media::read_file(&mut fields)?),
        "input_audio" => Content::Audio(crate::media::audio(&mut fields)?),
        _ => {
            let mut all = serde_json::Map::from_iter([("type".to_owned(), Value::from(kind.as_str()))]);
            all.extend(fields.rest());
            return Ok(Some(Part { content: Content::Other(kind, Value::Object(all)), cache }));
        }
    };
    keep(extra, fields);
    Ok(Some(Part { content, cache }))
}

/// Takes `prompt_cache_breakpoint`. Its lifetimes are half an hour and twelve: the nearest are five minutes and one hour.
fn cache_point(fields: &mut Fields) -> Result<Option<CacheTtl>, Fault> {
    let Some(mut mark) = fields.object("prompt_cache_breakpoint")? else { return Ok(None) };
    match mark.string("ttl")?.as_deref() {
        None | Some("30m") => Ok(Some(CacheTtl::FiveMinutes)),
        Some("12h") => Ok(Some(CacheTtl::OneHour)),
        Some(_) => Err(mark.invalid("ttl", "expected '30m' or '12h'")),
    }
}

fn call(fields: &mut Fields) -> Result<ToolUse, Fault> {
    Ok(ToolUse {
        id: fields.required_string("call_id")?,
        name: fields.required_string("name")?,
        arguments: fields.string("arguments")?.unwrap_or_default(),
    })
}

/// A cache point inside a result stands after the whole result.
fn outcome(fields: &mut Fields, extra: &mut Extra) -> Result<Part, Fault> {
    let id = fields.required_string("call_id")?;
    if !fields.has("output") {
        return Err(fields.missing("output"));
    }
    let mut parts = content(fields, "output", extra)?;
    let cache = parts.iter_mut().filter_map(|part| part.cache.take()).last();
    Ok(Part { content: Content::ToolResult(ToolResult { id, parts, is_error: false }), cache })
}

/// A reasoning item. One that holds neither text nor proof (it is kept by OpenAI) says nothing to others.
fn thought(fields: &mut Fields) -> Result<Vec<Part>, Fault> {
    let mut thought = Thought { text: read_texts(fields)?, ..Thought::default() };
    if let Some(encrypted) = fields.string("encrypted_content")?.filter(|text| !text.is_empty()) {
        seal::open(encrypted, &mut thought);
    }
    let part = Part::new(Content::Reasoning(thought.clone()));
    Ok(if thought == Thought::default() { Vec::new() } else { vec![part] })
}

/// The reasoning itself where it is shown, else its summary.
fn read_texts(fields: &mut Fields) -> Result<String, Fault> {
    let mut texts = Vec::new();
    for name in ["summary", "content"] {
        let path = fields.path_of(name);
        let mut found = Vec::new();
        for (index, item) in fields.array(name)?.into_iter().enumerate() {
            found.push(Fields::new(walk::join(&path, index), item)?.required_string("text")?);
        }
        if !found.is_empty() {
            texts = found;
        }
    }
    Ok(texts.join("\n\n"))
}

/// Keeps what was not taken of an object, by its path.
pub(super) fn keep(extra: &mut Extra, fields: Fields) {
    let path = fields.path().to_owned();
    extra.extend(fields.rest().into_iter().map(|(name, value)| (walk::join(&path, name), value)));
}
