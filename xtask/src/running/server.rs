//! A server as a child process on premises: started, made silent, let go on, ended as a crash does.

use super::Premises;
use super::signal::{Signal, signal, signal_all};
use anyhow::{Context as _, Result, bail};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks whether it answers.
const PAUSE: Duration = Duration::from_millis(20);

/// A server that runs, or does not.
#[derive(Debug)]
pub struct Server<'a> {
    premises: &'a Premises,
    name: &'static str,
    /// What ends it at once, with all that it has started.
    end: Signal,
    child: Option<Child>,
}

impl<'a> Server<'a> {
    /// One that does not run yet. The name is that of its log; the signal ends it at once, with all that it has started.
    pub const fn new(premises: &'a Premises, name: &'static str, end: Signal) -> Self {
        Self { premises, name, end, child: None }
    }

    /// Where it stands.
    pub const fn premises(&self) -> &'a Premises {
        self.premises
    }

    /// Starts it by this command, unless it runs: then it is let go on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn resume(&mut self, command: impl FnOnce() -> Command) -> Result<()> {
        if let Some(child) = &self.child {
            return signal_all(child.id(), Signal::Continue);
        }
        let mut command = command();
        let log = File::options().create(true).append(true).open(self.log())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot run {}", self.name))?;
        self.premises.came(child.id())?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// When it ends, or does not within this time; says what it wrote.
    pub fn wait(&mut self, most: Duration, answers: impl Fn() -> bool) -> Result<()> {
        let limit = Instant::now() + most;
        while !answers() {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || Instant::now() > limit {
                bail!("{} does not answer: {}", self.name, fs::read_to_string(self.log()).unwrap_or_default());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.premises.folder().join(format!("{}.log", self.name))
    }

    /// Stops it at once, as a crash does: connections are cut.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            // A server that stands still would not hear it.
            signal_all(child.id(), Signal::Continue)?;
            signal(child.id(), self.end)?;
            child.wait()?;
            self.premises.gone(child.id())?;
        }
        Ok(())
    }

    /// Makes it silent: connections stay, nothing is answered.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn pause(&self) -> Result<()> {
        self.child.as_ref().map_or(Ok(()), |child| signal_all(child.id(), Signal::Stop))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // What cannot be ended here is ended by the warden.
        drop(self.crash());
    }
}
