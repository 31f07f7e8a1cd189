//! A PostgreSQL server of the tests' own: in a temporary folder, on a free port, ended with the process that wanted it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The role that owns everything.
pub(crate) const USER: &str = "tallygate";
/// Its password.
pub(crate) const PASSWORD: &str = "a pass/word: with @ signs";

/// Starts the server, and ends it when the test's end of the pipe is closed, however the test ends.
const WATCH: &str = r#"
"$@" >>"$LOG" 2>&1 &
server=$!
echo "$server"
read -r _
kill -CONT "$server" $(pgrep -P "$server") 2>/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
"#;

/// A server.
pub(crate) struct PostgresServer {
    folder: TempDir,
    pub(crate) port: u16,
    running: Option<Running>,
    settings: Vec<String>,
}

struct Running {
    watch: Child,
    server: u32,
}

impl PostgresServer {
    /// One for all tests of this process that leave it alone.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<PostgresServer> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// One of a test's own, with these settings (`name=value`).
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("tallygate-pg-").tempdir().unwrap();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        if is_root() {
            succeed(Command::new("chown").args(["-R", "postgres"]).arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = as_server_user(&program("initdb"));
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "-U", USER, "-D"]);
        succeed(initdb.arg(&data).arg("--pwfile").arg(folder.path().join("password")));
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { folder, port, running: None, settings };
        server.resume();
        server
    }

    /// Gives the server a certificate; it speaks TLS from the next start on.
    pub(crate) fn certify(&mut self, certificate: &str, key: &str) {
        for (name, pem) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.folder.path().join("data").join(name);
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
            Some(running) => running.signal("CONT"),
            None => self.running = Some(self.run()),
        }
        let begun = Instant::now();
        while !self.psql("postgres", "SELECT 1").output().unwrap().status.success() {
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(&self) -> Running {
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "sh"]).env("LOG", self.folder.path().join("log"));
        let postgres = as_server_user(&program("postgres"));
        watch.arg(postgres.get_program()).args(postgres.get_args());
        watch.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        let usual = ["fsync=off", "max_connections=200", "listen_addresses=127.0.0.1", "unix_socket_directories="];
        for setting in usual.iter().copied().chain(self.settings.iter().map(String::as_str)) {
            watch.args(["-c", setting]);
        }
        let mut watch = watch.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Running { watch, server: line.trim().parse().unwrap() }
    }

    /// Stops the server at once, as a crash does.
    pub(crate) fn crash(&mut self) {
        drop(self.running.take());
    }

    /// Makes the server silent: connections stay, nothing is answered.
    pub(crate) fn pause(&self) {
        if let Some(running) = &self.running {
            running.signal("STOP");
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
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Running {
    fn signal(&self, name: &str) {
        let server = self.server;
        succeed(Command::new("sh").args(["-c", &format!("kill -{name} {server} $(pgrep -P {server})")]));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A closed pipe is what the watch waits for.
        drop(self.watch.stdin.take().map(|mut pipe| pipe.flush()));
        self.watch.wait().ok();
    }
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
