//! Writing the canonical form as a Converse request.

use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatRequest, Format, Role, Tool, ToolChoice, Turn};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

use super::family::ModelFamily;
use super::request_metadata::{PAIRS_MAX, is_pair};
use super::write_blocks::{BlockWriter, cache_point};
use crate::conversation::{self, is_blank, tool_schema};
use crate::dialects::anthropic_messages::encode_request::thinking_object;
use crate::loss::{Encoded, Loss};

/// Writes a request body for `model`.
///
/// # Errors
/// `Class::Malformed` when there is no turn to answer.
pub(crate) fn encode(request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
    let (members, mut encoded) = members(request, model)?;
    encoded.body = Value::Object(members).to_string().into();
    Ok(encoded)
}

/// Writes the members of a request body.
///
/// # Errors
/// `Class::Malformed` when there is no turn to answer.
pub(crate) fn members(request: &ChatRequest, model: &str) -> Result<(Map<String, Value>, Encoded), Fault> {
    let family = ModelFamily::of(model);
    let mut writer = BlockWriter::default();
    let mut body = Map::new();
    turns(request, family, &mut writer, &mut body)?;
    inference(request, &mut writer, &mut body);
    tools(request, &mut writer, &mut body);
    model_fields(request, family, &mut writer, &mut body);
    output(request, &mut writer, &mut body);
    caller(request, &mut writer, &mut body);
    for (name, _) in &request.extra {
        writer.losses.insert(Loss::dropped(name));
    }
    let losses = writer.losses.into_iter().collect();
    Ok((body, Encoded { losses, names: writer.names, ..Encoded::default() }))
}

fn turns(
    request: &ChatRequest,
    family: ModelFamily,
    writer: &mut BlockWriter,
    body: &mut Map<String, Value>,
) -> Result<(), Fault> {
    let mut system: Vec<Value> = Vec::new();
    let mut messages: Vec<(Role, Vec<Value>)> = Vec::with_capacity(request.turns.len());
    for Turn { role, parts } in &request.turns {
        let blocks = writer.blocks(parts, *role);
        if blocks.is_empty() {
            continue;
        }
        if *role == Role::System && (messages.is_empty() || !family.may_be_claude()) {
            // Only Claude takes system text between turns.
            if !messages.is_empty() {
                writer.losses.insert(Loss::changed("messages.system"));
            }
            system.extend(blocks);
            continue;
        }
        match messages.last_mut() {
            Some((last, known)) if last == role => known.extend(blocks),
            _ => messages.push((*role, blocks)),
        }
    }
    if messages.is_empty() {
        return Err(Fault::malformed_at("messages", "The conversation needs at least one turn that is not blank."));
    }
    let messages = messages.into_iter().map(|(role, content)| {
        let role = match role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({ "role": role, "content": content })
    });
    body.insert("messages".into(), messages.collect());
    if !system.is_empty() {
        body.insert("system".into(), Value::Array(system));
    }
    Ok(())
}

fn inference(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    let mut config = Map::new();
    if let Some(limit) = request.output.tokens_max {
        if limit == 0 {
            writer.losses.insert(Loss::clamped("max_tokens"));
        }
        config.insert("maxTokens".into(), limit.max(1).into());
    }
    for (name, field, value) in
        [("temperature", "temperature", request.sampling.temperature), ("topP", "top_p", request.sampling.top_p)]
    {
        let Some(value) = value else { continue };
        let allowed = value.clamp(0.0, 1.0);
        if allowed != value {
            writer.losses.insert(Loss::clamped(field));
        }
        config.insert(name.into(), allowed.into());
    }
    let stop: Vec<&String> = request.output.stop.iter().filter(|text| !is_blank(text)).collect();
    if stop.len() < request.output.stop.len() {
        writer.losses.insert(Loss::changed("stop"));
    }
    if !stop.is_empty() {
        config.insert("stopSequences".into(), json!(stop));
    }
    if !config.is_empty() {
        body.insert("inferenceConfig".into(), Value::Object(config));
    }
    conversation::drop_openai_sampling(request, &mut writer.losses);
    conversation::drop_openai_output(request, &mut writer.losses);
}

