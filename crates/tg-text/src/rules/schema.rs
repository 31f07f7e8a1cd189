//! JSON Schema: whether a text is JSON of the shape that was asked for.

use super::Flaw;
use super::expression;
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Deepest nesting of schemas that is followed, references included.
const DEPTH_MAX: usize = 128;

/// Most comparisons for one text: alternatives of alternatives can multiply. Beyond it the text counts as invalid.
const STEPS_MAX: usize = 1_000_000;

/// What is checked. Of all drafts, those words that say something about one value.
const CHECKED: &[&str] = &[
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "anyOf",
    "allOf",
    "oneOf",
    "not",
    "$ref",
    "$defs",
    "definitions",
];

/// What says nothing about validity. `format` is a remark, as the standard has it.
const REMARKS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "strict",
];

/// A schema, checked for words that are not understood.
#[derive(Clone, Debug)]
pub struct Schema {
    root: Value,
    patterns: HashMap<String, Regex>,
}

/// Why a text is not what the schema asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Broken {
    /// Where in the JSON, as a JSON pointer; empty: all of it.
    pub path: String,
    /// What is wrong there.
    pub what: String,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Words that are not checked here, wrong kinds of values, references that lead nowhere, expressions that cannot be
    /// searched in linear time: all of them, each with its place.
    pub fn compile(schema: &Value) -> Result<Self, Vec<Flaw>> {
        let mut compiled = Self { root: schema.clone(), patterns: HashMap::new() };
        let mut flaws = Vec::new();
        compiled.read(schema, "#", 0, &mut flaws);
        if flaws.is_empty() { Ok(compiled) } else { Err(flaws) }
    }

    fn read(&mut self, node: &Value, at: &str, depth: usize, flaws: &mut Vec<Flaw>) {
        let object = match node {
            Value::Bool(_) => return,
            Value::Object(object) if depth < DEPTH_MAX => object,
            Value::Object(_) => {
                flaws.push((format!("{at} is nested too deep"), format!("use at most {DEPTH_MAX} levels")));
                return;
            }
            _ => {
                flaws.push((format!("{at} is no schema"), "write an object, true or false".to_owned()));
                return;
            }
        };
        for (word, value) in object {
            let place = format!("{at}/{word}");
            if REMARKS.contains(&word.as_str()) {
                continue;
            }
            if !CHECKED.contains(&word.as_str()) {
                flaws.push((
                    format!("{place} is not checked here"),
                    format!("leave it out; checked are {}", CHECKED.join(", ")),
                ));
                continue;
            }
            self.read_word(word, value, &place, depth, flaws);
        }
    }

    fn read_word(&mut self, word: &str, value: &Value, place: &str, depth: usize, flaws: &mut Vec<Flaw>) {
        let wrong = |what: &str| (format!("{place} has the wrong kind of value"), format!("write {what}"));
        match (word, value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(schemas)) => {
                for (name, schema) in schemas {
                    if word == "patternProperties" {
                        self.read_pattern(name, place, flaws);
                    }
                    self.read(schema, &format!("{place}/{name}"), depth + 1, flaws);
                }
            }
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(schemas)) if !schemas.is_empty() => {
                for (index, schema) in schemas.iter().enumerate() {
                    self.read(schema, &format!("{place}/{index}"), depth + 1, flaws);
                }
            }
            ("items" | "additionalProperties" | "propertyNames" | "not", schema) => {
                self.read(schema, place, depth + 1, flaws);
            }
            ("pattern", Value::String(pattern)) => self.read_pattern(pattern, place, flaws),
            ("$ref", Value::String(target)) if self.target(target).is_some() => {}
            ("$ref", _) => flaws.push((
                format!("{place} leads nowhere"),
                "refer to a place in this schema, such as #/$defs/name; nothing is fetched".to_owned(),
            )),
            ("type", Value::String(name)) if TYPES.contains(&name.as_str()) => {}
            ("type", Value::Array(names)) if names.iter().all(|n| n.as_str().is_some_and(|n| TYPES.contains(&n))) => {}
            ("type", _) => flaws.push(wrong(&TYPES.join(", "))),
            ("enum", Value::Array(_)) | ("const", _) | ("uniqueItems", Value::Bool(_)) => {}
            ("required", Value::Array(names)) if names.iter().all(Value::is_string) => {}
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Value::Number(_)) => {}
            ("multipleOf", Value::Number(n)) if n.as_f64().is_some_and(|n| n > 0.0) => {}
            (_, Value::Number(n)) if word.starts_with("min") || word.starts_with("max") => {
                if n.as_u64().is_none() {
                    flaws.push(wrong("a whole number"));
                }
            }
            _ => flaws.push(wrong("what JSON Schema 2020-12 has for it")),
        }
    }

    fn read_pattern(&mut self, pattern: &str, place: &str, flaws: &mut Vec<Flaw>) {
        if self.patterns.contains_key(pattern) {
            return;
        }
        match expression::compile_any(pattern) {
            Ok(regex) => {
                self.patterns.insert(pattern.to_owned(), regex);
            }
            Err((what, mend)) => flaws.push((format!("{place}: {what}"), mend)),
        }
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// Checks a text: whether it is JSON, and valid.
    ///
    /// # Errors
    /// The first place where it is not.
    pub fn check_text(&self, text: &str) -> Result<(), Broken> {
        let value = serde_json::from_str(text.trim())
            .map_err(|e| Broken { path: String::new(), what: format!("it is not JSON: {e}") })?;
        self.check(&value)
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The first place where it is not valid.
    pub fn check(&self, value: &Value) -> Result<(), Broken> {
        let mut pass = Pass { schema: self, steps: 0, path: Vec::new() };
        pass.check(&self.root, value, 0).map_err(|what| Broken { path: pass.path.concat(), what })
    }
}

const TYPES: &[&str] = &["object", "array", "string", "number", "integer", "boolean", "null"];

struct Pass<'s> {
    schema: &'s Schema,
    steps: usize,
    path: Vec<String>,
}

