//! The checks that need no running program: format, lints, dependencies, generated pages, fuzzing.

use crate::setup;
use crate::shell::{command, finish, root, run};
use crate::written;
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::fs;

/// `cargo fmt --check` and clippy without warnings, over everything.
///
/// # Errors
/// When one of them complains.
pub fn lint() -> Result<()> {
    format()?;
    clippy()
}

/// Crates that are no members of the workspace.
const APART: [&str; 2] = ["fuzz/Cargo.toml", "tests/sdk/rust/Cargo.toml"];

/// `cargo fmt --check`, also for the crates that the workspace does not have.
///
/// # Errors
/// When a file is not formatted.
pub fn format() -> Result<()> {
    run("cargo", ["fmt", "--all", "--check"])?;
    APART.iter().try_for_each(|manifest| run("cargo", ["fmt", "--manifest-path", manifest, "--check"]))
}

/// Clippy without warnings.
///
/// # Errors
/// When there is a warning.
pub fn clippy() -> Result<()> {
    run("cargo", ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
}

/// Licences, bans and sources of the dependencies. Needs no network beyond what cargo needs: the advisory database is
/// not consulted.
///
/// # Errors
/// When cargo-deny cannot be installed, or refuses something.
pub fn deny() -> Result<()> {
    let program = setup::cargo_deny()?;
    let arguments = ["--log-level", "error", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    finish(&mut command(&program.to_string_lossy(), arguments))
}

/// Crates with tests that compare a generated page with the code.
const WITH_PAGES: [&str; 4] = ["tallygate", "tg-admin", "tg-config", "tg-telemetry"];

/// Runs the tests that compare generated pages with the code, told to write instead of to compare.
///
/// # Errors
/// When a test fails for another reason.
pub fn docs() -> Result<()> {
    let packages = WITH_PAGES.iter().flat_map(|name| ["--package", name]);
    let mut cargo = command("cargo", ["test", "--quiet"].into_iter().chain(packages));
    finish(cargo.env("UPDATE_DOCS", "1"))
}

/// Runs every fuzz target for so many seconds.
///
/// # Errors
/// When a target finds something, or cannot be built.
pub fn fuzz(seconds: u32) -> Result<()> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    if targets.is_empty() {
        bail!("no target in {}", folder.display());
    }
    let seeds = root().join("fuzz/corpus/document");
    fs::create_dir_all(&seeds).with_context(|| format!("cannot make {}", seeds.display()))?;
    written::write(&seeds, &json!({ "seed": "The beans on the third bed." }))?;
    let limit = format!("-max_total_time={seconds}");
    for target in &targets {
        run("cargo", ["+nightly", "fuzz", "run", target, "--", &limit, "-rss_limit_mb=4096"])?;
    }
    Ok(())
}
