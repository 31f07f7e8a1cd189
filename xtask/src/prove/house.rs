//! The set-up of a proof: simulated providers, and the real gateway in front of them.

use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::wire::Client;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tg_sim::{Counts, Sim, SimOptions, Urls};

/// How long the ledger may take to have every row of the calls that have ended.
pub const SETTLED_MAX: Duration = Duration::from_secs(20);

/// What the configuration's secrets refer to.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("PROOF_KEY", tg_sim::DEFAULT_KEY),
    ("PROOF_KEY_ID", tg_sim::DEFAULT_ACCESS_KEY_ID),
    ("PROOF_SECRET", tg_sim::DEFAULT_SECRET_ACCESS_KEY),
    ("PROOF_SECRETS_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
];

/// Most calls on a page of the admin interface.
const PAGE: usize = 1000;

/// A provider as proofs configure it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name in the configuration and in tables.
    pub provider: &'static str,
    /// Its model that talks.
    pub model: &'static str,
    /// Its model that embeds, where it has one.
    pub embedding: Option<&'static str>,
}

/// The four providers.
pub const OFFERS: [Offer; 4] = [
    Offer {
        provider: "bedrock",
        model: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        embedding: Some("amazon.titan-embed-text-v2:0"),
    },
    Offer { provider: "anthropic", model: "claude-haiku-4-5", embedding: None },
    Offer { provider: "openai", model: "gpt-5-mini", embedding: Some("text-embedding-3-small") },
    Offer { provider: "compatible", model: "local-llama", embedding: Some("local-embed") },
];

/// Where the house's Bedrock has compatible surfaces: by these models, which are offered as they are named here.
const SURFACES: &str = "surfaces: [\
    { models: ['openai.gpt-oss-20b'], dialects: [openai_chat], endpoint: mantle, path: /v1 }, \
    { models: ['google.gemma-4-31b'], dialects: [openai_responses], endpoint: mantle }, \
    { models: ['anthropic.claude-opus-5-5'], dialects: [anthropic_messages], endpoint: mantle }, \
    { models: ['us.openai.gpt-6-luna'], dialects: [openai_chat, openai_responses] }, \
    { models: ['us.anthropic.claude-opus-5-5'], dialects: [anthropic_messages] }]";

/// The name of the house's gateways in proofs of IAM identities.
pub const SERVER_ID: &str = "tallygate.example";

/// Roles whose names begin so call as the first key's team.
pub const ROLES: &str = "arn:aws:iam::123456789012:role/proof-";

/// Prices in pico-dollars per token: odd numbers, so that no slip of rounding cancels out.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    provider: &'static str,
    model: &'static str,
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
}

#[rustfmt::skip]
const RATES: [Rates; 7] = [
    rates("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", [1_100_001, 5_500_003, 110_007, 1_375_009, 2_200_013]),
    rates("bedrock", "amazon.titan-embed-text-v2:0", [20_011, 1, 20_011, 20_011, 20_011]),
    rates("anthropic", "claude-haiku-4-5", [1_000_003, 5_000_017, 100_019, 1_250_021, 2_000_023]),
    rates("openai", "gpt-5-mini", [250_027, 2_000_029, 25_031, 250_033, 250_037]),
    rates("openai", "text-embedding-3-small", [20_039, 1, 20_039, 20_039, 20_039]),
    rates("openai_compatible", "local-llama", [41_041, 123_457, 4_103, 41_047, 41_051]),
    rates("openai_compatible", "local-embed", [7_057, 1, 7_057, 7_057, 7_057]),
];

/// Of calls that a proof wants to be ended at their length.
const LIMITS: &str = "limits:\n\
    - { name: cut, for: { model: 'cut-*' }, each: [model], output_tokens: 600/s, output: cut, output_min: 16 }\n";

/// Of calls that a proof wants to be refused for want of money.
const BUDGETS: &str = "budgets:\n- { name: broke, for: { model: 'broke-*' }, amount: 0.000001 USD }\n";

/// Of calls that a proof wants to be refused for what they say.
const GUARDRAILS: &str = "guardrails:\n\
    - { name: proof, for: { model: 'blocked-*' }, unreadable: allow, rules: [{ name: words, words: { list: [plumbus] }, \
    action: block, on: input, message: Not about this. }] }\n";

/// Of calls whose answers a proof wants to be given again.
const CACHE: &str =
    "cache: { rules: [{ name: again, for: { model: 'again-*' }, ttl: 1h, only_deterministic: false }] }\n";

