//! Savings: the demo's eight teams call, `advise` says what would cost less, its YAML is put in force, and the same calls
//! are made again: what they cost then is what was predicted. The same by a rule that moves calls by their tasks: what `report`
//! says that it saved is what was paid less.

use super::Length;
use super::findings::Findings;
use super::house::{ENVIRONMENT, SETTLED_MAX};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::shell::sheltered;
use crate::suite::Tally;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{Sim, SimOptions};

/// Calls under way at once.
const CONCURRENT: usize = 16;
/// Where the mix of calls begins: the same each time.
const SEED: u32 = 20_261_126;
/// How far what was saved may be from what was predicted, in hundredths.
const OFF_PERCENT_MAX: i64 = 5;
/// Those of the eight who ask the dearest model for a word or two.
const CLASSIFYING: [&str; 2] = ["moderation", "triage"];
/// The most output that a call asks for.
const OUTPUT_MAX: u64 = 1024;

/// What a team does; as `tallygate demo` has it.
struct Habit {
    team: &'static str,
    project: &'static str,
    dialect: Dialect,
    model: &'static str,
    delivery: Delivery,
    /// Calls among a hundred.
    weight: u32,
    prompt: &'static str,
    /// Tokens of the answer.
    output: u32,
}

const SONNET: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

#[rustfmt::skip]
const HABITS: [Habit; 12] = [
    Habit { team: "search", project: "ranking", dialect: Dialect::Converse, model: SONNET, delivery: Delivery::Streamed, weight: 12, prompt: "Rank these results for the query.", output: 60 },
    Habit { team: "search", project: "suggest", dialect: Dialect::Converse, model: HAIKU, delivery: Delivery::Plain, weight: 10, prompt: "Suggest three queries.", output: 20 },
    Habit { team: "support", project: "chat", dialect: Dialect::Invoke, model: SONNET, delivery: Delivery::Streamed, weight: 10, prompt: "Answer the customer politely.", output: 80 },
    Habit { team: "triage", project: "tickets", dialect: Dialect::Messages, model: "claude-opus-4-5", delivery: Delivery::Plain, weight: 12, prompt: "Classify: refund or complaint?", output: 3 },
    Habit { team: "moderation", project: "reviews", dialect: Dialect::Messages, model: "claude-opus-4-5", delivery: Delivery::Plain, weight: 10, prompt: "Spam, yes or no?", output: 2 },
    Habit { team: "legal", project: "contracts", dialect: Dialect::Messages, model: "claude-sonnet-4-5", delivery: Delivery::Streamed, weight: 6, prompt: "Summarise the contract.", output: 120 },
    Habit { team: "mobile", project: "assistant", dialect: Dialect::Responses, model: "gpt-5-mini", delivery: Delivery::Streamed, weight: 8, prompt: "Plan a weekend.", output: 60 },
    Habit { team: "mobile", project: "assistant", dialect: Dialect::Chat, model: "gpt-5-mini", delivery: Delivery::Plain, weight: 8, prompt: "Plan a weekend.", output: 30 },
    Habit { team: "data", project: "catalogue", dialect: Dialect::Embeddings, model: "text-embedding-3-small", delivery: Delivery::Plain, weight: 10, prompt: "A red bicycle with three gears", output: 0 },
    Habit { team: "ops", project: "runbooks", dialect: Dialect::Chat, model: "local-llama", delivery: Delivery::Streamed, weight: 6, prompt: "Explain the alert.", output: 40 },
    Habit { team: "ops", project: "runbooks", dialect: Dialect::Chat, model: "claude-haiku-4-5", delivery: Delivery::Streamed, weight: 4, prompt: "Explain the alert.", output: 40 },
    Habit { team: "legal", project: "contracts", dialect: Dialect::Chat, model: HAIKU, delivery: Delivery::Plain, weight: 4, prompt: "Find the clause.", output: 30 },
];

const ROUTES: &str = "models:
  - { name: 'us.anthropic.*', targets: [{ provider: bedrock }] }
  - { name: 'claude-*', targets: [{ provider: anthropic }] }
  - { name: 'gpt-*', targets: [{ provider: openai }] }
  - { name: 'text-embedding-*', targets: [{ provider: openai }] }
  - { name: local-llama, targets: [{ provider: local }], unknown_price: allow_and_flag }
";

/// A rule that moves what they ask the dearest model for, whatever task it is taken for.
const BY_TASK: &str = "  - name: claude-opus-4-5
    targets: [{ provider: anthropic }]
    task_routing:
      mode: enforce
      steps:
        - provider: anthropic
          model: claude-haiku-4-5
          tasks: [classification, extraction, summarisation, translation, rewriting, short_question, question_on_context, chat,
            code, mathematics_and_reasoning, long_writing, agentic]
