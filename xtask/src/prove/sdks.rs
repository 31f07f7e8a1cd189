//! The official SDKs as programs that are given a plan, and the certificates that they trust.

use crate::setup;
use crate::shell::{root, sheltered};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a client may take for its whole plan. The longest takes a fraction of it.
const DRIVE_MAX: Duration = Duration::from_secs(300);

/// What `tallygate certs` made.
pub struct Certs {
    folder: tempfile::TempDir,
    /// The authority to trust.
    pub ca: PathBuf,
    /// A chain for the loopback addresses.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certs {
    /// Makes them.
    ///
    /// # Errors
    /// When the program fails.
    pub fn make(program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tallygate-certs-").tempdir()?;
        let output = sheltered(program, ["certs", "--dir"]).arg(folder.path()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let path = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            line.map(PathBuf::from).with_context(|| format!("`tallygate certs` names no {name} in: {text}"))
        };
        Ok(Self { ca: path("authority:")?, certificate: path("certificate:")?, key: path("key:")?, folder })
    }

    /// Members of `listen` for a gateway that uses them.
    pub fn listen(&self) -> String {
        debug_assert!(self.certificate.starts_with(self.folder.path()));
        format!(", tls: {{ certificate: '{}', key: '{}' }}", self.certificate.display(), self.key.display())
    }
}

/// The program that drives the SDKs of one language.
pub struct Sdks {
    program: PathBuf,
    folder: PathBuf,
    script: Option<&'static str>,
    /// `{sdk: {dialect: [feature]}}`.
    pub offered: Value,
}

impl Sdks {
    /// Those for Python, and the AWS CLI.
    ///
    /// # Errors
    /// When the program does not run.
    pub fn python() -> Result<Self> {
        Self::listed(setup::python(), root().join("tests/sdk/python"), Some("client.py"))
    }

    /// Those for Node.
    ///
    /// # Errors
    /// When the program does not run.
    pub fn node() -> Result<Self> {
        Self::listed(PathBuf::from("node"), setup::node_folder(), Some("client.mjs"))
    }

    /// The AWS SDK for Rust.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn rust() -> Result<Self> {
        Self::listed(setup::rust_sdk()?, root(), None)
    }

    fn listed(program: PathBuf, folder: PathBuf, script: Option<&'static str>) -> Result<Self> {
        let arguments = script.into_iter().chain(["--list"]);
        let listed = sheltered(&program, arguments).current_dir(&folder).output()?;
        let offered: Value = serde_json::from_slice(&listed.stdout)
            .with_context(|| format!("{} --list: {}", program.display(), String::from_utf8_lossy(&listed.stderr)))?;
        ensure!(
            offers_something(&offered),
            "{} --list: an SDK or a dialect has no feature: {offered}",
            program.display()
        );
        Ok(Self { program, folder, script, offered })
    }

    /// Runs a plan; answers a result for each of its cells. What the plan says of AWS also stands in the environment.
    ///
    /// # Errors
    /// When the program cannot be run, takes minutes too long, or says something else than results.
    pub fn drive(&self, plan: &Value, ca: &Path) -> Result<Vec<Value>> {
        self.drive_within(DRIVE_MAX, plan, ca)
    }

    fn drive_within(&self, limit: Duration, plan: &Value, ca: &Path) -> Result<Vec<Value>> {
        // Not a pipe, which a client that does not read would leave full.
        let input = tempfile::NamedTempFile::new()?;
        std::fs::write(input.path(), plan.to_string())?;
        let mut client = sheltered(&self.program, self.script);
        client.current_dir(&self.folder).stdin(File::open(input.path())?);
        client.env("SSL_CERT_FILE", ca).env("NODE_EXTRA_CA_CERTS", ca).envs(environment(plan));
        let text = output_within(limit, &mut client)?;
        text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

/// Whether there is an SDK, and each has a dialect, and each of those a feature.
fn offers_something(offered: &Value) -> bool {
    let has_features = |features: &Value| features.as_array().is_some_and(|features| !features.is_empty());
    let has_dialects = |dialects: &Value| {
        dialects.as_object().is_some_and(|dialects| !dialects.is_empty() && dialects.values().all(has_features))
    };
    offered.as_object().is_some_and(|sdks| !sdks.is_empty() && sdks.values().all(has_dialects))
}

/// What a program prints until it ends; beyond the limit it is killed, and that is an error.
fn output_within(limit: Duration, program: &mut Command) -> Result<String> {
    let end = Instant::now() + limit;
    let child = program.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run {program:?}"))?;
    let mut running = Running(child);
    let mut output = running.0.stdout.take().context("no output")?;
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("client-output".to_owned()).spawn(move || {
        let mut text = Vec::new();
        // Nobody listens any more once the limit has passed.
        drop(tell.send(output.read_to_end(&mut text).map(|_| text)));
    })?;
    match told.recv_timeout(limit) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text?).into_owned();
            while running.0.try_wait()?.is_none() {
                ensure!(Instant::now() < end, "{program:?} has not ended after {limit:?}");
                thread::sleep(Duration::from_millis(5));
            }
            Ok(text)
        }
        Err(_) => bail!("{program:?} has not ended after {limit:?}"),
    }
}

/// A program that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The variables by which an application would be told the same.
pub fn environment(plan: &Value) -> Vec<(&'static str, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let aws = &plan["aws"];
    let mut all = vec![
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_REGION", text(&aws["region"])),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", text(&plan["base_url"])),
    ];
    if aws["auth"] == "sigv4" {
        all.push(("AWS_ACCESS_KEY_ID", text(&aws["access_key_id"])));
        all.push(("AWS_SECRET_ACCESS_KEY", text(&aws["secret_access_key"])));
    } else {
        all.push(("AWS_BEARER_TOKEN_BEDROCK", text(&plan["key"])));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Sdks, offers_something};
    use serde_json::{Value, json};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};

    /// A client that is a shell script.
    fn scripted(folder: &tempfile::TempDir, text: &str) -> Sdks {
        std::fs::write(folder.path().join("client.sh"), text).unwrap();
        let folder = folder.path().to_owned();
        Sdks { program: PathBuf::from("sh"), folder, script: Some("client.sh"), offered: Value::Null }
    }

    #[test]
    fn a_client_that_hangs_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let plan = json!({ "cells": ["x".repeat(1 << 20)] });
        let limit = Duration::from_millis(200);
        for text in ["echo $$ > pid; exec sleep 300", "echo $$ > pid; exec >&-; exec sleep 300"] {
            let began = Instant::now();
            let fault = scripted(&folder, text).drive_within(limit, &plan, Path::new("/dev/null")).unwrap_err();
            assert!(fault.to_string().contains("has not ended"), "{fault}");
            assert!(began.elapsed() < Duration::from_secs(60));
            let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
            assert!(!Path::new("/proc").join(pid.trim()).exists(), "{text}");
        }
    }

    #[test]
    fn what_a_client_prints_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let client = scripted(&folder, "cat; echo; echo 2");
        let read = client.drive_within(Duration::from_secs(60), &json!({ "cells": [] }), Path::new("/dev/null"));
        assert_eq!(read.unwrap(), [json!({ "cells": [] }), json!(2)]);
    }

    #[test]
    fn a_list_in_which_something_is_empty_is_none() {
        assert!(offers_something(&json!({ "a": { "chat": ["plain"] } })));
        for list in [json!({}), json!({ "a": {} }), json!({ "a": { "chat": ["plain"], "messages": [] } }), json!([])] {
            assert!(!offers_something(&list), "{list}");
        }
    }
}
