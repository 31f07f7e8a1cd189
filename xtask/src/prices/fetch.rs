//! The source: the price file in the newest litellm wheel on the Python package index, and the licence beside it.

use super::say;
use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "litellm";
const LICENCE_MARKS: [&str; 2] = ["MIT License", "Permission is hereby granted, free of charge"];

/// The price file and what is known of it.
pub struct Source {
    /// The version of the package.
    pub version: String,
    /// SHA-256 of the price file, in hexadecimal.
    pub sha256: String,
    /// The price file.
    pub prices: String,
}

/// Downloads the newest version.
///
/// # Errors
/// When it cannot be had, when the wheel is not laid out as expected, or when its licence is no longer MIT.
pub fn latest() -> Result<Source> {
    let folder = tempfile::tempdir()?;
    say(&format!("downloading {PACKAGE}"))?;
    run(Command::new("python3")
        .args(["-m", "pip", "download", PACKAGE, "--no-deps", "--quiet", "-d"])
        .arg(folder.path()))?;
    let wheel = only(folder.path(), |name| name.ends_with(".whl"))?;
    let unpacked = folder.path().join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let metadata = only(&unpacked, |name| name.starts_with("litellm-") && name.ends_with(".dist-info"))?;
    let licence =
        std::fs::read_to_string(metadata.join("licenses/LICENSE")).context("the wheel has no licence file")?;
    ensure!(LICENCE_MARKS.iter().all(|mark| licence.contains(mark)), "the licence is no longer MIT; read it first");
    let prices = only(&unpacked.join(PACKAGE), |name| name.starts_with("model_prices") && name.ends_with(".json"))?;
    let prices = std::fs::read_to_string(prices)?;
    let name = metadata.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = name.trim_start_matches("litellm-").trim_end_matches(".dist-info").to_owned();
    Ok(Source { version, sha256: hex::encode(Sha256::digest(&prices)), prices })
}

fn run(command: &mut Command) -> Result<()> {
    let program = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot run {program}"))?;
    ensure!(status.success(), "{program} failed ({status})");
    Ok(())
}

fn only(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&wanted) {
            found.push(entry.path());
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        several => bail!("expected one file in the wheel, found {several:?}"),
    }
}
