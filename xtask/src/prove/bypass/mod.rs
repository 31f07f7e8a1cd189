//! Nothing gets around a guardrail: every dialect before every provider, whole and streamed, in every place of a request or an
//! answer, with every attack, plain and hidden. All cells come to the same.

mod alike;
mod attacks;
mod beside;
mod families;
mod files;
mod forms;
mod judge;
mod names;
mod pictures;
mod places;
mod rows;
mod runs;

use super::Length;
use super::findings::Findings;
use super::house::{ENVIRONMENT, OFFERS, Offer, SETTLED_MAX, all_rows, document_with, prices};
use crate::running::Gateway;
use crate::running::gateway::Recipe;
use crate::suite::Tally;
use crate::wire::Client;
use crate::wire::client::Raw;
use crate::wire::dialect::{Ask, Delivery, Dialect, OUTPUT_MAX};
use anyhow::Result;
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

/// Guardrails of requests for models whose names begin with `in-`, and of answers for those that begin with `out-`; those that
/// send requests elsewhere, for `away-`; and those that give values back, for `back-`.
const GUARDRAILS: &str = "\
redaction_key: env:PROOF_SECRETS_KEY
guardrails:
- name: requests
  for: { model: 'in-*' }
  unreadable: { image: block, audio: block, video: block, document: block, reference: block, tokens: block, hidden: block }
  rules:
  - { name: secrets, secrets: all, action: block, on: input }
  - { name: mail, pii: [email], action: redact, on: input }
  - { name: attacks, injection: 0.9, action: block, on: input }
  - { name: planted, injection: 0.9, action: block, on: input, channels: [definition] }
  - { name: harm, harm: { threshold: 0.9 }, action: block, on: input }
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
  - { name: harm, harm: { threshold: 0.9 }, action: block, on: output }
- name: returned
  for: { model: 'back-*' }
  unreadable: { image: block, audio: block, video: block, document: block, reference: block, tokens: block, hidden: block }
  rules:
  - { name: mail, pii: [email], action: restore }
  - { name: cards, pii: [card], action: restore, as: token }
";

/// One cell of the matrix.
#[derive(Clone, Copy, Debug)]
struct Cell {
    dialect: Dialect,
    offer: Offer,
    delivery: Delivery,
    place: Place,
    attack: Attack,
    way: Way,
}

/// What a configuration says of what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is stopped or taken out.
    Held,
    /// It is to go to another model.
    Away,
    /// It is taken out, and comes back.
    Back,
}

impl Cell {
    /// Whether the same is tried where a rule sends it to another model: what calls in every dialect say and have said.
    fn is_sent_away(&self) -> bool {
        let places = [Place::User, Place::System, Place::ToolArguments, Place::ToolResult, Place::Document];
        self.attack == Attack::Secret && places.contains(&self.place)
    }

    /// Whether the answer repeats it where harm is not looked for: in Responses, the definition of the tool with what it is called with.
    fn is_repeated(&self) -> bool {
        let is_relayed = self.dialect == Dialect::Responses && self.offer.provider == "openai";
        self.attack.is_harm() && self.place == Place::AnsweredArguments && is_relayed
    }

    /// Whether the same is tried where a value comes back: what the simulated model repeats.
    fn comes_back(&self) -> bool {
        let places = [Place::User, Place::ToolResult, Place::AnsweredArguments, Place::AnsweredReasoning];
        self.attack.comes_back() && places.contains(&self.place)
    }

    fn name(&self) -> String {
        let Self { dialect, offer, delivery, place, attack, way } = self;
        let way = match way {
            Way::Held => "",
            Way::Away => " (to another model)",
            Way::Back => " (and back)",
        };
        format!("{} on {} {delivery:?}: {} in {}{way}", dialect.name(), offer.provider, attack.name(), place.name())
    }

    /// What must come of it.
    const fn outcome(&self) -> Outcome {
        match (self.way, self.place) {
            (Way::Away, _) => Outcome::Rerouted,
            (Way::Back, _) => Outcome::Restored,
            // It stops no call, and stays.
            (Way::Held, Place::ClientHeader) => Outcome::Redacted,
            (Way::Held, _) => self.attack.outcome(),
        }
    }

