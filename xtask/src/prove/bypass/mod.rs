//! Nothing gets around a guardrail: every dialect before every provider, whole and streamed, in every place of a request or an
//! answer, with every attack, plain and hidden. All cells come to the same.

mod attacks;
mod files;
mod pictures;
mod places;

use super::Length;
use super::findings::Findings;
use super::house::{ENVIRONMENT, OFFERS, Offer, SETTLED_MAX, all_rows, document_with, prices};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::suite::Tally;
use crate::wire::Client;
use crate::wire::client::{ERROR_CODE, Raw, word};
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::{Context as _, Result};
use attacks::{Attack, Outcome};
use futures_util::{StreamExt as _, stream};
use places::Place;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};
use tg_sim::{Entry, Sim, SimOptions};

/// Calls at once.
const ABREAST: usize = 16;

/// How many calls the providers' records are kept of.
const KEPT: usize = 20_000;

/// The model to which calls go whose names begin with `away-`, and its simulated one, that no other name leads to.
const ELSEWHERE: [&str; 2] = ["kept", "kept-llama"];

/// Guardrails of requests for models whose names begin with `in-`, and of answers for those that begin with `out-`; and those
/// that send requests elsewhere.
const GUARDRAILS: &str = "\
guardrails:
- name: requests
  for: { model: 'in-*' }
  unreadable: { image: block, audio: block, video: block, document: block, reference: block, tokens: block, hidden: block }
  rules:
  - { name: secrets, secrets: all, action: block, on: input }
  - { name: mail, pii: [email], action: redact, on: input }
  - { name: attacks, injection: 0.9, action: block, on: input }
- name: elsewhere
  for: { model: 'away-*' }
  unreadable: { image: block, audio: block, video: block, document: block, reference: block, tokens: block, hidden: block }
  rules:
  - { name: stay, secrets: all, action: route_to, model: kept }
- name: answers
  for: { model: 'out-*' }
  unreadable: { image: allow, audio: allow, video: allow, document: allow, reference: allow, tokens: allow, hidden: allow, answers: block }
  rules:
  - { name: secrets, secrets: all, action: block, on: output }
  - { name: mail, pii: [email], action: redact, on: output }
";

/// One cell of the matrix.
#[derive(Clone, Copy, Debug)]
struct Cell {
    dialect: Dialect,
    offer: Offer,
    delivery: Delivery,
    place: Place,
    attack: Attack,
    /// Whether it is to go to another model.
    away: bool,
}

impl Cell {
    /// Whether the same is tried where a rule sends it to another model: what calls in every dialect say and have said.
    fn is_sent_away(&self) -> bool {
        let places = [Place::User, Place::System, Place::ToolArguments, Place::ToolResult, Place::Document];
        self.attack == Attack::Secret && places.contains(&self.place)
    }

    fn name(&self) -> String {
        let Self { dialect, offer, delivery, place, attack, away } = self;
        let away = if *away { " (to another model)" } else { "" };
        format!("{} on {} {delivery:?}: {} in {}{away}", dialect.name(), offer.provider, attack.name(), place.name())
    }

    /// What must come of it.
    const fn outcome(&self) -> Outcome {
        if self.away { Outcome::Rerouted } else { self.attack.outcome() }
    }

    fn model(&self) -> String {
        match (self.place.is_answer(), self.place) {
            _ if self.away => format!("away-{}", self.offer.provider),
            (true, _) => format!("out-{}", self.offer.provider),
            (false, Place::Embedding) => format!("in-embedding-{}", self.offer.provider),
            (false, _) => format!("in-{}", self.offer.provider),
        }
    }
}