";

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let count = length.pick(1_000, 20_000);
    let folder = tempfile::Builder::new().prefix("tallygate-savings-").tempdir()?;
    let sim = Sim::start(SimOptions::default())?;
    let mut findings = Findings::new();

    let before = Run::of(program, &document(&sim, ROUTES), count).await?;
    let config = folder.path().join("before.yaml");
    std::fs::write(&config, document(&sim, ROUTES))?;
    let store = before.gateway.store();
    let asked = |format| {
        let (config, store) = (config.display().to_string(), store.display().to_string());
        command(program, &["advise", "--format", format, "--risk", "low", "--config", &config, "--store", &store])
    };
    let page: Value = serde_json::from_str(&asked("json")?)?;
    let yaml = asked("yaml")?;
    let predicted = predicted(&page)?;
    let advised: BTreeSet<&str> = predicted.keys().map(String::as_str).collect();
    let seen = advised.iter().copied().collect::<Vec<_>>().join(", ");
    findings.note("the two that classify are advised on, and nobody else", seen, advised.iter().eq(&CLASSIFYING));

    let routes = format!("{ROUTES}{}\n", yaml.split_once("models:\n").context("no entries were printed")?.1);
    let advised = folder.path().join("after.yaml");
    std::fs::write(&advised, document(&sim, &routes))?;
    let checked = command(program, &["check", "--config", &advised.display().to_string()]);
    findings.note("what it prints passes `tallygate check`", checked.is_ok(), checked.is_ok());
    checked?;
    let after = Run::of(program, &document(&sim, &routes), count).await?;
    compare(&mut findings, &before, &after, &predicted)?;
    let routed = by_task(program, (folder.path(), &sim), count, (&mut findings, &before)).await?;
    let tally = findings.show();
    for run in [before, after, routed] {
        run.gateway.end()?;
    }
    Ok(tally)
}

/// The calls once more, moved by a rule: what it saved, as `report --savings` tells it.
async fn by_task(
    program: &Path,
    (folder, sim): (&Path, &Sim),
    count: usize,
    (findings, before): (&mut Findings, &Run),
) -> Result<Run> {
    let document = document(sim, &format!("{ROUTES}{BY_TASK}"));
    let config = folder.join("by-task.yaml");
    std::fs::write(&config, &document)?;
    let run = Run::of(program, &document, count).await?;
    let answered = run.failed == 0;
    findings.note("every call is answered where a rule moves it", format_args!("{} failed", run.failed), answered);
    let (config, store) = (config.display().to_string(), run.gateway.store().display().to_string());
    let report = ["report", "--savings", "--format", "json", "--config", &config, "--store", &store];
    let report: Value = serde_json::from_str(&command(program, &report)?)?;
    let routes = report["routes"].as_array().context("no routes")?;
    for team in CLASSIFYING {
        let said = routes.iter().find(|route| route["team"] == team).map(|route| &route["saved_by_routing_nanos"]);
        let said = said.and_then(Value::as_i64).unwrap_or_default();
        let costs = [before, &run].map(|run| run.costs.get(team).copied().unwrap_or_default());
        let fell = costs[0] - costs[1];
        let seen = format!("{} USD less were paid, {} are told", usd(fell), usd(said));
        let claim = format!("{team} by task routing: `report --savings` tells what was paid less, to the nano-dollar");
        findings.note(claim, seen, fell > 0 && said == fell);
    }
    Ok(run)
}

/// What is saved by team, as advised, in nano-dollars.
fn predicted(page: &Value) -> Result<BTreeMap<String, i64>> {
    let mut by_team = BTreeMap::new();
    for one in page["advice"].as_array().context("no advice")? {
        if let (true, Some(team)) = (one["kind"] == "cheaper_model", one["teams"][0].as_str()) {
            let saving = one.pointer("/saving/period_nanos").and_then(Value::as_i64).context("no saving")?;
            *by_team.entry(team.to_owned()).or_default() += saving;
        }
    }
    Ok(by_team)
}

fn compare(findings: &mut Findings, before: &Run, after: &Run, predicted: &BTreeMap<String, i64>) -> Result<()> {
    let failed = before.failed + after.failed;
    findings.note("every call is answered, before and after", format_args!("{failed} failed"), failed == 0);
    let mut strange = Vec::new();
    for (team, cost) in &before.costs {
        let then = after.costs.get(team).with_context(|| format!("{team} has no row"))?;
        let (fell, said) = (cost - then, predicted.get(team).copied().unwrap_or_default());
        if CLASSIFYING.contains(&team.as_str()) {
            let is_near = said > 0 && (fell - said).abs() * 100 <= said * OFF_PERCENT_MAX;
            let seen = format!("{} USD became {}: {} less, {} predicted", usd(*cost), usd(*then), usd(fell), usd(said));
            findings.note(format_args!("{team} saves what was predicted, within {OFF_PERCENT_MAX} %"), seen, is_near);
        } else if fell != 0 {
            strange.push(format!("{team}: {} USD became {}", usd(*cost), usd(*then)));
        }
    }
    findings.none(
        "the other six pay what they paid, to the nano-dollar",
        before.costs.len() - CLASSIFYING.len(),
        &strange,
    );
    Ok(())
}

fn usd(nanos: i64) -> String {
    tg_kernel::units::Money::from_nanos(nanos).to_string()
}

