//! Reading an Anthropic request into the canonical form.

use serde_json::Value;
use tg_kernel::chat::{
    CallerNotes, ChatRequest, Delivery, Format, Output, Reasoning, Role, Sampling, Tool, ToolChoice, Tooling,
};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

use super::blocks::{BlockReader, cache_control};
use super::version::Version;
use crate::conversation;
use crate::walk::{Fields, join, wrong};

/// What the request is for: whether an output limit must be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Chat,
    Count,
}

/// Reads the members of a body, `model` and `stream` apart: Bedrock has these elsewhere.
///
/// # Errors
/// `Class::Malformed` naming the member.
pub(crate) fn decode(mut fields: Fields, version: Version, purpose: Purpose) -> Result<ChatRequest, Fault> {
    let mut reader = BlockReader { version, extra: Vec::new() };
    let mut request = ChatRequest::default();
    if let Some(system) = fields.take("system") {
        let parts = reader.content("system", system, Role::System)?;
        conversation::push(&mut request.turns, Role::System, parts);
    }
    messages(&mut fields, &mut reader, &mut request)?;
    request.tools = tooling(&mut fields, &mut reader)?;
    request.output = output(&mut fields, purpose)?;
    request.sampling = sampling(&mut fields, version)?;
    request.reasoning = thinking(&mut fields, &mut reader)?;
    output_config(&mut fields, &mut reader, &mut request)?;
    request.delivery = delivery(&mut fields, &mut reader)?;
    request.caller = metadata(&mut fields, &mut reader)?;
    reader.leave("", fields);
    request.extra = reader.extra;
    Ok(request)
}

fn messages(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    if !fields.has("messages") {
        return Err(fields.missing("messages"));
    }
    let messages = fields.array("messages")?;
    if messages.is_empty() {
        return Err(fields.invalid("messages", "at least one message is required"));
    }
    for (index, message) in messages.into_iter().enumerate() {
        let path = join("messages", index);
        let mut message = Fields::new(path.clone(), message)?;
        let role = match message.required_string("role")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => {
                return Err(message.invalid("role", format_args!("'{other}' is not 'user', 'assistant' or 'system'")));
            }
        };
        let content = message.take("content").ok_or_else(|| message.missing("content"))?;
        let parts = reader.content(&join(&path, "content"), content, role)?;
        reader.leave(&path, message);
        conversation::push(&mut request.turns, role, parts);
    }
    conversation::results_first(&mut request.turns);
    Ok(())
}

fn tooling(fields: &mut Fields, reader: &mut BlockReader) -> Result<Tooling, Fault> {
    let mut tooling = Tooling::default();
    for (index, tool) in fields.array("tools")?.into_iter().enumerate() {
        let path = join("tools", index);
        if tool.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "custom") {
            reader.extra.push((path, tool));
            continue;
        }
        let mut tool = Fields::new(path.clone(), tool)?;
        tool.take("type");
        let schema = match tool.take("input_schema") {
            Some(schema @ Value::Object(_)) => schema,
            Some(other) => return Err(wrong(&tool.path_of("input_schema"), "an object", &other)),
            None => return Err(tool.missing("input_schema")),
        };
        tooling.tools.push(Tool {
            name: tool.required_string("name")?,
            description: tool.string("description")?,
            schema,
            strict: tool.bool("strict")?,
            cache: cache_control(&mut tool)?,
        });
        reader.leave(&path, tool);
    }
    if let Some(mut choice) = fields.object("tool_choice")? {
        tooling.choice = Some(match choice.required_string("type")?.as_str() {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Any,
            "none" => ToolChoice::None,
            "tool" => ToolChoice::Named(choice.required_string("name")?),
            other => {
                let why = format_args!("'{other}' is not 'auto', 'any', 'tool' or 'none'");
                return Err(choice.invalid("type", why));
            }
        });
        tooling.parallel = choice.bool("disable_parallel_tool_use")?.map(|disabled| !disabled);
        reader.leave("tool_choice", choice);
    }
    Ok(tooling)
}

