//! A session of a role for each team, project and environment: what STS granted, what Bedrock saw, what the ledger says.

use super::moto;
use crate::prove::block_on;
use crate::prove::findings::Findings;
use crate::prove::sdks::Certs;
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::shell::sheltered;
use crate::suite::Tally;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{Entry, Sim, SimOptions, Witnessed};

/// The role that calls.
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/calls";

/// What the calls ask for.
pub(super) const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// The profile of one project.
const PROFILE: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ranking00001";

/// How long the ledger may take to have every row.
const SETTLED_MAX: Duration = Duration::from_secs(20);

/// Teams, each with its projects, its environments and its cost centre.
const TEAMS: [(&str, &[&str], &[&str], &str); 3] = [
    ("search", &["ranking", "crawl"], &["dev", "prod"], "CC 4711"),
    ("support", &["chat-assist", "triage"], &["dev", "prod"], "CC 4712"),
    ("legal", &["contracts"], &["prod"], "CC 4713"),
];

/// Someone for whom a key was made.
struct Caller {
    team: &'static str,
    project: &'static str,
    environment: &'static str,
    cost_centre: &'static str,
    key: String,
    key_id: String,
}

impl Caller {
    /// The name that the session must have.
    fn session(&self) -> String {
        format!("tg-{}.{}.{}", self.team, self.project, self.environment)
    }

