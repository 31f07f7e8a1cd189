//! Writing a request for a provider of this dialect.

use super::items_out::ItemWriter;
use crate::conversation::{is_blank, tool_schema};
use crate::loss::{Encoded, Loss};
use serde_json::{Map, Value, json};
use tg_kernel::chat::{ChatRequest, Content, Format, Part, Reasoning, Role, Tool, ToolChoice, Turn};
use tg_kernel::fault::Fault;
use tg_kernel::usage::ServiceTier;

/// Members of this dialect without a canonical word, as far as they make sense in a call that leaves no state behind.
const OWN_MEMBERS: [&str; 15] = [
    "access_programs",
    "context_management",
    "image",
    "include",
    "max_tool_calls",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "tool_choice",
    "truncation",
];

/// How the types of tools begin that OpenAI runs itself or that take free text.
const OWN_TOOLS: [&str; 13] = [
    "apply_patch",
    "code_interpreter",
    "computer",
    "custom",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
];

/// OpenAI's bounds on metadata: pairs, and characters of a name and of a value.
const METADATA_PAIRS_MAX: usize = 16;
const METADATA_NAME_CHARS_MAX: usize = 64;
const METADATA_VALUE_CHARS_MAX: usize = 512;

/// OpenAI's bound on the characters of `user`.
const USER_CHARS_MAX: usize = 64;

/// The name of an answer's schema where the caller gave none: the dialect insists on one.
const SCHEMA_NAME_DEFAULT: &str = "response";

pub(super) fn encode(request: &ChatRequest, model: &str) -> Result<Encoded, Fault> {
    let mut writer = ItemWriter::default();
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    turns(&request.turns, &mut writer, &mut body)?;
    tools(request, &mut writer, &mut body);
    output(request, &mut writer, &mut body);
    sampling(request, &mut writer, &mut body);
    if let Some(reasoning) = &request.reasoning {
        self::reasoning(reasoning, &mut writer, &mut body);
    }
    caller(request, &mut writer, &mut body);
    // The caller did not ask the provider to keep the conversation.
    body.insert("store".into(), false.into());
    extra(request, &mut writer, &mut body);
    if request.delivery.stream {
        body.insert("stream".into(), true.into());
    }
    let body = Value::Object(body).to_string().into();
    Ok(Encoded { body, losses: writer.losses.into_iter().collect(), names: writer.names })
}

fn turns(turns: &[Turn], writer: &mut ItemWriter, body: &mut Map<String, Value>) -> Result<(), Fault> {
    let mut rest = turns;
    if let [Turn { role: Role::System, parts }, others @ ..] = turns
        && let [Part { content: Content::Text(text), cache: None }] = parts.as_slice()
        && !is_blank(text)
    {
        body.insert("instructions".into(), text.as_str().into());
        rest = others;
    }
    for turn in rest {
        writer.turn(turn);
    }
    let items = writer.take_items();
    if items.is_empty() {
        return Err(Fault::malformed_at("input", "The conversation needs at least one turn that is not blank."));
    }
    body.insert("input".into(), Value::Array(items));
    Ok(())
}

fn tools(request: &ChatRequest, writer: &mut ItemWriter, body: &mut Map<String, Value>) {
    let tooling = &request.tools;
    let mut tools: Vec<Value> = tooling.tools.iter().map(|tool| tool_object(tool, writer)).collect();
    for (path, value) in &request.extra {
        if let Some(index) = own_tool_place(path, value) {
            tools.insert(index.min(tools.len()), value.clone());
        }
    }
    if tools.is_empty() {
        if tooling.choice.is_some() {
            writer.losses.insert(Loss::dropped("tool_choice"));
        }
        return;
    }
    body.insert("tools".into(), Value::Array(tools));
    if let Some(choice) = &tooling.choice {
        let choice = match choice {
            ToolChoice::Auto => "auto".into(),
            ToolChoice::None => "none".into(),
            ToolChoice::Any => "required".into(),
            ToolChoice::Named(name) => json!({ "type": "function", "name": writer.names.send(name) }),
        };
        body.insert("tool_choice".into(), choice);
    }
    if let Some(parallel) = tooling.parallel {
        body.insert("parallel_tool_calls".into(), parallel.into());
    }
}

fn tool_object(tool: &Tool, writer: &mut ItemWriter) -> Value {
    if tool.cache.is_some() {
        writer.losses.insert(Loss::dropped("cache_control"));
    }
    let mut object = Map::new();
    object.insert("type".into(), "function".into());
    object.insert("name".into(), writer.names.send(&tool.name).into());
    if let Some(description) = &tool.description {
        object.insert("description".into(), description.as_str().into());
    }
    object.insert("parameters".into(), tool_schema(&tool.schema));
    // Silence means strict here and nowhere else, and strict schemas must obey rules that most do not.
    object.insert("strict".into(), tool.strict.unwrap_or(false).into());
    Value::Object(object)
}

/// Where a tool stood among its fellows, if it is one of this dialect's own.
fn own_tool_place(path: &str, value: &Value) -> Option<usize> {
    let index = path.strip_prefix("tools.")?.parse().ok()?;
    let kind = value.get("type")?.as_str()?;
    let own = OWN_TOOLS.iter().any(|start| kind.starts_with(start));
    // A free-text tool of OpenAI's chat dialect has its name elsewhere.
    let whole = kind != "custom" || value.get("name").is_some();
    // Anthropic's versions end in a date without dashes (`web_search_20250305`).
    let foreign = kind.rsplit('_').next().is_some_and(|end| end.len() == 8 && end.bytes().all(|b| b.is_ascii_digit()));
    (own && whole && !foreign).then_some(index)
}

