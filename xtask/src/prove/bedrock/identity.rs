//! Callers without a key: proofs of an IAM role as boto3's presigner and `tallygate aws token` make them.

use super::{Door, Street};
use crate::prove::block_on;
use crate::prove::findings::Findings;
use crate::prove::house::{OFFERS, ROLES, SERVER_ID};
use crate::setup;
use crate::shell::{root, sheltered};
use crate::suite::Tally;
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::DEFAULT_REGION;

/// How long the ledger may take to have the rows.
const SETTLED_MAX: Duration = Duration::from_secs(20);

/// The name of another gateway.
const ELSEWHERE: &str = "elsewhere.example";

/// What the gateway says of a proof that AWS does not take.
const REFUSAL: &str = "AWS does not accept the GetCallerIdentity proof";

/// What makes a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presigner {
    Boto3,
    CommandLine,
}

impl Presigner {
    const ALL: [Self; 2] = [Self::Boto3, Self::CommandLine];

    const fn shown(self) -> &'static str {
        match self {
            Self::Boto3 => "boto3's presigner",
            Self::CommandLine => "`tallygate aws token`",
        }
    }

    /// The role as which each presigns, so that the ledger tells them apart.
    const fn role(self) -> &'static str {
        match self {
            Self::Boto3 => "boto3",
            Self::CommandLine => "command-line",
        }
    }

    fn arn(self) -> String {
        format!("{ROLES}{}", self.role())
    }

    /// A proof for the gateway of this name, made with the keys of a session of the role.
    fn proof(self, program: &Path, street: &Street<'_>, server_id: &str) -> Result<String> {
        let sts = &street.house.sim.urls.sts;
        let session = self.arn().replace(":iam:", ":sts:").replace(":role/", ":assumed-role/");
        let key = street.house.sim.sts.key_of(&format!("{session}/somebody@example.com"));
        let mut command = match self {
            Self::Boto3 => sheltered(setup::python(), ["identity.py", server_id, DEFAULT_REGION, sts]),
            Self::CommandLine => {
                let words = ["aws", "token", "--server-id", server_id, "--region", DEFAULT_REGION, "--sts-url", sts];
                sheltered(program, words)
            }
        };
        command.current_dir(root().join("tests/sdk/python"));
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_ACCESS_KEY_ID", key.access_key_id).env("AWS_SECRET_ACCESS_KEY", key.secret_access_key);
        let output = command.env("AWS_SESSION_TOKEN", key.session_token.unwrap_or_default()).output()?;
        ensure!(output.status.success(), "{}: {}", self.shown(), String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// Proves it, by a plain and by a TLS connection.
pub(super) fn prove(program: &Path, street: &Street<'_>) -> Result<Tally> {
    street.house.sim.books.reset();
    let mut findings = Findings::new();
    let mut let_in = 0;
    for door in street.doors.iter().filter(|door| door.auth == "bearer") {
        let mut cells = Vec::new();
        for presigner in Presigner::ALL {
            for server_id in [SERVER_ID, ELSEWHERE] {
                cells.push(cell(door, presigner, server_id, &presigner.proof(program, street, server_id)?));
            }
        }
        let results = street.python.drive(&door.plan(street.certs, &cells), &street.certs.ca)?;
        let booked = block_on(booked(street, door))?;
        for presigner in Presigner::ALL {
            let_in += 1;
            judge(&mut findings, door, presigner, &results, &booked);
        }
    }
    let reached = street.house.sim.books.entries().len();
    let claim = "calls that reached Bedrock are those that were let in";
    findings.note(claim, format_args!("{reached} for {let_in}"), reached == let_in);
    Ok(findings.show())
}

/// A call with this proof in a key's place: by boto3 over TLS, without which it sends none, else by OpenAI's SDK.
fn cell(door: &Door<'_>, presigner: Presigner, server_id: &str, proof: &str) -> Value {
    let (sdk, dialect) = if door.scheme == "https" { ("boto3", "converse") } else { ("openai-py", "chat") };
    json!({
        "id": json!([presigner.role(), server_id]).to_string(), "sdk": sdk, "dialect": dialect, "feature": "plain",
        "provider": "bedrock", "model": OFFERS[0].model, "key": proof,
    })
}

/// What came of a presigner's proofs.
fn judge(findings: &mut Findings, door: &Door<'_>, presigner: Presigner, results: &[Value], booked: &[Value]) {
    let result = |server_id: &str| {
        let id = json!([presigner.role(), server_id]).to_string();
        let line = results.iter().find(|line| line["id"] == *id);
        let detail = line.map_or("it was not run", |line| line["detail"].as_str().unwrap_or_default());
        (line.is_some_and(|line| line["ok"] == true), detail)
    };
    let (shown, scheme) = (presigner.shown(), door.scheme);
    let (ok, detail) = result(SERVER_ID);
    findings.note(format_args!("a proof by {shown} is let in over {scheme}"), if ok { "ok" } else { detail }, ok);
    let arn = presigner.arn();
    let rows: Vec<&Value> = booked.iter().filter(|row| row["attribution"]["key_id"] == *arn).collect();
    let right = rows.iter().filter(|row| row["attribution"]["team"] == "default" && row["ending"] == "ok");
    let holds = rows.len() == 1 && right.count() == 1;
    findings.note(format_args!("  its row has the role's ARN, {arn}"), format_args!("{} row", rows.len()), holds);
    let (ok, detail) = result(ELSEWHERE);
    let refused = !ok && detail.contains(REFUSAL);
    let seen = if refused { "refused" } else { detail };
    findings.note(format_args!("  one for another server id is refused over {scheme}"), seen, refused);
}

/// The last rows of a gateway's ledger, once those of all roles are there.
async fn booked(street: &Street<'_>, door: &Door<'_>) -> Result<Vec<Value>> {
    let url = format!("{}/admin/v1/calls?limit=100", door.gateway.admin());
    let client = street.house.client();
    let limit = Instant::now() + SETTLED_MAX;
    loop {
        let mut page = client.get(&url).await?;
        let Value::Array(rows) = page["calls"].take() else { bail!("the ledger has no calls: {page}") };
        let is_booked = |presigner: &Presigner| {
            let arn = presigner.arn();
            rows.iter().any(|row| row["attribution"]["key_id"] == *arn)
        };
        if Presigner::ALL.iter().all(is_booked) || Instant::now() > limit {
            return Ok(rows);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
