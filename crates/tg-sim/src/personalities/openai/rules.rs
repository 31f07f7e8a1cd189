//! Rules that Chat Completions and Responses share.

use super::Vendor;
use crate::ask::{Ask, Form, Tool};
use crate::counts::Ttl;
use crate::shape::{Flaw, Node};
use serde_json::Value;

/// OpenAI caches prefixes of at least this many tokens, without being asked.
const AUTOMATIC_CACHE_TOKENS: u64 = 1024;
const METADATA_PAIRS_MAX: usize = 16;

/// Models that reason: they refuse sampling and the old output limit.
pub(crate) fn reasons(model: &str) -> bool {
    let model = own_name(model);
    ["o1", "o3", "o4", "gpt-5", "gpt-6"].iter().any(|family| model.starts_with(family))
}

/// A model's name without those of geography and vendor, which Bedrock puts before it.
fn own_name(model: &str) -> &str {
    model.rsplit_once("openai.").map_or(model, |(_, name)| name)
}

/// Models that bill what they write to the cache.
pub(crate) fn bills_cache_writes(model: &str) -> bool {
    let Some(rest) = own_name(model).strip_prefix("gpt-") else { return false };
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse::<f64>().is_ok_and(|generation| generation >= 5.6)
}

/// Marks what came so far as the cached prefix, as OpenAI does on its own before the last user turn.
pub(crate) fn automatic_breakpoint(ask: &mut Ask, vendor: Vendor) {
    if vendor == Vendor::Openai && ask.meter.total() >= AUTOMATIC_CACHE_TOKENS {
        ask.meter.breakpoint(Ttl::FiveMinutes);
    }
}

/// Reads a function's name, description, schema and strictness.
pub(crate) fn function(node: &Node<'_>, ask: &mut Ask) -> Result<(), Flaw> {
    let name = node.need("name")?.named(64, "_-")?;
    ask.meter.text(name);
    if let Some(description) = node.get("description") {
        ask.meter.text(description.text()?);
    }
    let schema = match node.get("parameters") {
        None => serde_json::json!({}),
        Some(parameters) => {
            parameters.object()?;
            if node.get("strict").map_or(Ok(false), |s| s.flag())? {
                strict(&parameters)?;
            }
            parameters.value.clone()
        }
    };
    ask.meter.text(&schema.to_string());
    ask.tools.push(Tool { name: name.to_owned(), schema });
    Ok(())
}

/// Reads `{name, schema, strict, description}`, the two places of which differ only in what is around it.
pub(crate) fn json_schema(node: &Node<'_>) -> Result<Form, Flaw> {
    node.need("name")?.named(64, "_-")?;
    let schema = node.need("schema")?;
    schema.object()?;
    if node.get("strict").map_or(Ok(false), |s| s.flag())? {
        strict(&schema)?;
    }
    Ok(Form::Schema(schema.value.clone()))
}

/// The subset of JSON Schema that strict mode takes: closed objects, all members required.
fn strict(schema: &Node<'_>) -> Result<(), Flaw> {
    if schema.value.get("type") == Some(&Value::from("object")) {
        if schema.value.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(schema.flaw("'additionalProperties' is required to be supplied and to be false."));
        }
        if let Some(properties) = schema.get("properties") {
            let required = schema.value.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            for name in properties.object()?.keys() {
                if !required.iter().any(|r| r == name) {
                    return Err(schema.flaw(format!(
                        "'required' is required to be supplied and to be an array including every key in properties. \
                         Missing '{name}'."
                    )));
                }
                if let Some(property) = properties.get(name) {
                    strict(&property)?;
                }
            }
        }
    }
    schema.get("items").map_or(Ok(()), |items| strict(&items))
}

/// Reads `metadata`.
pub(crate) fn metadata(root: &Node<'_>, ask: &mut Ask) -> Result<(), Flaw> {
    let Some(map) = root.get("metadata") else { return Ok(()) };
    let object = map.object()?;
    if object.len() > METADATA_PAIRS_MAX {
        return Err(map.flaw("metadata may have at most 16 pairs"));
    }
    for (key, value) in object {
        if key.len() > 64 || value.as_str().is_none_or(|v| v.len() > 512) {
            return Err(map.flaw("metadata keys have at most 64 characters, and values are strings of at most 512"));
        }
    }
    ask.metadata = map.value.clone();
    Ok(())
}

/// Checks sampling as this model permits it.
pub(crate) fn sampling(root: &Node<'_>, model: &str, vendor: Vendor) -> Result<(), Flaw> {
    if let Some(temperature) = root.get("temperature") {
        let degree = temperature.number_within(0.0, 2.0)?;
        if vendor == Vendor::Openai && reasons(model) && (degree - 1.0).abs() > f64::EPSILON {
            return Err(temperature.flaw(
                "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) \
                 value is supported.",
            ));
        }
    }
    root.get("top_p").map_or(Ok(()), |p| p.number_within(0.0, 1.0).map(drop))
}

/// Checks `reasoning_effort` or `reasoning.effort`. Returns whether it asks for reasoning at all.
pub(crate) fn effort(node: &Node<'_>) -> Result<bool, Flaw> {
    let word = node.one_of(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])?;
    Ok(word != "none")
}
