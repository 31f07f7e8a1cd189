//! Reading a caller's request: options, tools, the form of the answer. Messages have a file of their own.

use super::messages_in;
use crate::scan::Members;
use crate::walk::{self, Fields};
use serde_json::{Value, json};
use tg_kernel::chat::{
    CacheTtl, CallerNotes, ChatRequest, Delivery, Format, Output, Reasoning, Sampling, Tool, ToolChoice, Tooling,
};
use tg_kernel::fault::Fault;
use tg_kernel::peek::Peek;
use tg_kernel::usage::ServiceTier;

/// The most metadata pairs that are read without decoding: what OpenAI allows.
const METADATA_MAX: usize = 16;

/// Members without a word of their own, by name.
pub(super) type Extra = Vec<(String, Value)>;

pub(super) fn peek(members: &Members<'_>) -> Result<Peek, Fault> {
    let Some(model) = members.string("model")? else {
        return Err(Fault::malformed_at("model", "Missing required parameter: 'model'."));
    };
    let include_usage = match members.object("stream_options")? {
        Some(options) => options.bool("include_usage")?.unwrap_or(false),
        None => false,
    };
    let mut metadata = Vec::new();
    if let Some(pairs) = members.object("metadata")? {
        for name in pairs.names().take(METADATA_MAX) {
            if let Ok(Some(value)) = pairs.string(name) {
                metadata.push((name.to_owned(), value.into_owned()));
            }
        }
    }
    let modern = members.u64("max_completion_tokens")?;
    let reasoning = crate::reasoning::asked(members);
    Ok(Peek {
        model: model.into_owned(),
        stream: members.bool("stream")?.unwrap_or(false),
        include_usage,
        output_tokens_max: modern.or(members.u64("max_tokens")?),
        answers: crate::bound::answers(members)?,
        reasons: reasoning.reasons,
        reasoning_tokens_max: reasoning.tokens_max,
        metadata,
    })
}

pub(super) fn decode(body: &[u8]) -> Result<ChatRequest, Fault> {
    let mut fields = Fields::body(body)?;
    let mut extra = Extra::new();
    let model = fields.required_string("model")?;
    let messages = fields.array("messages")?;
    if messages.is_empty() {
        return Err(fields.missing("messages"));
    }
    let turns = messages_in::decode(messages, &mut extra)?;
    let mut request = ChatRequest {
        model,
        turns,
        tools: tools(&mut fields, &mut extra)?,
        output: output(&mut fields)?,
        sampling: sampling(&mut fields)?,
        reasoning: reasoning(&mut fields)?,
        delivery: delivery(&mut fields, &mut extra)?,
        caller: caller(&mut fields, &mut extra)?,
        extra,
    };
    request.extra.extend(fields.rest());
    Ok(request)
}

fn output(fields: &mut Fields) -> Result<Output, Fault> {
    let legacy = fields.u64("max_tokens")?;
    let stop = match fields.take("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => strings("stop", items)?,
        Some(other) => return Err(walk::wrong("stop", "a string or an array of strings", &other)),
    };
    let choices = fields.u64("n")?.map(|n| u32::try_from(n).map_err(|_| fields.invalid("n", "too many answers")));
    Ok(Output {
        tokens_max: fields.u64("max_completion_tokens")?.or(legacy),
        stop,
        format: format(fields)?,
        choices: choices.transpose()?,
        verbosity: fields.string("verbosity")?,
    })
}

fn strings(path: &str, items: Vec<Value>) -> Result<Vec<String>, Fault> {
    let one = |(index, item)| match item {
        Value::String(text) => Ok(text),
        other => Err(walk::wrong(&walk::join(path, index), "a string", &other)),
    };
    items.into_iter().enumerate().map(one).collect()
}