/// Proves the claim.
///
/// # Errors
/// When it cannot be run.
pub async fn prove(program: &Path, length: Length) -> Result<Tally> {
    let mut findings = Findings::new();
    files::prove(program, &mut findings).await?;
    let sim = Sim::start(SimOptions { details_max: KEPT, ..SimOptions::default() })?;
    let folder = tempfile::Builder::new().prefix("tallygate-prices-").tempdir()?;
    let document = document_with(&sim.urls, &prices(folder.path())?, "", "");
    let document = with_models(&document) + pictures::GUARDS + GUARDRAILS + pictures::GUARDRAIL;
    let gateway =
        Gateway::start(&Recipe { program, document: &document, listen: "", environment: &ENVIRONMENT, core: None })?;
    let client = Client::new(gateway.base(), gateway.key());
    let cells = cells(length);
    let (made, all) = (cells.len(), &client);
    let heard: Vec<(Cell, Result<Raw>)> = stream::iter(cells)
        .map(|cell| async move { (cell, call(&cell, all).await) })
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    // Providers that were left in the midst of an answer have not noticed it at once.
    let limit = Instant::now() + SETTLED_MAX;
    while sim.books.open() > 0 && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let entries = sim.books.entries();
    let seen: HashMap<&str, &Entry> =
        entries.iter().filter_map(|entry| Some((entry.gateway_request_id.as_deref()?, entry))).collect();
    let away = |(cell, raw): &(Cell, Result<Raw>)| raw.as_ref().ok()?.id.clone().filter(|_| cell.away);
    let away: HashSet<String> = heard.iter().filter_map(away).collect();
    let is_away = |entry: &&Entry| entry.gateway_request_id.as_ref().is_some_and(|id| away.contains(id));
    let others = entries.iter().filter(is_away).filter(|entry| entry.model != ELSEWHERE[1]);
    let others: Vec<String> = others.map(|entry| format!("{:?} at {}", entry.operation, entry.model)).collect();
    findings.none("no other model sees what a rule sends to one", away.len(), &others);
    let flaw = |cell: &Cell, raw: Result<Raw>| raw.and_then(|raw| judge(cell, &raw, &seen)).err();
    let flaws: Vec<(Cell, Option<String>)> =
        heard.into_iter().map(|(cell, raw)| (cell, flaw(&cell, raw).map(|error| format!("{error:#}")))).collect();
    for place in Place::ALL {
        let own: Vec<&(Cell, Option<String>)> = flaws.iter().filter(|(cell, _)| cell.place == place).collect();
        let exceptions: Vec<String> =
            own.iter().filter_map(|(cell, flaw)| Some(format!("{}: {}", cell.name(), flaw.as_ref()?))).collect();
        findings.none(format_args!("no attack gets through in {}", place.name()), own.len(), &exceptions);
    }
    let limit = Instant::now() + SETTLED_MAX;
    let mut rows = all_rows(&client, gateway.admin()).await?;
    while rows.len() < made && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(50)).await;
        rows = all_rows(&client, gateway.admin()).await?;
    }
    let unseen = rows.iter().filter(|row| row["guarded"].is_null()).count();
    findings.note("every call's row says which guardrails ran", format_args!("{} of {made}", rows.len() - unseen), {
        unseen == 0 && rows.len() == made
    });
    pictures::note(&client, &sim, ABREAST, &mut findings).await;
    let metrics = client.page(&format!("{}/metrics", gateway.admin())).await?;
    let counts = metrics.lines().filter_map(|line| line.strip_prefix("tallygate_unguarded_calls_total{"));
    let counts: Vec<&str> = counts.filter_map(|line| Some(line.rsplit_once(' ')?.1)).collect();
    findings.note("calls that left unguarded, by reason", counts.join(", "), counts == ["0"; 3]);
    let tally = findings.show();
    gateway.end()?;
    Ok(tally)
}

/// The document with further names for each model, by which it is guarded.
fn with_models(document: &str) -> String {
    let mut further = "models:\n".to_owned();
    for Offer { provider, model, embedding } in OFFERS {
        let names = [("in-", Some(model)), ("out-", Some(model)), ("in-embedding-", embedding)];
        for (name, model) in names.into_iter().filter_map(|(name, model)| Some((name, model?))) {
            further +=
                &format!("- {{ name: '{name}{provider}', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n");
        }
    }
    for Offer { provider, model, .. } in OFFERS {
        further +=
            &format!("- {{ name: 'away-{provider}', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n");
    }
    further += &pictures::models();
    let [name, model] = ELSEWHERE;
    further += &format!("- {{ name: {name}, targets: [{{ provider: compatible, model: {model} }}] }}\n");
    document.replacen("models:\n", &further, 1)
}

