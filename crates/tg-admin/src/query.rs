//! The query of a request: reading it with all of its problems, and writing it.

use crate::api::time::quoted;
use tg_store::ledger::{Dimension, Filter};

/// Most values in one query.
const VALUES_MAX: usize = 64;

/// The parameters of a query, taken out one by one.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    problems: Vec<String>,
}

impl Parameters {
    /// Reads a query whose parameters are these.
    pub(crate) fn read(query: &str, known: &[&str]) -> Self {
        let mut read = Self { pairs: Vec::new(), problems: Vec::new() };
        for (number, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
            if number == VALUES_MAX {
                read.problem(format!("the query has more than {VALUES_MAX} parameters"));
                break;
            }
            if known.contains(&&*name) {
                read.pairs.push((name.into_owned(), value.into_owned()));
            } else {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                read.problem(format!("{}: is not a parameter here; known: {known}", quoted(&name)));
            }
        }
        read
    }

    pub(crate) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Every value of this parameter.
    pub(crate) fn all(&mut self, name: &str) -> Vec<String> {
        self.pairs.extract_if(.., |(n, _)| n == name).map(|(_, value)| value).collect()
    }

    /// The values of this parameter, split at commas.
    pub(crate) fn list(&mut self, name: &str) -> Vec<String> {
        let all = self.all(name);
        all.iter().flat_map(|value| value.split(',')).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect()
    }

    /// The only value of this parameter, if there is one.
    pub(crate) fn one(&mut self, name: &str) -> Option<String> {
        let mut all = self.all(name).into_iter();
        let first = all.next();
        if all.next().is_some() {
            self.problem(format!("{name}: comes more than once; keep one"));
        }
        first.filter(|value| !value.is_empty())
    }

    /// The only value of this parameter, if there is one, read by `parse`, which says what is wrong.
    pub(crate) fn parsed<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.one(name)?;
        parse(&text).map_err(|problem| self.problem(format!("{name}: {problem}"))).ok()
    }

    /// `value`, if nothing was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Vec<String>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}

/// The parameters `filter`, each `dimension:value`; no value keeps the calls that have none.
pub(crate) fn read_filters(parameters: &mut Parameters) -> Vec<Filter> {
    let mut filters = Vec::new();
    for text in parameters.all("filter") {
        match read_filter(&text, ':') {
            Ok(filter) => filters.push(filter),
            Err(problem) => parameters.problem(format!("filter: {problem}")),
        }
    }
    filters
}

/// Reads a dimension, a separator and a value. No value keeps the calls that have none.
///
/// # Errors
/// What is wrong with the text, and what to write.
pub fn read_filter(text: &str, separator: char) -> Result<Filter, String> {
    let example = format!("write as in `team{separator}search`");
    let (name, value) =
        text.split_once(separator).ok_or_else(|| format!("{} has no `{separator}`; {example}", quoted(text)))?;
    let dimension = Dimension::parse(name)
        .ok_or_else(|| format!("{} is not a dimension; {}, and {example}", quoted(name), crate::api::dimensions()))?;
    Ok(Filter { dimension, value: Some(value.to_owned()).filter(|value| !value.is_empty()) })
}

/// Writes what [`read_filters`] reads.
pub(crate) fn filter_text(filter: &Filter) -> String {
    format!("{}:{}", filter.dimension.as_str(), filter.value.as_deref().unwrap_or_default())
}

/// A query being written.
#[derive(Default)]
pub(crate) struct Query(String);

impl Query {
    /// Adds a parameter, if it has a value.
    pub(crate) fn add(&mut self, name: &str, value: Option<&str>) {
        let Some(value) = value else { return };
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(form_urlencoded::byte_serialize(value.as_bytes()));
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}