fn format(fields: &mut Fields) -> Result<Format, Fault> {
    let Some(mut form) = fields.object("response_format")? else { return Ok(Format::Text) };
    match form.required_string("type")?.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let mut inner = form.object("json_schema")?.ok_or_else(|| form.missing("json_schema"))?;
            Ok(Format::JsonSchema {
                name: inner.string("name")?,
                description: inner.string("description")?,
                schema: inner.take("schema").unwrap_or_else(|| json!({})),
                strict: inner.bool("strict")?,
            })
        }
        _ => Err(form.invalid("type", "expected 'text', 'json_object' or 'json_schema'")),
    }
}

fn sampling(fields: &mut Fields) -> Result<Sampling, Fault> {
    let wanted = fields.bool("logprobs")?.unwrap_or(false);
    let alternatives = fields.u64("top_logprobs")?.unwrap_or(0);
    let seed = match fields.take("seed") {
        None => None,
        Some(value) => Some(value.as_i64().ok_or_else(|| walk::wrong("seed", "a whole number", &value))?),
    };
    Ok(Sampling {
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        top_k: fields.u64("top_k")?,
        seed,
        frequency_penalty: fields.f64("frequency_penalty")?,
        presence_penalty: fields.f64("presence_penalty")?,
        logprobs: wanted.then(|| u32::try_from(alternatives).unwrap_or(u32::MAX)),
    })
}

/// `reasoning_effort`, and the extension `thinking` with which clients of this dialect address Claude models.
fn reasoning(fields: &mut Fields) -> Result<Option<Reasoning>, Fault> {
    let effort = fields.string("reasoning_effort")?;
    let mut reasoning = Reasoning { effort, ..Reasoning::default() };
    if let Some(mut thinking) = fields.object("thinking")? {
        match thinking.required_string("type")?.as_str() {
            "enabled" => reasoning.budget_tokens = thinking.u64("budget_tokens")?,
            "adaptive" => reasoning.adaptive = true,
            "disabled" => reasoning.disabled = true,
            _ => return Err(thinking.invalid("type", "expected 'enabled', 'adaptive' or 'disabled'")),
        }
        reasoning.display = thinking.string("display")?;
    }
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

fn delivery(fields: &mut Fields, extra: &mut Extra) -> Result<Delivery, Fault> {
    let mut include_usage = false;
    if let Some(mut options) = fields.object("stream_options")? {
        include_usage = options.bool("include_usage")?.unwrap_or(false);
        keep(extra, "stream_options", options);
    }
    let tier = match fields.string("service_tier")? {
        None => None,
        Some(word) => {
            let tier = ServiceTier::parse(&word);
            if tier.is_none() {
                extra.push(("service_tier".into(), word.into()));
            }
            tier
        }
    };
    Ok(Delivery { stream: fields.bool("stream")?.unwrap_or(false), include_usage, tier })
}

fn caller(fields: &mut Fields, extra: &mut Extra) -> Result<CallerNotes, Fault> {
    let mut metadata = Vec::new();
    if let Some(pairs) = fields.object("metadata")? {
        for (name, value) in pairs.rest() {
            match value {
                Value::String(text) => metadata.push((name, text)),
                other => extra.push((walk::join("metadata", name), other)),
            }
        }
    }
    Ok(CallerNotes { user: fields.string("user")?, metadata })
}

fn tools(fields: &mut Fields, extra: &mut Extra) -> Result<Tooling, Fault> {
    let mut tools = Vec::new();
    for (index, item) in fields.array("tools")?.into_iter().enumerate() {
        let path = walk::join("tools", index);
        let mut outer = Fields::new(path.clone(), item)?;
        match outer.string("type")?.as_deref() {
            None | Some("function") => {
                let cache = cache_mark(&mut outer)?;
                let inner = outer.object("function")?.ok_or_else(|| outer.missing("function"))?;
                tools.push(tool(inner, cache, extra)?);
                keep(extra, &path, outer);
            }
            Some(kind) => extra.push((path, json!({ "type": kind }))),
        }
    }
    for (index, item) in fields.array("functions")?.into_iter().enumerate() {
        tools.push(tool(Fields::new(walk::join("functions", index), item)?, None, extra)?);
    }
    let mut tooling = Tooling { tools, choice: None, parallel: fields.bool("parallel_tool_calls")? };
    match fields.take("tool_choice") {
        Some(value) => choice("tool_choice", value, &mut tooling, extra)?,
        None => {
            if let Some(value) = fields.take("function_call") {
                choice("function_call", value, &mut tooling, extra)?;
            }
        }
    }
    Ok(tooling)
}

fn tool(mut inner: Fields, cache: Option<CacheTtl>, extra: &mut Extra) -> Result<Tool, Fault> {
    let own = cache_mark(&mut inner)?;
    let schema = match inner.take("parameters") {
        None => json!({ "type": "object", "properties": {} }),
        Some(schema @ Value::Object(_)) => schema,
        Some(other) => return Err(walk::wrong(&inner.path_of("parameters"), "an object", &other)),
    };
    let tool = Tool {
        name: inner.required_string("name")?,
        description: inner.string("description")?,
        schema,
        strict: inner.bool("strict")?,
        cache: cache.or(own),
    };
    let path = inner.path().to_owned();
    keep(extra, &path, inner);
    Ok(tool)
}

fn choice(path: &str, value: Value, tooling: &mut Tooling, extra: &mut Extra) -> Result<(), Fault> {
    let mut form = match value {
        Value::String(word) => {
            tooling.choice = Some(word_choice(path, &word)?);
            return Ok(());
        }
        other => Fields::new(path, other)?,
    };
    match form.string("type")?.as_deref() {
        Some("allowed_tools") => allowed(form, tooling),
        // The legacy form is `{"name"}` alone.
        None | Some("function") => {
            let named = form.object("function")?;
            let name = named.unwrap_or(form).required_string("name")?;
            tooling.choice = Some(ToolChoice::Named(name));
            Ok(())
        }
        Some(kind) => {
            extra.push((path.to_owned(), json!({ "type": kind })));
            Ok(())
        }
    }
}

fn word_choice(path: &str, word: &str) -> Result<ToolChoice, Fault> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" | "any" => Ok(ToolChoice::Any),
        _ => Err(Fault::malformed_at(
            path,
            format!("Invalid value for '{path}': expected 'none', 'auto' or 'required'."),
        )),
    }
}