/// Runs the program to its end; what it printed.
fn command(program: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = sheltered(program, arguments);
    command.envs(ENVIRONMENT);
    let output = command.output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The calls, made once.
struct Run {
    gateway: Gateway,
    failed: usize,
    /// By team, in nano-dollars.
    costs: BTreeMap<String, i64>,
}

impl Run {
    async fn of(program: &Path, document: &str, count: usize) -> Result<Self> {
        let recipe = Recipe { program, document, listen: "", environment: &ENVIRONMENT, core: None };
        let gateway = Gateway::start(&recipe)?;
        let client = Client::new(gateway.base(), gateway.key());
        let clients = keyed(&client, gateway.admin()).await?;
        let heard: Vec<bool> = stream::iter(mix(count).into_iter().enumerate())
            .map(|(number, habit)| {
                let (client, ask) = (clients[habit].clone(), ask(&HABITS[habit], number));
                async move {
                    let heard = client.call(&ask).await?;
                    Ok::<_, anyhow::Error>(heard.status == 200 && heard.complete)
                }
            })
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await?;
        let costs = costs(&client, gateway.admin(), count).await?;
        Ok(Self { gateway, failed: heard.iter().filter(|whole| !**whole).count(), costs })
    }
}

/// Makes the teams, and a client with a key of its own for each habit.
async fn keyed(client: &Client, admin: &str) -> Result<Vec<Client>> {
    let mut teams: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for habit in &HABITS {
        teams.entry(habit.team).or_default().insert(habit.project);
    }
    for (team, projects) in teams {
        let new = json!({ "name": team, "policy": { "projects": projects } });
        client.post(&format!("{admin}/admin/v1/teams"), &new).await?;
    }
    let mut clients = Vec::new();
    for Habit { team, project, .. } in &HABITS {
        let new = json!({ "team": team, "project": project });
        let made = client.post(&format!("{admin}/admin/v1/keys"), &new).await?;
        clients.push(client.with_key(made["secret"].as_str().context("no key was made")?));
    }
    Ok(clients)
}

/// Which habit each call is of.
fn mix(count: usize) -> Vec<usize> {
    let total: u32 = HABITS.iter().map(|habit| habit.weight).sum();
    let mut dice = SEED;
    let mut draw = || {
        // A linear congruential generator: the mix must be mixed, not random.
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut point = (dice >> 8) % total;
        let hit = |habit: &Habit| {
            let is_hit = point < habit.weight;
            point = point.saturating_sub(habit.weight);
            is_hit
        };
        HABITS.iter().position(hit).unwrap_or_default()
    };
    (0..count).map(|_| draw()).collect()
}

/// A call of a habit: some are longer than others.
fn ask(habit: &Habit, number: usize) -> Ask {
    let Habit { dialect, model, delivery, prompt, output, .. } = habit;
    let more = "More words. ".repeat(number % 13);
    let script =
        if *output == 0 { String::new() } else { format!(" [[sim: tokens={}]]", output + (number % 2) as u32) };
    Ask {
        dialect: *dialect,
        model: (*model).to_owned(),
        prompt: format!("{prompt} {more}{script}"),
        delivery: *delivery,
        output_max: OUTPUT_MAX,
    }
}

/// What each team's calls cost, once all of them are in the ledger.
async fn costs(client: &Client, admin: &str, count: usize) -> Result<BTreeMap<String, i64>> {
    let limit = Instant::now() + SETTLED_MAX;
    loop {
        let report = client.get(&format!("{admin}/admin/v1/report?by=team")).await?;
        let calls = report.pointer("/totals/calls").and_then(Value::as_u64).unwrap_or_default();
        if usize::try_from(calls)? >= count {
            let rows = report["rows"].as_array().context("no rows")?;
            let cost = |row: &Value| {
                let team = row.pointer("/group/team")?.as_str()?.to_owned();
                Some((team, row.pointer("/cost/nanos")?.as_i64()?))
            };
            return rows.iter().map(|row| cost(row).context("a row without team or cost")).collect();
        }
        ensure!(Instant::now() < limit, "the ledger has {calls} of {count} calls");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The configuration, without where to listen and what to store.
fn document(sim: &Sim, routes: &str) -> String {
    let urls = &sim.urls;
    format!(
        "providers:\n\
         - {{ name: bedrock, kind: bedrock, region: us-east-1, base_url: '{}', credentials: \
         {{ access_key_id: 'env:PROOF_KEY_ID', secret_access_key: 'env:PROOF_SECRET' }} }}\n\
         - {{ name: anthropic, kind: anthropic, base_url: '{}', api_key: 'env:PROOF_KEY' }}\n\
         - {{ name: openai, kind: openai, base_url: '{}/v1', api_key: 'env:PROOF_KEY' }}\n\
         - {{ name: local, kind: openai_compatible, base_url: '{}/v1', api_key: 'env:PROOF_KEY' }}\n\
         {routes}telemetry: {{ log: {{ level: error }} }}\n",
        urls.bedrock, urls.anthropic, urls.openai, urls.compatible
    )
}
