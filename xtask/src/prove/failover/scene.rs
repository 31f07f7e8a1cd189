//! A gateway before simulated providers: two that are well, and one for each way to fail.

use super::troubles::{Failing, Place, all};
use crate::prove::house::{ENVIRONMENT, all_rows};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::wire::Client;
use crate::wire::client::Heard;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{Sim, SimOptions};

/// How long the ledger may take to have all rows, and the providers to see that they are left.
const SETTLED_MAX: Duration = Duration::from_secs(30);

/// How long a provider that fails may be silent.
const TIMEOUTS: &str = "timeouts: { first_byte: 1s, idle: 1s }";

/// The target that mends what others spoil.
const SECOND: &str = "{ provider: second, model: local-llama }";

/// A gateway before simulated providers.
pub struct Scene {
    /// The providers.
    pub sim: Sim,
    /// The gateway.
    pub gateway: Gateway,
    /// A client of it.
    pub client: Client,
}

impl Scene {
    /// Starts both.
    ///
    /// # Errors
    /// When one of them does not start.
    pub fn start(program: &Path, resilience: &str) -> Result<Self> {
        let sim = Sim::start(SimOptions::default())?;
        // A port that was free a moment ago, so that nobody answers there.
        let nowhere = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let document = document(&sim, nowhere, resilience);
        let recipe = Recipe { program, document: &document, listen: "", environment: &ENVIRONMENT, core: None };
        let gateway = Gateway::start(&recipe)?;
        let client = Client::new(gateway.base(), gateway.key());
        Ok(Self { sim, gateway, client })
    }

    /// The model whose first target fails in the way of this number, and whose second one is well.
    pub fn model(number: usize) -> String {
        format!("fails-{number}")
    }

    /// Makes a call.
    ///
    /// # Errors
    /// When no answer begins.
    pub async fn call(&self, model: &str, dialect: Dialect, delivery: Delivery, prompt: &str) -> Result<Heard> {
        let (model, prompt) = (model.to_owned(), prompt.to_owned());
        self.client.call(&Ask { dialect, model, prompt, delivery, output_max: OUTPUT_MAX }).await
    }

    /// All rows, once there are so many at least and nothing is under way any more.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn rows(&self, calls: usize) -> Result<Vec<Value>> {
        let limit = Instant::now() + SETTLED_MAX;
        loop {
            let rows = all_rows(&self.client, self.gateway.admin()).await?;
            if rows.len() >= calls && self.sim.books.open() == 0 {
                return Ok(rows);
            }
            ensure!(Instant::now() < limit, "{} of {calls} calls are in the ledger", rows.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// By whose fault somebody was passed over so far, and how often.
    ///
    /// # Errors
    /// When there is no page of metrics.
    pub async fn culprits(&self) -> Result<BTreeMap<String, u64>> {
        let metrics = self.client.page(&format!("{}/metrics", self.gateway.admin())).await?;
        let culprits = metrics.lines().filter_map(|line| {
            let (culprit, count) =
                line.strip_prefix("tallygate_target_benches_total{culprit=\"")?.split_once("\"} ")?;
            Some((culprit.to_owned(), count.parse().ok().filter(|count| *count > 0)?))
        });
        Ok(culprits.collect())
    }
}

fn document(sim: &Sim, nowhere: SocketAddr, resilience: &str) -> String {
    let (openai, compatible) = (&sim.urls.openai, &sim.urls.compatible);
    let mut providers = format!(
        "providers:\n\
         - {{ name: first, kind: openai, base_url: '{openai}/v1', api_key: 'env:PROOF_KEY', {TIMEOUTS} }}\n\
         - {{ name: second, kind: openai_compatible, base_url: '{compatible}/v1', api_key: 'env:PROOF_KEY' }}\n\
         - {{ name: patient, kind: openai, base_url: '{openai}/v1', api_key: 'env:PROOF_KEY' }}\n"
    );
    let mut models = format!(
        "models:\n\
         - {{ name: two, targets: [{{ provider: first, model: gpt-5-mini }}, {SECOND}] }}\n\
         - {{ name: hedged, hedge: {{ after: 100ms, share_max: 100% }}, targets: [{{ provider: patient, model: gpt-5-mini }}, {SECOND}] }}\n"
    );
    for (number, trouble) in all().into_iter().enumerate() {
        let base = match (trouble.place, trouble.failing) {
            (Place::Nowhere, _) => format!("http://{nowhere}"),
            (_, Failing::Openai) => openai.clone(),
            (_, Failing::Bedrock) => sim.urls.bedrock.clone(),
        };
        let kind = match trouble.failing {
            Failing::Openai => format!("kind: openai, base_url: '{base}/v1', api_key: 'env:PROOF_KEY'"),
            Failing::Bedrock => format!(
                "kind: bedrock, region: us-east-1, base_url: '{base}', credentials: \
                 {{ access_key_id: 'env:PROOF_KEY_ID', secret_access_key: 'env:PROOF_SECRET' }}"
            ),
        };
        providers += &format!("- {{ name: failing-{number}, {kind}, {TIMEOUTS} }}\n");
        let missing = if trouble.place == Place::Unknown { "-missing" } else { "" };
        let target = format!("{{ provider: failing-{number}, model: '{}{missing}' }}", trouble.failing.model());
        models += &format!("- {{ name: {}, targets: [{target}, {SECOND}] }}\n", Scene::model(number));
    }
    format!("{providers}{models}telemetry: {{ log: {{ level: error }} }}\nresilience: {resilience}\n")
}
