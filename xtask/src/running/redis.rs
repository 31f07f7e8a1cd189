//! A Redis server as a child process.

use super::Premises;
use super::signal::{Signal, signal};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
    premises: &'a Premises,
    port: u16,
    child: Option<Child>,
}

impl<'a> Redis<'a> {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(premises: &'a Premises) -> Result<Self> {
        let mut server = Self { premises, port: free_port()?, child: None };
        server.resume()?;
        Ok(server)
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
        match &self.child {
            Some(child) => signal(child.id(), Signal::Continue)?,
            None => {
                let child = self.run()?;
                self.premises.came(child.id())?;
                self.child = Some(child);
            }
        }
        let limit = Instant::now() + START_MAX;
        while self.ask(&["PING"]).is_err() {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || Instant::now() > limit {
                let log = fs::read_to_string(self.premises.folder().join("redis.log")).unwrap_or_default();
                bail!("redis-server does not answer: {log}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn run(&self) -> Result<Child> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &self.port.to_string()]);
        let log = File::options().create(true).append(true).open(self.premises.folder().join("redis.log"))?;
        command.current_dir(self.premises.folder()).stdin(Stdio::null()).stdout(log).stderr(Stdio::inherit());
        command.spawn().context("cannot run redis-server")
    }

    /// Stops it at once, as a crash does.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn crash(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
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
        self.child.as_ref().map_or(Ok(()), |child| signal(child.id(), Signal::Stop))
    }

    /// Lets it have so much memory; with `1` it takes no more writes, with `0` there is no bound.
    ///
    /// # Errors
    /// When it does not agree.
    pub fn bound_memory(&self, bytes: u64) -> Result<()> {
        let answer = self.ask(&["CONFIG", "SET", "maxmemory", &bytes.to_string()])?;
        ensure!(answer.starts_with("+OK"), "redis-server says {answer}");
        Ok(())
    }

    /// Says something, and answers the beginning of what comes.
    fn ask(&self, words: &[&str]) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text += &format!("${}\r\n{word}\r\n", word.len());
        }
        stream.write_all(text.as_bytes())?;
        let mut answer = [0; 256];
        let read = stream.read(&mut answer)?;
        let answer = String::from_utf8_lossy(answer.get(..read).unwrap_or_default()).into_owned();
        ensure!(answer.starts_with(['+', ':', '$', '*']), "redis-server says {answer:?}");
        Ok(answer)
    }
}

impl Drop for Redis<'_> {
    fn drop(&mut self) {
        // What cannot be ended here is ended by the warden.
        drop(self.crash());
    }
}
