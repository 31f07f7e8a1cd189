//! A PostgreSQL server of the tests' own: in a temporary folder, on a free port, ended with the process that wanted it.
//! Whoever has this file has `premises` beside it.

use super::premises::Premises;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tg_kernel::secret::Secret;
use tg_store::{Encryption, Postgres};

/// The role that owns everything.
pub(crate) const USER: &str = "tallygate";
/// Its password.
pub(crate) const PASSWORD: &str = "a pass/word: with @ signs";

/// A server.
pub(crate) struct PostgresServer {
    premises: Premises,
    pub(crate) port: u16,
    running: Option<Child>,
    settings: Vec<String>,
}

impl PostgresServer {
    /// One for all tests of this process that leave it alone.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// One of a test's own, with these settings (`name=value`).
    pub(crate) fn start(settings: &[&str]) -> Self {
        let premises = Premises::take().unwrap();
        let (password, data) = (premises.folder().join("password"), premises.folder().join("data"));
        std::fs::write(&password, PASSWORD).unwrap();
        if is_root() {
            succeed(Command::new("chown").args(["-R", "postgres"]).arg(premises.folder()));
        }
        let mut initdb = as_server_user(&program("initdb"));
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "-U", USER, "-D"]);
        succeed(initdb.arg(&data).arg("--pwfile").arg(password));
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { premises, port, running: None, settings };
        server.resume();
        server
    }

    /// The way to a database of it.
    pub(crate) fn address(&self, database: &str) -> Postgres {
        Postgres {
            hosts: vec![("127.0.0.1".to_owned(), self.port)],
            database: database.to_owned(),
            user: USER.to_owned(),
            password: Some(Secret::new(PASSWORD)),
            encryption: Encryption::Off,
            may_dial: |_| Ok(()),
            start_wait: Duration::ZERO,
        }
    }

    /// Gives the server a certificate; it speaks TLS from the next start on.
    pub(crate) fn certify(&mut self, certificate: &str, key: &str) {
        for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.premises.folder().join("data").join(name);
            std::fs::write(&path, pem).unwrap();
            succeed(Command::new("chmod").arg("600").arg(&path));
            if is_root() {
                succeed(Command::new("chown").arg("postgres").arg(&path));
            }
        }
        self.settings.push("ssl=on".to_owned());
        self.crash();
        self.resume();
    }

    /// Starts the server again, or lets it go on, and waits until it answers.
    pub(crate) fn resume(&mut self) {
        match &self.running {
            Some(running) => signal(running.id(), "CONT"),
            None => {
                let server = self.run();
                self.premises.came(server.id()).unwrap();
                self.running = Some(server);
            }
        }
        let begun = Instant::now();
        while !self.psql("postgres", "SELECT 1").output().unwrap().status.success() {
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self) -> Child {
        let mut postgres = as_server_user(&program("postgres"));
        postgres.arg("-D").arg(self.premises.folder().join("data")).args(["-p", &self.port.to_string()]);
        let usual = ["fsync=off", "max_connections=200", "listen_addresses=127.0.0.1", "unix_socket_directories="];
        for setting in usual.iter().copied().chain(self.settings.iter().map(String::as_str)) {
            postgres.args(["-c", setting]);
        }
        let log = File::options().create(true).append(true).open(self.premises.folder().join("log")).unwrap();
        postgres.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// Stops the server at once, as a crash does.
    pub(crate) fn crash(&mut self) {
        if let Some(mut server) = self.running.take() {
            // A server that stands still would not hear it.
            signal(server.id(), "CONT");
            signal(server.id(), "QUIT");
            server.wait().unwrap();
            self.premises.gone(server.id()).unwrap();
        }
    }

    /// Makes the server silent: connections stay, nothing is answered.
    pub(crate) fn pause(&self) {
        if let Some(running) = &self.running {
            signal(running.id(), "STOP");
        }
    }

    /// Runs SQL and answers what it prints: columns by `|`, rows by lines.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut psql = Command::new(program("psql"));
        psql.env("PGPASSWORD", PASSWORD).env("PGCONNECT_TIMEOUT", "5").stdin(Stdio::null());
        psql.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            USER,
            "-d",
            database,
            "-X",
            "-q",
            "-A",
            "-t",
        ]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-c", sql]);
        psql
    }

    /// Makes an empty database and answers its name.
    pub(crate) fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("tallygate_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.premises.folder().join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Says it to a server and to its processes, some of which may have ended meanwhile.
fn signal(server: u32, name: &str) {
    let all = format!("kill -{name} {server} && kill -{name} $(pgrep -P {server}) 2>/dev/null; kill -0 {server}");
    succeed(Command::new("sh").args(["-c", &all]));
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// The server refuses to run as root.
fn as_server_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program).current_dir("/");
    command
}

/// A program of PostgreSQL, where Debian puts it or in the PATH.
fn program(name: &str) -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|version| version.path().join("bin").join(name)).filter(|path| path.is_file()).max();
    newest.unwrap_or_else(|| PathBuf::from(name))
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}; `cargo xtask setup` installs PostgreSQL"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
