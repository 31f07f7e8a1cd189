//! The official SDKs as programs that are given a plan, and the certificates that they trust.

use crate::setup;
use crate::shell::{command, root};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
        let output = Command::new(program).args(["certs", "--dir"]).arg(folder.path()).output()?;
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
        let listed = command(&program.to_string_lossy(), arguments).current_dir(&folder).output()?;
        let offered = serde_json::from_slice(&listed.stdout)
            .with_context(|| format!("{} --list: {}", program.display(), String::from_utf8_lossy(&listed.stderr)))?;
        Ok(Self { program, folder, script, offered })
    }

    /// Runs a plan; answers a result for each of its cells. What the plan says of AWS also stands in the environment.
    ///
    /// # Errors
    /// When the program cannot be run, or says something else than results.
    pub fn drive(&self, plan: &Value, ca: &Path) -> Result<Vec<Value>> {
        let mut client = command(&self.program.to_string_lossy(), self.script);
        client.current_dir(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        client.env("SSL_CERT_FILE", ca).env("NODE_EXTRA_CA_CERTS", ca).envs(environment(plan));
        let mut child = client.spawn().with_context(|| format!("cannot run {}", self.program.display()))?;
        let mut input = child.stdin.take().context("no input")?;
        // The client reads its whole plan before it writes.
        input.write_all(plan.to_string().as_bytes())?;
        drop(input);
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
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