    fn model(&self) -> String {
        let name = match (self.way, self.place) {
            (Way::Away, _) => "away",
            (Way::Back, _) => "back",
            (Way::Held, place) if place.is_answer() => "out",
            (Way::Held, Place::Embedding) => "in-embedding",
            (Way::Held, _) => "in",
        };
        format!("{name}-{}", self.offer.provider)
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
    let document = with_models(&document) + pictures::GUARDS + GUARDRAILS + pictures::GUARDRAIL + alike::GUARDRAILS;
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
    settled(&sim).await;
    let entries = sim.books.entries();
    let seen: HashMap<&str, &Entry> =
        entries.iter().filter_map(|entry| Some((entry.gateway_request_id.as_deref()?, entry))).collect();
    let away = |(cell, raw): &(Cell, Result<Raw>)| raw.as_ref().ok()?.id.clone().filter(|_| cell.way == Way::Away);
    let away: HashSet<String> = heard.iter().filter_map(away).collect();
    let is_away = |entry: &&Entry| entry.gateway_request_id.as_ref().is_some_and(|id| away.contains(id));
    let others = entries.iter().filter(is_away).filter(|entry| entry.model != ELSEWHERE[1]);
    let others: Vec<String> = others.map(|entry| format!("{:?} at {}", entry.operation, entry.model)).collect();
    findings.none("no other model sees what a rule sends to one", away.len(), &others);
    let flaw = |cell: &Cell, raw: Result<Raw>| raw.and_then(|raw| judge::judge(cell, &raw, &seen)).err();
    let flaws: Vec<(Cell, Option<String>)> =
        heard.into_iter().map(|(cell, raw)| (cell, flaw(&cell, raw).map(|error| format!("{error:#}")))).collect();
    note_places(&flaws, &mut findings);
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
    families::note(&client, &sim, &mut findings).await;
    names::note(&client, &sim, &mut findings).await;
    let made = |trials| alike::made(trials, length);
    for trials in [made(rows::trials()), rows::pauses(), made(runs::trials()), made(forms::trials())] {
        alike::note(trials, &client, &sim, &mut findings).await;
    }
    let metrics = client.page(&format!("{}/metrics", gateway.admin())).await?;
    let counts = metrics.lines().filter_map(|line| line.strip_prefix("tallygate_unguarded_calls_total{"));
    let counts: Vec<&str> = counts.filter_map(|line| Some(line.rsplit_once(' ')?.1)).collect();
    findings.note("calls that left unguarded, by reason", counts.join(", "), counts == ["0"; 3]);
    let tally = findings.show();
    gateway.end()?;
    Ok(tally)
}

/// Waits for providers that were left in the midst of an answer and have not noticed it at once.
async fn settled(sim: &Sim) {
    let limit = Instant::now() + SETTLED_MAX;
    while sim.books.open() > 0 && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Notes of each place whether its cells came to what they must.
fn note_places(flaws: &[(Cell, Option<String>)], findings: &mut Findings) {
    for place in Place::ALL {
        for (is_back, claim) in
            [(false, "no attack gets through in"), (true, "a value that was taken out comes back in")]
        {
            let is_own = |cell: &Cell| cell.place == place && (cell.way == Way::Back) == is_back;
            let own: Vec<&(Cell, Option<String>)> = flaws.iter().filter(|(cell, _)| is_own(cell)).collect();
            let exceptions: Vec<String> =
                own.iter().filter_map(|(cell, flaw)| Some(format!("{}: {}", cell.name(), flaw.as_ref()?))).collect();
            if !is_back || !own.is_empty() {
                findings.none(format_args!("{claim} {}", place.name()), own.len(), &exceptions);
            }
        }
    }
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
        for way in ["away", "back"] {
            further +=
                &format!("- {{ name: '{way}-{provider}', targets: [{{ provider: {provider}, model: '{model}' }}] }}\n");
        }
    }
    further += &pictures::models();
    further += &families::models();
    further += &alike::models();
    let [name, model] = ELSEWHERE;
    further += &format!("- {{ name: {name}, targets: [{{ provider: compatible, model: {model} }}] }}\n");
    document.replacen("models:\n", &further, 1)
}

/// Every cell that there is; in the short form every third, so that all values of each axis meet.
fn cells(length: Length) -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in Place::ALL {
        for attack in Attack::ALL {
            for dialect in Dialect::TALKING.into_iter().chain([Dialect::Embeddings]) {
                for offer in OFFERS {
                    for delivery in [Delivery::Plain, Delivery::Streamed] {
                        let cell = Cell { dialect, offer, delivery, place, attack, way: Way::Held };
                        if place.is_in(dialect, &offer, delivery) {
                            cells.extend((attack.is_for(place) && !cell.is_repeated()).then_some(cell));
                            cells.extend(cell.is_sent_away().then_some(Cell { way: Way::Away, ..cell }));
                            cells.extend(cell.comes_back().then_some(Cell { way: Way::Back, ..cell }));
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
    let header = cell.place.header_with(&text);
    client.raw_with(&ask, &cell.place.body(&ask, &text), header).await
}
