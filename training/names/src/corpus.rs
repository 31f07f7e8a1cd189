//! Texts with labels from the training data, and ordinary ones without names.

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use tg_text::pii::names::training::{Label, Tokens};

/// Ordinary texts that have next to no names of people in them, and how many rows are learnt from.
const ORDINARY: &[(&str, usize)] = &[
    ("task_clinc150.jsonl.gz", 700),
    ("benign_mitre_frr.jsonl.gz", 400),
    ("task_code_autocomplete.jsonl.gz", 200),
    ("task_code_cyberseceval.jsonl.gz", 300),
    ("task_bbh.jsonl.gz", 0),
];

/// A text with what is in it.
pub struct Text {
    pub text: String,
    /// What rows of the same wording have in common.
    pub template: String,
    /// Names and addresses, in bytes; parts of one address are one.
    pub spans: Vec<Span>,
}

/// One name or address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub address: bool,
}

impl Text {
    /// The label of each word.
    pub fn labels(&self, tokens: &Tokens) -> Vec<Label> {
        let mut seen = usize::MAX;
        let label = |(start, end): (usize, usize)| {
            let place = self.spans.iter().position(|span| span.start < end && start < span.end);
            let goes_on = place.is_some_and(|place| place == seen);
            seen = place.unwrap_or(usize::MAX);
            match (place.and_then(|place| self.spans.get(place)), goes_on) {
                (None, _) => Label::Outside,
                (Some(span), false) => {
                    if span.address {
                        Label::Address
                    } else {
                        Label::Name
                    }
                }
                (Some(span), true) => {
                    if span.address {
                        Label::AddressOn
                    } else {
                        Label::NameOn
                    }
                }
            }
        };
        tokens.spans().map(label).collect()
    }
}

fn rows(path: &Path) -> Result<Vec<Value>> {
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let mut lines = String::new();
    GzDecoder::new(file).read_to_string(&mut lines)?;
    lines.lines().map(|line| serde_json::from_str(line).context("a row is no JSON")).collect()
}

/// The rows with labels.
pub fn labelled(data: &Path) -> Result<Vec<Text>> {
    let rows = rows(&data.join("pii_presidio_research.jsonl.gz"))?;
    Ok(rows.iter().filter_map(row).collect())
}

fn row(row: &Value) -> Option<Text> {
    let text = row.get("text")?.as_str()?.to_owned();
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut spans: Vec<Span> = Vec::new();
    for entity in row.get("entities")?.as_array()? {
        let (address, part) = match entity.get("type")?.as_str()? {
            "PERSON" => (false, false),
            "ADDRESS" => (true, true),
            // The town and the postal code belong to the address that they stand behind.
            "LOCATION" | "ZIP_CODE" => (true, false),
            _ => continue,
        };
        let at = |name: &str| offsets.get(usize::try_from(entity.get(name)?.as_u64()?).ok()?).copied();
        let (start, end) = (at("start")?, at("end")?);
        match spans.last_mut() {
            // One part of the data splits addresses, the other does not.
            Some(last) if address && last.address && between(&text, last.end, start) => last.end = end,
            _ if address && !part => {}
            _ => spans.push(Span { start, end, address }),
        }
    }
    Some(Text { template: row.get("template")?.as_str()?.to_owned(), text, spans })
}

fn between(text: &str, end: usize, start: usize) -> bool {
    // Marks of a quotation may begin each line.
    let joins = |c: char| c.is_whitespace() || matches!(c, ',' | '>' | '?' | '-');
    text.get(end..start).is_some_and(|gap| gap.len() <= 6 && gap.chars().all(joins))
}

/// The rows without.
pub fn ordinary(data: &Path) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    for (name, most) in ORDINARY {
        for row in rows(&data.join(name))?.iter().take(*most) {
            let text = row.get("text").or_else(|| row.get("prompt")).and_then(Value::as_str).unwrap_or_default();
            let text: String = text.chars().take(600).collect();
            texts.push(Text { text, template: (*name).to_owned(), spans: Vec::new() });
        }
    }
    Ok(texts)
}
