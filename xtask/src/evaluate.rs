//! How well learnt checks do on sources that they have not seen: runs the training program's own judging.

use crate::shell::{root, run as run_program};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use std::path::Path;

/// What can be judged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum What {
    /// The trained scores of attacks and harm; and personal data and credentials, which are found by their forms
    Guard,
    /// Personal data and credentials alone: without training, in seconds
    Forms,
    /// Task classes of calls, and quality against cost when the difficulty decides who gets a strong model
    Route,
}

/// Pieces of real files, which models are trained with beside the collected sources.
const FILES: [&str; 2] = ["target/training/files_pypi.jsonl.gz", "target/training/files_npm.jsonl.gz"];

/// Judges, and prints the table. `names` is the folder with the lists that the tagger of names is made from.
///
/// # Errors
/// When a folder is not there, or a program fails.
pub fn run(what: What, data: &Path, names: Option<&Path>, cards: bool) -> Result<()> {
    let judging = match what {
        What::Guard => "eval",
        What::Forms => "eval-forms",
        What::Route => "eval-tasks",
    };
    let data = found(data)?;
    if matches!(what, What::Guard) && FILES.iter().any(|file| !root().join(file).exists()) {
        run_program("python3", ["training/files.py", "target/training"])?;
    }
    let mut arguments = vec!["run", "--quiet", "--release", "-p", "training", "--", judging, "--data", &data];
    arguments.extend(cards.then_some("--cards"));
    run_program("cargo", arguments)?;
    if let Some(names) = names {
        let names = found(names)?;
        run_program("cargo", ["run", "--quiet", "--release", "-p", "train-names", "--", "judge", &data, &names])?;
    }
    Ok(())
}

fn found(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?;
    Ok(folder.to_string_lossy().into_owned())
}
