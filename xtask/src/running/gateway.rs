//! One gateway process: its folder, its greeting, its end.

use super::process::{self, Memory};
use crate::shell::sheltered;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// How long an end may take.
const END_MAX: Duration = Duration::from_secs(40);

/// What a gateway is started with.
#[derive(Debug)]
pub struct Recipe<'a> {
    /// The program.
    pub program: &'a Path,
    /// The configuration, without `listen`, `admin` and `store`.
    pub document: &'a str,
    /// Members of `listen` beside the address.
    pub listen: &'a str,
    /// Environment variables, which the document's secrets refer to.
    pub environment: &'a [(&'a str, &'a str)],
    /// The only core to run on.
    pub core: Option<usize>,
}

/// On which store a gateway works. Its journal is in its own folder in any case.
#[derive(Clone, Copy, Debug)]
pub enum Shelf<'a> {
    /// A file of its own, empty at first.
    Own,
    /// One that others may have as well.
    Shared {
        /// The members of `store`, without the journal.
        members: &'a str,
        /// A key that it has already; absent where it is empty.
        key: Option<&'a str>,
    },
}

impl Shelf<'_> {
    fn section(&self, folder: &Path) -> String {
        match self {
            Self::Own => format!("store: {{ path: '{}' }}\n", folder.join("store.db").display()),
            Self::Shared { members, .. } => {
                format!("store: {{ {members}, journal: '{}' }}\n", folder.join("journal").display())
            }
        }
    }

    fn key(&self) -> Option<String> {
        match self {
            Self::Shared { key, .. } => key.map(str::to_owned),
            Self::Own => None,
        }
    }
}

/// A running gateway. It is killed when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    folder: TempDir,
    greeting: Greeting,
}

#[derive(Debug, Default)]
struct Greeting {
    base: Option<String>,
    admin: Option<String>,
    key: Option<String>,
}

impl Greeting {
    fn read(&mut self, line: &str) {
        if let Some(base) = line.strip_prefix("tallygate is up on ") {
            self.base = Some(base.trim().to_owned());
        }
        if let Some(rest) = line.trim_start().strip_prefix("admin:") {
            self.admin = rest.split_ascii_whitespace().next().map(str::to_owned);
        }
        if let Some(key) = line.trim_start().strip_prefix("export TALLYGATE_KEY=") {
            self.key = Some(key.trim().to_owned());
        }
    }

    fn is_whole(&self) -> bool {
        self.base.is_some() && self.admin.is_some() && self.key.is_some()
    }
}

impl Gateway {
    /// Starts a gateway with an empty store, in a folder of its own: when this returns, it takes calls.
    ///
    /// # Errors
    /// When it does not greet; says what it said instead.
    pub fn start(recipe: &Recipe<'_>) -> Result<Self> {
        Self::start_within(recipe, &std::env::temp_dir())
    }

    /// Starts a gateway as [`Gateway::start`] does, with its folder in this one.
    ///
    /// # Errors
    /// When it does not greet; says what it said instead.
    pub fn start_within(recipe: &Recipe<'_>, parent: &Path) -> Result<Self> {
        Self::start_on(recipe, parent, &Shelf::Own)
    }

    /// Starts a gateway as [`Gateway::start_within`] does, on this store.
    ///
    /// # Errors
    /// When it does not greet; says what it said instead.
    pub fn start_on(recipe: &Recipe<'_>, parent: &Path, shelf: &Shelf<'_>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tallygate-proof-").tempdir_in(parent)?;
        let config = folder.path().join("tallygate.yaml");
        let mut text = format!("listen: {{ address: '127.0.0.1:0'{} }}\n", recipe.listen);
        text += "admin: { address: '127.0.0.1:0' }\n";
        text += &shelf.section(folder.path());
        text += recipe.document;
        fs::write(&config, text)?;
        let child = spawn(recipe, folder.path())?;
        let mut gateway = Self { child, folder, greeting: Greeting { key: shelf.key(), ..Greeting::default() } };
        gateway.greet()?;
        Ok(gateway)
    }

    /// Ends it at once, as a crash does.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again after [`Gateway::kill`], with its own store and key: when this returns, it takes calls, at other
    /// addresses.
    ///
    /// # Errors
    /// When it does not greet; says what it said instead.
    pub fn revive(&mut self, recipe: &Recipe<'_>) -> Result<()> {
        // An attempt before this one may have failed.
        drop(self.child.kill());
        drop(self.child.wait());
        (self.greeting.base, self.greeting.admin) = (None, None);
        self.child = spawn(recipe, self.folder.path())?;
        self.greet()
    }

    /// Reads the greeting; what comes after it goes to a file, so that the pipe never fills.
    fn greet(&mut self) -> Result<()> {
        let output = self.child.stdout.take().context("no output")?;
        let mut log = append(&self.folder.path().join("stdout.log"))?;
        let (tell, told) = mpsc::channel();
        thread::Builder::new().name("gateway-output".to_owned()).spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The greeting has been heard when nobody listens any more; a full disk shows elsewhere.
                drop(writeln!(log, "{line}"));
                drop(tell.send(line));
            }
        })?;
        let limit = Instant::now() + START_MAX;
        while !self.greeting.is_whole() {
            match told.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok(line) => self.greeting.read(&line),
                Err(_) => bail!("the gateway did not greet: {:?}\n{}", self.greeting, self.log()),
            }
        }
        Ok(())
    }

    /// Where callers reach it: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        self.greeting.base.as_deref().unwrap_or_default()
    }

    /// Where its admin listener is.
    pub fn admin(&self) -> &str {
        self.greeting.admin.as_deref().unwrap_or_default()
    }

    /// The key that it made.
    pub fn key(&self) -> &str {
        self.greeting.key.as_deref().unwrap_or_default()
    }

    /// Its store.
    pub fn store(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its memory.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> Result<Memory> {
        process::memory(self.pid())
    }

    /// The end of what it wrote to standard error.
    pub fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("stderr.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Ends it as an operator would, and waits.
    ///
    /// # Errors
    /// When it does not end in time, or not with success.
    pub fn end(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::TERM)?;
        let limit = Instant::now() + END_MAX;
        while Instant::now() < limit {
            match self.child.try_wait()? {
                None => thread::sleep(Duration::from_millis(20)),
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the gateway ended with {status}\n{}", self.log()),
            }
        }
        bail!("the gateway did not end within {END_MAX:?} of SIGTERM\n{}", self.log())
    }
}

/// Runs the program with the configuration in this folder.
fn spawn(recipe: &Recipe<'_>, folder: &Path) -> Result<Child> {
    let mut command = match recipe.core {
        None => sheltered(recipe.program, [""; 0]),
        Some(core) => {
            let mut taskset = sheltered("taskset", ["--cpu-list", &core.to_string()]);
            taskset.arg(recipe.program);
            taskset
        }
    };
    command.args(["serve", "--config"]).arg(folder.join("tallygate.yaml")).current_dir(folder);
    command.envs(recipe.environment.iter().copied());
    let log = append(&folder.join("stderr.log"))?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    command.spawn().with_context(|| format!("cannot run {}", recipe.program.display()))
}

fn append(path: &Path) -> std::io::Result<File> {
    File::options().create(true).append(true).open(path)
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
