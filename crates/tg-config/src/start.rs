//! A file that leaves most of the configuration to the store: what it may hold itself, and both put together.

use crate::check::findings;
use crate::document::{Document, Revisions};
use crate::load::{judge, placed, text_from_file, tree};
use crate::problem::{Path, Problem, Problems, Step};
use crate::schema::json_schema;
use crate::shape::compare;
use crate::tree::{Entry, Node, Value};
use std::sync::Arc;

/// What such a file may hold: what differs from machine to machine, and what is read at the start only.
pub const LOCAL: &[&str] = &["store", "listen", "admin", "counters", "telemetry", "drain", "recording"];

/// Of this member only [`SECRETS_KEY`] may stand in it.
const IDENTITY: &str = "identity";
const SECRETS_KEY: &str = "secrets_key";

/// The one member that no revision may hold: without it the revision is not found.
const STORE: &str = "store";

/// What a file turned out to be.
#[derive(Debug)]
pub enum Declared {
    /// The whole configuration.
    Whole(Box<Document>),
    /// A part of it: `store.revisions` is `follow`.
    Start(Box<StartFile>),
}

/// A file whose other part is a revision in the store.
#[derive(Clone, Debug)]
pub struct StartFile {
    origin: Arc<str>,
    root: Node,
    document: Document,
}

/// Reads the file at `path` (YAML, UTF-8, at most 4 MiB), whichever of the two it is.
///
/// # Errors
/// Everything that is wrong, in the order of the text. What of a start file rests on its revision is checked with that.
pub fn from_file(path: &std::path::Path) -> Result<Declared, Problems> {
    let (origin, text) = text_from_file(path)?;
    from_text(&origin, &text)
}

/// Reads `text`, which came from `origin`, as [`from_file`] does.
///
/// # Errors
/// As [`from_file`].
pub fn from_text(origin: &str, text: &str) -> Result<Declared, Problems> {
    let root = tree(origin, text)?;
    let all = if follows(&root) {
        match of_start(&root) {
            Ok(document) => {
                return Ok(Declared::Start(Box::new(StartFile { origin: Arc::from(origin), root, document })));
            }
            Err(all) => all,
        }
    } else {
        match judge(&root) {
            Ok(document) => return Ok(Declared::Whole(Box::new(document))),
            Err(all) => all,
        }
    };
    Err(Problems { origin: origin.to_owned(), all })
}

impl StartFile {
    /// What the file itself declares; everything else has its default.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The file's name, for messages.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The whole configuration: this file and the text of a revision, which came from `origin`. It is checked as a
    /// file is.
    ///
    /// # Errors
    /// Everything that is wrong in either, each with where it stands; and what stands in both, or in the wrong one.
    pub fn with(&self, origin: &str, text: &str) -> Result<Document, Problems> {
        let revision = tree(origin, text)?;
        let (root, mut all) = self.joined(origin, revision);
        let judged = judge(&root);
        let both = || format!("{} with {origin}", self.origin);
        match judged {
            Ok(document) if all.is_empty() => return Ok(document),
            Ok(_) => {}
            Err(found) => all.extend(found),
        }
        for problem in &mut all {
            let here = self.holds(&problem.path) && problem.origin.is_none();
            problem.origin.get_or_insert_with(|| if here { Arc::clone(&self.origin) } else { Arc::from(origin) });
        }
        all.sort_by_key(|problem| (problem.origin.as_ref() != Some(&self.origin), problem.position));
        Err(Problems { origin: both(), all })
    }

