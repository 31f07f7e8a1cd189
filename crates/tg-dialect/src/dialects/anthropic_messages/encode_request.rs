//! Writing the canonical form as an Anthropic request.

use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatRequest, Format, Reasoning, Role, Tool, ToolChoice, Turn};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

use super::write_blocks::{BlockWriter, Sources, mark_cache};
use crate::conversation::{self, is_blank, tool_schema};
use crate::loss::{Encoded, Loss};

/// The output limit that is sent where the caller gave none: the dialect insists on one, and others do not.
///
/// High enough for ordinary answers, within what every current model allows, and low enough that the provider's quota
/// reservation (which counts it in full) stays small.
pub const OUTPUT_TOKENS_DEFAULT: u64 = 8192;

/// The longest user id that is sent.
const USER_CHARS_MAX: usize = 256;

/// Writes a request: all members but `model` and `stream`, which Bedrock carries elsewhere.
///
/// # Errors
/// `Class::Malformed` when there is no turn to answer.
pub(crate) fn members(request: &ChatRequest, sources: Sources) -> Result<(Map<String, Value>, Encoded), Fault> {
    let mut writer = BlockWriter { sources, ..BlockWriter::default() };
    let mut body = Map::new();
    body.insert("max_tokens".into(), request.output.tokens_max.unwrap_or(OUTPUT_TOKENS_DEFAULT).into());
    turns(request, &mut writer, &mut body)?;
    tools(request, &mut writer, &mut body);
    sampling(request, &mut writer, &mut body);
    if let Some(reasoning) = &request.reasoning {
        thinking(reasoning, &mut writer, &mut body);
    }
    output(request, &mut writer, &mut body);
    caller(request, &mut writer, &mut body);
    for (name, _) in &request.extra {
        writer.losses.insert(Loss::dropped(name));
    }
    let losses = writer.losses.into_iter().collect();
    Ok((body, Encoded { losses, names: writer.names, ..Encoded::default() }))
}

/// Writes a whole body for `model`.
///
/// # Errors
/// `Class::Malformed` when there is no turn to answer.
pub(crate) fn encode(request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
    let (members, mut encoded) = members(request, Sources::Anywhere)?;
    let mut body = Map::with_capacity(members.len() + 2);
    body.insert("model".into(), model.into());
    body.extend(members);
    if request.delivery.stream {
        body.insert("stream".into(), true.into());
    }
    encoded.body = Value::Object(body).to_string().into();
    Ok(encoded)
}

fn turns(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let leading = request.turns.iter().take_while(|turn| turn.role == Role::System).count();
    let (system, rest) = request.turns.split_at(leading);
    let system: Vec<Value> = system.iter().flat_map(|turn| writer.blocks(&turn.parts, Role::System)).collect();
    if !system.is_empty() {
        body.insert("system".into(), text_or_blocks(system));
    }
    let mut messages: Vec<(Role, Vec<Value>)> = Vec::with_capacity(rest.len());
    for Turn { role, parts } in rest {
        let blocks = writer.blocks(parts, *role);
        if blocks.is_empty() {
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
    let messages = messages.into_iter().map(|(role, blocks)| {
        let role = match role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        json!({ "role": role, "content": text_or_blocks(blocks) })
    });
    body.insert("messages".into(), messages.collect());
    Ok(())
}

/// Content that is one plain text as a string, all else as blocks.
fn text_or_blocks(mut blocks: Vec<Value>) -> Value {
    if let [Value::Object(block)] = blocks.as_mut_slice()
        && block.len() == 2
        && block.get("type").is_some_and(|kind| kind == "text")
        && let Some(text) = block.remove("text")
    {
        return text;
    }
    Value::Array(blocks)
}

fn tools(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    let tooling = &request.tools;
    if tooling.tools.is_empty() {
        // A history with tool blocks is refused without tools; none may be called now.
        let called = conversation::tools_called(&request.turns);
        if !called.is_empty() {
            let schema = json!({ "type": "object" });
            let tools = called.iter().map(|name| json!({ "name": writer.names.send(name), "input_schema": schema }));
            body.insert("tools".into(), tools.collect());
            body.insert("tool_choice".into(), json!({ "type": "none" }));
        }
        return;
    }
    body.insert("tools".into(), tooling.tools.iter().map(|tool| tool_object(tool, writer)).collect());
    let mut choice = match &tooling.choice {
        None if tooling.parallel == Some(false) => json!({ "type": "auto" }),
        None => return,
        Some(ToolChoice::Auto) => json!({ "type": "auto" }),
        Some(ToolChoice::Any) => json!({ "type": "any" }),
        Some(ToolChoice::None) => json!({ "type": "none" }),
        Some(ToolChoice::Named(name)) => json!({ "type": "tool", "name": writer.names.send(name) }),
    };
    if let Some(parallel) = tooling.parallel
        && tooling.choice != Some(ToolChoice::None)
    {
        choice["disable_parallel_tool_use"] = (!parallel).into();
    }
    body.insert("tool_choice".into(), choice);
}

fn tool_object(tool: &Tool, writer: &mut BlockWriter) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), writer.names.send(&tool.name).into());
    if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
        object.insert("description".into(), description.as_str().into());
    }
    object.insert("input_schema".into(), tool_schema(&tool.schema));
    if tool.strict == Some(true) {
        object.insert("strict".into(), true.into());
    }
    mark_cache(&mut object, tool.cache);
    Value::Object(object)
}

