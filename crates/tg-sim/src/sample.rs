//! A value that fits a JSON Schema, for tool arguments and structured answers.

use serde_json::{Map, Value, json};

const DEPTH_MAX: usize = 16;

/// A value that fits; text and numbers are derived from `seed`, so that parallel calls differ.
pub(crate) fn of_schema(schema: &Value, seed: usize) -> Value {
    Sampler { root: schema, seed }.value(schema, "value", 0)
}

struct Sampler<'a> {
    root: &'a Value,
    seed: usize,
}

impl Sampler<'_> {
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(first) = schema.get("enum").and_then(|e| e.get(0)) {
            return first.clone();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
            return self.root.pointer(target).map_or(Value::Null, |found| self.value(found, name, depth + 1));
        }
        for union in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema.get(union).and_then(|u| u.get(0)) {
                return self.value(first, name, depth + 1);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => match schema.get("items") {
                Some(items) => json!([self.value(items, name, depth + 1)]),
                None => json!([]),
            },
            "integer" => json!(self.seed),
            "number" => json!(self.seed as f64 + 0.5),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(format!("{name}-{}", self.seed)),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let mut made = Map::new();
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                made.insert(name.clone(), self.value(property, name, depth + 1));
            }
        }
        Value::Object(made)
    }
}

fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|k| *k != "null").unwrap_or("null"),
        _ if schema.get("properties").is_some() || schema.as_object().is_some_and(Map::is_empty) => "object",
        _ => "string",
    }
}
