//! From a file or a text to a document, or to everything that is wrong with it.

use crate::check::{Finding, findings};
use crate::document::Document;
use crate::problem::{Path, Problem, Problems};
use crate::routes::usual_models;
use crate::schema::json_schema;
use crate::shape::{Shape, compare, position};
use crate::tree::{Node, parse};
use std::fs::File;
use std::io::Read;

/// The largest file that is read: 4 MiB.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads the file at `path` (YAML, UTF-8, at most 4 MiB).
///
/// # Errors
/// As [`from_text`], and a problem when the file cannot be read.
pub fn from_file(path: &std::path::Path) -> Result<Document, Problems> {
    let (origin, text) = text_from_file(path)?;
    from_text(&origin, &text)
}

/// Reads the file at `path` as [`from_file`] does, but for its schema: what is in it is the caller's to judge.
///
/// # Errors
/// A problem when the file cannot be read, or is outside of the subset of YAML that is read. JSON is within it.
pub fn value_from_file(path: &std::path::Path) -> Result<serde_json::Value, Problems> {
    let (origin, text) = text_from_file(path)?;
    value_from_text(&origin, &text)
}

/// Reads `text`, which came from `origin` (named in the problems), as [`value_from_file`] does.
///
/// # Errors
/// As [`value_from_file`].
pub fn value_from_text(origin: &str, text: &str) -> Result<serde_json::Value, Problems> {
    tree(origin, text).map(Node::into_json)
}

/// The name of the file at `path`, for problems, and its text (UTF-8, at most 4 MiB), whatever is in it.
///
/// # Errors
/// A problem when the file cannot be read, or is too large.
pub fn text_from_file(path: &std::path::Path) -> Result<(String, String), Problems> {
    let origin = path.display().to_string();
    let problem = |message: String, hint: &str| Problems::one(&origin, Problem::new(Path::root(), message, hint));
    let mut bytes = Vec::new();
    let done = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    done.map_err(|error| problem(format!("the file cannot be read: {error}"), "check the path and who may read it"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| problem("the file is not UTF-8".to_owned(), "save it as UTF-8 without a signature"))?;
    Ok((origin, text))
}

pub(crate) fn tree(origin: &str, text: &str) -> Result<Node, Problems> {
    if text.len() as u64 > FILE_BYTES_MAX {
        let problem = Problem::new(Path::root(), "the file is larger than 4 MiB", "split it up");
        return Err(Problems::one(origin, problem));
    }
    parse(text).map_err(|problem| Problems::one(origin, problem))
}

/// Reads `text`, which came from `origin` (named in the problems). The outcome has been checked, and states the usual
/// models where the text states none.
///
/// # Errors
/// Everything that is wrong, in the order of the text. Where a part is wrong in itself, no more is said of what depends
/// on that part alone.
pub fn from_text(origin: &str, text: &str) -> Result<Document, Problems> {
    judge(&tree(origin, text)?).map_err(|all| Problems { origin: origin.to_owned(), all })
}

/// The document of a whole tree, or everything that is wrong with it, in the order of the text.
pub(crate) fn judge(root: &Node) -> Result<Document, Vec<Problem>> {
    let mut shape = compare(json_schema(), root);
    let mut all = std::mem::take(&mut shape.problems);
    let document = shape.kept.take().map(serde_json::from_value::<Document>);
    match document {
        Some(Ok(mut document)) => {
            all.extend(placed(findings(&document), &shape, root));
            if all.is_empty() {
                if document.models.is_empty() {
                    document.models = usual_models(&document.providers);
                }
                return Ok(document);
            }
        }
        Some(Err(error)) => {
            all.push(Problem::new(Path::root(), error.to_string(), "compare it with the reference"));
        }
        None => {}
    }
    all.sort_by_key(|problem| problem.position);
    Err(all)
}

/// What was found in what fits, less what rests on what does not, each where it stands in the text.
pub(crate) fn placed(found: Vec<Finding>, shape: &Shape, root: &Node) -> Vec<Problem> {
    found
        .into_iter()
        .filter(|finding| !finding.rests_on.iter().any(|part| shape.is_incomplete(part)))
        .map(|finding| Problem { path: shape.original(&finding.problem.path), ..finding.problem })
        .filter(|problem| !shape.doubts(&problem.path))
        .map(|problem| {
            let position = position(root, &problem.path);
            problem.at(position)
        })
        .collect()
}