fn tools(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    let tooling = &request.tools;
    let has_history = conversation::has_tool_parts(&request.turns);
    let forbidden = tooling.choice == Some(ToolChoice::None);
    if forbidden && !has_history {
        // The dialect has no word for "none"; without tools there is nothing to call.
        return;
    }
    let mut entries: Vec<Value> = Vec::new();
    for tool in &tooling.tools {
        entries.push(tool_spec(tool, writer));
        entries.extend(tool.cache.map(cache_point));
    }
    if tooling.tools.is_empty() {
        // A history with tool blocks is refused without tools.
        for name in conversation::tools_called(&request.turns) {
            let schema = json!({ "json": { "type": "object" } });
            entries.push(json!({ "toolSpec": { "name": writer.names.send(name), "inputSchema": schema } }));
        }
    }
    if entries.is_empty() {
        return;
    }
    let mut config = Map::new();
    config.insert("tools".into(), Value::Array(entries));
    match &tooling.choice {
        _ if tooling.tools.is_empty() => {}
        None => {}
        Some(ToolChoice::None) => {
            writer.losses.insert(Loss::changed("tool_choice"));
        }
        Some(ToolChoice::Auto) => {
            config.insert("toolChoice".into(), json!({ "auto": {} }));
        }
        Some(ToolChoice::Any) => {
            config.insert("toolChoice".into(), json!({ "any": {} }));
        }
        Some(ToolChoice::Named(name)) => {
            config.insert("toolChoice".into(), json!({ "tool": { "name": writer.names.send(name) } }));
        }
    }
    if tooling.parallel == Some(false) && !tooling.tools.is_empty() {
        writer.losses.insert(Loss::dropped("parallel_tool_calls"));
    }
    body.insert("toolConfig".into(), Value::Object(config));
}

fn tool_spec(tool: &Tool, writer: &mut BlockWriter) -> Value {
    let mut spec = Map::new();
    spec.insert("name".into(), writer.names.send(&tool.name).into());
    if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
        spec.insert("description".into(), description.as_str().into());
    }
    spec.insert("inputSchema".into(), json!({ "json": tool_schema(&tool.schema) }));
    if tool.strict == Some(true) {
        spec.insert("strict".into(), true.into());
    }
    json!({ "toolSpec": spec })
}

/// Writes what only the model's own maker knows.
fn model_fields(request: &ChatRequest, family: ModelFamily, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    let mut free = Map::new();
    if let Some(top_k) = request.sampling.top_k {
        match family {
            ModelFamily::Claude | ModelFamily::Opaque => {
                free.insert("top_k".into(), top_k.into());
            }
            ModelFamily::Nova => {
                free.insert("inferenceConfig".into(), json!({ "topK": top_k }));
            }
            ModelFamily::TitanEmbed | ModelFamily::CohereEmbed | ModelFamily::OtherEmbed | ModelFamily::Other => {
                writer.losses.insert(Loss::dropped("top_k"));
            }
        }
    }
    if let Some(thinking) = request.reasoning.as_ref().and_then(|wish| thinking_object(wish, &mut writer.losses)) {
        if family.may_be_claude() {
            free.insert("thinking".into(), thinking);
        } else {
            writer.losses.insert(Loss::dropped("thinking"));
        }
    }
    if !free.is_empty() {
        body.insert("additionalModelRequestFields".into(), Value::Object(free));
    }
}

fn output(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    let mut config = Map::new();
    match &request.output.format {
        Format::Text => {}
        Format::JsonObject => {
            writer.losses.insert(Loss::dropped("response_format"));
        }
        Format::JsonSchema { name, description, schema, .. } => {
            // The schema is JSON inside a string.
            let mut wrapped = json!({ "schema": schema.to_string() });
            if let Some(name) = name {
                wrapped["name"] = name.as_str().into();
            }
            if let Some(description) = description {
                wrapped["description"] = description.as_str().into();
            }
            let format = json!({ "type": "json_schema", "structure": { "jsonSchema": wrapped } });
            config.insert("textFormat".into(), format);
        }
    }
    if let Some(effort) = request.reasoning.as_ref().and_then(|wish| conversation::effort(wish, &mut writer.losses)) {
        config.insert("effort".into(), effort.into());
    }
    if !config.is_empty() {
        body.insert("outputConfig".into(), Value::Object(config));
    }
}

fn caller(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    if request.caller.user.is_some() {
        writer.losses.insert(Loss::dropped("user"));
    }
    // One bad pair would fail the call, so it is left out.
    let pairs = request.caller.metadata.iter().filter(|(name, value)| is_pair(name, value));
    let kept: Map<String, Value> =
        pairs.take(PAIRS_MAX).map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    if kept.len() < request.caller.metadata.len() {
        writer.losses.insert(Loss::dropped("metadata"));
    }
    if !kept.is_empty() {
        body.insert("requestMetadata".into(), Value::Object(kept));
    }
    match request.delivery.tier {
        None | Some(ServiceTier::Default) => {}
        Some(ServiceTier::Batch) => {
            writer.losses.insert(Loss::dropped("service_tier"));
        }
        Some(tier) => {
            body.insert("serviceTier".into(), json!({ "type": tier.as_str() }));
        }
    }
}
