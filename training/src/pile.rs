//! The collected sources: one gzipped file of JSON lines each.

use crate::example::{Example, Use, attack, harm, harmless, safe};
use crate::folder::sorted;
use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use tg_text::score::model::{INDIRECT, OUTPUTS};

/// Longest text that is read, in bytes.
const TEXT_MAX: usize = 8000;

/// All examples of all sources of some folders that say something about attacks or harm, in the order of the sources' names.
pub fn read(folders: &[&Path]) -> Result<Vec<Example>> {
    let mut all = BTreeMap::new();
    for folder in folders {
        all.extend(sources(folder)?.into_iter().map(|source| (source, *folder)));
    }
    let mut examples = Vec::new();
    for (source, folder) in all {
        examples.extend(rows(folder, &source)?.iter().filter_map(|row| example(&source, row)));
    }
    Ok(examples)
}

/// The names of all sources in a folder.
pub fn sources(folder: &Path) -> Result<Vec<String>> {
    let name = |path: PathBuf| Some(path.file_name()?.to_string_lossy().strip_suffix(".jsonl.gz")?.to_owned());
    Ok(sorted(folder)?.into_iter().filter_map(name).collect())
}

/// All rows of a source.
pub fn rows(folder: &Path, source: &str) -> Result<Vec<Value>> {
    let path = folder.join(format!("{source}.jsonl.gz"));
    let file = fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines.map(|line| serde_json::from_str(&line?).with_context(|| format!("{source}: a row is no JSON"))).collect()
}

fn example(source: &str, row: &Value) -> Option<Example> {
    let text = row.get("text")?.as_str()?;
    let says = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
    let (used, targets) = judged(source, says("label"), says("category"))?;
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = plain(text.get(..end)?);
    Some(Example { text, source: source.to_owned(), used, targets, planted: used == Use::Planted })
}

/// Without numeric entities: those of collected posts are pictures, and say where a text comes from, not what it is.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#") {
        out.push_str(before);
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit());
        rest = digits.strip_prefix(';').unwrap_or(digits);
    }
    out.push_str(rest);
    out
}

fn judged(source: &str, label: &str, category: &str) -> Option<(Use, [f32; OUTPUTS])> {
    let bad = matches!(label, "injection" | "harmful");
    Some(match source {
        "injection_bipia_indirect" => {
            let mut targets = [f32::NAN; OUTPUTS];
            targets[INDIRECT] = f32::from(u8::from(bad));
            (if bad { Use::Planted } else { Use::Document }, targets)
        }
        _ if source.starts_with("injection_") && bad => (Use::Attack, attack()),
        _ if source.starts_with("injection_") => (Use::Ordinary, harmless()),
        "harm_advbench" => (Use::HarmRequest, harm(None, 1.5)),
        "harm_davidson" if bad => {
            let hate = category.contains("hate");
            (Use::HarmText, harm(Some(usize::from(!hate)), if hate { 0.0 } else { -1.5 }))
        }
        "harm_rtp" => rtp(category)?,
        "harm_pyrit_outputs" if bad => (Use::HarmText, harm(Some(pyrit(category)?), 0.5)),
        "harm_pyrit_outputs" | "harm_davidson" => (Use::SafeText, safe()),
        "benign_mitre_frr" => (Use::Sensitive, harmless()),
        "pii_presidio_research" | "files_pypi" | "files_npm" => {
            let mut targets = harmless();
            targets[INDIRECT] = 0.0;
            (Use::Document, targets)
        }
        _ if source.starts_with("task_") || source.starts_with("route_") => (Use::Ordinary, harmless()),
        _ => return None,
    })
}

/// Of the weakly labelled prompts only those of the strong kinds.
fn rtp(category: &str) -> Option<(Use, [f32; OUTPUTS])> {
    let kind = category.rsplit(':').next().unwrap_or_default();
    let category = match kind {
        k if k.contains("identity") => 0,
        k if k.contains("insult") || k.contains("profanity") => 1,
        k if k.contains("sexual") => 2,
        k if k.contains("threat") => 3,
        _ => return None,
    };
    Some((Use::HarmText, harm(Some(category), -0.5)))
}

/// Of the judged outputs those of clear categories: on privacy and the like people agreed little.
fn pyrit(category: &str) -> Option<usize> {
    match category {
        "hate_speech" => Some(0),
        "violence" => Some(3),
        "self_harm" => Some(4),
        "SEXUAL_CONTENT" => Some(2),
        _ => None,
    }
}

/// Coarse words of the collected lists, by the word of our grammars that they belong to. None where there are no lists.
pub fn coarse(folder: &Path) -> Vec<(&'static str, String)> {
    let list = fs::read_to_string(folder.join("resources/profanity_en.csv")).unwrap_or_default();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let word = match *cells.get(4)? {
            "sexual anatomy / sexual acts" => "lewd",
            "racial / ethnic slurs" | "sexual orientation / gender" | "religious offense" | "mental disability" => {
                "slur"
            }
            _ => "curse",
        };
        let text = cells.first()?.to_lowercase();
        (text.len() > 2 && text.chars().all(|c| c.is_ascii_alphabetic() || c == ' ')).then_some((word, text))
    };
    list.lines().skip(1).filter_map(row).collect()
}