/// The same where gateways share them.
const SHARED_CACHE: &str = "cache: { place: counters, rules: [{ name: again, for: { model: 'again-*' }, ttl: 1h, only_deterministic: false }] }\n";

const fn rates(provider: &'static str, model: &'static str, rates: [u64; 5]) -> Rates {
    let [input, output, cache_read, cache_write_5m, cache_write_1h] = rates;
    Rates { provider, model, input, output, cache_read, cache_write_5m, cache_write_1h }
}

/// What a call costs by the proof's own arithmetic, in nano-dollars: exact picos, rounded once, halves up.
pub fn cost(model: &str, counts: &Counts) -> Option<i128> {
    let rates = RATES.iter().find(|rates| rates.model == model)?;
    let lines = [
        (counts.input, rates.input),
        (counts.output, rates.output),
        (counts.cache_read, rates.cache_read),
        (counts.cache_write_5m, rates.cache_write_5m),
        (counts.cache_write_1h, rates.cache_write_1h),
    ];
    let picos: i128 = lines.iter().map(|(count, rate)| i128::from(*count) * i128::from(*rate)).sum();
    Some((picos + 500).div_euclid(1000))
}

/// Writes the price file into this folder, and answers where it is.
///
/// # Errors
/// When it cannot be written.
pub fn prices(folder: &Path) -> Result<PathBuf> {
    let prices = folder.join("proof.json");
    std::fs::write(&prices, price_file().to_string())?;
    Ok(prices)
}

fn price_file() -> Value {
    let row = |rates: &Rates| {
        json!({ "provider": rates.provider, "id": rates.model, "rates": [{
            "in": rates.input, "out": rates.output, "cache_read": rates.cache_read,
            "cache_write_5m": rates.cache_write_5m, "cache_write_1h": rates.cache_write_1h,
        }] })
    };
    json!({ "rows": RATES.iter().map(row).collect::<Vec<_>>() })
}

/// Simulated providers and a gateway.
#[derive(Debug)]
pub struct House {
    /// The providers.
    pub sim: Sim,
    /// The gateway.
    pub gateway: Gateway,
    document: String,
    program: PathBuf,
    /// Holds the price file.
    _folder: TempDir,
}

impl House {
    /// Starts both.
    ///
    /// # Errors
    /// When one of them does not start.
    pub fn start(program: &Path) -> Result<Self> {
        Self::with(program, SimOptions::default())
    }

    /// Starts both, with other options of the providers.
    ///
    /// # Errors
    /// When one of them does not start.
    pub fn with(program: &Path, options: SimOptions) -> Result<Self> {
        let sim = Sim::start(options)?;
        let folder = tempfile::Builder::new().prefix("tallygate-prices-").tempdir()?;
        let document = document(&sim.urls, &prices(folder.path())?);
        let gateway = gateway(program, &document, "")?;
        Ok(Self { sim, gateway, document, program: program.to_owned(), _folder: folder })
    }

