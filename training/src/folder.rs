//! What lies in a folder, always in the same order: what is learnt must not hang on the file system.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The paths of all that lies in a folder, sorted.
pub fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}