type Outcome = Result<(), String>;

impl Pass<'_> {
    fn check(&mut self, node: &Value, value: &Value, depth: usize) -> Outcome {
        self.steps += 1;
        if self.steps > STEPS_MAX || depth > 2 * DEPTH_MAX {
            return Err("it takes too many steps to check".to_owned());
        }
        let node = match node {
            Value::Bool(false) => return Err("nothing is allowed here".to_owned()),
            Value::Object(node) => node,
            _ => return Ok(()),
        };
        if let Some(reference) = node.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.schema.target(reference)
        {
            self.check(target, value, depth + 1)?;
        }
        any_kind(node, value)?;
        match value {
            Value::Object(members) => self.object(node, members, depth),
            Value::Array(items) => self.array(node, items, depth),
            Value::String(text) => self.text(node, text),
            Value::Number(n) => number(node, n.as_f64().unwrap_or_default()),
            _ => Ok(()),
        }?;
        self.combined(node, value, depth)
    }

    /// Checks a part of the value; the path stays where it fails.
    fn part(&mut self, step: String, node: &Value, value: &Value, depth: usize) -> Outcome {
        self.path.push(step);
        self.check(node, value, depth + 1)?;
        self.path.pop();
        Ok(())
    }

    /// Whether an alternative holds; where it fails is not told.
    fn holds(&mut self, node: &Value, value: &Value, depth: usize) -> bool {
        let length = self.path.len();
        let holds = self.check(node, value, depth + 1).is_ok();
        self.path.truncate(length);
        holds
    }

    fn combined(&mut self, node: &Map<String, Value>, value: &Value, depth: usize) -> Outcome {
        for schema in list(node, "allOf") {
            self.check(schema, value, depth + 1)?;
        }
        if node.contains_key("anyOf") && !list(node, "anyOf").iter().any(|schema| self.holds(schema, value, depth)) {
            return Err("it is none of what it may be (anyOf)".to_owned());
        }
        if node.contains_key("oneOf") {
            let holding = list(node, "oneOf").iter().filter(|schema| self.holds(schema, value, depth)).count();
            if holding != 1 {
                return Err(format!("it is {holding} of what it must be exactly one of (oneOf)"));
            }
        }
        if node.get("not").is_some_and(|schema| self.holds(schema, value, depth)) {
            return Err("it is what it must not be (not)".to_owned());
        }
        // That steps ran out inside an alternative must not look like an answer.
        if self.steps > STEPS_MAX { Err("it takes too many steps to check".to_owned()) } else { Ok(()) }
    }

    fn object(&mut self, node: &Map<String, Value>, members: &Map<String, Value>, depth: usize) -> Outcome {
        for name in list(node, "required").iter().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return Err(format!("the member “{name}” is missing"));
            }
        }
        within(node, "minProperties", "maxProperties", members.len(), "members")?;
        let none = Map::new();
        let known = node.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let by_pattern = node.get("patternProperties").and_then(Value::as_object).unwrap_or(&none);
        for (name, value) in members {
            let step = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            if let Some(names) = node.get("propertyNames") {
                self.part(step.clone(), names, &Value::String(name.clone()), depth)?;
            }
            let mut is_known = false;
            if let Some(schema) = known.get(name) {
                is_known = true;
                self.part(step.clone(), schema, value, depth)?;
            }
            for (pattern, schema) in by_pattern {
                if self.schema.patterns.get(pattern).is_some_and(|regex| regex.is_match(name)) {
                    is_known = true;
                    self.part(step.clone(), schema, value, depth)?;
                }
            }
            match node.get("additionalProperties") {
                Some(Value::Bool(false)) if !is_known => return Err(format!("the member “{name}” is not allowed")),
                Some(schema) if !is_known => self.part(step, schema, value, depth)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn array(&mut self, node: &Map<String, Value>, items: &[Value], depth: usize) -> Outcome {
        within(node, "minItems", "maxItems", items.len(), "items")?;
        let first = list(node, "prefixItems");
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(index).or_else(|| node.get("items")) {
                self.part(format!("/{index}"), schema, item, depth)?;
            }
        }
        if node.get("uniqueItems") == Some(&Value::Bool(true)) {
            let mut seen = std::collections::HashSet::new();
            if !items.iter().all(|item| seen.insert(item.to_string())) {
                return Err("its items are not all different".to_owned());
            }
        }
        Ok(())
    }

    fn text(&mut self, node: &Map<String, Value>, text: &str) -> Outcome {
        if node.contains_key("minLength") || node.contains_key("maxLength") {
            within(node, "minLength", "maxLength", text.chars().count(), "characters")?;
        }
        let pattern = node.get("pattern").and_then(Value::as_str).and_then(|pattern| self.schema.patterns.get(pattern));
        match pattern {
            Some(regex) if !regex.is_match(text) => Err(format!("it does not match {}", regex.as_str())),
            _ => Ok(()),
        }
    }
}