    /// Starts a further gateway in front of the same providers. `listen` holds further members of the document's
    /// `listen`, each with a comma before it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn beside(&self, listen: &str) -> Result<Gateway> {
        gateway(&self.program, &self.document, listen)
    }

    /// The same, of a gateway that keeps answers in the Redis at this port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn sharing(&self, listen: &str, port: u16) -> Result<Gateway> {
        let counters = format!("counters: {{ url: 'redis://127.0.0.1:{port}', replicas: 1, timeout: 1s }}\n");
        gateway(&self.program, &(self.document.replace(CACHE, SHARED_CACHE) + &counters), listen)
    }

    /// A client of the gateway.
    pub fn client(&self) -> Client {
        Client::new(self.gateway.base(), self.gateway.key())
    }

    /// Waits until the ledger has `count` rows of the first key's team; answers all rows, in no particular order.
    ///
    /// # Errors
    /// When the admin interface fails. Too few rows are no error: the proof shows them.
    pub async fn rows(&self, client: &Client, count: usize) -> Result<Vec<Value>> {
        let report = format!("{}/admin/v1/report?filter=team:default", self.gateway.admin());
        let limit = Instant::now() + SETTLED_MAX;
        loop {
            let figures = client.get(&report).await?;
            let calls = figures.pointer("/totals/calls").and_then(Value::as_u64).context("the report has no total")?;
            if usize::try_from(calls)? >= count || Instant::now() > limit {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        all_rows(client, self.gateway.admin()).await
    }

    /// Waits until no call is open at the providers.
    ///
    /// # Errors
    /// When calls stay open.
    pub async fn quiet(&self) -> Result<()> {
        let limit = Instant::now() + SETTLED_MAX;
        while self.sim.books.open() > 0 {
            anyhow::ensure!(Instant::now() < limit, "{} calls stay open at the providers", self.sim.books.open());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// All rows of a ledger, in no particular order.
///
/// # Errors
/// When the admin interface fails.
pub async fn all_rows(client: &Client, admin: &str) -> Result<Vec<Value>> {
    let calls = format!("{admin}/admin/v1/calls?limit={PAGE}");
    let mut rows = Vec::new();
    let mut next = None;
    loop {
        let page = next.as_ref().map_or_else(String::new, |before| format!("&before={before}"));
        let mut answer = client.get(&format!("{calls}{page}")).await?;
        if let Some(Value::Array(page)) = answer.get_mut("calls").map(Value::take) {
            rows.extend(page);
        }
        match answer["next"].as_str() {
            Some(before) => next = Some(before.to_owned()),
            None => return Ok(rows),
        }
    }
}

fn gateway(program: &Path, document: &str, listen: &str) -> Result<Gateway> {
    Gateway::start(&Recipe { program, document, listen, environment: &ENVIRONMENT, core: None })
}

/// The configuration before providers at these addresses.
pub fn document(urls: &Urls, prices: &Path) -> String {
    document_with(urls, prices, "", "") + GUARDRAILS + CACHE
}

/// The configuration before providers at these addresses, with further elements of `limits` and `budgets`, each on a line
/// of its own.
pub fn document_with(urls: &Urls, prices: &Path, limits: &str, budgets: &str) -> String {
    let mut text = format!(
        "providers:\n\
         - {{ name: bedrock, kind: bedrock, region: us-east-1, base_url: '{}', control_url: '{}', mantle_url: '{}', \
         {SURFACES}, async_output: ['s3://proof-output/{{team}}/'], credentials: \
         {{ access_key_id: 'env:PROOF_KEY_ID', secret_access_key: 'env:PROOF_SECRET' }} }}\n\
         - {{ name: anthropic, kind: anthropic, base_url: '{}', api_key: 'env:PROOF_KEY' }}\n\
         - {{ name: openai, kind: openai, base_url: '{}/v1', api_key: 'env:PROOF_KEY' }}\n\
         - {{ name: compatible, kind: openai_compatible, base_url: '{}/v1', api_key: 'env:PROOF_KEY' }}\n",
        urls.bedrock, urls.bedrock_control, urls.bedrock_mantle, urls.anthropic, urls.openai, urls.compatible
    );
    text += &format!(
        "identity: {{ secrets_key: 'env:PROOF_SECRETS_KEY', aws: {{ roles: [{{ arn: '{ROLES}*', team: default }}], \
         caller_identity: {{ server_id: '{SERVER_ID}', sts_url: '{}' }} }} }}\n\
         pricing: {{ overrides: '{}' }}\ntelemetry: {{ log: {{ level: warn }} }}\nmodels:\n",
        urls.sts,
        prices.display()
    );
    let bedrock = ["amazon.nova-reel-*", "anthropic.*", "arn:aws:bedrock:*", "us.anthropic.claude-opus-*"];
    for name in bedrock.into_iter().chain(["openai.*", "us.openai.*", "google.*"]) {
        text += &format!("- {{ name: '{name}', targets: [{{ provider: bedrock }}] }}\n");
    }
    for offer in OFFERS {
        for model in [Some(offer.model), offer.embedding].into_iter().flatten() {
            text += &format!("- {{ name: '{model}', targets: [{{ provider: {} }}] }}\n", offer.provider);
        }
        let Offer { provider, model, .. } = offer;
        text +=
            &format!("- {{ name: 'broke-{provider}-*', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n");
        text +=
            &format!("- {{ name: 'blocked-{provider}-*', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n");
        let embedding = offer.embedding.unwrap_or(model);
        for (name, model) in [("again", model), ("again-vectors", embedding)] {
            text += &format!(
                "- {{ name: '{name}-{provider}-*', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n"
            );
        }
        // What reasons out of sight is not cut but clamped.
        let model = if provider == "openai" { "gpt-4.1" } else { model };
        text += &format!("- {{ name: 'cut-{provider}-*', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n");
    }
    // Of proofs of budgets, and of what is decided while stores are away.
    for name in ["cap-*", "probe-*"] {
        text += &format!("- {{ name: '{name}', targets: [{{ provider: anthropic, model: claude-haiku-4-5 }}] }}\n");
    }
    text + LIMITS + limits + BUDGETS + budgets
}
