//! The real gateway as a child process: built, configured, started, read from, ended.

pub mod gateway;
pub mod passage;
pub mod postgres;
pub mod premises;
pub mod process;
pub mod redis;
mod signal;

pub use gateway::Gateway;
pub use premises::Premises;

use crate::shell::{root, run};
use anyhow::{Context as _, Result};
use std::path::PathBuf;

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Fast code, short builds: what proofs run.
    Quick,
    /// What is delivered: what is measured.
    Release,
}

impl Profile {
    /// Cargo's name for it, also that of the folder beneath `target`.
    const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Release => "release",
        }
    }
}

/// Builds a program of the workspace and answers where it is.
///
/// # Errors
/// When it does not compile.
pub fn build(package: &str, profile: Profile) -> Result<PathBuf> {
    run("cargo", ["build", "--quiet", "--package", package, "--bin", package, "--profile", profile.name()])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join(profile.name()).join(package);
    program.canonicalize().with_context(|| format!("{} is missing after the build", program.display()))
}

/// Allows this process and its children as many open files as the system lets them have.
///
/// # Errors
/// When the system refuses.
pub fn raise_open_files() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).context("open files")
}
