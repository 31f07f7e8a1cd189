//! Which of many known things are looked for: a word for many of them, or their names.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// All of a list, or some of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    /// A word for many.
    Word(WantedWord),
    /// By their names.
    These(Vec<String>),
}

/// A word for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedWord {
    /// All.
    All,
    /// All that have a form.
    Structured,
}

fn wanted(description: &str, words: &[(&str, &str)], what: &str) -> Schema {
    let mut choices: Vec<serde_json::Value> = words
        .iter()
        .map(|(word, meaning)| serde_json::json!({ "const": word, "type": "string", "description": meaning }))
        .collect();
    choices.push(serde_json::json!({
        "type": "array",
        "items": { "type": "string", "maxLength": 64 },
        "minItems": 1,
        "maxItems": 1024,
        "description": what,
    }));
    json_schema!({ "description": description, "oneOf": choices })
}

/// What a rule can say of credentials.
pub(super) fn secrets_schema(_: &mut SchemaGenerator) -> Schema {
    wanted("Credentials.", &[("all", "All forms.")], "Forms by their names.")
}

/// What a rule can say of personal data.
pub(super) fn pii_schema(_: &mut SchemaGenerator) -> Schema {
    let words = [
        ("all", "All entities; names and addresses among them are best effort."),
        ("structured", "All but names and addresses."),
    ];
    wanted("Personal data.", &words, "Entities by their names.")
}
