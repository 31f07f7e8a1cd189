//! Failover: providers that fail in every way before, at and after the first word, and what their callers see of it.

mod hedges;

use super::Length;
use super::findings::Findings;
use super::house::{ENVIRONMENT, all_rows};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::suite::Tally;
use crate::table::Table;
use crate::terminal::say;
use crate::wire::Client;
use crate::wire::client::Heard;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{Sim, SimOptions};

/// How long the ledger may take to have a call's row.
const SETTLED_MAX: Duration = Duration::from_secs(20);

/// How often a trouble comes until it is clear that nobody is passed over for it: the breaker waits for five in a row.
const REPEATS: usize = 8;

/// Most that a failover may add to the failing try, in milliseconds, at the median.
const ADDED_MS_MAX: u128 = 5;

/// One way to fail.
#[derive(Clone, Copy)]
struct Trouble {
    name: &'static str,
    /// What the simulated provider is told to do with the first try.
    script: &'static str,
    /// Which of the two models: whose first target is simulated, or whose first target nobody serves.
    model: &'static str,
    /// Whether another target answers: what is wrong with the request is not mended elsewhere.
    is_mended: bool,
    /// Who is passed over after it has happened often enough.
    benched: &'static str,
    /// Whether the failed try may be on the provider's bill.
    is_billed: bool,
    /// Whether it is about streams alone.
    streams: bool,
}

const fn trouble(name: &'static str, script: &'static str, benched: &'static str) -> Trouble {
    Trouble { name, script, model: "two", is_mended: true, benched, is_billed: false, streams: false }
}

const fn billed(name: &'static str, script: &'static str) -> Trouble {
    Trouble { is_billed: true, ..trouble(name, script, "model") }
}

const fn streamed(name: &'static str, script: &'static str, is_billed: bool) -> Trouble {
    Trouble { is_billed, streams: true, ..trouble(name, script, "model") }
}

const fn wrong(name: &'static str, script: &'static str) -> Trouble {
    Trouble { is_mended: false, ..trouble(name, script, "") }
}

const TROUBLES: [Trouble; 22] = [
    Trouble { model: "nobody", ..trouble("connection refused", "", "provider") },
    billed("connection reset before the head", "reset"),
    billed("silence before the head", "hang_before_head"),
    billed("slower than the provider's first_byte", "ttft=5s"),
    billed("200 with bytes that are no answer", "garbage"),
    trouble("502 from a proxy, in HTML", "html", "model"),
    wrong("400", "status=400"),
    trouble("401", "status=401", "credential"),
    trouble("403", "status=403", "credential"),
    Trouble { benched: "", ..trouble("404", "status=404", "") },
    trouble("408", "status=408", "model"),
    wrong("413", "status=413"),
    trouble("429 with retry-after", "status=429 retry_after=20", "quota"),
    trouble("500", "status=500", "model"),
    trouble("502", "status=502", "model"),
    trouble("503", "status=503", "model"),
    trouble("529", "status=529", "model"),
    streamed("a stream that breaks off before its first word", "die_after=0", true),
    streamed("a stream that ends before its first word", "truncate_after=0", true),
    streamed("a stream with garbage before its first word", "garbage_after=0", true),
    streamed("a stream that reports an error before its first word", "fail_after=0", true),
    streamed("a stream that falls silent before its first word", "hang_after=0", true),
];

/// Dialects that are tried: all of them in the long form.
const SOME: [Dialect; 2] = [Dialect::Chat, Dialect::Converse];

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let mut findings = Findings::new();
    let dialects = length.pick(SOME.to_vec(), Dialect::TALKING.to_vec());
    let mut table = Table::new(["the first target", "what callers saw", "tries", "passed over", "booked for it"]);
    let (mut flaws, mut calls) = (Vec::new(), 0);
    // Where nobody is passed over, each call meets its trouble.
    let scene = Scene::start(program, "{ breaker: { enabled: false } }")?;
    for trouble in &TROUBLES {
        for dialect in &dialects {
            for delivery in [Delivery::Plain, Delivery::Streamed] {
                if trouble.streams && delivery == Delivery::Plain {
                    continue;
                }
                calls += 1;
                flaws.extend(scene.check(trouble, *dialect, delivery).await?);
            }
        }
        let watched = Scene::start(program, "{}")?;
        let benched = watched.benched(trouble).await?;
        watched.gateway.end()?;
        if benched != trouble.benched {
            flaws.push(format!("{}: `{benched}` was passed over, not `{}`", trouble.name, trouble.benched));
        }
        table.row([
            trouble.name.to_owned(),
            if trouble.is_mended { "the whole answer" } else { "the refusal, in their dialect" }.to_owned(),
            if trouble.is_mended { "2" } else { "1" }.to_owned(),
            if benched.is_empty() { "nobody".to_owned() } else { benched },
            if trouble.is_billed { "what it may cost" } else { "nothing" }.to_owned(),
        ]);
    }
    scene.gateway.end()?;
    say(&table);
    findings.none("one healthy target hides every failure before the first word; each try is booked", calls, &flaws);
    broken_later(program, &dialects, &mut findings).await?;
    flapping(program, length.pick(200, 2000), &mut findings).await?;
    quick(program, length.pick(40, 200), &mut findings).await?;
    hedges::hedged(program, &dialects, length.pick(1, 5), &mut findings).await?;
    Ok(findings.show())
}

