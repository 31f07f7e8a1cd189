//! How well learnt checks do on sources that they have not seen: runs the training program's own judging.

use crate::shell::run as run_program;
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use std::path::Path;

/// What can be judged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum What {
    /// The trained scores of attacks and harm
    Guard,
    /// Task classes of calls, and quality against cost when the difficulty decides who gets a strong model
    Route,
}

/// Judges, and prints the table.
///
/// # Errors
/// When the folder is not there, or the program fails.
pub fn run(what: What, data: &Path, cards: bool) -> Result<()> {
    let judging = match what {
        What::Guard => "eval",
        What::Route => "eval-tasks",
    };
    let data = data.canonicalize().with_context(|| format!("no folder {}", data.display()))?;
    let data = data.to_string_lossy().into_owned();
    let mut arguments = vec!["run", "--quiet", "--release", "-p", "training", "--", judging, "--data", &data];
    arguments.extend(cards.then_some("--cards"));
    run_program("cargo", arguments)
}
