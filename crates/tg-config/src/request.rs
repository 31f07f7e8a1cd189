//! From a JSON text to any type with a schema, or to everything that is wrong with it: for bodies of requests.

use crate::problem::{Path, Position, Problem, Problems};
use crate::shape::compare;
use crate::tree::{Entry, Node, Value};
use schemars::JsonSchema;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Reads `text` (JSON, at most 128 levels deep) as a `T`, by the schema and the grammars of `T`. An empty text is an
/// empty object. `origin` is named in the problems.
///
/// # Errors
/// Everything that is wrong. Members that `T` does not know are wrong, and so are those that come twice.
pub fn from_json<T: JsonSchema + DeserializeOwned>(origin: &str, text: &[u8]) -> Result<T, Problems> {
    let one = |message: String, hint: &str| Problems::one(origin, Problem::new(Path::root(), message, hint));
    let text = if text.trim_ascii().is_empty() { b"{}" } else { text };
    let root: Node = serde_json::from_slice(text)
        .map_err(|error| one(format!("this cannot be read as JSON: {error}"), "send one JSON object"))?;
    let schema = schemars::schema_for!(T).to_value();
    let shape = compare(&schema, &root);
    match shape.kept {
        Some(kept) if shape.problems.is_empty() => {
            serde_json::from_value(kept).map_err(|error| one(error.to_string(), "compare it with the reference"))
        }
        _ => {
            let all = shape.problems.into_iter().map(|problem| Problem { position: None, ..problem }).collect();
            Err(Problems { origin: origin.to_owned(), all })
        }
    }
}

/// JSON has been read by the time that a place in it could be named.
const NOWHERE: Position = Position { line: 1, column: 1 };

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(|value| Self { value, position: NOWHERE })
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Real(value as f64), Value::Whole))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Real(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = elements.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some((key, node)) = members.next_entry::<String, Node>()? {
            if !seen.insert(key.clone()) {
                let shown: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
                return Err(A::Error::custom(format!("`{shown}` comes twice in one object")));
            }
            entries.push(Entry { key, key_position: NOWHERE, node });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::from_json;
    use crate::document::Team;

    #[test]
    fn a_sound_text_becomes_its_type() {
        let team: Team = from_json("body", br#"{"name": "search", "projects": ["a"], "models": null}"#).unwrap();
        assert_eq!((team.name.as_str(), team.projects.len()), ("search", 1));
    }

    #[test]
    fn every_problem_is_told_at_once() {
        for (text, expected) in [
            ("", vec!["name: is missing"]),
            ("[]", vec!["is a list"]),
            ("{", vec!["cannot be read as JSON"]),
            (r#"{"name":"a","name":"b"}"#, vec!["`name` comes twice"]),
            (
                r#"{"nam":1,"projects":["Ü","b c"],"models":"x"}"#,
                vec!["nam: ", "projects[0]: ", "projects[1]: ", "models: "],
            ),
        ] {
            let problems = from_json::<Team>("body", text.as_bytes()).unwrap_err().to_string();
            for part in expected {
                assert!(problems.contains(part), "{text}: {problems}");
            }
        }
        let deep = "[".repeat(100_000);
        assert!(from_json::<Team>("body", deep.as_bytes()).is_err());
    }
}