/// Streams that break off after their first word: their callers are told, and no second answer is begun.
async fn broken_later(program: &Path, dialects: &[Dialect], findings: &mut Findings) -> Result<()> {
    let scene = Scene::start(program, "{}")?;
    let mut flaws = Vec::new();
    let scripts = ["die_after=3", "truncate_after=3", "fail_after=3", "hang_after=3"];
    for dialect in dialects {
        for script in scripts {
            let place = format!("{} {script}", dialect.name());
            let heard = scene.call("two", *dialect, Delivery::Streamed, &format!("{place} [[sim: {script}]]")).await?;
            if heard.complete || tries(&heard) != "1" {
                flaws.push(format!("{place}: {heard:?}"));
            }
        }
    }
    findings.none(
        "a stream that fails later is never begun again, and says so",
        dialects.len() * scripts.len(),
        &flaws,
    );
    scene.gateway.end()
}

/// A target of which every third call fails: with an alternative no caller sees it.
async fn flapping(program: &Path, count: usize, findings: &mut Findings) -> Result<()> {
    let scene = Scene::start(program, "{ breaker: { failures: 5, rest: 50ms, rest_max: 200ms } }")?;
    let mut flaws = Vec::new();
    for number in 0..count {
        let script = if number % 3 == 0 { "[[sim: status=500 times=1]]" } else { "" };
        let heard = scene.call("two", Dialect::Chat, Delivery::Plain, &format!("Flap {number} {script}")).await?;
        if heard.status != 200 {
            flaws.push(format!("call {number}: {heard:?}"));
        }
    }
    findings.none("a target that fails every third call is seen by no caller", count, &flaws);
    scene.gateway.end()
}

