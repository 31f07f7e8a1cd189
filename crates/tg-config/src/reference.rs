//! The reference of the configuration, as Markdown, written from the schema.

use crate::grammar::GRAMMAR_KEY;
use crate::presets::PRESETS;
use crate::routes::USUAL;
use crate::schema::json_schema;
use crate::shape::FREE_KEY;
use serde_json::{Map, Value};
use std::fmt::Write;

const PREAMBLE: &str = "\
# Configuration

This page is generated from the code; see `docs/tallygate.schema.json` for the same as a JSON Schema. Editors with a YAML
language server check a file whose first line is
`# yaml-language-server: $schema=<path>/tallygate.schema.json`.

The file is YAML without anchors, aliases and tags, in UTF-8, at most 4 MiB. Unknown members are refused, and all
problems are reported at once: `tallygate check --config tallygate.yaml`.
";

/// The whole reference.
#[must_use]
pub fn reference_markdown() -> String {
    let schema = json_schema();
    let mut page = PREAMBLE.to_owned();
    let mut sections = vec![(String::new(), schema)];
    while let Some((path, section)) = sections.pop() {
        let inner = write_section(&mut page, schema, &path, section);
        // The next section of a depth-first walk is the first member's.
        sections.extend(inner.into_iter().rev());
    }
    write_grammars(&mut page, schema);
    write_presets(&mut page);
    write_usual_models(&mut page);
    page
}

fn write_section<'a>(page: &mut String, schema: &'a Value, path: &str, section: &'a Value) -> Vec<(String, &'a Value)> {
    let title = if path.is_empty() { "The document".to_owned() } else { format!("`{path}`") };
    let intro = text(section, "description");
    let _ = write!(page, "\n## {title}\n\n{intro}\n\n| member | type | default | meaning |\n|---|---|---|---|\n");
    let required: Vec<&str> = section["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut inner = Vec::new();
    for (name, member) in members(section) {
        let full = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let target = resolve(schema, member);
        let kind = kind(schema, target, &full, &mut inner);
        let default =
            if required.contains(&name.as_str()) { "required".to_owned() } else { default_of(member, target) };
        let meaning = format!("{}{}", text(member, "description"), choices(target));
        let _ = writeln!(page, "| `{name}` | {kind} | {default} | {} |", meaning.replace('|', "\\|"));
    }
    inner
}

fn members(section: &Value) -> impl Iterator<Item = (&String, &Value)> {
    section["properties"].as_object().into_iter().flatten()
}

/// Follows references, and of "this or null" takes this.
fn resolve<'a>(schema: &'a Value, mut value: &'a Value) -> &'a Value {
    loop {
        let reference = value["$ref"].as_str().and_then(|r| schema.pointer(r.strip_prefix('#')?));
        let choice = value["anyOf"].as_array().and_then(|all| all.iter().find(|c| c["type"] != "null"));
        match reference.or(choice) {
            Some(next) => value = next,
            None => return value,
        }
    }
}

/// How a type is called; objects become sections of their own.
fn kind<'a>(schema: &'a Value, value: &'a Value, path: &str, inner: &mut Vec<(String, &'a Value)>) -> String {
    if let Some(grammar) = value[GRAMMAR_KEY].as_str() {
        return format!("[{}](#{})", grammar_title(grammar), anchor(&grammar_title(grammar)));
    }
    if let Some(all) = value["oneOf"].as_array() {
        let mut words = Vec::new();
        for choice in all {
            words.extend(choice["const"].as_str().map(|word| format!("`{word}`")));
            if choice["items"].is_object() {
                words.push(kind(schema, choice, path, inner));
                continue;
            }
            // A choice that has its members at this place, and not beneath a name of its own.
            if let Some(title) = choice["title"].as_str() {
                let path = format!("{path} ({title})");
                words.push(format!("[{title}](#{})", anchor(&path)));
                inner.push((path, choice));
                continue;
            }
            for (name, member) in members(choice) {
                let path = format!("{path}.{name}");
                words.push(format!("`{name}:` and its members"));
                inner.push((path, resolve(schema, member)));
            }
        }
        return words.join(" or ");
    }
    let name = match &value["type"] {
        Value::Array(names) => names.iter().find(|n| *n != "null").unwrap_or(&Value::Null),
        one => one,
    };
    match name.as_str().unwrap_or_default() {
        "object" if value[FREE_KEY].is_boolean() => "any JSON object".to_owned(),
        "object" if value["additionalProperties"].is_object() => {
            let of = kind(schema, resolve(schema, &value["additionalProperties"]), path, inner);
            format!("map of names to {of}")
        }
        "object" => {
            inner.push((path.to_owned(), value));
            format!("[members](#{})", anchor(path))
        }
        "array" => {
            let of = kind(schema, resolve(schema, &value["items"]), &format!("{path}[]"), inner);
            format!("list of {of}")
        }
        "string" if value["enum"].is_array() => "[preset](#presets)".to_owned(),
        "string" => "text".to_owned(),
        "integer" => match (value["minimum"].as_u64(), value["maximum"].as_u64()) {
            (Some(low), Some(high)) => format!("whole number, {low} to {high}"),
            _ => "whole number".to_owned(),
        },
        "number" => "number, 0 to 1".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        other => other.to_owned(),
    }
}

