//! Eight teams, their models and their habits: the quarterly review's cast.

use anyhow::Result;
use std::path::Path;
use tg_kernel::clock::Timestamp;
use tg_kernel::dialect::Dialect;
use tg_kernel::secret::Secret;
use tg_sim::Urls;
use tg_store::directory::Directory;
use tg_store::key::NewKey;
use tg_store::ledger::{Dimension, ReportQuery};

/// The simulated providers, as the demo shows them.
pub(super) const PROVIDERS: [&str; 4] =
    ["Amazon Bedrock (simulated)", "Anthropic (simulated)", "OpenAI (simulated)", "a compatible server (simulated)"];

/// What a team does.
pub(super) struct Habit {
    pub(super) team: &'static str,
    pub(super) project: &'static str,
    pub(super) environment: &'static str,
    pub(super) dialect: Dialect,
    pub(super) model: &'static str,
    pub(super) stream: bool,
    /// Calls among a hundred.
    pub(super) weight: u32,
    /// What it asks.
    pub(super) prompt: &'static str,
}

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// What the eight teams do. Two of them classify with the dearest model; six are streamed for people.
#[rustfmt::skip]
pub(super) const HABITS: [Habit; 12] = [
    habit("search", "ranking", "prod", Dialect::BedrockConverse, SONNET, true, 12, "Rank these results for the query. [[sim: tokens=60]]"),
    habit("search", "suggest", "dev", Dialect::BedrockConverse, HAIKU, false, 10, "Suggest three queries. [[sim: tokens=20]]"),
    habit("support", "chat", "prod", Dialect::BedrockInvoke, SONNET, true, 10, "Answer the customer politely. [[sim: tokens=80]]"),
    habit("triage", "tickets", "prod", Dialect::AnthropicMessages, "claude-opus-4-5", false, 12, "Classify: refund or complaint? [[sim: tokens=3]]"),
    habit("moderation", "reviews", "prod", Dialect::AnthropicMessages, "claude-opus-4-5", false, 10, "Spam, yes or no? [[sim: tokens=2]]"),
    habit("legal", "contracts", "prod", Dialect::AnthropicMessages, "claude-sonnet-4-5", true, 6, "Summarise the contract. [[sim: tokens=120]]"),
    habit("mobile", "assistant", "prod", Dialect::OpenaiResponses, "gpt-5-mini", true, 8, "Plan a weekend. [[sim: tokens=60]]"),
    habit("mobile", "assistant", "dev", Dialect::OpenaiChat, "gpt-5-mini", false, 8, "Plan a weekend. [[sim: tokens=30]]"),
    habit("data", "catalogue", "prod", Dialect::OpenaiEmbeddings, "text-embedding-3-small", false, 10, "A red bicycle with three gears"),
    habit("ops", "runbooks", "prod", Dialect::OpenaiChat, "local-llama", true, 6, "Explain the alert. [[sim: tokens=40]]"),
    habit("ops", "runbooks", "dev", Dialect::OpenaiChat, "claude-haiku-4-5", true, 4, "Explain the alert. [[sim: tokens=40]]"),
    habit("legal", "contracts", "dev", Dialect::OpenaiChat, HAIKU, false, 4, "Find the clause. [[sim: tokens=30]]"),
];

#[expect(clippy::too_many_arguments, reason = "a row of the table above")]
const fn habit(
    team: &'static str,
    project: &'static str,
    environment: &'static str,
    dialect: Dialect,
    model: &'static str,
    stream: bool,
    weight: u32,
    prompt: &'static str,
) -> Habit {
    Habit { team, project, environment, dialect, model, stream, weight, prompt }
}

/// What the calls of all eight teams meet. Harm is looked for in what is asked alone, so that answers are not held back.
const GUARDRAILS: &str = "\
required_checks: { input: [secrets, pii, injection, harm], output: [secrets] }
guardrails:
- name: house
  unreadable: block
  rules:
  - { name: secrets, secrets: all, action: redact }
  - { name: personal-data, pii: structured, action: restore }
  - { name: attacks, injection: 0.9, action: block, message: This looks like an attack on the assistant. }
  - { name: harm, harm: { threshold: 0.9 }, action: block, on: input }
