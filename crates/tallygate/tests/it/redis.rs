//! A Redis of the test's own: a child process on a free port of the loopback, ended with the test.

use crate::world::until;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server without persistence.
pub(crate) struct Redis {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let redis = Self { child: run(&folder, port), port, folder };
        redis.is_up();
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn is_up(&self) {
        until("a server answers", || self.says(&["PING"]).filter(|said| said.starts_with("+PONG")));
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The same port with nothing in it.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = run(&self.folder, self.port);
        self.is_up();
    }

    /// Stops it without ending it: connections stay, and nothing answers.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Asks it something; the first line of what it says.
    pub(crate) fn says(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        let count = words.matches("\r\n").count() / 2;
        stream.write_all(format!("*{count}\r\n{words}").as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream.take(1 << 16)).read_line(&mut line).ok()?;
        Some(line)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-CONT", &self.child.id().to_string()]).stderr(Stdio::null()).status();
        self.kill();
    }
}

fn run(folder: &TempDir, port: u16) -> Child {
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
        .current_dir(folder.path())
        .stdout(log)
        .spawn()
        .unwrap_or_else(|e| panic!("redis-server (Debian's package of that name; `cargo xtask test` installs it): {e}"))
}