/// What a failover adds to the try that failed.
async fn quick(program: &Path, count: usize, findings: &mut Findings) -> Result<()> {
    let scene = Scene::start(program, "{ breaker: { enabled: false } }")?;
    let (mut direct, mut over) = (Vec::new(), Vec::new());
    for number in 0..count {
        for (times, script) in [(&mut direct, ""), (&mut over, "[[sim: status=500 times=1]]")] {
            let begun = Instant::now();
            let heard = scene.call("two", Dialect::Chat, Delivery::Plain, &format!("Quick {number} {script}")).await?;
            anyhow::ensure!(heard.status == 200, "a call without trouble failed: {heard:?}");
            times.push(begun.elapsed());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    // The failing try itself is a call to a provider that answers at once: as long as the direct one, at most.
    let added = median(&mut over).saturating_sub(median(&mut direct));
    let seen = format_args!("{} µs at the median, the failing try included", added.as_micros());
    findings.note("a failover adds 5 ms at most", seen, added.as_millis() < ADDED_MS_MAX);
    scene.gateway.end()
}

fn tries(heard: &Heard) -> &str {
    heard.headers.get("x-tallygate-attempts").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A gateway before simulated providers.
struct Scene {
    sim: Sim,
    gateway: Gateway,
    client: Client,
}

impl Scene {
    fn start(program: &Path, resilience: &str) -> Result<Self> {
        let sim = Sim::start(SimOptions::default())?;
        let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (openai, compatible) = (&sim.urls.openai, &sim.urls.compatible);
        let timeouts = "timeouts: { first_byte: 1s, idle: 1s }";
        let document = format!(
            "providers:\n\
             - {{ name: first, kind: openai, base_url: '{openai}/v1', api_key: 'env:PROOF_KEY', {timeouts} }}\n\
             - {{ name: second, kind: openai_compatible, base_url: '{compatible}/v1', api_key: 'env:PROOF_KEY' }}\n\
             - {{ name: patient, kind: openai, base_url: '{openai}/v1', api_key: 'env:PROOF_KEY' }}\n\
             - {{ name: nobody, kind: openai, base_url: 'http://{nobody}/v1', api_key: 'env:PROOF_KEY' }}\n\
             models:\n\
             - {{ name: two, targets: [{{ provider: first, model: gpt-5-mini }}, {{ provider: second, model: local-llama }}] }}\n\
             - {{ name: nobody, targets: [{{ provider: nobody, model: gpt-5-mini }}, {{ provider: second, model: local-llama }}] }}\n\
             - {{ name: hedged, hedge: {{ after: 100ms, share_max: 100% }}, targets: [{{ provider: patient, model: gpt-5-mini }}, {{ provider: second, model: local-llama }}] }}\n\
             telemetry: {{ log: {{ level: error }} }}\n\
             resilience: {resilience}\n"
        );
        let recipe = Recipe { program, document: &document, listen: "", environment: &ENVIRONMENT, core: None };
        let gateway = Gateway::start(&recipe)?;
        let client = Client::new(gateway.base(), gateway.key());
        Ok(Self { sim, gateway, client })
    }

    async fn call(&self, model: &str, dialect: Dialect, delivery: Delivery, prompt: &str) -> Result<Heard> {
        let (model, prompt) = (model.to_owned(), prompt.to_owned());
        self.client.call(&Ask { dialect, model, prompt, delivery, output_max: OUTPUT_MAX }).await
    }

    /// Whether one call went as it should; else in what it did not.
    async fn check(&self, trouble: &Trouble, dialect: Dialect, delivery: Delivery) -> Result<Option<String>> {
        let place = format!("{}, {} {delivery:?}", trouble.name, dialect.name());
        let script =
            if trouble.script.is_empty() { String::new() } else { format!("[[sim: {} times=1]]", trouble.script) };
        let heard = self.call(trouble.model, dialect, delivery, &format!("{place} {script}")).await?;
        let row = self.row(heard.id.as_deref().context("an answer without an id")?).await?;
        let earlier = row["earlier"].as_array().map_or(&[][..], Vec::as_slice);
        let cost = |entry: &Value| entry.pointer("/cost/nanos").and_then(Value::as_i64).is_some_and(|cost| cost > 0);
        let is_right = if trouble.is_mended {
            heard.status == 200
                && heard.complete
                && heard.text.contains(&place)
                && tries(&heard) == "2"
                && earlier.len() == 1
                && earlier.iter().all(|entry| cost(entry) == trouble.is_billed)
        } else {
            (400..500).contains(&heard.status) && tries(&heard) == "1" && earlier.is_empty()
        };
        Ok((!is_right).then(|| format!("{place}: {heard:?} {row}")))
    }

    /// The ledger's row of a call.
    async fn row(&self, id: &str) -> Result<Value> {
        let limit = Instant::now() + SETTLED_MAX;
        loop {
            let rows = all_rows(&self.client, self.gateway.admin()).await?;
            if let Some(row) = rows.into_iter().find(|row| row["request_id"] == id) {
                return Ok(row);
            }
            anyhow::ensure!(Instant::now() < limit, "the ledger has no row of {id}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Who is passed over once the trouble has come often enough. From then on nothing more is asked: the other target would
    /// meet the trouble.
    async fn benched(&self, trouble: &Trouble) -> Result<String> {
        let delivery = if trouble.streams { Delivery::Streamed } else { Delivery::Plain };
        for number in 0..REPEATS {
            let prompt = format!("Again {number} [[sim: {} times=1]]", trouble.script);
            self.call(trouble.model, Dialect::Chat, delivery, &prompt).await?;
            let culprits = self.culprits().await?;
            if !culprits.is_empty() {
                return Ok(culprits);
            }
        }
        Ok(String::new())
    }

    /// By whose fault anybody was passed over so far.
    async fn culprits(&self) -> Result<String> {
        let metrics = self.client.page(&format!("{}/metrics", self.gateway.admin())).await?;
        let culprits: Vec<&str> = metrics
            .lines()
            .filter_map(|line| line.strip_prefix("tallygate_target_benches_total{culprit=\""))
            .filter_map(|rest| rest.split_once("\"} "))
            .filter(|(_, count)| *count != "0")
            .map(|(culprit, _)| culprit)
            .collect();
        Ok(culprits.join(", "))
    }
}