/// `allowed_tools` says which of the tools may be called now: the others are left out.
fn allowed(mut form: Fields, tooling: &mut Tooling) -> Result<(), Fault> {
    let mut inner = form.object("allowed_tools")?.ok_or_else(|| form.missing("allowed_tools"))?;
    let mode = inner.required_string("mode")?;
    let mut names = Vec::new();
    for (index, item) in inner.array("tools")?.into_iter().enumerate() {
        let mut entry = Fields::new(walk::join(&inner.path_of("tools"), index), item)?;
        names.push(entry.object("function")?.unwrap_or(entry).required_string("name")?);
    }
    tooling.tools.retain(|tool| names.contains(&tool.name));
    tooling.choice = Some(match (mode.as_str(), names.as_slice()) {
        ("required", [only]) => ToolChoice::Named(only.clone()),
        (mode, _) => word_choice("tool_choice.allowed_tools.mode", mode)?,
    });
    Ok(())
}

/// Takes the extension `cache_control`: a prompt-cache point after the thing that carries it.
pub(super) fn cache_mark(fields: &mut Fields) -> Result<Option<CacheTtl>, Fault> {
    let Some(mut mark) = fields.object("cache_control")? else { return Ok(None) };
    match mark.string("ttl")?.as_deref() {
        Some("1h") => Ok(Some(CacheTtl::OneHour)),
        None | Some("5m") => Ok(Some(CacheTtl::FiveMinutes)),
        Some(_) => Err(mark.invalid("ttl", "expected '5m' or '1h'")),
    }
}

/// Keeps what was not taken of a member, by its path.
pub(super) fn keep(extra: &mut Extra, path: &str, left: Fields) {
    extra.extend(left.rest().into_iter().map(|(name, value)| (walk::join(path, name), value)));
}
