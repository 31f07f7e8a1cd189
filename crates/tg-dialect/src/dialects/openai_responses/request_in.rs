//! Reading a caller's request: options, tools, the form of the answer. Items have a file of their own.

use super::items_in::{self, Extra, keep};
use crate::conversation;
use crate::scan::Members;
use crate::walk::{self, Fields};
use serde_json::{Value, json};
use tg_kernel::chat::{
    CallerNotes, ChatRequest, Delivery, Format, Output, Part, Reasoning, Role, Sampling, Tool, ToolChoice, Tooling,
};
use tg_kernel::fault::{Class, Fault, Origin, Retry};
use tg_kernel::peek::Peek;
use tg_kernel::usage::ServiceTier;

/// The most metadata pairs that are read without decoding: what OpenAI allows.
const METADATA_MAX: usize = 16;

/// Members that lean on what OpenAI keeps between calls.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

pub(super) fn peek(members: &Members<'_>) -> Result<Peek, Fault> {
    let Some(model) = members.string("model")? else {
        return Err(Fault::malformed_at("model", "Missing required parameter: 'model'."));
    };
    let mut metadata = Vec::new();
    if let Some(pairs) = members.object("metadata")? {
        for name in pairs.names().take(METADATA_MAX) {
            if let Ok(Some(value)) = pairs.string(name) {
                metadata.push((name.to_owned(), value.into_owned()));
            }
        }
    }
    let reasoning = crate::reasoning::asked(members);
    Ok(Peek {
        model: model.into_owned(),
        stream: members.bool("stream")?.unwrap_or(false),
        include_usage: false,
        output_tokens_max: members.u64("max_output_tokens")?,
        answers: None,
        reasons: reasoning.reasons,
        reasoning_tokens_max: reasoning.tokens_max,
        metadata,
    })
}

pub(super) fn decode(body: &[u8]) -> Result<ChatRequest, Fault> {
    let mut fields = Fields::body(body)?;
    refuse_state(&mut fields)?;
    let mut extra = Extra::new();
    let model = fields.required_string("model")?;
    let mut turns = Vec::new();
    if let Some(text) = fields.string("instructions")?.filter(|text| !conversation::is_blank(text)) {
        conversation::push(&mut turns, Role::System, vec![Part::text(text)]);
    }
    let input = fields.take("input").ok_or_else(|| fields.missing("input"))?;
    items_in::decode(input, &mut turns, &mut extra)?;
    let (format, verbosity) = text(&mut fields, &mut extra)?;
    let mut request = ChatRequest {
        model,
        turns,
        tools: tools(&mut fields, &mut extra)?,
        output: Output { tokens_max: fields.u64("max_output_tokens")?, format, verbosity, ..Output::default() },
        sampling: sampling(&mut fields)?,
        reasoning: reasoning(&mut fields, &mut extra)?,
        delivery: delivery(&mut fields, &mut extra)?,
        caller: caller(&mut fields, &mut extra)?,
        extra,
    };
    request.extra.extend(fields.rest());
    Ok(request)
}

fn refuse_state(fields: &mut Fields) -> Result<(), Fault> {
    let background = fields.bool("background")?.unwrap_or(false).then_some("background");
    let Some(name) = background.or_else(|| STATEFUL.into_iter().find(|name| fields.has(name))) else { return Ok(()) };
    let message = format!(
        "'{name}' relies on state kept by OpenAI, which the target of this call does not have. Send the whole \
         conversation in 'input', or call a model that is served by OpenAI."
    );
    Err(Fault::new(Class::Unsupported, Origin::Caller, "stateful_unsupported", message)
        .at(name)
        .retry(Retry::Elsewhere))
}

fn text(fields: &mut Fields, extra: &mut Extra) -> Result<(Format, Option<String>), Fault> {
    let Some(mut text) = fields.object("text")? else { return Ok((Format::Text, None)) };
    let verbosity = text.string("verbosity")?;
    let format = match text.object("format")? {
        None => Format::Text,
        Some(mut form) => {
            let format = read_format(&mut form)?;
            keep(extra, form);
            format
        }
    };
    keep(extra, text);
    Ok((format, verbosity))
}

fn read_format(form: &mut Fields) -> Result<Format, Fault> {
    match form.required_string("type")?.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => Ok(Format::JsonSchema {
            name: form.string("name")?,
            description: form.string("description")?,
            schema: form.take("schema").ok_or_else(|| form.missing("schema"))?,
            strict: form.bool("strict")?,
        }),
        _ => Err(form.invalid("type", "expected 'text', 'json_object' or 'json_schema'")),
    }
}

