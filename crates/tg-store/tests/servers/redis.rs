//! A Redis server of the tests' own: on a free port of the loopback, with nothing on a disk, ended with the test.
//! Whoever has this file has `premises` beside it.

use super::premises::Premises;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take for what it is asked to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server.
pub struct Redis {
    premises: Premises,
    /// Where it listens.
    pub port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// One without further options.
    pub fn start() -> Self {
        Self::with(|_| Vec::new())
    }

    /// One with further options, which may depend on its port.
    pub fn with(options: impl Fn(u16) -> Vec<String>) -> Self {
        let (premises, port) = (Premises::take().unwrap(), free_port());
        let mut server = Self { premises, port, options: options(port), child: None };
        server.restart();
        server
    }

    /// Starts it on the same port, with nothing in it; one that runs is killed before.
    pub fn restart(&mut self) {
        self.kill();
        let child = self.command().spawn().unwrap_or_else(|e| {
            panic!("redis-server (Debian's package of that name; `cargo xtask test` installs it): {e}")
        });
        self.premises.came(child.id()).unwrap();
        self.child = Some(child);
        let begun = Instant::now();
        while !self.answers() {
            let ended = self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            assert!(!ended && begun.elapsed() < PATIENCE, "redis-server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn command(&self) -> Command {
        let (mut command, port) = (Command::new("redis-server"), self.port.to_string());
        if self.has("--sentinel") {
            // Its options are in a file that it writes itself.
            command.args(&self.options);
        } else {
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]);
            if !self.has("--tls-port") {
                command.args(["--port", &port]);
            }
            command.args(&self.options);
        }
        let log = std::fs::File::create(self.premises.folder().join("log")).unwrap();
        command.current_dir(self.premises.folder()).stdin(Stdio::null()).stdout(log);
        command
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|one| one == option)
    }

    fn answers(&self) -> bool {
        if self.has("--tls-port") {
            return TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        }
        self.line(&["PING"]).is_some_and(|said| said.starts_with("+PONG"))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.premises.folder().join("log")).unwrap_or_default()
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            self.premises.gone(child.id()).unwrap();
        }
    }

    /// Stops it without ending it: connections stay, and nothing answers.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.premises.folder()
    }

    /// Its process; 0 where it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Asks it something; the first line of what it says.
    pub fn line(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text += &format!("${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(text.as_bytes()).ok()?;
        let mut line = String::new();
        BufReader::new(stream.take(1 << 16)).read_line(&mut line).ok()?;
        Some(line)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A kill is heard by one that stands still, too.
        self.kill();
    }
}
