//! Holds a tree against the JSON Schema: collects everything that does not fit, and keeps what does.

use crate::grammar::{GRAMMAR_KEY, refusal};
use crate::nearest::{nearest, propose};
use crate::problem::{Path, Position, Problem, Step};
use crate::tree::{Entry, Node, Value};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// Marks places where any JSON may stand.
pub(crate) const FREE_KEY: &str = "x-free";

/// What a comparison found.
pub(crate) struct Shape {
    /// What fits, as JSON; `None` when not even the root does.
    pub(crate) kept: Option<Json>,
    /// Everything that does not fit.
    pub(crate) problems: Vec<Problem>,
    /// Places of which nothing further should be said, as their content is not known.
    doubtful: Vec<Path>,
    /// Lists that lost elements: their place in `kept`, and the original numbers of those that stayed.
    thinned: HashMap<Path, Vec<usize>>,
}

/// Holds `root` against `schema`.
pub(crate) fn compare(schema: &Json, root: &Node) -> Shape {
    let mut walk = Walk {
        schema,
        shape: Shape { kept: None, problems: Vec::new(), doubtful: Vec::new(), thinned: HashMap::new() },
    };
    let place = Place { original: Path::root(), kept: Path::root() };
    walk.shape.kept = walk.visit(schema, root, &place);
    walk.shape
}

impl Shape {
    /// Whether nothing is known of what stands at `path`, in the original or beneath or above it.
    pub(crate) fn doubts(&self, path: &Path) -> bool {
        self.doubtful.iter().any(|d| d.holds(path) || path.holds(d))
    }

    /// Whether something of the top-level member at `path`, or of what holds it, was lost: what is not there may have been.
    pub(crate) fn is_incomplete(&self, path: &Path) -> bool {
        self.thinned.contains_key(path) || self.doubtful.iter().any(|d| d.holds(path))
    }

    /// Where a place in what was kept stood originally.
    pub(crate) fn original(&self, kept: &Path) -> Path {
        let (mut from, mut to) = (Path::root(), Path::root());
        for step in kept.steps() {
            match step {
                Step::Member(name) => (from, to) = (from.member(name), to.member(name)),
                Step::Element(number) => {
                    let stayed = self.thinned.get(&from).and_then(|numbers| numbers.get(*number));
                    (from, to) = (from.element(*number), to.element(*stayed.unwrap_or(number)));
                }
            }
        }
        to
    }
}

/// Where `path` stands: the value itself, or else the nearest one around it.
pub(crate) fn position(root: &Node, path: &Path) -> Position {
    let mut node = root;
    let mut position = root.position;
    for step in path.steps() {
        let next = match (step, &node.value) {
            (Step::Member(name), Value::Map(entries)) => {
                entries.iter().find(|e| e.key == *name).map(|e| (&e.node, e.key_position))
            }
            (Step::Element(number), Value::List(nodes)) => nodes.get(*number).map(|n| (n, n.position)),
            _ => None,
        };
        let Some((inner, at)) = next else { break };
        (node, position) = (inner, at);
    }
    position
}

struct Walk<'a> {
    schema: &'a Json,
    shape: Shape,
}

/// A place, counted in the original and in what is kept.
struct Place {
    original: Path,
    kept: Path,
}

impl Place {
    fn member(&self, name: &str) -> Self {
        Self { original: self.original.member(name), kept: self.kept.member(name) }
    }
}

impl<'a> Walk<'a> {
    fn visit(&mut self, schema: &'a Json, node: &Node, place: &Place) -> Option<Json> {
        let schema = self.resolve(schema, &node.value);
        if let Some(choices) = schema.get("oneOf").and_then(Json::as_array) {
            return self.choose(choices, node, place);
        }
        let fits = match (&node.value, expected(schema)) {
            (Value::Null, wanted) => wanted.contains(&"null"),
            (Value::Bool(_), wanted) => wanted.contains(&"boolean"),
            (Value::Whole(_), wanted) => wanted.contains(&"integer") || wanted.contains(&"number"),
            (Value::Real(_), wanted) => wanted.contains(&"number"),
            (Value::Text(_), wanted) => wanted.contains(&"string"),
            (Value::List(_), wanted) => wanted.contains(&"array"),
            (Value::Map(_), wanted) => wanted.contains(&"object"),
        };
        if !fits {
            return self.refuse(place, node.position, wrong_type(schema, &node.value));
        }
        match &node.value {
            _ if schema.get(FREE_KEY).is_some() => Some(node.clone().into_json()),
            Value::Null => Some(Json::Null),
            Value::Bool(value) => Some(Json::Bool(*value)),
            Value::Whole(number) => self.number(schema, (*number).into(), node, place),
            Value::Real(number) => self.number(schema, (*number).into(), node, place),
            Value::Text(text) => self.text(schema, text, node, place),
            Value::List(nodes) => self.list(schema, nodes, node, place),
            Value::Map(entries) => self.map(schema, entries, node, place),
        }
    }

