//! `cargo xtask prices`: makes the embedded price catalogue from public price data, exactly and reviewably.

mod convert;
mod decimal;
mod fetch;
mod reference;
mod review;

use anyhow::{Context as _, Result, bail};
use convert::Converted;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tg_catalog::{Provenance, RowSource};

const USAGE: &str = "usage: cargo xtask prices [--reviewed] | --check
  --reviewed  write the catalogue although rows were removed or prices jumped
  --check     change nothing; compare the embedded catalogue with an independent computation over the same source";

/// Runs the command.
///
/// # Errors
/// When the source cannot be fetched or read, or the change needs a review.
pub fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => refresh(review::Review::Pending),
        ["--reviewed"] => refresh(review::Review::Done),
        ["--check"] => reference::check(&catalogue_path()),
        _ => bail!("{USAGE}"),
    }
}

fn catalogue_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/tg-catalog/data/catalogue.json")
}

fn refresh(review: review::Review) -> Result<()> {
    let source = fetch::latest()?;
    let converted = convert::convert(&source.prices)?;
    report(&converted)?;
    let path = catalogue_path();
    let rows: Vec<String> = converted.rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    review::compare(&old, &converted.rows, review)?;
    let body = format!("\"rows\":[\n{}\n]}}\n", rows.join(",\n"));
    if old.ends_with(&body) && old.contains(&source.sha256) {
        return say("the catalogue is up to date");
    }
    let provenance =
        Provenance { name: "litellm".into(), version: source.version, sha256: source.sha256, licence: "MIT".into() };
    let head = serde_json::json!({ "schema": 1, "version": today(), "sources": [provenance] }).to_string();
    let head = head.strip_suffix('}').context("a JSON object ends in a brace")?;
    std::fs::write(&path, format!("{head},\n{body}")).with_context(|| format!("cannot write {}", path.display()))?;
    say(&format!("wrote {} rows, {} bytes", rows.len(), head.len() + body.len()))
}

fn today() -> String {
    use tg_kernel::clock::{Clock as _, SystemClock};
    let mut date = SystemClock::new().now().to_string();
    date.truncate("2026-11-23".len());
    date
}

fn report(converted: &Converted) -> Result<()> {
    for (reason, keys) in &converted.left_out {
        let shown: Vec<&str> = keys.iter().take(12).map(String::as_str).collect();
        let more = if keys.len() > shown.len() { ", …" } else { "" };
        say(&format!("left out {:4}: {reason}: {}{more}", keys.len(), shown.join(", ")))?;
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for RowSource { provider, .. } in &converted.rows {
        match counts.last_mut().filter(|(name, _)| name == provider) {
            Some((_, count)) => *count += 1,
            None => counts.push((provider, 1)),
        }
    }
    say(&format!("rows by provider: {counts:?}"))
}

/// Tells the person at the terminal.
fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{line}")?)
}
