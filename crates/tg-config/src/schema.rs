//! The JSON Schema of a document, for editors and for the loader.

use crate::document::Document;
use serde_json::Value;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(Document).to_value();
    unwrap_lines(&mut schema);
    schema
});

/// The JSON Schema (draft 2020-12) of a document.
#[must_use]
pub fn json_schema() -> &'static Value {
    &SCHEMA
}

/// Makes one line of each description: where a comment's lines break in the source means nothing to its readers.
pub fn unwrap_lines(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " ").replace("  ", " "),
                    other => unwrap_lines(other),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}