    /// Follows references; of "this or null", takes the one that `value` is.
    fn resolve(&self, mut schema: &'a Json, value: &Value) -> &'a Json {
        loop {
            let reference = schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#'));
            let choice = schema.get("anyOf").and_then(Json::as_array).and_then(|choices| {
                let null = matches!(value, Value::Null);
                choices.iter().find(|c| (c.get("type").and_then(Json::as_str) == Some("null")) == null)
            });
            match reference.and_then(|r| self.schema.pointer(r)).or(choice) {
                Some(inner) => schema = inner,
                None => return schema,
            }
        }
    }

    fn refuse(&mut self, place: &Place, position: Position, (message, hint): (String, String)) -> Option<Json> {
        self.shape.doubtful.push(place.original.clone());
        self.shape.problems.push(Problem::new(place.original.clone(), message, hint).at(position));
        None
    }

    fn choose(&mut self, choices: &'a [Json], node: &Node, place: &Place) -> Option<Json> {
        let words = || choices.iter().filter_map(|c| c.get("const").and_then(Json::as_str));
        let objects = || choices.iter().filter(|c| c.get("properties").is_some());
        match &node.value {
            Value::Text(text) if words().any(|w| w == text) => return Some(Json::String(text.clone())),
            Value::Map(entries) => {
                let knows = |object: &&Json| entries.iter().any(|e| object["properties"].get(&e.key).is_some());
                if let Some(object) = objects().find(knows) {
                    return self.visit(object, node, place);
                }
            }
            Value::List(_) => {
                if let Some(list) = choices.iter().find(|c| c.get("items").is_some()) {
                    return self.visit(list, node, place);
                }
            }
            _ => {}
        }
        let members = objects().filter_map(|o| o.get("properties")?.as_object()?.keys().next());
        let list = choices.iter().find(|c| c.get("items").is_some()).map(|_| "[…]".to_owned());
        let known = words().map(str::to_owned).chain(members.map(|m| format!("{m}: …")));
        let known: Vec<String> = known.chain(list).collect();
        let written = if let Value::Text(text) = &node.value { text.as_str() } else { "" };
        let hint = propose(written, known.iter().map(String::as_str));
        self.refuse(place, node.position, ("is not one of the words that can stand here".to_owned(), hint))
    }

    fn number(&mut self, schema: &Json, number: Json, node: &Node, place: &Place) -> Option<Json> {
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        let value = number.as_f64().unwrap_or_default();
        let (low, high) = (bound("minimum"), bound("maximum"));
        if low.is_some_and(|low| value < low) || high.is_some_and(|high| value > high) {
            let low = low.map_or_else(String::new, |l| format!(" from {l}"));
            let high = high.map_or_else(String::new, |h| format!(" to {h}"));
            let problem = (format!("{number} is out of range"), format!("write a number{low}{high}"));
            return self.refuse(place, node.position, problem);
        }
        Some(number)
    }

    fn text(&mut self, schema: &Json, text: &str, node: &Node, place: &Place) -> Option<Json> {
        if let Some(grammar) = schema.get(GRAMMAR_KEY).and_then(Json::as_str)
            && let Some(refused) = refusal(grammar, text)
        {
            return self.refuse(place, node.position, (refused.message, refused.hint));
        }
        if let Some(words) = schema.get("enum").and_then(Json::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            if !words.contains(&text) {
                let hint = propose(text, words.iter().copied());
                let message = "is not one of the words that can stand here".to_owned();
                return self.refuse(place, node.position, (message, hint));
            }
        }
        let length = text.chars().count();
        let (least, most) = bounds(schema, "minLength", "maxLength");
        if length < least || length > most {
            let message = format!("has {length} characters");
            return self.refuse(place, node.position, (message, within(least, most, "characters")));
        }
        Some(Json::String(text.to_owned()))
    }

    fn list(&mut self, schema: &'a Json, nodes: &[Node], node: &Node, place: &Place) -> Option<Json> {
        let (least, most) = bounds(schema, "minItems", "maxItems");
        if nodes.len() < least || nodes.len() > most {
            let message = if nodes.is_empty() { "is empty".to_owned() } else { format!("has {} entries", nodes.len()) };
            return self.refuse(place, node.position, (message, within(least, most, "entries")));
        }
        let items = schema.get("items")?;
        let (mut kept, mut stayed) = (Vec::new(), Vec::new());
        for (number, inner) in nodes.iter().enumerate() {
            let spot = Place { original: place.original.element(number), kept: place.kept.element(kept.len()) };
            if let Some(value) = self.visit(items, inner, &spot) {
                kept.push(value);
                stayed.push(number);
            }
        }
        if kept.len() < nodes.len() {
            self.shape.thinned.insert(place.kept.clone(), stayed);
        }
        // A list that has lost all of its elements may now break a rule that its writer kept.
        (kept.len() >= least).then_some(Json::Array(kept))
    }

    fn map(&mut self, schema: &'a Json, entries: &[Entry], node: &Node, place: &Place) -> Option<Json> {
        let (_, most) = bounds(schema, "minProperties", "maxProperties");
        if entries.len() > most {
            let message = format!("has {} members", entries.len());
            return self.refuse(place, node.position, (message, within(0, most, "members")));
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        let free = schema.get("additionalProperties").filter(|a| a.is_object());
        let mut kept = Map::new();
        for entry in entries {
            let spot = place.member(&entry.key);
            match properties.and_then(|p| p.get(&entry.key)).or(free) {
                Some(inner) => {
                    if let Some(value) = self.visit(inner, &entry.node, &spot) {
                        kept.insert(entry.key.clone(), value);
                    }
                }
                None => self.unknown(properties, entry, place),
            }
        }
        let required = schema.get("required").and_then(Json::as_array);
        let missing: Vec<&str> =
            required.into_iter().flatten().filter_map(Json::as_str).filter(|r| !kept.contains_key(*r)).collect();
        for name in &missing {
            let path = place.original.member(name);
            if !self.shape.doubts(&path) {
                let hint = format!("add `{name}: …`");
                self.refuse(&place.member(name), node.position, ("is missing".to_owned(), hint));
            }
        }
        missing.is_empty().then_some(Json::Object(kept))
    }

    fn unknown(&mut self, properties: Option<&'a Map<String, Json>>, entry: &Entry, place: &Place) {
        let known: Vec<&str> = properties.into_iter().flat_map(|p| p.keys()).map(String::as_str).collect();
        let hint = propose(&entry.key, known.iter().copied());
        let shown: String = entry.key.chars().filter(|c| !c.is_control()).take(64).collect();
        let path = place.original.member(&shown);
        self.shape.problems.push(Problem::new(path, "is not known here", hint).at(entry.key_position));
        // The member that was probably meant should not also be called missing.
        if let Some(meant) = nearest(&entry.key, known) {
            self.shape.doubtful.push(place.original.member(meant));
        }
    }
}

fn expected(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn wrong_type(schema: &Json, value: &Value) -> (String, String) {
    let found = match value {
        Value::Null => "has no value",
        Value::Bool(_) => "is true or false",
        Value::Whole(_) | Value::Real(_) => "is a number",
        Value::Text(_) => "is a text",
        Value::List(_) => "is a list",
        Value::Map(_) => "has members",
    };
    let example = schema.get("examples").and_then(|e| e.get(0));
    let wanted = expected(schema).into_iter().find(|t| *t != "null").unwrap_or("another value");
    let hint = match (wanted, value, example) {
        ("string", Value::Bool(_) | Value::Whole(_) | Value::Real(_), None) => "put it into quotes".to_owned(),
        ("string", Value::Whole(_), Some(example)) => format!("write a text, as in {example}"),
        ("string", _, Some(example)) => format!("write a text, as in {example}"),
        ("string", ..) => "write a text".to_owned(),
        ("boolean", ..) => "write `true` or `false`".to_owned(),
        ("integer", ..) => "write a whole number".to_owned(),
        ("number", ..) => "write a number".to_owned(),
        ("array", ..) => "write a list, as in `[…]`".to_owned(),
        ("object", Value::Null, _) => "remove it, or indent its members beneath it".to_owned(),
        ("object", ..) => "write its members beneath it".to_owned(),
        (other, ..) => format!("write {other}"),
    };
    (found.to_owned(), hint)
}

fn bounds(schema: &Json, least: &str, most: &str) -> (usize, usize) {
    let bound = |name: &str| schema.get(name).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
    (bound(least).unwrap_or(0), bound(most).unwrap_or(usize::MAX))
}

fn within(least: usize, most: usize, what: &str) -> String {
    match (least, most) {
        (0, most) => format!("write at most {most} {what}"),
        (least, usize::MAX) => format!("write at least {least} {what}"),
        (least, most) => format!("write {least} to {most} {what}"),
    }
}