fn output(fields: &mut Fields, purpose: Purpose) -> Result<Output, Fault> {
    let tokens_max = fields.u64("max_tokens")?;
    if tokens_max.is_none() && purpose == Purpose::Chat {
        return Err(fields.missing("max_tokens"));
    }
    Ok(Output { tokens_max, stop: strings(fields, "stop_sequences")?, ..Output::default() })
}

fn strings(fields: &mut Fields, name: &str) -> Result<Vec<String>, Fault> {
    let path = fields.path_of(name);
    let each = fields.array(name)?.into_iter().enumerate();
    each.map(|(index, value)| match value {
        Value::String(text) => Ok(text),
        other => Err(wrong(&join(&path, index), "a string", &other)),
    })
    .collect()
}

fn sampling(fields: &mut Fields, version: Version) -> Result<Sampling, Fault> {
    if version == Version::V2026_10_21 {
        for name in ["temperature", "top_p", "top_k"] {
            if fields.has(name) {
                return Err(fields.invalid(name, version.refuses("sampling parameters; leave it out")));
            }
        }
    }
    Ok(Sampling {
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        top_k: fields.u64("top_k")?,
        ..Sampling::default()
    })
}

/// Takes a `thinking` member, at the top level or inside Bedrock's `additionalModelRequestFields`.
///
/// # Errors
/// `Class::Malformed` naming the member.
pub(crate) fn thinking(fields: &mut Fields, reader: &mut BlockReader) -> Result<Option<Reasoning>, Fault> {
    let path = fields.path_of("thinking");
    let Some(mut thinking) = fields.object("thinking")? else { return Ok(None) };
    let mut reasoning = Reasoning::default();
    match thinking.required_string("type")?.as_str() {
        "enabled" => {
            let budget = thinking.u64("budget_tokens")?;
            reasoning.budget_tokens = Some(budget.ok_or_else(|| thinking.missing("budget_tokens"))?);
        }
        "adaptive" => reasoning.adaptive = true,
        "disabled" => reasoning.disabled = true,
        other => reader.extra.push((join(&path, "type"), other.into())),
    }
    reasoning.display = thinking.string("display")?;
    reader.leave(&path, thinking);
    Ok(Some(reasoning))
}

fn output_config(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    let Some(mut config) = fields.object("output_config")? else { return Ok(()) };
    if let Some(effort) = config.string("effort")? {
        request.reasoning.get_or_insert_default().effort = Some(effort);
    }
    if let Some(mut format) = config.object("format")? {
        match format.required_string("type")?.as_str() {
            "json_schema" => {
                request.output.format = Format::JsonSchema {
                    name: format.string("name")?,
                    description: format.string("description")?,
                    schema: format.take("schema").ok_or_else(|| format.missing("schema"))?,
                    strict: None,
                };
            }
            other => return Err(format.invalid("type", format_args!("'{other}' is not 'json_schema'"))),
        }
        reader.leave("output_config.format", format);
    }
    reader.leave("output_config", config);
    Ok(())
}

fn delivery(fields: &mut Fields, reader: &mut BlockReader) -> Result<Delivery, Fault> {
    let stream = fields.bool("stream")?.unwrap_or(false);
    let mut tier = None;
    if let Some(word) = fields.string("service_tier")? {
        tier = ServiceTier::parse(&word);
        if tier.is_none() {
            reader.extra.push(("service_tier".into(), word.into()));
        }
    }
    Ok(Delivery { stream, include_usage: false, tier })
}

fn metadata(fields: &mut Fields, reader: &mut BlockReader) -> Result<CallerNotes, Fault> {
    let Some(mut metadata) = fields.object("metadata")? else { return Ok(CallerNotes::default()) };
    let mut notes = CallerNotes { user: metadata.string("user_id")?, metadata: Vec::new() };
    for (name, value) in metadata.rest() {
        match value {
            Value::String(text) => notes.metadata.push((name, text)),
            other => reader.extra.push((join("metadata", name), other)),
        }
    }
    Ok(notes)
}
