//! Short-lived credentials from a container's endpoint: fetched anew ahead of their end, while no call waits for them.

use super::sessions::MODEL;
use crate::prove::block_on;
use crate::prove::findings::Findings;
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::wire::Client;
use crate::wire::dialect::{Ask, Delivery, Dialect};
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{CONTAINER_TOKEN, Sim, SimOptions};

/// How long the credentials last. In their last minute they are not used; they are renewed after 75 to 80 % of the
/// rest.
const LIFETIME: Duration = Duration::from_secs(80);

/// How long the endpoint takes to answer, once the first ones are there.
const SLOW: Duration = Duration::from_secs(2);

/// What a call that waited for the endpoint would take.
const WAITED: Duration = Duration::from_millis(1500);

/// How long calls are made at most: beyond the first ones' last minute.
const MOST: Duration = Duration::from_secs(40);

/// Between calls.
const PAUSE: Duration = Duration::from_millis(200);

/// Proves it. Takes about twenty seconds of waiting.
///
/// # Errors
/// When the gateway does not start.
pub(super) fn prove(program: &Path) -> Result<Findings> {
    let sim = Sim::start(SimOptions { keep_signed: true, ..SimOptions::default() })?;
    sim.places.give(LIFETIME, Duration::ZERO);
    let document = format!(
        "providers:\n- {{ name: bedrock, kind: bedrock, region: us-east-1, base_url: '{}' }}\n\
         models:\n- {{ name: 'us.*', targets: [{{ provider: bedrock }}] }}\ntelemetry: {{ log: {{ level: warn }} }}\n",
        sim.urls.bedrock,
    );
    let endpoint = format!("{}/container", sim.urls.places);
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ];
    let gateway =
        Gateway::start(&Recipe { program, document: &document, listen: "", environment: &environment, core: None })?;
    let (calls, longest, failed) = block_on(calls(&gateway, &sim))?;
    let mut findings = Findings::new();
    let given = sim.places.given().len();
    findings.note("credentials of 80 s are fetched anew ahead of their end", format_args!("{given} times"), given >= 2);
    findings.note("no call fails meanwhile", format_args!("{failed} of {calls}"), failed == 0 && calls > 0);
    let waited = format!("the longest took {} ms", longest.as_millis());
    findings.note("no call waits for the endpoint, which takes 2 s", waited, longest < WAITED);
    findings.note("calls are signed by the old ones, then by the new", signers(&sim), signers(&sim) == given);
    gateway.end()?;
    Ok(findings)
}

/// Calls until the renewed credentials are in use; answers how many, the longest, and how many failed.
async fn calls(gateway: &Gateway, sim: &Sim) -> Result<(usize, Duration, usize)> {
    let client = Client::new(gateway.base(), gateway.key());
    let (mut calls, mut longest, mut failed) = (0, Duration::ZERO, 0);
    let limit = Instant::now() + MOST;
    while Instant::now() < limit && signers(sim) < 2 {
        let prompt = format!("call {calls}");
        let (dialect, model, delivery) = (Dialect::Converse, MODEL.to_owned(), Delivery::Plain);
        let began = Instant::now();
        let heard = client.call(&Ask { dialect, model, prompt, delivery, output_max: 100 }).await?;
        // The first call must wait: there is nothing yet.
        if calls > 0 {
            longest = longest.max(began.elapsed());
        }
        calls += 1;
        failed += usize::from(heard.status != 200);
        sim.places.give(LIFETIME, SLOW);
        tokio::time::sleep(PAUSE).await;
    }
    Ok((calls, longest, failed))
}

/// How many different credentials have signed.
fn signers(sim: &Sim) -> usize {
    let tokens = sim.witness.seen().into_iter().filter_map(|request| {
        request.headers.into_iter().find(|(name, _)| name == "x-amz-security-token").map(|(_, token)| token)
    });
    tokens.collect::<BTreeSet<_>>().len()
}
