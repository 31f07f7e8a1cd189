//! Reading a Converse request into the canonical form.

use serde_json::Value;
use tg_kernel::chat::{CacheTtl, ChatRequest, Format, Role, Tool, ToolChoice};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

use super::read_blocks::{BlockReader, cache_point, union};
use crate::conversation;
use crate::dialects::anthropic_messages::Version;
use crate::dialects::anthropic_messages::blocks::BlockReader as ClaudeReader;
use crate::dialects::anthropic_messages::decode_request::thinking;
use crate::walk::{Fields, join, wrong};

/// Reads the members of a Converse body.
///
/// # Errors
/// `Class::Malformed` naming the member.
pub(crate) fn decode(mut fields: Fields) -> Result<ChatRequest, Fault> {
    let mut reader = BlockReader::default();
    let mut request = ChatRequest::default();
    if let Some(system) = fields.take("system") {
        let parts = reader.content(&fields.path_of("system"), system)?;
        conversation::push(&mut request.turns, Role::System, parts);
    }
    messages(&mut fields, &mut reader, &mut request)?;
    inference(&mut fields, &mut reader, &mut request)?;
    tooling(&mut fields, &mut reader, &mut request)?;
    model_fields(&mut fields, &mut reader, &mut request)?;
    output_config(&mut fields, &mut reader, &mut request)?;
    caller(&mut fields, &mut reader, &mut request)?;
    reader.leave("", fields);
    request.extra = reader.extra;
    Ok(request)
}

fn messages(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    let base = fields.path_of("messages");
    let messages = fields.array("messages")?;
    if messages.is_empty() {
        return Err(fields.invalid("messages", "at least one message is required"));
    }
    for (index, message) in messages.into_iter().enumerate() {
        let path = join(&base, index);
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
        let parts = reader.content(&join(&path, "content"), content)?;
        reader.leave(&path, message);
        conversation::push(&mut request.turns, role, parts);
    }
    conversation::results_first(&mut request.turns);
    Ok(())
}

fn inference(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    let path = fields.path_of("inferenceConfig");
    let Some(mut config) = fields.object("inferenceConfig")? else { return Ok(()) };
    request.output.tokens_max = config.u64("maxTokens")?;
    request.sampling.temperature = config.f64("temperature")?;
    request.sampling.top_p = config.f64("topP")?;
    let stop = config.path_of("stopSequences");
    for (index, sequence) in config.array("stopSequences")?.into_iter().enumerate() {
        match sequence {
            Value::String(text) => request.output.stop.push(text),
            other => return Err(wrong(&join(&stop, index), "a string", &other)),
        }
    }
    reader.leave(&path, config);
    Ok(())
}

fn tooling(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    let path = fields.path_of("toolConfig");
    let Some(mut config) = fields.object("toolConfig")? else { return Ok(()) };
    let tools = &mut request.tools;
    for (index, entry) in config.array("tools")?.into_iter().enumerate() {
        let path = join(&config.path_of("tools"), index);
        let (kind, value) = union(&path, entry)?;
        let path = join(&path, &kind);
        match kind.as_str() {
            "toolSpec" => tools.tools.push(tool_spec(&path, value, reader)?),
            "cachePoint" => {
                let ttl: CacheTtl = cache_point(&path, value)?;
                if let Some(last) = tools.tools.last_mut() {
                    last.cache = Some(ttl);
                }
            }
            _ => reader.extra.push((path, value)),
        }
    }
    if let Some(choice) = config.take("toolChoice") {
        let path = config.path_of("toolChoice");
        let (kind, value) = union(&path, choice)?;
        tools.choice = Some(match kind.as_str() {
            "auto" => ToolChoice::Auto,
            "any" => ToolChoice::Any,
            "tool" => ToolChoice::Named(Fields::new(join(&path, "tool"), value)?.required_string("name")?),
            other => {
                let why = format!("Invalid value for '{path}': '{other}' is not 'auto', 'any' or 'tool'.");
                return Err(Fault::malformed_at(path, why));
            }
        });
    }
    reader.leave(&path, config);
    Ok(())
}

fn tool_spec(path: &str, value: Value, reader: &mut BlockReader) -> Result<Tool, Fault> {
    let mut spec = Fields::new(path, value)?;
    let mut schema = spec.object("inputSchema")?.ok_or_else(|| spec.missing("inputSchema"))?;
    let tool = Tool {
        name: spec.required_string("name")?,
        description: spec.string("description")?,
        schema: schema.take("json").ok_or_else(|| schema.missing("json"))?,
        strict: spec.bool("strict")?,
        cache: None,
    };
    reader.leave(path, spec);
    Ok(tool)
}

/// Reads the free members that have a canonical word: Claude's `thinking` and `top_k`, Nova's `topK`.
fn model_fields(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    const NAME: &str = "additionalModelRequestFields";
    let path = fields.path_of(NAME);
    let Some(mut free) = fields.object(NAME)? else { return Ok(()) };
    let mut claude = ClaudeReader { version: Version::V2023_06_01, extra: Vec::new() };
    request.reasoning = thinking(&mut free, &mut claude)?;
    reader.extra.append(&mut claude.extra);
    request.sampling.top_k = free.u64("top_k")?;
    if let Some(mut inference) = free.object("inferenceConfig")? {
        request.sampling.top_k = inference.u64("topK")?.or(request.sampling.top_k);
        reader.leave(&join(&path, "inferenceConfig"), inference);
    }
    reader.leave(&path, free);
    Ok(())
}

fn output_config(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    let path = fields.path_of("outputConfig");
    let Some(mut config) = fields.object("outputConfig")? else { return Ok(()) };
    if let Some(effort) = config.string("effort")? {
        request.reasoning.get_or_insert_default().effort = Some(effort);
    }
    if let Some(mut format) = config.object("textFormat")? {
        let kind = format.required_string("type")?;
        if kind != "json_schema" {
            return Err(format.invalid("type", format_args!("'{kind}' is not 'json_schema'")));
        }
        let mut structure = format.object("structure")?.ok_or_else(|| format.missing("structure"))?;
        let mut schema = structure.object("jsonSchema")?.ok_or_else(|| structure.missing("jsonSchema"))?;
        let text = schema.required_string("schema")?;
        request.output.format = Format::JsonSchema {
            name: schema.string("name")?,
            description: schema.string("description")?,
            schema: serde_json::from_str(&text)
                .map_err(|error| schema.invalid("schema", format_args!("it must be JSON in a string ({error})")))?,
            strict: None,
        };
    }
    reader.leave(&path, config);
    Ok(())
}

fn caller(fields: &mut Fields, reader: &mut BlockReader, request: &mut ChatRequest) -> Result<(), Fault> {
    if let Some(mut tier) = fields.object("serviceTier")? {
        let word = tier.required_string("type")?;
        let Some(known) = ServiceTier::parse(&word) else {
            return Err(tier.invalid("type", format_args!("'{word}' is not a service tier")));
        };
        request.delivery.tier = Some(known);
    }
    let path = fields.path_of("requestMetadata");
    if let Some(metadata) = fields.object("requestMetadata")? {
        for (name, value) in metadata.rest() {
            match value {
                Value::String(text) => request.caller.metadata.push((name, text)),
                other => return Err(wrong(&join(&path, name), "a string", &other)),
            }
        }
    }
    // It asks for members of the answer that the canonical form does not have; an empty list asks for nothing.
    let paths = fields.array("additionalModelResponseFieldPaths")?;
    if !paths.is_empty() {
        reader.extra.push(("additionalModelResponseFieldPaths".into(), Value::Array(paths)));
    }
    Ok(())
}