fn sampling(fields: &mut Fields) -> Result<Sampling, Fault> {
    let alternatives = fields.u64("top_logprobs")?;
    Ok(Sampling {
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        logprobs: alternatives.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        ..Sampling::default()
    })
}

fn reasoning(fields: &mut Fields, extra: &mut Extra) -> Result<Option<Reasoning>, Fault> {
    let Some(mut inner) = fields.object("reasoning")? else { return Ok(None) };
    let legacy = inner.string("generate_summary")?;
    let reasoning = Reasoning {
        effort: inner.string("effort")?,
        display: inner.string("summary")?.or(legacy),
        ..Reasoning::default()
    };
    keep(extra, inner);
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

fn delivery(fields: &mut Fields, extra: &mut Extra) -> Result<Delivery, Fault> {
    let tier = match fields.string("service_tier")? {
        // The provider's own choice, which is what silence means.
        None => None,
        Some(word) if word == "auto" => None,
        Some(word) => {
            let tier = ServiceTier::parse(&word);
            if tier.is_none() {
                extra.push(("service_tier".into(), word.into()));
            }
            tier
        }
    };
    Ok(Delivery { stream: fields.bool("stream")?.unwrap_or(false), include_usage: false, tier })
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
    // `safety_identifier` is the newer name; both may stand side by side.
    let user = match fields.string("user")? {
        Some(user) => Some(user),
        None => fields.string("safety_identifier")?,
    };
    Ok(CallerNotes { user, metadata })
}

fn tools(fields: &mut Fields, extra: &mut Extra) -> Result<Tooling, Fault> {
    let mut tooling = Tooling::default();
    for (index, item) in fields.array("tools")?.into_iter().enumerate() {
        let path = walk::join("tools", index);
        match item.get("type").and_then(Value::as_str) {
            Some("function") => tooling.tools.push(tool(Fields::new(path, item)?, extra)?),
            // Tools that OpenAI runs itself (`web_search`, …) and free-text tools (`custom`).
            Some(_) => extra.push((path, item)),
            None => return Err(Fields::new(path, item)?.missing("type")),
        }
    }
    tooling.parallel = fields.bool("parallel_tool_calls")?;
    if let Some(value) = fields.take("tool_choice") {
        choice(value, &mut tooling, extra)?;
    }
    Ok(tooling)
}

fn tool(mut fields: Fields, extra: &mut Extra) -> Result<Tool, Fault> {
    fields.take("type");
    let schema = match fields.take("parameters") {
        None => json!({ "type": "object", "properties": {} }),
        Some(schema @ Value::Object(_)) => schema,
        Some(other) => return Err(walk::wrong(&fields.path_of("parameters"), "an object", &other)),
    };
    let tool = Tool {
        name: fields.required_string("name")?,
        description: fields.string("description")?,
        schema,
        strict: fields.bool("strict")?,
        cache: None,
    };
    keep(extra, fields);
    Ok(tool)
}

fn choice(value: Value, tooling: &mut Tooling, extra: &mut Extra) -> Result<(), Fault> {
    if let Value::String(word) = &value {
        tooling.choice = Some(word_choice("tool_choice", word)?);
        return Ok(());
    }
    let mut form = Fields::new("tool_choice", value.clone())?;
    match form.required_string("type")?.as_str() {
        "function" => tooling.choice = Some(ToolChoice::Named(form.required_string("name")?)),
        "allowed_tools" => return allowed(form, tooling, extra),
        _ => extra.push(("tool_choice".into(), value)),
    }
    Ok(())
}

fn word_choice(path: &str, word: &str) -> Result<ToolChoice, Fault> {
    match word {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Any),
        _ => {
            let message = format!("Invalid value for '{path}': expected 'none', 'auto' or 'required'.");
            Err(Fault::malformed_at(path, message))
        }
    }
}

/// `allowed_tools` says which of the tools may be called now: the other functions are left out.
fn allowed(mut form: Fields, tooling: &mut Tooling, extra: &mut Extra) -> Result<(), Fault> {
    let mode = form.required_string("mode")?;
    let mut names = Vec::new();
    for (index, item) in form.array("tools")?.into_iter().enumerate() {
        let path = walk::join("tool_choice.tools", index);
        if item.get("type").is_none_or(|kind| kind == "function") {
            names.push(Fields::new(path, item)?.required_string("name")?);
        } else {
            extra.push((path, item));
        }
    }
    tooling.tools.retain(|tool| names.contains(&tool.name));
    tooling.choice = Some(match (mode.as_str(), names.as_slice()) {
        ("required", [only]) => ToolChoice::Named(only.clone()),
        (mode, _) => word_choice("tool_choice.mode", mode)?,
    });
    Ok(())
}