fn choices(value: &Value) -> String {
    let mut out = String::new();
    for choice in value["oneOf"].as_array().into_iter().flatten() {
        let word = choice["const"]
            .as_str()
            .or_else(|| choice["title"].as_str())
            .or_else(|| members(choice).next().map(|(name, _)| name.as_str()));
        if let (Some(word), Some(meaning)) = (word, choice["description"].as_str()) {
            let _ = write!(out, "<br>`{word}`: {meaning}");
        }
    }
    out
}

fn default_of(member: &Value, target: &Value) -> String {
    match &member["default"] {
        // Members of a section have defaults of their own.
        Value::Object(_) => "".to_owned(),
        Value::Null if target["additionalProperties"].is_object() => "none".to_owned(),
        Value::Null => "absent".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(values) if values.is_empty() => "`[]`".to_owned(),
        other => format!("`{other}`"),
    }
}

fn write_grammars(page: &mut String, schema: &Value) {
    page.push_str("\n## How values are written\n");
    let mut grammars: Vec<(&str, &Value)> = schema["$defs"]
        .as_object()
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|value| Some((value[GRAMMAR_KEY].as_str()?, value)))
        .collect();
    grammars.sort_by_key(|(name, _)| *name);
    for (grammar, value) in grammars {
        let examples: Vec<String> = value["examples"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|e| format!("`{e}`"))
            .collect();
        let (title, meaning) = (grammar_title(grammar), text(value, "description"));
        let _ = write!(page, "\n### {title}\n\n{meaning} Examples: {}.\n", examples.join(", "));
    }
}

fn write_presets(page: &mut String) {
    page.push_str(
        "\n## Presets\n\nWhat `preset` of an `openai_compatible` provider stands for; `base_url` and `quirks` overrule it.\n\n\
         | preset | `base_url` | API key | `responses` | `embeddings` | `output_limit_member` |\n|---|---|---|---|---|---|\n",
    );
    for preset in PRESETS {
        let url = preset.base_url.map_or("to be stated".to_owned(), |url| format!("`{url}`"));
        let key = if preset.key_required { "required" } else { "optional" };
        let (responses, embeddings) = (preset.responses, preset.embeddings);
        let (name, member) = (preset.name, preset.output_limit_member.as_str());
        let _ = writeln!(page, "| `{name}` | {url} | {key} | {responses} | {embeddings} | `{member}` |");
    }
}

fn write_usual_models(page: &mut String) {
    page.push_str(
        "\n## Usual models\n\nWithout `models`, names that match go to the first provider of the kind, under the name that the \
         caller wrote; others are refused.\n\n| kind | patterns |\n|---|---|\n",
    );
    for (kind, patterns) in USUAL {
        let patterns: Vec<String> = patterns.iter().map(|p| format!("`{p}`")).collect();
        let _ = writeln!(page, "| `{}` | {} |", kind.as_str(), patterns.join(" "));
    }
}

fn grammar_title(grammar: &str) -> String {
    grammar.replace('_', " ")
}

/// The anchor that GitHub and most others give a heading.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}
