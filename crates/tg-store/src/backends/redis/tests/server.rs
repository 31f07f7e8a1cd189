//! Servers of the tests' own: started as child processes on free ports of the loopback, ended with the test.

use crate::backends::redis::Place;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take for what it is asked to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// One running server.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    folder: TempDir,
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks until the answer is yes.
pub(super) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Server {
    /// A server without persistence.
    pub(super) fn start() -> Self {
        Self::with(|_| Vec::new())
    }

    /// A server with further options, which may depend on its port.
    pub(super) fn with(options: impl Fn(u16) -> Vec<String>) -> Self {
        Self::with_port(free_port(), options)
    }

    pub(super) fn with_port(port: u16, options: impl Fn(u16) -> Vec<String>) -> Self {
        let folder = TempDir::new().unwrap();
        let options = options(port);
        let child = run(&folder, port, &options);
        let mut server = Self { child, port, folder };
        let tls = options.iter().any(|option| option == "--tls-port");
        until("a server starts", || {
            assert!(server.child.try_wait().unwrap().is_none(), "redis-server ended: is the port taken?");
            tls && std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() || !tls && server.says("PING").is_ok()
        });
        server
    }

    /// The same port with nothing in it, as after a restart without persistence.
    pub(super) fn restart(&mut self) {
        self.kill();
        self.child = run(&self.folder, self.port, &[]);
        until("a server starts again", || self.says("PING").is_ok());
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it without ending it: connections stay, and nothing answers.
    pub(super) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(super) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub(super) fn place(&self) -> Place {
        Place::parse(&format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Asks it something, on a connection of its own; words are kept apart by spaces.
    pub(super) fn says(&self, words: &str) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap_or_default());
        words.for_each(|word| {
            command.arg(word);
        });
        command.query(&mut connection)
    }

    pub(super) fn text(&self, words: &str) -> String {
        redis::from_redis_value(self.says(words).unwrap()).unwrap()
    }

    /// Waits until a replica has all that was written so far. (`WAIT` knows only what its own connection wrote.)
    pub(super) fn is_followed_by(&self, replica: &Self) {
        let offset = |server: &Self, name: &str| -> Option<u64> {
            let info = server.text("INFO replication");
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
        };
        let written = offset(self, "master_repl_offset").unwrap();
        until("the replica has it all", || offset(replica, "slave_repl_offset").is_some_and(|at| at >= written));
    }

    pub(super) fn number(&self, words: &str) -> i64 {
        redis::from_redis_value(self.says(words).unwrap()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.go_on_if_there();
        self.kill();
    }
}

impl Server {
    fn go_on_if_there(&self) {
        let _ = Command::new("kill").args(["-CONT", &self.child.id().to_string()]).stderr(Stdio::null()).status();
    }
}

fn run(folder: &TempDir, port: u16, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    let port = port.to_string();
    if options.iter().any(|option| option == "--sentinel") {
        // Its options are in a file that it writes itself.
        command.args(options);
    } else {
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]);
        if !options.iter().any(|option| option == "--tls-port") {
            command.args(["--port", &port]);
        }
        command.args(options);
    }
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    command.current_dir(folder.path()).stdout(log).stderr(Stdio::inherit());
    command
        .spawn()
        .expect("`redis-server` is in PATH (Debian: the package redis-server; `cargo xtask test` installs it)")
}
