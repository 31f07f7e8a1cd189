//! A PostgreSQL server as a child process.

use super::Premises;
use super::redis::free_port;
use super::server::Server;
use super::signal::Signal;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The role that owns everything.
pub const USER: &str = "tallygate";

/// How long a start may take, recovery from a crash included.
const START_MAX: Duration = Duration::from_secs(60);

/// A server of this machine's own PostgreSQL, with a database of its own.
#[derive(Debug)]
pub struct Postgres<'a> {
    server: Server<'a>,
    port: u16,
    folder: PathBuf,
}

impl<'a> Postgres<'a> {
    /// Makes one and starts it; what is written is on the disk when it says so.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(premises: &'a Premises) -> Result<Self> {
        let mut server = Self::new(premises, "postgres")?;
        let mut initdb = as_server_user(&program("initdb"));
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "-U", USER, "-D"]);
        succeed(initdb.arg(&server.folder))?;
        server.resume()?;
        Ok(server)
    }

    /// Makes a standby of this one, which from now on says that something is written only when the standby has it, too.
    ///
    /// # Errors
    /// When it does not follow.
    pub fn standby(&self) -> Result<Self> {
        let mut standby = Self::new(self.server.premises(), "standby")?;
        let mut copy = as_server_user(&program("pg_basebackup"));
        copy.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, "-X", "stream", "-c", "fast", "-R"]);
        succeed(copy.args(["--no-sync", "-D"]).arg(&standby.folder))?;
        standby.resume()?;
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        let port = self.port;
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        standby.server.wait(START_MAX, || sql(port, "postgres", follows).is_ok_and(|count| count == "1"))?;
        Ok(standby)
    }

    /// Lets a standby take the place of the one that it followed: when this returns, it takes writes.
    ///
    /// # Errors
    /// When it does not.
    pub fn promote(&self) -> Result<()> {
        let promoted = self.sql("postgres", "SELECT pg_promote()")?;
        ensure!(promoted == "t", "the standby is not promoted");
        Ok(())
    }

    fn new(premises: &'a Premises, name: &'static str) -> Result<Self> {
        let folder = premises.folder().join(name);
        fs::create_dir(&folder)?;
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let server = Server::new(premises, name, Signal::Quit);
        Ok(Self { server, port: free_port()?, folder: folder.join("data") })
    }

    /// Where it listens on this machine.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again, or lets it go on, and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn resume(&mut self) -> Result<()> {
        let (folder, port) = (&self.folder, self.port);
        self.server.resume(|| {
            let mut command = as_server_user(&program("postgres"));
            command.arg("-D").arg(folder).args(["-p", &port.to_string()]);
            for setting in ["max_connections=100", "listen_addresses=127.0.0.1", "unix_socket_directories="] {
                command.args(["-c", setting]);
            }
            command
        })?;
        self.server.wait(START_MAX, || sql(port, "postgres", "SELECT 1").is_ok())
    }

    /// Stops it at once, as a crash does: connections are cut, and its next start recovers.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn crash(&mut self) -> Result<()> {
        self.server.crash()
    }

    /// Makes it silent: connections stay, nothing is answered.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn pause(&self) -> Result<()> {
        self.server.pause()
    }

    /// Runs SQL and answers what it prints: columns by `|`, rows by lines.
    ///
    /// # Errors
    /// When the server is away, or does not like it.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        sql(self.port, database, statement)
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> Result<()> {
        self.sql("postgres", &format!("CREATE DATABASE {name}")).map(drop)
    }
}

impl Postgres<'_> {
    /// Makes a table space in an empty folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn table_space(&self, name: &str, folder: &Path) -> Result<()> {
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(folder))?;
        }
        self.sql("postgres", &format!("CREATE TABLESPACE {name} LOCATION '{}'", folder.display())).map(drop)
    }
}

fn sql(port: u16, database: &str, statement: &str) -> Result<String> {
    let mut psql = Command::new(program("psql"));
    psql.env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null());
    psql.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", USER, "-d", database, "-XqAt"]);
    psql.args(["-v", "ON_ERROR_STOP=1", "-c", statement]);
    let output = psql.output().context("cannot run psql")?;
    ensure!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The server refuses to run as root.
fn as_server_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    } else {
        command = Command::new(program);
    }
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// A program of PostgreSQL, where Debian puts it or in the PATH.
fn program(name: &str) -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|version| version.path().join("bin").join(name)).filter(|path| path.is_file()).max();
    newest.unwrap_or_else(|| PathBuf::from(name))
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
