//! The house rules that no compiler checks: floors, rooms, sizes, names; and what the page of complaints names.

use crate::complaints;
use crate::shell::root;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may import whom. `tallygate` and `xtask` may import everything.
const FLOORS: &[(&str, &[&str])] = &[
    ("tg-kernel", &[]),
    ("tg-dialect", &["tg-kernel"]),
    ("tg-catalog", &["tg-kernel"]),
    ("tg-config", &["tg-kernel", "tg-expr", "tg-text"]),
    ("tg-store", &["tg-kernel"]),
    ("tg-text", &[]),
    ("tg-document", &[]),
    ("tg-expr", &["tg-kernel"]),
    ("tg-net", &["tg-kernel"]),
    ("tg-telemetry", &["tg-kernel"]),
    ("tg-sim", &["tg-kernel"]),
    ("tg-upstream", &["tg-kernel", "tg-catalog", "tg-dialect", "tg-net"]),
    ("tg-policy", &["tg-kernel", "tg-expr", "tg-store", "tg-text"]),
    ("tg-admin", &["tg-kernel", "tg-config", "tg-net", "tg-store"]),
    ("tg-finops", &["tg-kernel", "tg-catalog", "tg-store"]),
    (
        "tg-proxy",
        &[
            "tg-kernel",
            "tg-expr",
            "tg-dialect",
            "tg-document",
            "tg-catalog",
            "tg-net",
            "tg-store",
            "tg-policy",
            "tg-upstream",
        ],
    ),
];

/// File names that say nothing about what is inside.
const NAMELESS: &[&str] = &["utils.rs", "util.rs", "common.rs", "types.rs", "helpers.rs", "misc.rs"];

/// Longest source file, tests apart.
const LINES_MAX: usize = 500;

/// What only one file may say, and why.
const RESERVED: &[(&str, &str, &str)] = &[
    ("tokio::spawn(", "crates/tg-net/src/tasks.rs", "tasks have a name and an owner there"),
    ("SystemTime::now(", "crates/tg-kernel/src/clock.rs", "tests set the time"),
];

/// Checks the tree.
///
/// # Errors
/// When a rule is broken; every place is named.
pub fn run() -> Result<()> {
    let mut found = Vec::new();
    floors(&mut found)?;
    complaints::check(&mut found)?;
    for file in sources()? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        source(&file, &text, &mut found);
    }
    if found.is_empty() {
        return Ok(());
    }
    bail!("{} untidy places:\n  {}", found.len(), found.join("\n  "))
}

fn floors(found: &mut Vec<String>) -> Result<()> {
    let allowed: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    for folder in crates()? {
        let manifest = folder.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(may) = allowed.get(name.as_str()) else { continue };
        let own = text.split("[dev-dependencies]").next().unwrap_or_default();
        let imports =
            own.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|n| n.starts_with("tg-"));
        for import in imports.filter(|import| !may.contains(import)) {
            found.push(format!("{name} imports {import}, which is not beneath it (xtask/src/tidy.rs)"));
        }
    }
    Ok(())
}

fn source(file: &Path, text: &str, found: &mut Vec<String>) {
    let shown = file.strip_prefix(root()).unwrap_or(file).display().to_string();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_test = name == "tests.rs" || shown.contains("/tests/") || shown.contains("/benches/");
    if !text.starts_with("//!") {
        found.push(format!("{shown}: begins without a `//!` sentence that says what it owns"));
    }
    if NAMELESS.contains(&&*name) {
        found.push(format!("{shown}: the name does not say what is inside"));
    }
    let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = product.lines().count();
    if !is_test && lines > LINES_MAX {
        found.push(format!("{shown}: {lines} lines; at most {LINES_MAX}, tests apart"));
    }
    for (phrase, home, why) in RESERVED {
        if !is_test && shown != *home && !shown.starts_with("xtask/") && product.contains(phrase) {
            found.push(format!("{shown}: says `{phrase}`, which belongs in {home}: {why}"));
        }
    }
}

fn crates() -> Result<Vec<PathBuf>> {
    let folders = fs::read_dir(root().join("crates"))?;
    let mut all = folders.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

fn sources() -> Result<Vec<PathBuf>> {
    let mut waiting: Vec<PathBuf> = crates()?;
    waiting.push(root().join("xtask"));
    waiting.push(root().join("training"));
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
