//! What is measured: nginx as plain reverse proxy, and the gateway.

use super::driver::Load;
use super::{CORE_MEASURED, Programs, pinned};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::running::process::{self, Memory};
use crate::running::redis::free_port;
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long nginx may take to start.
const START_MAX: Duration = Duration::from_secs(10);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// nginx, which copies bytes.
    Nginx,
    /// The gateway with key check, metering, journal and ledger.
    Gateway,
    /// The same, and a log line for each call, as it is delivered.
    GatewayWithLog,
}

impl Kind {
    /// All, in the order in which they take turns.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Gateway, Self::GatewayWithLog];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Gateway => "Tallygate",
            Self::GatewayWithLog => "Tallygate, log line per call",
        }
    }

    /// What was switched on.
    pub const fn work(self) -> &'static str {
        match self {
            Self::Nginx => "nothing: byte copying, no access log",
            Self::Gateway => "key, metering, price, journal, ledger, metrics",
            Self::GatewayWithLog => "the same and the log, as delivered",
        }
    }
}

/// A running contender.
#[derive(Debug)]
pub struct Contender {
    /// Who it is.
    pub kind: Kind,
    process: Process,
}

#[derive(Debug)]
enum Process {
    Nginx(Nginx),
    Gateway(Box<Gateway>),
}

impl Contender {
    /// Starts it on its core, in front of the provider.
    ///
    /// # Errors
    /// When it does not take connections.
    pub fn start(kind: Kind, programs: &Programs, provider: u16) -> Result<Self> {
        let process = match kind {
            Kind::Nginx => Process::Nginx(Nginx::start(&programs.nginx, provider)?),
            Kind::Gateway => Process::Gateway(Box::new(gateway(&programs.gateway, provider, "warn")?)),
            Kind::GatewayWithLog => Process::Gateway(Box::new(gateway(&programs.gateway, provider, "info")?)),
        };
        Ok(Self { kind, process })
    }

    /// Where callers connect.
    pub fn address(&self, load: Load) -> String {
        match &self.process {
            Process::Nginx(nginx) => {
                format!("127.0.0.1:{}", if load == Load::Plain { nginx.plain } else { nginx.stream })
            }
            Process::Gateway(gateway) => gateway.base().trim_start_matches("http://").to_owned(),
        }
    }

    /// What callers present.
    pub fn key(&self) -> &str {
        match &self.process {
            Process::Nginx(_) => "tg_of_the_same_length_as_a_key_of_the_gateway_is_0000",
            Process::Gateway(gateway) => gateway.key(),
        }
    }

    fn pid(&self) -> u32 {
        match &self.process {
            Process::Nginx(nginx) => nginx.child.id(),
            Process::Gateway(gateway) => gateway.pid(),
        }
    }

    /// Time on the CPU so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.pid())
    }

    /// Its memory.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory(&self) -> Result<Memory> {
        process::memory(self.pid())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When the gateway does not end well.
    pub fn end(self) -> Result<()> {
        match self.process {
            Process::Nginx(nginx) => {
                drop(nginx);
                Ok(())
            }
            Process::Gateway(gateway) => gateway.end(),
        }
    }
}

fn gateway(program: &Path, provider: u16, level: &str) -> Result<Gateway> {
    let document = format!(
        "providers:\n- {{ name: openai, kind: openai, base_url: 'http://127.0.0.1:{provider}/v1', api_key: 'env:BENCH_KEY' }}\n\
         telemetry: {{ log: {{ level: {level} }} }}\n"
    );
    Gateway::start(&Recipe {
        program,
        document: &document,
        listen: ", workers: 1",
        environment: &[("BENCH_KEY", "sk-bench")],
        core: Some(CORE_MEASURED),
    })
}

/// nginx with a folder of its own.
#[derive(Debug)]
struct Nginx {
    child: Child,
    plain: u16,
    stream: u16,
    _folder: TempDir,
}

impl Nginx {
    fn start(program: &Path, provider: u16) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tallygate-nginx-").tempdir()?;
        let (plain, stream) = (free_port()?, free_port()?);
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(folder.path(), (plain, stream), provider)?)?;
        let mut command = pinned(program, CORE_MEASURED);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config);
        command.arg("-e").arg(folder.path().join("error.log"));
        let child = command.stdin(Stdio::null()).spawn().context("cannot start nginx")?;
        let nginx = Self { child, plain, stream, _folder: folder };
        let limit = Instant::now() + START_MAX;
        while TcpStream::connect(("127.0.0.1", stream)).is_err() {
            ensure!(Instant::now() < limit, "nginx does not take connections");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // TERM, so that the master ends its worker. If it cannot be sent, nginx is gone already.
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        drop(self.child.wait());
    }
}

fn configuration(folder: &Path, (plain, stream): (u16, u16), provider: u16) -> Result<String> {
    let mut text = String::from("daemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid nginx.pid;\n");
    text += "events { worker_connections 10000; }\nhttp {\n  access_log off;\n  keepalive_requests 100000000;\n";
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(text, "  {kind}_temp_path {};", folder.join(kind).display())?;
    }
    writeln!(
        text,
        "  upstream provider {{ server 127.0.0.1:{provider}; keepalive 256; keepalive_requests 100000000; }}"
    )?;
    for (port, buffering) in [(plain, "on"), (stream, "off")] {
        writeln!(text, "  server {{\n    listen 127.0.0.1:{port};\n    location / {{")?;
        writeln!(text, "      proxy_pass http://provider;\n      proxy_http_version 1.1;")?;
        writeln!(text, "      proxy_set_header Connection \"\";\n      proxy_buffering {buffering};\n    }}\n  }}")?;
    }
    text += "}\n";
    Ok(text)
}