/// Every cell that there is; in the short form every third, so that all values of each axis meet.
fn cells(length: Length) -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in Place::ALL {
        for attack in Attack::ALL.into_iter().filter(|attack| attack.is_for(place)) {
            for dialect in Dialect::TALKING.into_iter().chain([Dialect::Embeddings]) {
                for offer in OFFERS {
                    for delivery in [Delivery::Plain, Delivery::Streamed] {
                        let cell = Cell { dialect, offer, delivery, place, attack, away: false };
                        if place.is_in(dialect, &offer, delivery) {
                            cells.push(cell);
                            cells.extend(cell.is_sent_away().then_some(Cell { away: true, ..cell }));
                        }
                    }
                }
            }
        }
    }
    let step = length.pick(3, 1);
    cells.into_iter().step_by(step).collect()
}

/// Makes the call of a cell.
async fn call(cell: &Cell, client: &Client) -> Result<Raw> {
    let text = cell.attack.text();
    let ask = Ask {
        dialect: cell.dialect,
        model: cell.model(),
        prompt: String::new(),
        delivery: cell.delivery,
        output_max: OUTPUT_MAX,
    };
    let body = cell.place.body(&ask, &text);
    client.raw(&ask, &body).await
}

fn judge(cell: &Cell, raw: &Raw, seen: &HashMap<&str, &Entry>) -> Result<()> {
    let id = raw.id.as_deref().context("no id")?;
    let heard = raw.said(cell.dialect);
    // What goes to another model is not taken out: its caller may read it.
    if let Some(shown) = cell.attack.is_shown_in(&heard).filter(|_| !cell.away) {
        anyhow::bail!("the caller sees {shown}: {heard}");
    }
    let entry = seen.get(id);
    let stops = raw.status >= 400 || heard.contains("guardrail_intervened");
    match (cell.place.is_answer(), cell.outcome()) {
        (_, Outcome::Rerouted) => {
            let entry = entry.with_context(|| format!("it was not sent: {} {heard}", raw.status))?;
            anyhow::ensure!(entry.model == ELSEWHERE[1], "{} sees it", entry.model);
            anyhow::ensure!(raw.status == 200, "{}: {heard}", raw.status);
        }
        (false, Outcome::Blocked) => {
            anyhow::ensure!(entry.is_none(), "it was sent");
            anyhow::ensure!(stops, "{}: {heard}", raw.status);
            let code = word(&raw.headers, ERROR_CODE);
            anyhow::ensure!(code == Some("content_blocked"), "{code:?}: {heard}");
        }
        (false, Outcome::Redacted) => {
            // A thought that was changed does not fit its signature: who made it may refuse it.
            let is_taken = raw.status == 200 || (cell.place == Place::Reasoning && heard.contains("signature"));
            anyhow::ensure!(is_taken, "{}: {heard}", raw.status);
            let detail = entry.and_then(|entry| entry.detail.as_ref()).context("it was not sent")?;
            let sent = format!("{} {:?} {}", detail.path, detail.headers, detail.body);
            if let Some(shown) = cell.attack.is_shown_in(&sent) {
                anyhow::bail!("the provider sees {shown}: {sent}");
            }
        }
        (true, outcome) => {
            anyhow::ensure!(raw.status == 200 && entry.is_some(), "{}: {heard}", raw.status);
            let ends = ["content_filter", "refusal", "guardrail_intervened"];
            let filtered = ends.iter().any(|end| heard.contains(end));
            anyhow::ensure!(filtered == (outcome == Outcome::Blocked), "{heard}");
            anyhow::ensure!(filtered || heard.contains("[EMAIL"), "nothing was found: {heard}");
        }
    }
    Ok(())
}