fn sampling(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    let sampling = &request.sampling;
    if let Some(temperature) = sampling.temperature {
        let allowed = temperature.clamp(0.0, 1.0);
        if allowed != temperature {
            writer.losses.insert(Loss::clamped("temperature"));
        }
        body.insert("temperature".into(), allowed.into());
    }
    if let Some(top_p) = sampling.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    if let Some(top_k) = sampling.top_k {
        body.insert("top_k".into(), top_k.into());
    }
    conversation::drop_openai_sampling(request, &mut writer.losses);
}

fn thinking(reasoning: &Reasoning, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    if let Some(thinking) = thinking_object(reasoning, &mut writer.losses) {
        body.insert("thinking".into(), thinking);
    }
    if let Some(effort) = conversation::effort(reasoning, &mut writer.losses) {
        body.insert("output_config".into(), json!({ "effort": effort }));
    }
}

/// The member `thinking`, here and in Bedrock's `additionalModelRequestFields`; `None` where the caller left it open.
pub(crate) fn thinking_object(reasoning: &Reasoning, losses: &mut conversation::Losses) -> Option<Value> {
    if reasoning.disabled || reasoning.effort.as_deref() == Some("none") {
        return Some(json!({ "type": "disabled" }));
    }
    let mut thinking = match reasoning.budget_tokens {
        Some(budget) => json!({ "type": "enabled", "budget_tokens": budget }),
        None if reasoning.adaptive => json!({ "type": "adaptive" }),
        None => {
            if reasoning.display.is_some() {
                losses.insert(Loss::dropped("reasoning.summary"));
            }
            return None;
        }
    };
    match reasoning.display.as_deref() {
        None => {}
        Some(own @ ("summarized" | "omitted")) => thinking["display"] = own.into(),
        Some("auto" | "concise" | "detailed") => thinking["display"] = "summarized".into(),
        Some(_) => {
            losses.insert(Loss::dropped("thinking.display"));
        }
    }
    Some(thinking)
}

fn output(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    match &request.output.format {
        Format::Text => {}
        Format::JsonObject => {
            writer.losses.insert(Loss::dropped("response_format"));
        }
        Format::JsonSchema { schema, .. } => {
            let config = body.entry("output_config").or_insert_with(|| json!({}));
            config["format"] = json!({ "type": "json_schema", "schema": schema });
        }
    }
    let stop: Vec<&String> = request.output.stop.iter().filter(|text| !is_blank(text)).collect();
    if stop.len() < request.output.stop.len() {
        writer.losses.insert(Loss::changed("stop"));
    }
    if !stop.is_empty() {
        body.insert("stop_sequences".into(), json!(stop));
    }
    conversation::drop_openai_output(request, &mut writer.losses);
}

fn caller(request: &ChatRequest, writer: &mut BlockWriter, body: &mut Map<String, Value>) {
    match &request.caller.user {
        Some(user) if user.chars().count() <= USER_CHARS_MAX => {
            body.insert("metadata".into(), json!({ "user_id": user }));
        }
        Some(_) => {
            writer.losses.insert(Loss::dropped("user"));
        }
        None => {}
    }
    if !request.caller.metadata.is_empty() {
        writer.losses.insert(Loss::dropped("metadata"));
    }
    match request.delivery.tier {
        None | Some(ServiceTier::Default) => {}
        Some(ServiceTier::Priority) => {
            body.insert("service_tier".into(), "auto".into());
        }
        Some(ServiceTier::Flex | ServiceTier::Batch | ServiceTier::Reserved) => {
            writer.losses.insert(Loss::dropped("service_tier"));
        }
    }
}