fn list<'n>(node: &'n Map<String, Value>, word: &str) -> &'n [Value] {
    node.get(word).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn any_kind(node: &Map<String, Value>, value: &Value) -> Outcome {
    let kinds = node.get("type");
    let named = kinds.and_then(Value::as_str).into_iter().chain(list(node, "type").iter().filter_map(Value::as_str));
    if kinds.is_some() && !named.clone().any(|name| is_of(name, value)) {
        return Err(format!("it is not of type {}", named.collect::<Vec<_>>().join(" or ")));
    }
    if node.contains_key("enum") && !list(node, "enum").iter().any(|known| same(known, value)) {
        return Err("it is none of the values that are allowed".to_owned());
    }
    match node.get("const") {
        Some(only) if !same(only, value) => Err("it is not the value that it must be".to_owned()),
        _ => Ok(()),
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}

/// Whether two values are the same; 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() && b.is_number() && a.as_f64() == b.as_f64())
}

fn within(node: &Map<String, Value>, min: &str, max: &str, count: usize, of: &str) -> Outcome {
    let limit = |word| node.get(word).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    match (limit(min), limit(max)) {
        (Some(min), _) if count < min => Err(format!("it has {count} {of}, fewer than {min}")),
        (_, Some(max)) if count > max => Err(format!("it has {count} {of}, more than {max}")),
        _ => Ok(()),
    }
}

fn number(node: &Map<String, Value>, n: f64) -> Outcome {
    let limit = |word| node.get(word).and_then(Value::as_f64);
    let beyond = limit("minimum").is_some_and(|min| n < min)
        || limit("maximum").is_some_and(|max| n > max)
        || limit("exclusiveMinimum").is_some_and(|min| n <= min)
        || limit("exclusiveMaximum").is_some_and(|max| n >= max);
    if beyond {
        return Err("it is beyond its limits".to_owned());
    }
    match limit("multipleOf") {
        Some(unit) if (n / unit - (n / unit).round()).abs() > 1e-9 => Err(format!("it is no multiple of {unit}")),
        _ => Ok(()),
    }
}
