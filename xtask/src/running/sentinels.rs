//! Three Sentinels of Redis as child processes: they see that a server is gone, and put the one that followed it in its place.

use super::Premises;
use super::redis::{ask, free_port};
use super::server::Server;
use super::signal::Signal;
use anyhow::Result;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// The name by which they know the server.
pub const NAME: &str = "main";

/// How long a start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// Sentinels that know each other.
#[derive(Debug)]
pub struct Sentinels<'a> {
    /// Kept for as long as they are to run.
    _servers: Vec<Server<'a>>,
    ports: Vec<u16>,
}

impl<'a> Sentinels<'a> {
    /// Lets three of them watch the server at this port, which another one follows.
    ///
    /// # Errors
    /// When they do not find each other.
    pub fn start(premises: &'a Premises, watched: u16) -> Result<Self> {
        let (mut servers, mut ports) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let (port, file) = (free_port()?, premises.folder().join(format!("sentinel-{number}.conf")));
            let text = format!(
                "port {port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {watched} 2\n\
                 sentinel down-after-milliseconds {NAME} 500\nsentinel failover-timeout {NAME} 5000\n"
            );
            // They write down there what they learn.
            fs::write(&file, text)?;
            let mut server = Server::new(premises, "sentinel", Signal::Kill);
            server.resume(|| {
                let mut command = Command::new("redis-server");
                command.arg(file).arg("--sentinel").current_dir(premises.folder());
                command
            })?;
            servers.push(server);
            ports.push(port);
        }
        for (server, port) in servers.iter_mut().zip(&ports) {
            let knows = || ask(*port, &["INFO", "sentinel"]).is_ok_and(|said| said.contains("slaves=1,sentinels=3"));
            server.wait(START_MAX, knows)?;
        }
        Ok(Self { _servers: servers, ports })
    }

    /// Their addresses, as they stand in a URL.
    pub fn hosts(&self) -> String {
        self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }
}
