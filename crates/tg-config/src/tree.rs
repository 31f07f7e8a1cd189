//! YAML text as a tree that knows where each value stands. The subset is that of JSON: no anchors, aliases or tags.

use crate::problem::{Path, Position, Problem};
use granit_parser::{Event, Options, Parser, ScalarStyle, Span};
use serde_json::Value as Json;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) position: Position,
}

impl Node {
    /// The value without its places.
    pub(crate) fn into_json(self) -> Json {
        match self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => value.into(),
            Value::Whole(number) => number.into(),
            Value::Real(number) => number.into(),
            Value::Text(text) => text.into(),
            Value::List(nodes) => nodes.into_iter().map(Self::into_json).collect(),
            Value::Map(entries) => entries.into_iter().map(|entry| (entry.key, entry.node.into_json())).collect(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Whole(i64),
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A member of a map. No two of one map have the same key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_position: Position,
    pub(crate) node: Node,
}

/// Far deeper than the schema; keeps recursion over the tree off the stack's end.
const DEPTH_MAX: usize = 32;
/// Thousands of teams with all their projects stay far below; bounds the memory of a hostile file.
const NODES_MAX: usize = 200_000;
/// No map of the schema has as many; finding a second key costs their square.
const MEMBERS_MAX: usize = 256;

/// Reads one YAML document. An empty one is an empty map.
///
/// # Errors
/// The first thing that is not YAML, or is outside of the subset.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    let mut options = Options::default();
    options.emit_comments = false;
    options.disallow_directives = true;
    let mut builder = Builder { open: Vec::new(), root: None, nodes: 0 };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let mark = error.marker();
            let position = Position { line: mark.line(), column: mark.col() + 1 };
            let hint = "check indentation, quotes and brackets at this place and just before it";
            Problem::new(Path::root(), format!("this is not YAML: {}", error.info()), hint).at(position)
        })?;
        builder.take(event, span)?;
    }
    let start = Position { line: 1, column: 1 };
    Ok(match builder.root {
        None | Some(Node { value: Value::Null, .. }) => Node { value: Value::Map(Vec::new()), position: start },
        Some(root) => root,
    })
}

struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

enum Open {
    List(Vec<Node>, Position),
    Map(Vec<Entry>, Position, Option<(String, Position)>),
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let position = Position { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), position)?;
                self.scalar(&text, style, position)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), position)?;
                self.enter(Open::List(Vec::new(), position), position)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), position)?;
                self.enter(Open::Map(Vec::new(), position, None), position)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(nodes, position)) => self.put(Node { value: Value::List(nodes), position }),
                Some(Open::Map(entries, position, _)) => self.put(Node { value: Value::Map(entries), position }),
                None => Ok(()),
            },
            Event::Alias(_) => Err(outside("an alias (`*name`)", "write the value out", position)),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(outside("a second document", "remove it, and the `---` before it", position))
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, open: Open, position: Position) -> Result<(), Problem> {
        if matches!(self.open.last(), Some(Open::Map(_, _, None))) {
            return Err(outside("a key that is no plain text", "write a text before the colon", position));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(outside(&format!("more than {DEPTH_MAX} levels"), "nest less", position));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, position: Position) -> Result<(), Problem> {
        if let Some(Open::Map(entries, _, key @ None)) = self.open.last_mut() {
            if let Some(before) = entries.iter().find(|e| e.key == text) {
                let path = Path::root().member(text);
                let message = format!("stands here a second time, first in line {}", before.key_position.line);
                return Err(Problem::new(path, message, "keep one of the two").at(position));
            }
            if entries.len() >= MEMBERS_MAX {
                return Err(outside(&format!("a map of more than {MEMBERS_MAX} members"), "split it up", position));
            }
            *key = Some((text.to_owned(), position));
            return Ok(());
        }
        let value = if style == ScalarStyle::Plain { resolve(text) } else { Value::Text(text.to_owned()) };
        self.put(Node { value, position })
    }

    fn put(&mut self, node: Node) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(outside(&format!("more than {NODES_MAX} values"), "split it up", node.position));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(nodes, _)) => nodes.push(node),
            Some(Open::Map(entries, _, key)) => {
                if let Some((key, key_position)) = key.take() {
                    entries.push(Entry { key, key_position, node });
                }
            }
        }
        Ok(())
    }
}

fn outside(what: &str, hint: &str, position: Position) -> Problem {
    Problem::new(Path::root(), format!("the file has {what}, which is not read"), hint).at(position)
}

fn refuse_properties(anchor: usize, tagged: bool, position: Position) -> Result<(), Problem> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (_, true) => Err(outside("a tag (`!…`)", "remove the tag", position)),
        (_, false) => Err(outside("an anchor (`&name`)", "remove the anchor", position)),
    }
}

// YAML 1.2's core schema, less its rarer spellings: those stay texts, and are refused where a number is wanted.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if !numeric || padded {
        return Value::Text(text.to_owned());
    }
    if let Ok(whole) = text.parse() {
        return Value::Whole(whole);
    }
    match text.parse::<f64>() {
        Ok(real) if real.is_finite() => Value::Real(real),
        _ => Value::Text(text.to_owned()),
    }
}
