//! A Redis server as a child process.

use super::Premises;
use super::server::Server;
use super::signal::Signal;
use anyhow::{Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(20);

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A port that nobody has now.
///
/// # Errors
/// When the system gives none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A server that keeps nothing on a disk.
#[derive(Debug)]
pub struct Redis<'a> {
    server: Server<'a>,
    port: u16,
}

impl<'a> Redis<'a> {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(premises: &'a Premises) -> Result<Self> {
        let mut server = Self { server: Server::new(premises, "redis-server", Signal::Kill), port: free_port()? };
        server.resume()?;
        Ok(server)
    }

    /// Starts one that follows this one, and has all that it has.
    ///
    /// # Errors
    /// When it does not.
    pub fn follower(&self) -> Result<Self> {
        let server = Server::new(self.server.premises(), "redis-follower", Signal::Kill);
        let mut follower = Self { server, port: free_port()? };
        follower.resume()?;
        let port = follower.port;
        // Several that might come at once are not waited for.
        ask(self.port, &["CONFIG", "SET", "repl-diskless-sync-delay", "0"])?;
        ask(port, &["REPLICAOF", "127.0.0.1", &self.port.to_string()])?;
        let follows = || ask(port, &["INFO", "replication"]).is_ok_and(|said| said.contains("master_link_status:up"));
        follower.server.wait(START_MAX, follows)?;
        Ok(follower)
    }

    /// Where it listens on this machine.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again, with nothing in it, or lets it go on, and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn resume(&mut self) -> Result<()> {
        let (folder, port) = (self.server.premises().folder(), self.port);
        self.server.resume(|| {
            let mut command = Command::new("redis-server");
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
            command.current_dir(folder);
            command
        })?;
        self.server.wait(START_MAX, || ask(port, &["PING"]).is_ok())
    }

    /// Stops it at once, as a crash does.
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

    /// Lets it have so much memory; with `1` it takes no more writes, with `0` there is no bound.
    ///
    /// # Errors
    /// When it does not agree.
    pub fn bound_memory(&self, bytes: u64) -> Result<()> {
        let answer = ask(self.port, &["CONFIG", "SET", "maxmemory", &bytes.to_string()])?;
        ensure!(answer.starts_with("+OK"), "redis-server says {answer}");
        Ok(())
    }
}

/// Says something, and answers the beginning of what comes.
pub(super) fn ask(port: u16, words: &[&str]) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text += &format!("${}\r\n{word}\r\n", word.len());
    }
    stream.write_all(text.as_bytes())?;
    let mut answer = [0; 1_024];
    let read = stream.read(&mut answer)?;
    let answer = String::from_utf8_lossy(answer.get(..read).unwrap_or_default()).into_owned();
    ensure!(answer.starts_with(['+', ':', '$', '*']), "redis-server says {answer:?}");
    Ok(answer)
}
