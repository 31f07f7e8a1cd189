//! The real gateway as a child process: built, configured, started, read from, ended.

mod disk;
pub mod gateway;
pub mod passage;
pub mod postgres;
#[path = "../../../crates/tg-store/tests/servers/premises.rs"]
pub mod premises;
pub mod process;
pub mod redis;
pub mod sentinels;
pub mod server;
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

#[cfg(test)]
mod tests {
    use super::Premises;
    use super::postgres::Postgres;
    use super::redis::Redis;
    use std::process::{Command, Stdio};

    #[test]
    fn whatever_is_left_is_cleared() {
        let premises = Premises::take().unwrap();
        let folder = premises.folder().to_owned();
        std::fs::write(folder.join("file"), "left").unwrap();
        let mut left = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        premises.came(left.id()).unwrap();
        let pid = left.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
        let waiter = std::thread::spawn(move || left.wait().unwrap());
        drop(premises);
        assert!(!waiter.join().unwrap().success());
        assert!(!folder.exists());
    }

    #[test]
    fn servers_are_silent_crash_and_come_again() {
        let premises = Premises::take().unwrap();
        let (mut postgres, mut redis) = (Postgres::start(&premises).unwrap(), Redis::start(&premises).unwrap());
        postgres.database("kept").unwrap();
        postgres.pause().unwrap();
        redis.pause().unwrap();
        postgres.resume().unwrap();
        redis.resume().unwrap();
        postgres.crash().unwrap();
        redis.crash().unwrap();
        assert!(postgres.sql("kept", "SELECT 1").is_err() && redis.bound_memory(0).is_err());
        postgres.resume().unwrap();
        redis.resume().unwrap();
        assert_eq!(postgres.sql("kept", "SELECT 1").unwrap(), "1");
        redis.bound_memory(0).unwrap();
    }
}
