//! Files as the libraries write them with which people make files.

use crate::setup;
use crate::shell::{root, sheltered};
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A file that a library wrote.
#[derive(Clone, Debug, Deserialize)]
pub struct Written {
    /// Where it is.
    pub file: PathBuf,
    /// Which library.
    pub writer: String,
    /// The end of its name.
    pub format: String,
    /// The name of the text that is in it.
    pub what: String,
    /// In which place of the format the text is.
    pub place: String,
}

/// Has files written into a folder: by each library one for each of the texts, which have names, and each place.
///
/// # Errors
/// When the libraries are not there, or refuse.
pub fn write(folder: &Path, texts: &Value) -> Result<Vec<Written>> {
    let script = root().join("tests/sdk/python/files.py");
    let mut writer = sheltered(setup::file_writers()?, [script.as_path(), folder]);
    let mut child = writer.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no input")?.write_all(texts.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "files.py: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}
