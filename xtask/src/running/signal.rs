//! Signals to other processes.

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal as Number, kill_process};
use std::fs;

/// What is said to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Stand still.
    Stop,
    /// Go on.
    Continue,
    /// End at once, in order.
    Quit,
    /// End at once.
    Kill,
}

impl Signal {
    const fn number(self) -> Number {
        match self {
            Self::Stop => Number::STOP,
            Self::Continue => Number::CONT,
            Self::Quit => Number::QUIT,
            Self::Kill => Number::KILL,
        }
    }
}

/// Says it to a process.
///
/// # Errors
/// When it is gone.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    kill_process(id, signal.number()).with_context(|| format!("process {pid}"))
}

/// Says it to a process and to its children; some of them may have ended meanwhile.
///
/// # Errors
/// When the process is gone.
pub fn signal_all(pid: u32, word: Signal) -> Result<()> {
    signal(pid, word)?;
    for child in fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?.split_ascii_whitespace() {
        drop(child.parse().map(|child| signal(child, word)));
    }
    Ok(())
}