";

/// A key of one team's project and environment.
pub(super) struct TeamKey {
    pub(super) team: &'static str,
    pub(super) secret: Secret,
}

/// The demo's configuration: what a platform team would write, but for the addresses.
pub(super) fn document(urls: &Urls, folder: &Path, port: u16) -> String {
    let Urls { bedrock, anthropic, openai, compatible, .. } = urls;
    let store = folder.join("demo.db").display().to_string();
    let mut text = format!(
        "listen: {{ address: '127.0.0.1:{port}' }}\nadmin: {{ address: '127.0.0.1:0' }}\nstore: {{ path: '{store}' }}\n\
         providers:\n\
         - {{ name: bedrock, kind: bedrock, region: us-east-1, base_url: '{bedrock}', credentials: \
         {{ access_key_id: 'env:DEMO_KEY_ID', secret_access_key: 'env:DEMO_SECRET' }} }}\n\
         - {{ name: anthropic, kind: anthropic, base_url: '{anthropic}', api_key: 'env:DEMO_API_KEY' }}\n\
         - {{ name: openai, kind: openai, base_url: '{openai}/v1', api_key: 'env:DEMO_API_KEY' }}\n\
         - {{ name: local, kind: openai_compatible, base_url: '{compatible}/v1', api_key: 'env:DEMO_API_KEY' }}\n\
         models:\n\
         - {{ name: 'us.anthropic.*', targets: [{{ provider: bedrock }}] }}\n\
         - {{ name: 'claude-*', targets: [{{ provider: anthropic }}] }}\n\
         - {{ name: 'gpt-*', targets: [{{ provider: openai }}] }}\n\
         - {{ name: 'text-embedding-*', targets: [{{ provider: openai }}] }}\n\
         - {{ name: local-llama, targets: [{{ provider: local }}], unknown_price: allow_and_flag }}\n\
         teams:\n"
    );
    for team in teams() {
        let projects = names(team, |habit| habit.project);
        let environments = names(team, |habit| habit.environment);
        text += &format!("- {{ name: {team}, projects: [{projects}], environments: [{environments}] }}\n");
    }
    text + GUARDRAILS
}

/// The demo's secrets, by the names that its configuration gives them.
pub(super) fn secret(name: &str) -> Option<String> {
    Some(
        match name {
            "DEMO_KEY_ID" => tg_sim::DEFAULT_ACCESS_KEY_ID,
            "DEMO_SECRET" => tg_sim::DEFAULT_SECRET_ACCESS_KEY,
            "DEMO_API_KEY" => tg_sim::DEFAULT_KEY,
            _ => return None,
        }
        .to_owned(),
    )
}

/// One key for each habit, in their order.
pub(super) fn keys(directory: &Directory, now: Timestamp) -> Result<Vec<TeamKey>> {
    HABITS
        .iter()
        .map(|habit| {
            let new = NewKey {
                team: habit.team.to_owned(),
                project: Some(habit.project.to_owned()),
                environment: Some(habit.environment.to_owned()),
                label: "demo".to_owned(),
                ..NewKey::default()
            };
            Ok(TeamKey { team: habit.team, secret: directory.issue(&new, now)?.secret })
        })
        .collect()
}

/// What the report at the end asks.
pub(super) fn question() -> ReportQuery {
    ReportQuery { by: vec![Dimension::Team, Dimension::Project, Dimension::Model], ..ReportQuery::default() }
}

fn teams() -> Vec<&'static str> {
    unique(HABITS.iter().map(|habit| habit.team))
}

fn names(team: &str, pick: impl Fn(&Habit) -> &'static str) -> String {
    unique(HABITS.iter().filter(|habit| habit.team == team).map(pick)).join(", ")
}

fn unique(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