    /// One tree of both; of what stands in both, the file's is in it.
    fn joined(&self, origin: &str, revision: Node) -> (Node, Vec<Problem>) {
        let (mut root, mut all) = (self.root.clone(), Vec::new());
        let (Value::Map(mine), Value::Map(theirs)) = (&mut root.value, &revision.value) else {
            // The file is a map, or it would not be a start file: the revision is none, which is then said of it.
            return (revision, all);
        };
        let told = |path: Path, entry: &Entry, message: String, hint: &str| {
            let problem = Problem::new(path, message, hint).at(entry.key_position);
            Problem { origin: Some(Arc::from(origin)), ..problem }
        };
        let clash = |path: Path, entry: &Entry, known: &Entry| {
            let line = known.key_position.line;
            let message = format!("stands in {} (line {line}) too, and one of the two would not count", self.origin);
            let hint = "keep it in one place: in the file what differs from machine to machine, else in the revision";
            told(path, entry, message, hint)
        };
        for entry in theirs {
            let path = Path::root().member(&entry.key);
            if entry.key == STORE {
                let hint = "remove it here: the revision is found by it, so each machine's file names it";
                all.push(told(path, entry, "does not stand in a revision".to_owned(), hint));
                continue;
            }
            let Some(known) = mine.iter_mut().find(|known| known.key == entry.key) else {
                mine.push(entry.clone());
                continue;
            };
            let (Value::Map(inner), Value::Map(more), IDENTITY) =
                (&mut known.node.value, &entry.node.value, &*entry.key)
            else {
                all.push(clash(path, entry, known));
                continue;
            };
            for member in more {
                match inner.iter().find(|known| known.key == member.key) {
                    Some(known) => all.push(clash(path.member(&member.key), member, known)),
                    None => inner.push(member.clone()),
                }
            }
        }
        (root, all)
    }

    /// Whether what stands at this place is the file's.
    fn holds(&self, path: &Path) -> bool {
        let mut steps = path.steps().iter().filter_map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            Step::Element(_) => None,
        });
        match (steps.next(), steps.next()) {
            (Some(IDENTITY), member) => member == Some(SECRETS_KEY) && self.document.identity.secrets_key.is_some(),
            (Some(name), _) => entries(&self.root).iter().any(|entry| entry.key == name),
            (None, _) => false,
        }
    }
}

fn entries(node: &Node) -> &[Entry] {
    if let Value::Map(entries) = &node.value { entries } else { &[] }
}

fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    entries(node).iter().find(|entry| entry.key == name).map(|entry| &entry.node)
}

fn follows(root: &Node) -> bool {
    let word = member(root, STORE).and_then(|store| member(store, "revisions")).map(|node| &node.value);
    matches!(word, Some(Value::Text(word)) if word == Revisions::Follow.as_str())
}

/// The file's own part, or everything that is wrong with it.
fn of_start(root: &Node) -> Result<Document, Vec<Problem>> {
    let mut shape = compare(json_schema(), root);
    let is_local = |path: &Path| matches!(path.steps().first(), Some(Step::Member(name)) if LOCAL.contains(&name.as_str()) || name == IDENTITY);
    let known = |name: &str| json_schema()["properties"].get(name).is_some();
    let mut all: Vec<Problem> = std::mem::take(&mut shape.problems);
    // Of what is to stand elsewhere, that alone is said.
    all.retain(|problem| match problem.path.steps().first() {
        Some(Step::Member(name)) => is_local(&problem.path) || !known(name),
        _ => true,
    });
    let misplaced = |path: Path, entry: &Entry| {
        let local = LOCAL.join("`, `");
        let message = "does not stand in a file with `store.revisions: follow`";
        let hint = format!(
            "put it into the revision (`tallygate config push FILE`); the file itself may hold `{local}` and \
             `{IDENTITY}.{SECRETS_KEY}`"
        );
        Problem::new(path, message, hint).at(entry.key_position)
    };
    for entry in entries(root).iter().filter(|entry| known(&entry.key)) {
        let path = Path::root().member(&entry.key);
        if entry.key == IDENTITY {
            let others = entries(&entry.node).iter().filter(|inner| inner.key != SECRETS_KEY);
            all.extend(others.map(|inner| misplaced(path.member(&inner.key), inner)));
        } else if !is_local(&path) {
            all.push(misplaced(path, entry));
        }
    }
    match shape.kept.take().map(serde_json::from_value::<Document>) {
        Some(Ok(document)) => {
            let found = findings(&document).into_iter().filter(|finding| is_local(&finding.problem.path)).collect();
            all.extend(placed(found, &shape, root));
            if all.is_empty() {
                return Ok(document);
            }
        }
        Some(Err(error)) => all.push(Problem::new(Path::root(), error.to_string(), "compare it with the reference")),
        None => {}
    }
    all.sort_by_key(|problem| problem.position);
    Err(all)
}