    /// The tags that the session must have.
    fn tags(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("team", self.team),
            ("project", self.project),
            ("environment", self.environment),
            ("cost-centre", self.cost_centre),
            ("owner", "platform"),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// Proves it; answers every signed request.
pub(super) fn prove(program: &Path, certs: &Certs, tally: &mut Tally) -> Result<Vec<Witnessed>> {
    let sim = Sim::start(SimOptions { keep_signed: true, ..SimOptions::default() })?;
    let text = document(&sim, &sim.urls.sts);
    let gateway = start(program, &text, &[])?;
    let mut findings = Findings::new();
    let callers = block_on(calls(&gateway))?;
    let rows = block_on(rows(&gateway, &callers))?;
    granted(&mut findings, &sim, &callers);
    booked(&mut findings, &sim, &callers, &rows);
    reported(&mut findings, &sim, program, &gateway)?;
    control_plane(&mut findings, program, &text)?;
    moto::prove(&mut findings, program, &sim, certs)?;
    tally.add(findings.show());
    gateway.end()?;
    Ok(sim.witness.seen())
}

/// A configuration whose provider assumes the role at this STS.
pub(super) fn document(sim: &Sim, sts: &str) -> String {
    let urls = &sim.urls;
    format!(
        "providers:\n- {{ name: bedrock, kind: bedrock, region: us-east-1, base_url: '{}', control_url: '{}', \
         credentials: {{ access_key_id: 'env:PROOF_KEY_ID', secret_access_key: 'env:PROOF_SECRET' }}, \
         assume_role: {{ role_arn: '{ROLE}', sts_url: '{sts}', tags: {{ owner: platform }} }}, \
         inference_profiles: [{{ model: '{MODEL}', team: search, project: ranking, arn: '{PROFILE}' }}] }}\n\
         models:\n- {{ name: 'us.*', targets: [{{ provider: bedrock }}] }}\ntelemetry: {{ log: {{ level: warn }} }}\n",
        urls.bedrock, urls.bedrock_control,
    )
}

const ENVIRONMENT: [(&str, &str); 2] =
    [("PROOF_KEY_ID", tg_sim::DEFAULT_ACCESS_KEY_ID), ("PROOF_SECRET", tg_sim::DEFAULT_SECRET_ACCESS_KEY)];

/// A gateway with that configuration, and more variables.
pub(super) fn start(program: &Path, document: &str, more: &[(&str, &str)]) -> Result<Gateway> {
    let environment = [&ENVIRONMENT[..], more].concat();
    Gateway::start(&Recipe { program, document, listen: "", environment: &environment, core: None })
}

/// Makes teams and keys, and calls: each caller a number of times of its own, in every dialect in turn.
async fn calls(gateway: &Gateway) -> Result<Vec<Caller>> {
    let client = Client::new(gateway.base(), gateway.key());
    let admin = |path: &str| format!("{}/admin/v1/{path}", gateway.admin());
    let mut callers = Vec::new();
    for (team, projects, environments, cost_centre) in TEAMS {
        let policy = json!({ "projects": projects, "environments": environments, "cost_centre": cost_centre });
        client.post(&admin("teams"), &json!({ "name": team, "policy": policy })).await?;
        for project in projects {
            for environment in environments {
                let new = json!({ "team": team, "project": project, "environment": environment });
                let made = client.post(&admin("keys"), &new).await?;
                let text = |value: &Value| value.as_str().map(str::to_owned).context("no key was made");
                let (key, key_id) = (text(&made["secret"])?, text(&made["key"]["id"])?);
                callers.push(Caller { team, project, environment, cost_centre, key, key_id });
            }
        }
    }
    for (number, caller) in callers.iter().enumerate() {
        for turn in 0..calls_of(number) {
            let dialect = Dialect::TALKING[turn % Dialect::TALKING.len()];
            let delivery = if turn % 2 == 0 { Delivery::Plain } else { Delivery::Streamed };
            let prompt = format!("call {turn} of {}", caller.session());
            let ask = Ask { dialect, model: MODEL.to_owned(), prompt, delivery, output_max: 1000 };
            let heard = client.with_key(&caller.key).call(&ask).await?;
            ensure!(heard.status == 200 && heard.complete, "{}: {heard:?}", caller.session());
        }
    }
    Ok(callers)
}

/// How often a caller calls.
const fn calls_of(number: usize) -> usize {
    5 + number
}

fn all_calls(callers: &[Caller]) -> usize {
    (0..callers.len()).map(calls_of).sum()
}

/// The rows of the ledger, once all of them are there.
async fn rows(gateway: &Gateway, callers: &[Caller]) -> Result<Vec<Value>> {
    let client = Client::new(gateway.base(), gateway.key());
    let url = format!("{}/admin/v1/calls?limit=1000", gateway.admin());
    let limit = Instant::now() + SETTLED_MAX;
    loop {
        let page = client.get(&url).await?;
        let rows = page["calls"].as_array().cloned().unwrap_or_default();
        if rows.len() >= all_calls(callers) || Instant::now() > limit {
            return Ok(rows);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// STS granted each session once, with its name and its tags.
fn granted(findings: &mut Findings, sim: &Sim, callers: &[Caller]) {
    let assumed = sim.sts.assumed();
    findings.note(
        "one AssumeRole for each of 3 teams' projects and environments",
        format_args!("{} for {}", assumed.len(), callers.len()),
        assumed.len() == callers.len(),
    );
    let mut wrong = Vec::new();
    for caller in callers {
        let found = assumed.iter().find(|assumed| assumed.session == caller.session());
        if found.is_none_or(|found| found.tags != caller.tags() || found.role_arn != ROLE) {
            wrong.push(format!("{}: {found:?}", caller.session()));
        }
    }
    findings.none("its name, and its tags: team, project, environment, cost centre", callers.len(), &wrong);
}

/// Each row says what Bedrock saw of the call.
fn booked(findings: &mut Findings, sim: &Sim, callers: &[Caller], rows: &[Value]) {
    let entries = sim.books.entries();
    let calls = all_calls(callers);
    findings.note("one row for each call", format_args!("{} for {calls}", rows.len()), rows.len() == calls);
    let mut wrong: [Vec<String>; 5] = Default::default();
    for row in rows {
        let served = &row["served"];
        let id = served["request_id"].as_str().unwrap_or_default();
        let entry = entries.iter().find(|entry| request_id(entry) == id);
        let caller = callers.iter().find(|caller| row["attribution"]["key_id"] == *caller.key_id);
        let (Some(entry), Some(caller)) = (entry, caller) else {
            wrong[0].push(format!("no call of the provider has the id {id:?}: {row}"));
            continue;
        };
        let profile = (caller.project == "ranking").then_some(PROFILE);
        let metadata = entry.detail.as_ref().map(|detail| detail.metadata.clone()).unwrap_or_default();
        let checks = [
            served["aws_session"].as_str() == Some(&caller.session()) && entry.aws_session == Some(caller.session()),
            served["profile"].as_str() == profile && entry.model == profile.unwrap_or(MODEL),
            metadata == Value::Object(pairs(row)),
            row["usage"]["output_tokens"] == entry.counts.output && row["usage"]["input_tokens"] == entry.counts.input,
        ];
        for (flaws, holds) in wrong[1..].iter_mut().zip(checks) {
            if !holds {
                flaws.push(format!("{row}: {entry:?}"));
            }
        }
    }
    for (claim, flaws) in [
        "a row has AWS's request id",
        "the session that signed",
        "the profile's ARN, where one was named to Bedrock",
        "the metadata that was sent follows from it",
        "the tokens that Bedrock counted",
    ]
    .into_iter()
    .zip(&wrong)
    {
        findings.none(claim, rows.len(), flaws);
    }
}

/// The id that the simulated Bedrock gave a call.
fn request_id(entry: &Entry) -> String {
    format!("00000000-0000-4000-8000-{:012x}", entry.number)
}

/// The request metadata of a call, made from its row alone.
fn pairs(row: &Value) -> Map<String, Value> {
    let booked = &row["attribution"];
    let columns = [
        ("request_id", &row["request_id"]),
        ("team", &booked["team"]),
        ("project", &booked["project"]),
        ("environment", &booked["environment"]),
        ("key_id", &booked["key_id"]),
    ];
    let known = columns.into_iter().filter(|(_, value)| !value.is_null());
    known.map(|(name, value)| (format!("tallygate:{name}"), value.clone())).collect()
}

/// `tallygate report --by aws_session` against the provider's books, session by session.
fn reported(findings: &mut Findings, sim: &Sim, program: &Path, gateway: &Gateway) -> Result<()> {
    let words = ["report", "--by", "aws_session", "--format", "json", "--admin", gateway.admin()];
    let output = sheltered(program, words).output()?;
    ensure!(output.status.success(), "tallygate report: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let mut seen: BTreeMap<Option<String>, [u64; 3]> = BTreeMap::new();
    for entry in sim.books.entries() {
        let [calls, input, out] = seen.entry(entry.aws_session.clone()).or_default();
        (*calls, *input, *out) = (*calls + 1, *input + entry.counts.input, *out + entry.counts.output);
    }
    let mut wrong = Vec::new();
    let rows = report["rows"].as_array().cloned().unwrap_or_default();
    for row in &rows {
        let session = row["group"]["aws_session"].as_str().map(str::to_owned);
        let figures = [&row["calls"], &row["usage"]["input_tokens"], &row["usage"]["output_tokens"]];
        let figures = figures.map(|figure| figure.as_u64().unwrap_or_default());
        let saw = seen.remove(&session);
        if saw != Some(figures) {
            wrong.push(format!("{session:?}: reported {figures:?}, seen {saw:?}"));
        }
    }
    wrong.extend(seen.into_iter().map(|left| format!("not in the report: {left:?}")));
    findings.none("`report --by aws_session`: calls and tokens as Bedrock saw them", rows.len(), &wrong);
    Ok(())
}

/// `tallygate aws profiles plan`, whose questions have a query.
fn control_plane(findings: &mut Findings, program: &Path, document: &str) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("tallygate-plan-").tempdir()?;
    let config = folder.path().join("tallygate.yaml");
    std::fs::write(&config, document)?;
    let mut command = sheltered(program, ["aws", "profiles", "plan", "--config"]);
    let output = command.arg(&config).envs(ENVIRONMENT).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let seen = format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    findings.note(
        "`aws profiles plan` reads the control plane",
        seen.trim(),
        output.status.success() && text.contains("gone"),
    );
    Ok(())
}