fn output(request: &ChatRequest, writer: &mut ItemWriter, body: &mut Map<String, Value>) {
    let output = &request.output;
    if let Some(tokens) = output.tokens_max {
        body.insert("max_output_tokens".into(), tokens.into());
    }
    if !output.stop.is_empty() {
        writer.losses.insert(Loss::dropped("stop"));
    }
    if output.choices.is_some_and(|choices| choices > 1) {
        writer.losses.insert(Loss::dropped("n"));
    }
    let mut text = Map::new();
    match &output.format {
        Format::Text => {}
        Format::JsonObject => {
            text.insert("format".into(), json!({ "type": "json_object" }));
        }
        Format::JsonSchema { name, description, schema, strict } => {
            let name = name.as_deref().unwrap_or(SCHEMA_NAME_DEFAULT);
            let mut format = json!({ "type": "json_schema", "name": name, "schema": schema });
            if let Some(description) = description {
                format["description"] = description.as_str().into();
            }
            if let Some(strict) = strict {
                format["strict"] = (*strict).into();
            }
            text.insert("format".into(), format);
        }
    }
    if let Some(verbosity) = &output.verbosity {
        text.insert("verbosity".into(), verbosity.as_str().into());
    }
    if !text.is_empty() {
        body.insert("text".into(), Value::Object(text));
    }
}

fn sampling(request: &ChatRequest, writer: &mut ItemWriter, body: &mut Map<String, Value>) {
    let sampling = &request.sampling;
    if let Some(temperature) = sampling.temperature {
        body.insert("temperature".into(), temperature.into());
    }
    if let Some(top_p) = sampling.top_p {
        body.insert("top_p".into(), top_p.into());
    }
    if let Some(count) = sampling.logprobs {
        body.insert("top_logprobs".into(), count.into());
    }
    let absent = [
        ("top_k", sampling.top_k.is_some()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some_and(|weight| weight != 0.0)),
        ("presence_penalty", sampling.presence_penalty.is_some_and(|weight| weight != 0.0)),
    ];
    writer.losses.extend(absent.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| Loss::dropped(name)));
}

fn reasoning(reasoning: &Reasoning, writer: &mut ItemWriter, body: &mut Map<String, Value>) {
    let mut object = Map::new();
    let effort = match (&reasoning.effort, reasoning.budget_tokens) {
        (Some(effort), _) => Some(effort.as_str()),
        (None, _) if reasoning.disabled => Some("none"),
        (None, Some(budget)) => {
            writer.losses.insert(Loss::changed("thinking.budget_tokens"));
            Some(effort_of(budget))
        }
        (None, None) => None,
    };
    if let Some(effort) = effort {
        object.insert("effort".into(), effort.into());
    }
    match reasoning.display.as_deref() {
        None | Some("omitted") => {}
        Some("summarized") => {
            object.insert("summary".into(), "auto".into());
        }
        Some(own) => {
            object.insert("summary".into(), own.into());
        }
    }
    if effort != Some("none") {
        // Without it, reasoning could not be sent back in the next call, as nothing is stored.
        body.insert("include".into(), json!(["reasoning.encrypted_content"]));
    }
    if !object.is_empty() {
        body.insert("reasoning".into(), Value::Object(object));
    }
}

/// The effort nearest to a budget of thinking, by the shares of a usual output limit that vendors state for efforts.
const fn effort_of(budget_tokens: u64) -> &'static str {
    match budget_tokens {
        0..4096 => "low",
        4096..16384 => "medium",
        _ => "high",
    }
}

fn caller(request: &ChatRequest, writer: &mut ItemWriter, body: &mut Map<String, Value>) {
    let mut metadata = Map::new();
    for (name, value) in &request.caller.metadata {
        let fits = name.chars().count() <= METADATA_NAME_CHARS_MAX && value.chars().count() <= METADATA_VALUE_CHARS_MAX;
        if fits && metadata.len() < METADATA_PAIRS_MAX {
            metadata.insert(name.clone(), value.as_str().into());
        } else {
            writer.losses.insert(Loss::dropped(format!("metadata.{name}")));
        }
    }
    if !metadata.is_empty() {
        body.insert("metadata".into(), Value::Object(metadata));
    }
    match &request.caller.user {
        Some(user) if user.chars().count() <= USER_CHARS_MAX => {
            body.insert("user".into(), user.as_str().into());
        }
        Some(_) => {
            writer.losses.insert(Loss::dropped("user"));
        }
        None => {}
    }
    let tier = match request.delivery.tier {
        None => return,
        Some(ServiceTier::Default) => "default",
        Some(ServiceTier::Flex) => "flex",
        Some(ServiceTier::Priority) => "priority",
        Some(ServiceTier::Batch | ServiceTier::Reserved) => {
            writer.losses.insert(Loss::dropped("service_tier"));
            return;
        }
    };
    body.insert("service_tier".into(), tier.into());
}

fn extra(request: &ChatRequest, writer: &mut ItemWriter, body: &mut Map<String, Value>) {
    for (path, value) in &request.extra {
        if OWN_MEMBERS.contains(&path.as_str()) {
            body.insert(path.clone(), value.clone());
        } else if own_tool_place(path, value).is_none() {
            writer.losses.insert(Loss::dropped(path));
        }
    }
}
