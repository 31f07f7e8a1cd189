//! moto's server as STS, over TLS: another implementation of AssumeRole, whose credentials then sign calls.

use super::sessions::{MODEL, document, start};
use crate::prove::block_on;
use crate::prove::findings::Findings;
use crate::prove::sdks::Certs;
use crate::setup;
use crate::shell::sheltered;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tg_sim::{AwsKey, Sim};

/// How long its start may take.
const START_MAX: Duration = Duration::from_secs(60);

/// The name of the only session: of the team that the first key belongs to.
const SESSION: &str = "tg-default";

/// A running moto. Killed when dropped.
struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    fn start(certs: &Certs) -> Result<Self> {
        let mut moto = sheltered(setup::aws_tool("moto_server"), ["-H", "127.0.0.1", "-p", "0", "-s", "-c"]);
        moto.arg(&certs.certificate).arg("-k").arg(&certs.key);
        let mut child = moto.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot run moto_server")?;
        let output = child.stderr.take().context("no output")?;
        let mut moto = Self { child, url: String::new() };
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the address was heard.
                drop(tell.send(line));
            }
        });
        let limit = Instant::now() + START_MAX;
        while let Ok(line) = told.recv_timeout(limit.saturating_duration_since(Instant::now())) {
            if let Some((_, url)) = line.split_once("Running on ") {
                url.trim().clone_into(&mut moto.url);
                return Ok(moto);
            }
        }
        bail!("moto_server did not say where it runs")
    }

    /// The sessions that it has granted.
    fn sessions(&self, certs: &Certs) -> Result<Vec<Value>> {
        const READ: &str = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())";
        let url = format!("{}/moto-api/data.json", self.url);
        let mut python = sheltered(setup::python(), ["-c", READ, &url]);
        let output = python.env("SSL_CERT_FILE", &certs.ca).output()?;
        let held: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("moto: {}", String::from_utf8_lossy(&output.stderr)))?;
        Ok(held["sts"]["AssumedRole"].as_array().cloned().unwrap_or_default())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A role is assumed at moto, and what it gives is what signs.
pub(super) fn prove(findings: &mut Findings, program: &Path, sim: &Sim, certs: &Certs) -> Result<()> {
    let moto = Moto::start(certs)?;
    let trusted = certs.ca.to_string_lossy();
    let gateway = start(program, &document(sim, &moto.url), &[("SSL_CERT_FILE", &trusted)])?;
    let prompt = "signed by what moto gave".to_owned();
    let ask =
        Ask { dialect: Dialect::Converse, model: MODEL.to_owned(), prompt, delivery: Delivery::Plain, output_max: 100 };
    let (before, held, after) = block_on(async {
        let client = Client::new(gateway.base(), gateway.key());
        // The simulated Bedrock does not yet know what moto gave.
        let before = client.call(&ask).await?.status;
        let held = moto.sessions(certs)?;
        for session in &held {
            sim.sts.admit("from-moto", key(session)?);
        }
        Ok((before, held, client.call(&ask).await?.status))
    })?;
    let names: Vec<&str> = held.iter().filter_map(|session| session["session_name"].as_str()).collect();
    let once = names.iter().all(|name| *name == SESSION) && !names.is_empty();
    findings.note("moto's STS, over TLS by SSL_CERT_FILE, grants the session", names.join(" "), once);
    findings.note("a key that Bedrock does not know is refused, as moto's before it was told", before, before >= 400);
    let last = sim.books.last().and_then(|entry| entry.aws_session);
    let holds = after == 200 && last.as_deref() == Some("from-moto");
    findings.note("the next call is signed by what moto gave, and accepted", after, holds);
    gateway.end()
}

fn key(session: &Value) -> Result<AwsKey> {
    let text = |name: &str| session[name].as_str().map(str::to_owned).with_context(|| format!("moto has no {name}"));
    Ok(AwsKey {
        access_key_id: text("access_key_id")?,
        secret_access_key: text("secret_access_key")?,
        session_token: Some(text("session_token")?),
    })
}
